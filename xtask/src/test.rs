//! Owns `cargo xtask test`: everything that continuous integration checks, against servers of its own.
//!
//! Must not use, nor leave behind, any server or file outside its temporary directories.

use std::io::{BufRead, BufReader};
use std::ops::Add;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use xtask::packages::{Package, ensure};
use xtask::process::{interrupted, run, say};
use xtask::prometheus;
use xtask::servers::{Postgres, RabbitMq};
use xtask::throwaway::remove_left_behind;
use xtask::tools;
use xtask::workspace::Workspace;

use crate::{gates, sqlx};

/// How often a run looks whether it is to end.
const POLL: Duration = Duration::from_millis(200);

/// The journeys that run after all others and one by one: they ask how soon a process ends and what is carried meanwhile, and
/// on two cores whoever runs beside them takes the time that is measured.
const ALONE: [&str; 2] = ["rolling::", "stopping::"];

/// How many tests passed and failed; a gate or build that fails counts as one failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

/// Runs gates and tests, prints one closing line with the numbers, and tells whether all passed.
///
/// With a filter only the tests whose name contains it run, and no gates.
pub(crate) fn test(workspace: &Workspace, filter: &[String]) -> bool {
    let tally = match run_all(workspace, filter) {
        Ok(tally) => tally,
        Err(error) => {
            say(&format!("{error:#}"));
            Tally { passed: 0, failed: 1 }
        }
    };
    say(&format!("{} passed, {} failed", tally.passed, tally.failed));
    tally.failed == 0
}

fn run_all(workspace: &Workspace, filter: &[String]) -> Result<Tally> {
    ensure(&[Package::Postgres, Package::RabbitMq, Package::Chromium])?;
    let (envoy, axe) = (tools::envoy(workspace)?, tools::axe(workspace)?);
    let prometheus = prometheus::programs(workspace)?;
    let (manifests, checkov) = (tools::manifests(workspace)?, tools::checkov(workspace)?);
    remove_left_behind()?;
    let gates = if filter.is_empty() { gates::check(workspace) } else { Ok(()) };
    if interrupted() {
        bail!("interrupted");
    }
    let features = workspace.with_feature("failpoints").join(",");
    // Binaries, libraries and tests in one go: the journeys start the services' binaries.
    let built =
        run(workspace.cargo().args(["build", "--workspace", "--all-targets", "--features", &features]))?;
    if !built.success() {
        bail!("the workspace does not build; see the errors above");
    }
    say("Starting PostgreSQL and RabbitMQ in temporary directories …");
    let mut broker = RabbitMq::launch_throwaway()?;
    let database = Postgres::start_throwaway()?;
    let queries = if filter.is_empty() {
        say("gate: saved queries …");
        sqlx::verify(workspace, &database)
    } else {
        Ok(())
    };
    broker.wait_ready()?;
    let binaries = workspace.target()?.join("debug");
    let tests = || {
        let mut tests = workspace.cargo();
        tests
            .args(["test", "--workspace", "--no-fail-fast", "--features", &features, "--"])
            .env("TEST_DATABASE_URL", database.superuser_url())
            .env("TEST_AMQP_URL", broker.url())
            .env("TEST_ENVOY", &envoy)
            .env("TEST_PROMETHEUS", &prometheus)
            .env("TEST_MANIFEST_TOOLS", &manifests)
            .env("TEST_CHECKOV", &checkov)
            .env("TEST_AXE", &axe)
            .env("TEST_BINARIES", &binaries);
        tests
    };
    let mut tally = if filter.is_empty() {
        let most = count(tests().args(ALONE.map(|name| format!("--skip={name}"))), say)?;
        // The same packages and features, so that nothing is built again.
        most + count(tests().arg("--test-threads=1").args(ALONE), say)?
    } else {
        count(tests().args(filter), say)?
    };
    for gate in [gates, queries] {
        if let Err(error) = gate {
            say(&format!("{error:#}"));
            tally.failed += 1;
        }
    }
    Ok(tally)
}

/// Runs `cargo test`, shows what it prints line by line as it comes, and sums up its result lines.
fn count(command: &mut Command, mut show: impl FnMut(&str)) -> Result<Tally> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cargo could not be started")?;
    let stdout = child.stdout.take().context("cargo's output could not be read")?;
    let (sender, lines) = mpsc::channel();
    // A thread, so that a test that hangs does not keep Ctrl-C from being seen.
    let reader = thread::spawn(move || {
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    let mut tally = Tally::default();
    loop {
        match lines.recv_timeout(POLL) {
            Ok(line) => {
                add_result(&line, &mut tally);
                show(&line);
            }
            Err(mpsc::RecvTimeoutError::Timeout) if interrupted() => {
                child.kill()?;
                child.wait()?;
                bail!("interrupted");
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.wait()?;
    if reader.join().is_err() {
        bail!("the output of the tests could not be read to its end");
    }
    if !status.success() && tally.failed == 0 {
        // A test binary that aborts, or does not build, prints no result line.
        tally.failed = 1;
    }
    Ok(tally)
}

/// Reads `test result: ok. 12 passed; 0 failed; …`.
fn add_result(line: &str, tally: &mut Tally) {
    let Some(result) = line.strip_prefix("test result: ") else { return };
    for part in result.split(['.', ';']).map(str::trim) {
        match part.split_once(' ') {
            Some((number, "passed")) => tally.passed += number.parse::<u64>().unwrap_or(0),
            Some((number, "failed")) => tally.failed += number.parse::<u64>().unwrap_or(0),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn result_lines_of_several_binaries_are_summed_up() {
        let script = "echo 'running 3 tests'\n\
            echo 'test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s'\n\
            echo 'test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s'\n\
            exit 101";
        let mut shown = Vec::new();
        let tally = count(&mut shell(script), |line| shown.push(line.to_owned())).unwrap();
        assert_eq!(tally, Tally { passed: 15, failed: 2 });
        assert_eq!(shown.len(), 3);
    }

    #[test]
    fn a_run_that_breaks_off_without_a_result_counts_as_a_failure() {
        assert_eq!(count(&mut shell("exit 101"), |_| ()).unwrap(), Tally { passed: 0, failed: 1 });
        assert_eq!(count(&mut shell("exit 0"), |_| ()).unwrap(), Tally { passed: 0, failed: 0 });
    }
}
