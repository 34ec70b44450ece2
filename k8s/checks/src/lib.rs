//! What must hold of the manifests in `k8s/`.
//!
//! - [`objects`]: rendering an overlay, and reading what came of it
//! - [`code`]: what the programs say of themselves: settings, queues, calls, how long stopping takes
//! - [`references`], [`routing`], [`custom`]: every name leads somewhere
//! - [`pods`]: how pods run, and that they have the time to stop
//! - [`network`]: what the network policies allow, all together, is what `call-graph.yaml` says
//! - [`settings`]: each program understands what its pod is given
//! - [`capacity`]: databases and broker stand the most replicas there can be
//! - [`schemas`]: custom resources have only the fields they have
//! - [`web`]: the web client, which is no service, fits what it stands between
//!
//! Must not change a manifest, nor need a cluster.

#![expect(clippy::indexing_slicing, reason = "a field that a JSON value lacks reads as null")]

pub mod capacity;
pub mod code;
pub mod custom;
pub mod network;
pub mod objects;
pub mod pods;
pub mod references;
pub mod routing;
pub mod schemas;
pub mod settings;
pub mod web;

use code::Code;
use objects::Objects;

/// A rule with its name: it tells what does not hold.
pub type Rule = (&'static str, fn(&Objects, &Code) -> Vec<String>);

/// Every rule.
pub const RULES: &[Rule] = &[
    ("references", references::check),
    ("routing", routing::check),
    ("custom", custom::check),
    ("pods", pods::check),
    ("network", network::check),
    ("settings", settings::check),
    ("capacity", capacity::check),
    ("schemas", schemas::check),
    ("web", web::check),
];

/// Returns what does not hold, each line beginning with its rule.
#[must_use]
pub fn findings(objects: &Objects, code: &Code) -> Vec<String> {
    let mut all = Vec::new();
    for (name, rule) in RULES {
        all.extend(rule(objects, code).into_iter().map(|finding| format!("{name}: {finding}")));
    }
    all
}
