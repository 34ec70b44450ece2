//! Rendering an overlay, and reading what came of it.
//!
//! Owns what a pod is, whichever object makes it, and what pods operators make. Must not judge.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What label names a workload.
pub const NAME: &str = "app.kubernetes.io/name";
/// What label tells its part: `serve`, `work` or `migrate`.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// The services.
pub const SERVICES: [&str; 5] = ["identity", "spaces", "assets", "notifications", "crm-sync"];

/// The objects of an overlay.
#[derive(Clone, Debug)]
pub struct Objects(pub Vec<Value>);

/// The keys of Secrets by their name.
pub type Secrets = BTreeMap<String, Option<Vec<String>>>;

/// What runs.
#[derive(Clone, Copy, Debug)]
pub struct Pod<'o> {
    /// The object that makes it.
    pub owner: &'o Value,
    /// Its labels.
    pub labels: &'o Value,
    /// Its `spec`.
    pub spec: &'o Value,
}

impl<'o> Pod<'o> {
    /// The containers, those that run before the others too.
    pub fn containers(self) -> impl Iterator<Item = &'o Value> {
        items(&self.spec["initContainers"]).iter().chain(items(&self.spec["containers"]))
    }

    /// `Deployment spaces-work`.
    #[must_use]
    pub fn title(self) -> String {
        title(self.owner)
    }

    /// The service whose program runs in it.
    #[must_use]
    pub fn service(self) -> Option<&'static str> {
        let name = text(&self.labels[NAME]);
        SERVICES.into_iter().find(|service| *service == name)
    }
}

impl Objects {
    /// Renders the overlay in `dir`; `tools` holds the programs `kubectl` and `python`.
    ///
    /// # Errors
    /// Fails with what `kubectl` said, or where its output cannot be read.
    pub fn render(tools: &Path, dir: &Path) -> Result<Self> {
        let output =
            Command::new(tools.join("kubectl")).arg("kustomize").arg(dir).current_dir(dir).output()?;
        if !output.status.success() {
            bail!("{}: {}", dir.display(), String::from_utf8_lossy(&output.stderr));
        }
        Ok(Self(yaml(tools, &output.stdout)?))
    }

    /// The objects of a kind.
    pub fn of(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |object| object["kind"] == kind)
    }

    /// The object of a kind with a name.
    #[must_use]
    pub fn find(&self, kind: &str, name: &str) -> Option<&Value> {
        self.of(kind).find(|object| object["metadata"]["name"] == name)
    }

    /// Whatever runs by objects of Kubernetes' own.
    pub fn pods(&self) -> impl Iterator<Item = Pod<'_>> {
        let makers = ["Deployment", "StatefulSet", "DaemonSet", "Job"];
        self.0.iter().filter(move |object| makers.contains(&text(&object["kind"]))).map(|owner| {
            let template = &owner["spec"]["template"];
            Pod { owner, labels: &template["metadata"]["labels"], spec: &template["spec"] }
        })
    }

    /// The labels of every pod there will be, those of operators too.
    #[must_use]
    pub fn pod_labels(&self) -> Vec<BTreeMap<String, String>> {
        let mut all: Vec<BTreeMap<String, String>> = self.pods().map(|pod| labels(pod.labels)).collect();
        all.extend(self.of("Cluster").map(|cluster| labels(&cluster["spec"]["inheritedMetadata"]["labels"])));
        // The operator names its pods after the cluster.
        let brokers = self.of("RabbitmqCluster").map(|broker| text(&broker["metadata"]["name"]).to_owned());
        all.extend(brokers.map(|name| BTreeMap::from([(NAME.to_owned(), name)])));
        all
    }

    /// The keys of each Secret there will be, by its name; no keys are known of those that other programs fill.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        let mut all = BTreeMap::new();
        for secret in self.of("Secret") {
            all.insert(
                name(secret),
                Some(keys(&secret["data"]).chain(keys(&secret["stringData"])).collect()),
            );
        }
        for secret in self.of("ExternalSecret") {
            let given =
                items(&secret["spec"]["data"]).iter().map(|entry| text(&entry["secretKey"]).to_owned());
            all.insert(text(&secret["spec"]["target"]["name"]).to_owned(), Some(given.collect()));
        }
        for certificate in self.of("Certificate") {
            let given = ["tls.crt", "tls.key", "ca.crt"].map(str::to_owned).into();
            all.insert(text(&certificate["spec"]["secretName"]).to_owned(), Some(given));
        }
        // cert-manager makes one for each that a Gateway with its annotation asks for.
        for gateway in self.of("Gateway") {
            let annotations = &gateway["metadata"]["annotations"];
            if annotations["cert-manager.io/cluster-issuer"].is_string() {
                for listener in items(&gateway["spec"]["listeners"]) {
                    for reference in items(&listener["tls"]["certificateRefs"]) {
                        all.insert(text(&reference["name"]).to_owned(), None);
                    }
                }
            }
        }
        all
    }
}

