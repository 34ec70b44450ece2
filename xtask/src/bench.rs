//! Owns `cargo xtask bench`: a release build, a broker of its own, and the program that measures.
//!
//! Must not judge the numbers: it only fails where something could not be measured.

use std::process::Command;

use anyhow::{Result, bail};
use xtask::packages::{Package, ensure};
use xtask::process::run;
use xtask::servers::RabbitMq;
use xtask::throwaway::remove_left_behind;
use xtask::workspace::Workspace;

/// Builds everything for release and measures all sections, or these; tells whether all could be measured.
pub(crate) fn bench(workspace: &Workspace, only: Option<&str>) -> Result<bool> {
    ensure(&[Package::Postgres, Package::RabbitMq])?;
    remove_left_behind()?;
    let mut build = workspace.cargo();
    if !run(build.args(["build", "--release", "--workspace", "--bins"]))?.success() {
        bail!("the release build fails; see the errors above");
    }
    let broker = RabbitMq::start_throwaway()?;
    let binaries = workspace.target()?.join("release");
    // Not through `cargo run`, which would build once more with the features of one package alone.
    let mut bench = Command::new(binaries.join("bench"));
    bench.env("TEST_AMQP_URL", broker.url()).env("TEST_BINARIES", &binaries);
    if let Some(sections) = only {
        bench.args(["--only", sections]);
    }
    Ok(run(&mut bench)?.success())
}
