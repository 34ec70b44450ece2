//! From the edge to the gateway to the services: every route leads to a port that is there.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::code::Code;
use crate::objects::{NAME, Objects, environment, items, text, title};

/// Returns what leads nowhere.
#[must_use]
pub fn check(objects: &Objects, code: &Code) -> Vec<String> {
    let mut found = Vec::new();
    for route in objects.of("HTTPRoute").chain(objects.of("GRPCRoute")) {
        let hosts: BTreeSet<&str> = items(&route["spec"]["hostnames"]).iter().map(text).collect();
        for parent in items(&route["spec"]["parentRefs"]) {
            let gateway = objects.find("Gateway", text(&parent["name"]));
            let listeners = gateway.map(|gateway| items(&gateway["spec"]["listeners"])).unwrap_or_default();
            let listener = listeners.iter().find(|listener| listener["name"] == parent["sectionName"]);
            if listener.is_none_or(|listener| !hosts.contains(text(&listener["hostname"]))) {
                found.push(format!("{}: no listener of its hosts at {parent}", title(route)));
            }
        }
        for backend in items(&route["spec"]["rules"]).iter().flat_map(|rule| items(&rule["backendRefs"])) {
            if !has_port(objects, text(&backend["name"]), backend["port"].as_u64()) {
                found.push(format!("{}: no Service with a port for {backend}", title(route)));
            }
        }
    }
    gateway(objects, code, &mut found);
    origins(objects, &mut found);
    found
}

fn has_port(objects: &Objects, service: &str, port: Option<u64>) -> bool {
    let service = objects.find("Service", service);
    service.is_some_and(|service| {
        items(&service["spec"]["ports"]).iter().any(|has| has["port"].as_u64() == port)
    })
}

/// The arguments that the gateway's configuration is made with.
#[must_use]
pub fn gateway_arguments(objects: &Objects) -> Vec<String> {
    let gateway = objects.pods().find(|pod| pod.labels[NAME] == "gateway");
    let first = gateway.and_then(|pod| items(&pod.spec["initContainers"]).first());
    first
        .map(|container| items(&container["args"]).iter().map(|arg| text(arg).to_owned()).collect())
        .unwrap_or_default()
}

fn gateway(objects: &Objects, code: &Code, found: &mut Vec<String>) {
    let arguments = gateway_arguments(objects);
    let values = |name: &str| -> Vec<&str> {
        arguments.iter().filter_map(|argument| argument.strip_prefix(&format!("--{name}="))).collect()
    };
    let mut routed = BTreeSet::new();
    for pair in values("service") {
        let (service, place) = pair.split_once('=').unwrap_or((pair, ""));
        if place != format!("{service}:8080") || !has_port(objects, service, Some(8080)) {
            found.push(format!("gateway: {service} is not at {place}"));
        }
        routed.insert(service.to_owned());
    }
    if routed != code.calls("gateway") {
        found.push(format!("gateway: knows {routed:?}, not {:?}", code.calls("gateway")));
    }
    if values("keys") != ["identity:9090"] || values("listen") != ["0.0.0.0:8080"] {
        found.push(format!("gateway: keys or port elsewhere: {arguments:?}"));
    }
    let hops = values("trusted-hops").first().copied().unwrap_or("0").to_owned();
    if hops != objects.of("Gateway").count().to_string() {
        found.push(format!("gateway: believes {hops} proxies"));
    }
}

/// Tokens, files and pages are of the hosts that clients reach.
fn origins(objects: &Objects, found: &mut Vec<String>) {
    let of = |service: &str, variable: &str| -> String {
        let pod = objects.pods().find(|pod| pod.labels[NAME] == service);
        let container = pod.and_then(|pod| pod.containers().next());
        let given = container.map(|container| environment(objects, container)).unwrap_or_default();
        given.get(variable).cloned().unwrap_or_default()
    };
    let arguments = gateway_arguments(objects);
    let (issuer, web) = (of("identity", "IDENTITY__AUTH__ISSUER"), of("identity", "IDENTITY__WEB_BASE_URL"));
    for wanted in [format!("--issuer={issuer}"), format!("--origin={web}")] {
        if !arguments.contains(&wanted) {
            found.push(format!("gateway: lacks {wanted}"));
        }
    }
    let content = of("assets", "ASSETS__CONTENT__BASE_URL");
    let hosts: Vec<&Value> =
        objects.of("Gateway").flat_map(|gateway| items(&gateway["spec"]["listeners"])).collect();
    let is_served =
        hosts.iter().any(|listener| content == format!("https://{}", text(&listener["hostname"])));
    if !hosts.is_empty() && !is_served {
        found.push(format!("assets: {content} is no host of the edge"));
    }
}