/// Reads YAML of one or more documents, in the version that Kubernetes reads (1.1), with Python's parser.
///
/// # Errors
/// Fails where it is none.
pub fn yaml(tools: &Path, text: &[u8]) -> Result<Vec<Value>> {
    const READ: &str = "import json, sys, yaml\n\
        json.dump([d for d in yaml.load_all(sys.stdin.buffer, yaml.CSafeLoader) if d], sys.stdout)";
    let mut python = Command::new(tools.join("python"));
    let mut reader =
        python.args(["-c", READ]).current_dir(tools).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    // It reads all before it writes any.
    reader.stdin.take().context("no way to write to the reader")?.write_all(text)?;
    let output = reader.wait_with_output()?;
    if !output.status.success() {
        bail!("what was to be YAML is none");
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// `Deployment spaces-work`.
#[must_use]
pub fn title(object: &Value) -> String {
    format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// The name of an object.
#[must_use]
pub fn name(object: &Value) -> String {
    text(&object["metadata"]["name"]).to_owned()
}

/// The text, or none of it.
#[must_use]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The elements, or none.
#[must_use]
pub fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The names of the fields, or none.
pub fn keys(value: &Value) -> impl Iterator<Item = String> {
    value.as_object().into_iter().flat_map(|object| object.keys().cloned())
}

/// Labels as they are compared.
#[must_use]
pub fn labels(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(key, value)| (key.clone(), text(value).to_owned())).collect()
}

/// Tells whether a `LabelSelector` takes these labels.
#[must_use]
pub fn selects(selector: &Value, labels: &BTreeMap<String, String>) -> bool {
    let exactly = selector["matchLabels"].as_object().into_iter().flatten();
    let by_labels = exactly.clone().all(|(key, value)| labels.get(key).is_some_and(|has| has == text(value)));
    let by_expressions = items(&selector["matchExpressions"]).iter().all(|expression| {
        let has = labels.get(text(&expression["key"]));
        let is_in =
            has.is_some_and(|has| items(&expression["values"]).iter().any(|value| text(value) == has));
        match text(&expression["operator"]) {
            "In" => is_in,
            "NotIn" => !is_in,
            "Exists" => has.is_some(),
            "DoesNotExist" => has.is_none(),
            _ => false,
        }
    });
    by_labels && by_expressions
}

/// The variables of a container: name and value, those of ConfigMaps first.
#[must_use]
pub fn environment(objects: &Objects, container: &Value) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for from in items(&container["envFrom"]) {
        let map = objects.find("ConfigMap", text(&from["configMapRef"]["name"]));
        let data = map.and_then(|map| map["data"].as_object()).into_iter().flatten();
        all.extend(data.map(|(key, value)| (key.clone(), text(value).to_owned())));
    }
    for entry in items(&container["env"]) {
        all.insert(text(&entry["name"]).to_owned(), text(&entry["value"]).to_owned());
    }
    all
}
