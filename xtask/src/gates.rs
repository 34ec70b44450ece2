//! Owns the gates over the sources: form, lints, one version of each stack, length of files, forbidden words.
//!
//! Must not change any source, nor need a server.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use xtask::process::{output, run, say};
use xtask::workspace::Workspace;

use crate::interfaces;

/// Longest source file, in lines.
const MAX_LINES: usize = 500;
/// Crates of which two versions would be two stacks.
const SINGLE: [&str; 9] = ["axum", "h2", "http", "hyper", "prost", "reqwest", "ring", "rustls", "tonic"];
/// Crates that bring a second TLS stack or a known weakness.
const BANNED: [&str; 4] = ["aws-lc-rs", "aws-lc-sys", "openssl-sys", "rsa"];
/// What no finished source holds. In two pieces, so that this file does not hold it either.
const FORBIDDEN: [&str; 6] = [
    concat!("to", "do!"),
    concat!("unimpl", "emented!"),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("#[ig", "nore"),
    concat!("#[al", "low("),
];

/// A check with a name, which gives an error when it does not hold.
type Gate = (&'static str, fn(&Workspace) -> Result<()>);

const GATES: [Gate; 8] = [
    ("cargo fmt --check", formatted),
    ("length of files", short_files),
    ("forbidden text", no_forbidden_text),
    ("form of the interfaces", interfaces::form),
    ("no change of the interfaces breaks a client", interfaces::compatible),
    ("one version of each stack", one_stack),
    ("cargo clippy -D warnings", lints),
    ("OpenAPI document", crate::openapi::valid_document),
];

/// Runs every gate, the quick ones first, and tells of each.
///
/// # Errors
/// Fails at the end with the names of the gates that do not hold.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut failed = Vec::new();
    for (name, gate) in GATES {
        say(&format!("gate: {name} …"));
        if let Err(error) = gate(workspace) {
            say(&format!("gate: {name} does not hold: {error:#}"));
            failed.push(name);
        }
        if xtask::process::interrupted() {
            bail!("interrupted");
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("these gates do not hold: {}", failed.join(", "))
}

fn formatted(workspace: &Workspace) -> Result<()> {
    let status = run(workspace.cargo().args(["fmt", "--all", "--check"]))?;
    if status.success() { Ok(()) } else { bail!("run `cargo fmt --all`") }
}

fn lints(workspace: &Workspace) -> Result<()> {
    let mut clippy = workspace.cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]);
    if run(&mut clippy)?.success() { Ok(()) } else { bail!("see what clippy says above") }
}

fn one_stack(workspace: &Workspace) -> Result<()> {
    let mut tree = workspace.cargo();
    tree.args([
        "tree",
        "--workspace",
        "--all-features",
        "-e",
        "normal,build",
        "--prefix",
        "none",
        "-f",
        "{p}",
    ]);
    let faults = faults_in_tree(&output(&mut tree)?);
    if faults.is_empty() { Ok(()) } else { bail!("{}", faults.join("; ")) }
}

/// Reads lines like `tonic v0.14.9 (*)`.
fn faults_in_tree(tree: &str) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            versions.entry(name).or_default().insert(version);
        }
    }
    let twice = SINGLE.into_iter().filter_map(|name| {
        let found = versions.get(name)?;
        let list = found.iter().copied().collect::<Vec<_>>().join(" and ");
        (found.len() > 1).then(|| format!("{name} is there as {list}"))
    });
    let banned = BANNED.into_iter().filter(|name| versions.contains_key(name));
    twice
        .chain(
            banned.map(|name| format!("{name} must not be there; find who brings it: cargo tree -i {name}")),
        )
        .collect()
}

fn short_files(workspace: &Workspace) -> Result<()> {
    let mut long = Vec::new();
    for_each_source(workspace, |path, text| {
        let lines = text.lines().count();
        if lines > MAX_LINES {
            long.push(format!("{} has {lines} lines", path.display()));
        }
    })?;
    if long.is_empty() { Ok(()) } else { bail!("at most {MAX_LINES} lines, but {}", long.join(", ")) }
}

fn no_forbidden_text(workspace: &Workspace) -> Result<()> {
    let mut found = Vec::new();
    for_each_source(workspace, |path, text| {
        for (index, line) in text.lines().enumerate() {
            if let Some(word) = FORBIDDEN.into_iter().find(|word| line.contains(word)) {
                found.push(format!("{}:{}: {word}", path.display(), index + 1));
            }
        }
    })?;
    if found.is_empty() { Ok(()) } else { bail!("{}", found.join(", ")) }
}

fn for_each_source(workspace: &Workspace, mut look: impl FnMut(&Path, &str)) -> Result<()> {
    for path in sources_below(workspace.root())? {
        let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        look(path.strip_prefix(workspace.root()).unwrap_or(&path), &text);
    }
    Ok(())
}

/// Every Rust source, leaving out hidden directories and whatever cargo has built.
fn sources_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && !path.join("CACHEDIR.TAG").exists() {
            found.extend(sources_below(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask::throwaway::Throwaway;

    #[test]
    fn one_version_of_each_is_no_fault() {
        assert!(faults_in_tree("tonic v0.14.9\ntonic v0.14.9 (*)\nspaces v0.1.0 (/checkout)\n\n").is_empty());
    }

    #[test]
    fn a_second_version_and_a_banned_crate_are_named() {
        let faults =
            faults_in_tree("hyper v0.14.1\nhyper v1.12.0\nserde v1.0.0\nserde v2.0.0\nopenssl-sys v0.9.1\n");
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("hyper is there as v0.14.1 and v1.12.0"));
        assert!(faults[1].contains("openssl-sys"));
    }

    #[test]
    fn sources_are_found_except_hidden_and_built_ones() {
        let dir = Throwaway::create("sources").unwrap();
        for sub in ["src", ".hidden", "target"] {
            fs::create_dir(dir.path().join(sub)).unwrap();
            fs::write(dir.path().join(sub).join("lib.rs"), "").unwrap();
        }
        fs::write(dir.path().join("target/CACHEDIR.TAG"), "").unwrap();
        assert_eq!(sources_below(dir.path()).unwrap(), [dir.path().join("src/lib.rs")]);
    }
}
