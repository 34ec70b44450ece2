//! The commands of the workspace: `cargo xtask up | demo | test | check | sqlx | bench`.
//!
//! Must not hold what the tests need too: that is the library beside it.

mod bench;
mod gates;
mod greeting;
mod interfaces;
mod openapi;
mod sqlx;
mod test;
mod up;

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use xtask::packages::{Package, ensure};
use xtask::process::{catch_signals, run, say};
use xtask::servers::Postgres;
use xtask::throwaway::remove_left_behind;
use xtask::workspace::Workspace;

/// Runs, tests and measures Shared Spaces on one machine.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Starts everything under .dev/ and keeps it running until Ctrl-C.
    Up,
    /// Walks through what `up` started: a guest's first visit, the ways of signing in, what a seller does in a room,
    /// what people do with files, how they come in and go, and what arrives in each CRM.
    Demo {
        /// Only this walk: visit, signing-in, room, content, people or crm.
        part: Option<String>,
    },
    /// Checks and tests everything against throw-away servers.
    Test {
        /// Runs only the tests whose names contain this, without the gates; further words go to the test programs.
        filter: Vec<String>,
    },
    /// Checks form, lints, dependencies and sources; needs no server.
    Check,
    /// Writes the saved queries (.sqlx) of every service anew.
    Sqlx,
    /// Measures the services against their limits, in a release build.
    Bench {
        /// Only these sections, with commas between them; `bench --help` names them.
        #[arg(long)]
        only: Option<String>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match perform(&arguments.command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Performs a command and tells whether what it looked at was in order.
fn perform(task: &Task) -> Result<bool> {
    catch_signals()?;
    let workspace = Workspace::find()?;
    match task {
        Task::Up => up::up(&workspace).map(|()| true),
        Task::Demo { part } => demo(&workspace, part.as_deref()),
        Task::Test { filter } => Ok(test::test(&workspace, filter)),
        Task::Check => gates::check(&workspace).map(|()| true),
        Task::Sqlx => {
            ensure(&[Package::Postgres])?;
            remove_left_behind()?;
            let count = sqlx::regenerate(&workspace, &Postgres::start_throwaway()?)?;
            say(&format!("{count} queries saved."));
            Ok(true)
        }
        Task::Bench { only } => bench::bench(&workspace, only.as_deref()),
    }
}

fn demo(workspace: &Workspace, part: Option<&str>) -> Result<bool> {
    let file = up::state_dir(workspace).join("env");
    let Ok(text) = fs::read_to_string(&file) else {
        bail!(
            "nothing runs yet; start it with `cargo xtask up` in another terminal and wait for its addresses"
        );
    };
    let env = text.lines().filter_map(|line| line.split_once('='));
    let mut command = Command::new(workspace.binary("demo")?);
    Ok(run(command.arg("run").args(part).envs(env))
        .context("the demo is not built; run `cargo xtask up` again")?
        .success())
}
