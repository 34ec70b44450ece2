//! The sandbox as a process: command line, signals and the line that says it is ready.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use sandbox::{Options, S3_ACCESS_KEY, S3_BUCKET, S3_SECRET_KEY, Sandbox};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The outside world on one machine: mailbox, S3, look-alikes of CRMs and service tokens.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where everything is kept.
    #[arg(long)]
    dir: PathBuf,
    /// The pages and the JSON calls; a loopback address, as are the others.
    #[arg(long)]
    http: SocketAddr,
    /// The SMTP server.
    #[arg(long)]
    smtp: SocketAddr,
    /// The object store.
    #[arg(long)]
    s3: SocketAddr,
    /// The Salesforce look-alike.
    #[arg(long)]
    salesforce: SocketAddr,
    /// The Dataverse look-alike with its directory.
    #[arg(long)]
    dataverse: SocketAddr,
    /// The SAP C4C look-alike.
    #[arg(long)]
    c4c: SocketAddr,
    /// The SAP Sales Cloud V2 look-alike.
    #[arg(long)]
    sales_cloud: SocketAddr,
    /// What the Salesforce look-alike calls itself, where a proxy that speaks HTTPS stands before it.
    #[arg(long)]
    salesforce_url: Option<String>,
    /// The same for the Dataverse look-alike.
    #[arg(long)]
    dataverse_url: Option<String>,
    /// The same for the C4C look-alike.
    #[arg(long)]
    c4c_url: Option<String>,
    /// The object store's key id.
    #[arg(long, default_value = S3_ACCESS_KEY)]
    s3_access_key: String,
    /// The object store's secret key.
    #[arg(long, default_value = S3_SECRET_KEY)]
    s3_secret_key: String,
    /// A bucket to make; can be repeated.
    #[arg(long = "bucket", default_value = S3_BUCKET)]
    buckets: Vec<String>,
}

impl From<Arguments> for Options {
    fn from(arguments: Arguments) -> Self {
        Self {
            dir: arguments.dir,
            http: arguments.http,
            smtp: arguments.smtp,
            s3: arguments.s3,
            salesforce: arguments.salesforce,
            dataverse: arguments.dataverse,
            c4c: arguments.c4c,
            sales_cloud: arguments.sales_cloud,
            salesforce_url: arguments.salesforce_url,
            dataverse_url: arguments.dataverse_url,
            c4c_url: arguments.c4c_url,
            s3_access_key: arguments.s3_access_key,
            s3_secret_key: arguments.s3_secret_key,
            buckets: arguments.buckets,
        }
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "whoever starts the sandbox waits for this line")]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr).init();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;

    let sandbox = Sandbox::start(Arguments::parse().into()).await?;
    println!("sandbox ready");
    tracing::info!(
        http = %sandbox.http_addr(),
        smtp = %sandbox.smtp_addr(),
        s3 = %sandbox.s3_addr(),
        salesforce = %sandbox.salesforce_addr(),
        dataverse = %sandbox.dataverse_addr(),
        c4c = %sandbox.c4c_addr(),
        sales_cloud = %sandbox.sales_cloud_addr(),
        "sandbox listens"
    );

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    sandbox.stop().await;
    Ok(())
}
