//! Databases, broker and mail server stand the most replicas that there can be, with those of a roll-out.

use serde_json::Value;

use crate::code::Code;
use crate::objects::{NAME, Objects, Pod, SERVICES, environment, items, name, text};
use crate::references::replicas;

/// Which share of a server's connections services may take, in percent; the rest is for people and operators.
const SHARE: u64 = 80;
/// PostgreSQL's own `max_connections`.
const DATABASE_DEFAULT: u64 = 100;

/// Returns what is too much.
#[must_use]
pub fn check(objects: &Objects, code: &Code) -> Vec<String> {
    let mut found = Vec::new();
    let mut together = 0;
    for service in SERVICES {
        let wanted = connections(objects, service);
        together += wanted;
        if let Some(cluster) = objects.find("Cluster", &format!("{service}-database")) {
            let most = number(&cluster["spec"]["postgresql"]["parameters"]["max_connections"]);
            compare(&format!("connections to the database of {service}"), wanted, most, &mut found);
        }
    }
    if let Some(database) = objects.find("StatefulSet", "database") {
        let most = items(&database["spec"]["template"]["spec"]["containers"])
            .iter()
            .flat_map(|container| items(&container["args"]))
            .find_map(|argument| text(argument).strip_prefix("max_connections=")?.parse().ok());
        compare("connections to the database", together, most.unwrap_or(DATABASE_DEFAULT), &mut found);
    }
    broker(objects, code, &mut found);
    mails(objects, &mut found);
    found
}

fn compare(what: &str, wanted: u64, most: u64, found: &mut Vec<String>) {
    if wanted * 100 > most * SHARE {
        found.push(format!("{wanted} {what} are more than {SHARE} % of {most}"));
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| text(value).parse().ok()).unwrap_or(0)
}

/// Pods of a Deployment there may be at once: the most replicas and those that a roll-out adds.
#[must_use]
pub fn most_pods(objects: &Objects, deployment: &Value) -> u64 {
    let own = name(deployment);
    let scaler = objects
        .of("HorizontalPodAutoscaler")
        .chain(objects.of("ScaledObject"))
        .find(|scaler| scaler["spec"]["scaleTargetRef"]["name"] == own);
    let most = match scaler {
        Some(scaler) => replicas(&scaler["spec"], "max"),
        None => number(&deployment["spec"]["replicas"]),
    };
    let surge = text(&deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"]);
    most + (most * surge.trim_end_matches('%').parse::<u64>().unwrap_or(25)).div_ceil(100)
}

/// Connections to its database that a service may have open at once.
#[must_use]
pub fn connections(objects: &Objects, service: &str) -> u64 {
    // The migration and the scaler.
    let others = 2;
    let pods = deployments(objects, service);
    others
        + pods
            .map(|pod| most_pods(objects, pod.owner) * setting(objects, pod, "DATABASE__MAX_CONNECTIONS"))
            .sum::<u64>()
}

fn deployments<'o>(objects: &'o Objects, service: &str) -> impl Iterator<Item = Pod<'o>> {
    let pods = objects.pods().filter(|pod| pod.owner["kind"] == "Deployment");
    pods.filter(move |pod| pod.labels[NAME] == service)
}

/// A setting of a pod; one that is absent counts as very much.
fn setting(objects: &Objects, pod: Pod<'_>, key: &str) -> u64 {
    let service = pod.service().unwrap_or_default();
    let variable = format!("{}__{key}", service_kit::config::prefix(service));
    let value =
        pod.containers().find_map(|container| environment(objects, container).get(&variable)?.parse().ok());
    value.unwrap_or(1_000_000)
}

/// Each worker has a connection with a channel for each queue, and one for what it publishes; all may be at one node.
fn broker(objects: &Objects, code: &Code, found: &mut Vec<String>) {
    let Some(broker) = objects.of("RabbitmqCluster").next() else { return };
    let settings = text(&broker["spec"]["rabbitmq"]["additionalConfig"]);
    let most =
        settings.lines().find_map(|line| line.strip_prefix("channel_max_per_node = ")?.trim().parse().ok());
    let mut wanted = 0;
    for service in SERVICES {
        let queues = code.queues.get(service).map_or(0, |queues| queues.len() as u64);
        for pod in deployments(objects, service).filter(|pod| name(pod.owner).ends_with("-work")) {
            wanted += most_pods(objects, pod.owner) * (queues + 1);
        }
    }
    compare("channels to the broker", wanted, most.unwrap_or(0), found);
}

/// A mail server takes so many connections and no more; what it takes stands at the scaler.
fn mails(objects: &Objects, found: &mut Vec<String>) {
    let Some(scaler) = objects.find("ScaledObject", "notifications-work") else { return };
    let most = number(&scaler["metadata"]["annotations"]["sharedspaces/most-mail-connections"]);
    for pod in deployments(objects, "notifications").filter(|pod| name(pod.owner).ends_with("-work")) {
        let wanted = most_pods(objects, pod.owner) * setting(objects, pod, "SMTP__CONNECTIONS");
        if wanted > most {
            found.push(format!("{wanted} connections to the mail server are more than {most}"));
        }
    }
}
