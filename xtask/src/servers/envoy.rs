//! Owns one Envoy that runs as the API gateway.
//!
//! Must not know a route: its configuration is made by the package `gateway`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::environment::{Addresses, gateway_arguments};
use crate::process::{Child, output, wait_until};

const READY_WITHIN: Duration = Duration::from_secs(60);
/// Envoy ends calls under way at once: whoever stops it waits until there are none.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// A gateway, stopped when dropped.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
}

impl Envoy {
    /// Starts `program` below `dir` with what `gateway` makes for these addresses and `further` arguments, and waits
    /// until it listens.
    ///
    /// # Errors
    /// Fails when the configuration cannot be made, Envoy refuses it, or the port is taken.
    pub fn start(
        program: &Path,
        gateway: &Path,
        dir: &Path,
        world: &Addresses,
        further: &[&str],
    ) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("{} cannot be written", dir.display()))?;
        let configuration = dir.join("envoy.json");
        output(Command::new(gateway).args(gateway_arguments(world, &configuration)?).args(further))?;
        output(
            Command::new(program)
                .args(["--mode", "validate", "--log-level", "error", "-c"])
                .arg(&configuration),
        )
        .context("Envoy refuses its configuration")?;
        let mut command = Command::new(program);
        // Several may run on one machine.
        command.args(["--disable-hot-restart", "--concurrency", "2", "--log-level", "warning"]);
        // Who looks at the log does not wait ten seconds for it.
        command.args(["--file-flush-interval-msec", "1000", "-c"]).arg(&configuration);
        let mut child = Child::spawn("gateway", command, &dir.join("gateway.log"))?;
        let listening = wait_until(READY_WITHIN, || {
            if !child.is_running() {
                bail!("the gateway ended by itself:\n{}", child.last_lines(20));
            }
            Ok(world.gateway.parse().ok().and_then(|address| {
                std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok()
            }))
        })?;
        listening.with_context(|| format!("the gateway does not listen; see {}", child.log().display()))?;
        Ok(Self { child })
    }

    /// Its process, to look at.
    #[must_use]
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Stops it.
    ///
    /// # Errors
    /// Fails when it cannot be stopped.
    pub fn stop(&mut self) -> Result<()> {
        self.child.terminate(STOP_PATIENCE).map(drop)
    }
}
