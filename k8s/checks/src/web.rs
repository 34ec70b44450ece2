//! The web client, which is no service: it understands its settings, knows the gateway alone, has the host and the proxies
//! that the others reckon with, keeps a browser at its replica, and has the time to stop.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use service_kit::config::ShutdownConfig;
use service_kit::lifecycle::TELEMETRY_FLUSHES_WITHIN;

use crate::code::Code;
use crate::objects::{NAME, Objects, Pod, environment, items, text};
use crate::settings::{listens, read, unknown};

/// Its name as a workload.
pub const WEB: &str = "web";

/// Returns what does not fit.
#[must_use]
pub fn check(objects: &Objects, code: &Code) -> Vec<String> {
    let mut found = Vec::new();
    let Some(pod) = objects.pods().find(|pod| pod.labels[NAME] == WEB) else {
        return vec!["nothing runs it".to_owned()];
    };
    for container in pod.containers() {
        let given = environment(objects, container);
        let told = read((objects, &objects.secrets()), pod, container, WEB, &given, || {
            let parsed = service_kit::config::load::<web::Settings>(WEB).err().map(|error| error.to_string());
            parsed.into_iter().chain(unknown::<web::Settings>(WEB)).collect()
        });
        found.extend(told);
        let of = |key: &str| given.get(&format!("WEB__{key}")).cloned().unwrap_or_default();
        calls(code, &given, &mut found);
        hosts(objects, &of, &mut found);
        ports(container, &of, &mut found);
        stops(pod, container, &of("SHUTDOWN__DRAIN_MS"), &mut found);
        let edges = objects.of("Gateway").count().to_string();
        if of("TRUSTED_PROXIES") != edges {
            found.push(format!("believes {} proxies, and there are {edges}", of("TRUSTED_PROXIES")));
        }
    }
    routes(objects, &mut found);
    found
}

/// All of the API is at the gateway, and nothing else is called.
fn calls(code: &Code, given: &BTreeMap<String, String>, found: &mut Vec<String>) {
    if code.calls(WEB) != BTreeSet::from(["gateway".to_owned()]) {
        found.push(format!("calls {:?}, by the call graph", code.calls(WEB)));
    }
    for (variable, value) in given.iter().filter(|(variable, _)| variable.starts_with("WEB__API__")) {
        if value != "http://gateway:8080" {
            found.push(format!("{variable} is {value}"));
        }
    }
}

/// Links in mails lead to it, and pictures come from where assets has them.
fn hosts(objects: &Objects, of: &impl Fn(&str) -> String, found: &mut Vec<String>) {
    let setting = |service: &str, variable: &str| -> String {
        let pod = objects.pods().find(|pod| pod.labels[NAME] == service);
        let container = pod.and_then(|pod| pod.containers().next());
        let given = container.map(|container| environment(objects, container)).unwrap_or_default();
        given.get(variable).cloned().unwrap_or_default()
    };
    let listed = |key: &str| -> Vec<String> { serde_json::from_str(&of(key)).unwrap_or_default() };
    let own = setting("identity", "IDENTITY__WEB_BASE_URL");
    if listed("ORIGINS") != [own.clone()] {
        found.push(format!("its origins are {:?}, and mails lead to {own}", listed("ORIGINS")));
    }
    for variable in ["ASSETS__CONTENT__BASE_URL", "ASSETS__S3__ENDPOINT"] {
        let origin = setting("assets", variable);
        if !listed("CONTENT_ORIGINS").contains(&origin) {
            found.push(format!("shows no pictures from {origin}"));
        }
    }
}

fn ports(container: &Value, of: &impl Fn(&str) -> String, found: &mut Vec<String>) {
    for (name, key) in [("http", "LISTEN"), ("health", "HEALTH__LISTEN")] {
        if !listens(container, name, &of(key)) {
            found.push(format!("does not listen on its port {name}"));
        }
    }
}

/// First routers hear of it, then requests end, and only then would it be killed.
fn stops(pod: Pod<'_>, container: &Value, drain_ms: &str, found: &mut Vec<String>) {
    let set = ShutdownConfig::default();
    let drain = drain_ms.parse().map_or(set.drain(), std::time::Duration::from_millis);
    let stops = (set.linger() + drain + TELEMETRY_FLUSHES_WITHIN).as_secs();
    let grace = pod.spec["terminationGracePeriodSeconds"].as_u64().unwrap_or(30);
    let pause = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap_or(0);
    // Two rounds of the readiness probe and a router's own delay.
    if pause < 8 || pause + stops >= grace {
        found.push(format!("{pause} s and {stops} s to stop do not fit into {grace} s"));
    }
}

/// Two replicas that renew the same tokens at once sign the person out, so whatever leads to it keeps a browser at one.
fn routes(objects: &Objects, found: &mut Vec<String>) {
    let mut rules = 0;
    for rule in objects.of("HTTPRoute").flat_map(|route| items(&route["spec"]["rules"])) {
        if !items(&rule["backendRefs"]).iter().any(|backend| text(&backend["name"]) == WEB) {
            continue;
        }
        rules += 1;
        if rule["sessionPersistence"]["type"] != "Cookie" {
            found.push("its route lets a browser go from replica to replica".to_owned());
        }
    }
    if rules == 0 && objects.of("Gateway").next().is_some() {
        found.push("no route leads to it".to_owned());
    }
}
