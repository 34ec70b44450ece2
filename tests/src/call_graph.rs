//! Who calls whom, as platform teams read it in `k8s/call-graph.yaml`.
//!
//! Owns reading that file. Must not say who should.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};

/// Reads callers with whom they call, the gateway among the callers. A caller's list stands on one line under `calls`.
///
/// # Errors
/// Fails when the file cannot be read, or names nobody.
pub fn call_graph() -> anyhow::Result<BTreeSet<(String, String)>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../k8s/call-graph.yaml");
    let text = std::fs::read_to_string(path).with_context(|| format!("{path} cannot be read"))?;
    let lines = text.lines().skip_while(|line| *line != "calls:").skip(1);
    let mut calls = BTreeSet::new();
    for line in lines.take_while(|line| line.starts_with("  ")) {
        let (caller, callees) = line.trim().split_once(':').context("a caller without a list")?;
        let callees = callees.trim().trim_matches(['[', ']']).split(',').map(str::trim);
        let callees = callees.filter(|callee| !callee.is_empty());
        calls.extend(callees.map(|callee| (caller.to_owned(), callee.to_owned())));
    }
    ensure!(!calls.is_empty(), "nothing was read of {path}");
    Ok(calls)
}
