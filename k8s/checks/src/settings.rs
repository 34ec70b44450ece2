//! Each program understands what its pod is given: its own parser reads the variables and files of the rendered pod.
//!
//! Nothing that is required is missing, nothing is given that the program does not know, and what several programs have to
//! agree on is the same.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::Value;
use service_kit::config::{self, Config};

use crate::code::Code;
use crate::objects::{NAME, Objects, Pod, Secrets, environment, items, text};
use crate::references::file;

/// Stands for a file whose content only the platform's store knows; as a key it is of the right length.
const UNKNOWN_KEY: &str = "dW5rbm93bi11bmtub3duLXVua25vd24tdW5rbm93bi0=";

/// Returns what a program would not start with.
#[must_use]
pub fn check(objects: &Objects, code: &Code) -> Vec<String> {
    let mut found = Vec::new();
    let secrets = objects.secrets();
    let mut agreed: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for pod in objects.pods() {
        let Some(service) = pod.service() else { continue };
        for container in pod.containers() {
            let given = environment(objects, container);
            let read = read((objects, &secrets), pod, container, service, &given, || match service {
                "identity" => parse::<identity::Settings>(service),
                "spaces" => parse::<spaces::config::Settings>(service),
                "assets" => parse::<assets::Settings>(service),
                "notifications" => parse::<notifications::Settings>(service),
                _ => parse::<crm_sync::Settings>(service),
            });
            found.extend(read.into_iter().map(|error| format!("{}: {error}", pod.title())));
            let of = |key: &str| {
                let variable = format!("{}__{key}", config::prefix(service));
                given.get(&variable).cloned().unwrap_or_default()
            };
            let keys = ["AUTH__ISSUER", "AUTH__JWKS_URL", "SERVICE_AUTH__ISSUER", "SERVICE_AUTH__NAMESPACE"];
            for key in keys.into_iter().chain(["TELEMETRY__OTLP_ENDPOINT"]) {
                agreed.entry(key).or_default().insert(of(key));
            }
            ports(pod, container, &given, &mut found);
            if of("DEVELOPMENT") == "true" {
                found.push(format!("{}: is set to development", pod.title()));
            }
            proxies(objects, pod, &of("TRUSTED_PROXIES"), &mut found);
            callers(code, pod, &of("GRPC__TLS__ALLOWED_CALLERS"), &mut found);
        }
    }
    for (key, values) in agreed.into_iter().filter(|(_, values)| values.len() > 1) {
        found.push(format!("{key} differs: {values:?}"));
    }
    found
}

/// Lets a program's own `parse` read what its container is given: variables, and the files that they name.
#[expect(clippy::result_large_err, reason = "the jail's own signature")]
pub(crate) fn read(
    held: (&Objects, &Secrets),
    pod: Pod<'_>,
    container: &Value,
    service: &str,
    given: &BTreeMap<String, String>,
    parse: impl FnOnce() -> Vec<String>,
) -> Vec<String> {
    let mut found = Vec::new();
    // Jails are of the whole process, one at a time.
    let jailed = figment::Jail::try_with(|jail| {
        for (variable, value) in given {
            match value.strip_prefix("/run/") {
                Some(path) => {
                    let path = jail.directory().join("run").join(path);
                    if let (Some(content), Some(dir)) = (file(held, pod, container, value), path.parent()) {
                        std::fs::create_dir_all(dir).map_err(|error| error.to_string())?;
                        let content = if content.is_empty() { stand_in(value) } else { content };
                        std::fs::write(&path, content).map_err(|error| error.to_string())?;
                    }
                    jail.set_env(variable, path.display());
                }
                None => jail.set_env(variable, value),
            }
        }
        found = parse();
        Ok(())
    });
    found.extend(jailed.err().map(|error| error.to_string()));
    let prefix = format!("{}__", config::prefix(service));
    found
        .extend(given.keys().filter(|key| !key.starts_with(&prefix)).map(|key| format!("{key} is nobody's")));
    found
}

fn stand_in(path: &str) -> String {
    match path.rsplit('/').next().unwrap_or_default() {
        "database-url" | "url" => "postgres://role:password@database:5432/name".to_owned(),
        "broker-url" => "amqps://user:password@broker:5671/%2f".to_owned(),
        _ => UNKNOWN_KEY.to_owned(),
    }
}

