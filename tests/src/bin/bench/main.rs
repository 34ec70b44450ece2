//! `bench` measures what our layers cost: each rate beside its limit, measured in the same run on the same machine.
//! Started by `cargo xtask bench`; docs/performance.md says what is compared with what.
//!
//! - [`stage`]: the running system; [`load`]: concurrent callers; [`pgbench`] with its [`scripts`], [`inserts`]: the
//!   database alone; [`echo`]: tonic alone; [`broker`]: lapin alone; [`statistics`]: telling two samples apart
//! - [`calls`], [`messages`], [`visits`], [`tokens`], [`sign_ins`], [`lists`], [`duplicates`], [`uploads`],
//!   [`files`], [`web`]: the sections, in the order in which they run
//! - [`memory`], [`report`]: what is printed
//!
//! Must not judge: a number is printed beside its aim, and only what cannot be measured is an error.

mod broker;
mod calls;
mod duplicates;
mod echo;
mod files;
mod inserts;
mod lists;
mod load;
mod memory;
mod messages;
mod pgbench;
mod report;
mod scripts;
mod sign_ins;
mod stage;
mod statistics;
mod tokens;
mod uploads;
mod visits;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::{Parser, Subcommand};
use xtask::process::say;

use crate::stage::Stage;

/// How long the services are left alone before their idle memory is read.
const REST: Duration = Duration::from_secs(5);

/// Measures the services against their limits.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Helper>,
    /// Only these sections: reads, writes, messages, visits, tokens, sign_ins, lists, duplicates,
    /// uploads, files, web.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// What the bench starts beside itself.
#[derive(Debug, Subcommand)]
enum Helper {
    /// Answers every GetSpace with the message in a file, through tonic and nothing else.
    EchoServer {
        /// `host:port` to listen on.
        address: std::net::SocketAddr,
        /// An encoded GetSpaceResponse.
        answer: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if let Some(Helper::EchoServer { address, answer }) = arguments.command {
        return echo::serve(address, &answer).await;
    }
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    // What was started is dropped with the future, and so ended.
    tokio::select! {
        result = measure(&arguments.only) => result,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = terminate.recv() => bail!("interrupted"),
    }
}

async fn measure(only: &[String]) -> anyhow::Result<()> {
    let is_wanted = |section: &str| only.is_empty() || only.iter().any(|name| name == section);
    say("Starting the services over a durable PostgreSQL …");
    let mut stage = Stage::set().await?;
    tokio::time::sleep(REST).await;
    stage.memory.note_idle(&stage.world)?;
    stage.found().await?;
    if is_wanted("reads") {
        calls::reads(&mut stage).await?;
    }
    if is_wanted("writes") {
        calls::writes(&mut stage).await?;
    }
    if is_wanted("messages") {
        messages::relay_and_consumer(&mut stage).await?;
    }
    if is_wanted("visits") {
        visits::visits(&mut stage).await?;
    }
    if is_wanted("tokens") {
        tokens::verification(&mut stage)?;
    }
    if is_wanted("sign_ins") {
        sign_ins::sign_ins(&mut stage).await?;
    }
    if is_wanted("lists") {
        lists::lists(&mut stage).await?;
    }
    if is_wanted("duplicates") {
        duplicates::duplicates(&mut stage).await?;
    }
    if is_wanted("uploads") {
        uploads::uploads(&mut stage).await?;
    }
    if is_wanted("files") {
        files::files(&mut stage).await?;
    }
    if is_wanted("web") {
        web::pages(&mut stage).await?;
    }
    say(&format!("\n{}\n\n{}", stage.report, stage.memory));
    Ok(())
}
