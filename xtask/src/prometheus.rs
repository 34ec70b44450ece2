//! Owns finding Prometheus and its `promtool`, and fetching Debian's package where the machine has none.
//!
//! Must not install the package: it would start a server on the standard port. It is unpacked below the build directory,
//! after apt has checked its signature; no privilege is needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{output, say};
use crate::workspace::Workspace;

const PROGRAMS: [&str; 2] = ["prometheus", "promtool"];

/// Returns the directory that holds `prometheus` and `promtool`, after fetching them where they are missing.
///
/// # Errors
/// Fails when they are missing and cannot be fetched: no apt, no network.
pub fn programs(workspace: &Workspace) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(dir) = std::env::split_paths(&path).find(|dir| holds_all(dir)) {
        return Ok(dir);
    }
    let dir = workspace.target()?.join("tools/prometheus");
    let programs = dir.join("usr/bin");
    if holds_all(&programs) {
        return Ok(programs);
    }
    if output(Command::new("apt-get").arg("--version")).is_err() {
        bail!("Prometheus is missing; install it by hand, with promtool");
    }
    say("Fetching Prometheus …");
    // Beside its place first, so that what was broken off is never taken for whole.
    let half = dir.with_extension(format!("half-{}", std::process::id()));
    fs::create_dir_all(&half)?;
    let fetched = fetch(&half);
    if fetched.is_ok() {
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::rename(&half, &dir)?;
    } else {
        fs::remove_dir_all(&half)?;
    }
    fetched.context("Prometheus could not be fetched; check the network, or install it with promtool")?;
    if holds_all(&programs) { Ok(programs) } else { bail!("the package of Prometheus holds no program") }
}

fn holds_all(dir: &Path) -> bool {
    PROGRAMS.into_iter().all(|program| dir.join(program).is_file())
}

/// Downloads the package by the machine's lists, or by lists of its own where those are missing or old, and unpacks it.
fn fetch(dir: &Path) -> Result<()> {
    let dir = dir.canonicalize()?;
    let download = |options: &[String]| {
        let mut apt = Command::new("apt-get");
        apt.current_dir(&dir).args(options).args(["-qq", "download", "prometheus"]);
        output(&mut apt)
    };
    if download(&[]).is_err() {
        let own = ["Dir::State::Lists=", "Dir::Cache="].into_iter().zip(["lists", "cache"]);
        let mut options: Vec<String> =
            own.map(|(option, sub)| format!("-o{option}{}", dir.join(sub).display())).collect();
        options.extend(["-oDebug::NoLocking=true".to_owned(), "-oAPT::Sandbox::User=".to_owned()]);
        for sub in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(dir.join(sub))?;
        }
        output(Command::new("apt-get").args(&options).args(["-qq", "update"]))?;
        download(&options)?;
        for sub in ["lists", "cache"] {
            fs::remove_dir_all(dir.join(sub))?;
        }
    }
    let mut packages = fs::read_dir(&dir)?.flatten().map(|entry| entry.path());
    let package = packages
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt downloaded no package")?;
    output(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&dir))?;
    fs::remove_file(package)?;
    Ok(())
}