/// Reads as the program does, and then once more to see what neither part of it looked at.
fn parse<S: DeserializeOwned>(service: &str) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(config::load::<Config>(service).err().map(|error| error.to_string()));
    found.extend(config::load::<S>(service).err().map(|error| error.to_string()));
    match config::load::<Value>(service) {
        Ok(all) => {
            let (common, own) = (ignored::<Config>(&all), ignored::<S>(&all));
            let mut leaves = Vec::new();
            collect("", &all, &mut leaves);
            let is_unknown = |leaf: &str| covers(&common, leaf) && covers(&own, leaf);
            for leaf in &leaves {
                let source =
                    leaf.strip_suffix("_file").filter(|target| leaves.iter().any(|leaf| leaf == target));
                if is_unknown(source.unwrap_or(leaf)) {
                    found.push(format!("there is no setting {leaf}"));
                }
            }
        }
        Err(error) => found.push(error.to_string()),
    }
    found
}

fn ignored<T: DeserializeOwned>(all: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    let told: Result<T, _> =
        serde_ignored::deserialize(all, |path| paths.push(path.to_string().replace(".?", "")));
    // What cannot be read was told already.
    drop(told);
    paths
}

fn covers(paths: &[String], leaf: &str) -> bool {
    paths.iter().any(|path| {
        leaf == path || leaf.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('.'))
    })
}

fn collect(parent: &str, value: &Value, leaves: &mut Vec<String>) {
    let Some(object) = value.as_object() else {
        leaves.push(parent.to_owned());
        return;
    };
    for (key, value) in object {
        let path = if parent.is_empty() { key.clone() } else { format!("{parent}.{key}") };
        collect(&path, value, leaves);
    }
}

/// What is given and no program looks at, where one type reads all.
pub(crate) fn unknown<S: DeserializeOwned>(program: &str) -> Vec<String> {
    let all = match config::load::<Value>(program) {
        Ok(all) => all,
        Err(error) => return vec![error.to_string()],
    };
    let mut leaves = Vec::new();
    collect("", &all, &mut leaves);
    let (ignored, known) = (ignored::<S>(&all), leaves.clone());
    let is_source = |leaf: &str| {
        leaf.strip_suffix("_file").is_some_and(|target| known.iter().any(|known| known == target))
    };
    let strange = leaves.into_iter().filter(|leaf| covers(&ignored, leaf) && !is_source(leaf));
    strange.map(|leaf| format!("there is no setting {leaf}")).collect()
}

/// Tells whether a container's port of this name is where its program listens.
pub(crate) fn listens(container: &Value, name: &str, listen: &str) -> bool {
    items(&container["ports"]).iter().any(|port| {
        let number = port["containerPort"].as_u64().unwrap_or(0);
        port["name"] == name && listen == format!("0.0.0.0:{number}")
    })
}

/// A program listens where its container says.
fn ports(pod: Pod<'_>, container: &Value, given: &BTreeMap<String, String>, found: &mut Vec<String>) {
    let listens: BTreeMap<String, &str> = given
        .iter()
        .filter_map(|(variable, value)| {
            let name = variable.strip_suffix("__LISTEN")?.rsplit("__").next()?;
            Some((name.to_lowercase(), value.as_str()))
        })
        .collect();
    for port in items(&container["ports"]) {
        let (name, number) = (text(&port["name"]), port["containerPort"].as_u64().unwrap_or(0));
        if listens.get(name) != Some(&format!("0.0.0.0:{number}").as_str()) {
            found.push(format!("{}: does not listen on its port {name} {number}", pod.title()));
        }
    }
}

/// The gateway writes `x-forwarded-for`, and the edge before it where there is one: one too many believed lets callers write
/// their own address, one too few makes all callers one.
fn proxies(objects: &Objects, pod: Pod<'_>, trusted: &str, found: &mut Vec<String>) {
    let edges = objects.of("Gateway").count();
    if ["identity", "spaces"].contains(&text(&pod.labels[NAME])) && trusted != (1 + edges).to_string() {
        found.push(format!("{}: believes {trusted} proxies, and there are {}", pod.title(), 1 + edges));
    }
}

/// With mutual TLS, who may call is who calls.
fn callers(code: &Code, pod: Pod<'_>, allowed: &str, found: &mut Vec<String>) {
    let name = text(&pod.labels[NAME]);
    if allowed.is_empty() {
        return;
    }
    let callers = code.graph["calls"].as_object().into_iter().flat_map(|calls| calls.keys());
    let wanted: BTreeSet<String> = callers
        .filter(|caller| code.calls(caller).contains(name))
        .map(|caller| format!("spiffe://sharedspaces/{caller}"))
        .collect();
    let allowed: BTreeSet<String> = serde_json::from_str(allowed).unwrap_or_default();
    if allowed != wanted {
        found.push(format!("{}: takes calls of {allowed:?}, not of {wanted:?}", pod.title()));
    }
}
