//! Every name in an object of Kubernetes' own leads to something that is there.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::code::Code;
use crate::objects::{
    COMPONENT, NAME, Objects, Pod, SERVICES, Secrets, environment, items, keys, labels, name, selects, text,
    title,
};

/// Returns what leads nowhere.
#[must_use]
pub fn check(objects: &Objects, _: &Code) -> Vec<String> {
    let mut found = Vec::new();
    let secrets = objects.secrets();
    for pod in objects.pods() {
        selector(pod, &mut found);
        sources(objects, &secrets, pod, &mut found);
        ports(pod, &mut found);
        let account = text(&pod.spec["serviceAccountName"]);
        if !account.is_empty() && objects.find("ServiceAccount", account).is_none() {
            found.push(format!("{}: there is no ServiceAccount {account}", pod.title()));
        }
        let service = text(&pod.owner["spec"]["serviceName"]);
        if pod.owner["kind"] == "StatefulSet" && objects.find("Service", service).is_none() {
            found.push(format!("{}: there is no Service {service}", pod.title()));
        }
    }
    services(objects, &mut found);
    budgets(objects, &mut found);
    scalers(objects, &mut found);
    found
}

fn selector(pod: Pod<'_>, found: &mut Vec<String>) {
    let selector = &pod.owner["spec"]["selector"];
    if pod.owner["kind"] == "Job" {
        return;
    }
    if selector["matchLabels"].as_object().is_none_or(serde_json::Map::is_empty) {
        found.push(format!("{}: selects by no label", pod.title()));
    } else if !selects(selector, &labels(pod.labels)) {
        found.push(format!("{}: does not select its own pods", pod.title()));
    }
}

/// Where variables and files come from.
fn sources(objects: &Objects, secrets: &Secrets, pod: Pod<'_>, found: &mut Vec<String>) {
    let mut volumes: BTreeMap<&str, &Value> = BTreeMap::new();
    for volume in items(&pod.spec["volumes"]) {
        volumes.insert(text(&volume["name"]), volume);
        let (map, secret) = (text(&volume["configMap"]["name"]), text(&volume["secret"]["secretName"]));
        if !map.is_empty() && objects.find("ConfigMap", map).is_none() {
            found.push(format!("{}: there is no ConfigMap {map}", pod.title()));
        }
        if !secret.is_empty() && !secrets.contains_key(secret) {
            found.push(format!("{}: there is no Secret {secret}", pod.title()));
        }
    }
    for claim in items(&pod.owner["spec"]["volumeClaimTemplates"]) {
        volumes.insert(text(&claim["metadata"]["name"]), claim);
    }
    let mut mounted = Vec::new();
    for container in pod.containers() {
        for mount in items(&container["volumeMounts"]) {
            let volume = text(&mount["name"]);
            mounted.push(volume);
            if !volumes.contains_key(volume) {
                found.push(format!("{}: there is no volume {volume}", pod.title()));
            }
        }
        for from in items(&container["envFrom"]) {
            let map = text(&from["configMapRef"]["name"]);
            if objects.find("ConfigMap", map).is_none() {
                found.push(format!("{}: there is no ConfigMap {map}", pod.title()));
            }
        }
        for (variable, value) in environment(objects, container) {
            if value.starts_with("/run/") && file((objects, secrets), pod, container, &value).is_none() {
                found.push(format!("{}: {variable} names {value}, which no volume holds", pod.title()));
            }
        }
    }
    for volume in volumes.keys().filter(|volume| !mounted.contains(volume)) {
        found.push(format!("{}: nothing mounts the volume {volume}", pod.title()));
    }
}

/// What a file in a container holds: the text of a Secret or ConfigMap where it is known, else none of it.
#[must_use]
pub fn file(
    (objects, secrets): (&Objects, &Secrets),
    pod: Pod<'_>,
    container: &Value,
    path: &str,
) -> Option<String> {
    let (mount, rest) = items(&container["volumeMounts"]).iter().find_map(|mount| {
        let rest = path.strip_prefix(text(&mount["mountPath"]))?.strip_prefix('/')?;
        Some((text(&mount["name"]), rest))
    })?;
    let volume = items(&pod.spec["volumes"]).iter().find(|volume| text(&volume["name"]) == mount)?;
    if let Some(map) = objects.find("ConfigMap", text(&volume["configMap"]["name"])) {
        return map["data"][rest].as_str().map(str::to_owned);
    }
    let secret = text(&volume["secret"]["secretName"]);
    if let Some(known) = secrets.get(secret) {
        let has = known.as_ref().is_none_or(|keys| keys.iter().any(|key| key == rest));
        return has.then(|| decoded(objects.find("Secret", secret), rest).unwrap_or_default());
    }
    let sources = items(&volume["projected"]["sources"]);
    sources.iter().any(|source| source["serviceAccountToken"]["path"] == rest).then(String::new)
}

fn decoded(secret: Option<&Value>, key: &str) -> Option<String> {
    use base64::Engine;
    let encoded = text(&secret?["data"][key]).replace(['\n', ' '], "");
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(encoded).ok()?).ok()
}

fn ports(pod: Pod<'_>, found: &mut Vec<String>) {
    for container in pod.containers() {
        let named: Vec<&str> = items(&container["ports"]).iter().map(|port| text(&port["name"])).collect();
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            for how in ["httpGet", "tcpSocket", "grpc"] {
                let port = &container[probe][how]["port"];
                if !port.is_null() && !named.contains(&text(port)) {
                    found.push(format!(
                        "{}: {probe} asks the port {port}, which has no name here",
                        pod.title()
                    ));
                }
            }
        }
    }
}

fn services(objects: &Objects, found: &mut Vec<String>) {
    for service in objects.of("Service") {
        let wanted = labels(&service["spec"]["selector"]);
        let pods: Vec<Pod<'_>> = objects
            .pods()
            .filter(|pod| {
                let has = labels(pod.labels);
                !wanted.is_empty() && wanted.iter().all(|(key, value)| has.get(key) == Some(value))
            })
            .collect();
        if pods.is_empty() {
            found.push(format!("{}: selects no pod", title(service)));
        }
        for port in items(&service["spec"]["ports"]) {
            let target = text(&port["targetPort"]);
            for pod in &pods {
                let mut has = pod.containers().flat_map(|container| items(&container["ports"]));
                let at = has.find(|has| text(&has["name"]) == target);
                if at.is_none() {
                    found.push(format!("{}: {} has no port {target:?}", title(service), pod.title()));
                }
                if pod.service().is_some() && at.is_some_and(|at| at["containerPort"] != port["port"]) {
                    found.push(format!("{}: {target} is another port than the pod's", title(service)));
                }
            }
        }
        // HTTP/2 holds on to one connection; only a headless service shows clients all pods.
        if SERVICES.contains(&name(service).as_str()) && service["spec"]["clusterIP"] != "None" {
            found.push(format!("{}: is not headless", title(service)));
        }
    }
}

fn budgets(objects: &Objects, found: &mut Vec<String>) {
    for budget in objects.of("PodDisruptionBudget") {
        let selector = &budget["spec"]["selector"];
        if keys(&selector["matchLabels"]).next().is_none() {
            found.push(format!("{}: selects by no label", title(budget)));
        }
        if budget["spec"]["maxUnavailable"] != 1 {
            found.push(format!("{}: must let one pod go at a time", title(budget)));
        }
    }
    for pod in objects.pods().filter(|pod| pod.owner["kind"] == "Deployment") {
        let own = labels(pod.labels);
        let count = objects
            .of("PodDisruptionBudget")
            .filter(|budget| selects(&budget["spec"]["selector"], &own))
            .count();
        if count != 1 {
            found.push(format!("{}: has {count} PodDisruptionBudgets, not one", pod.title()));
        }
    }
}

fn scalers(objects: &Objects, found: &mut Vec<String>) {
    let mut targets: BTreeMap<String, usize> = BTreeMap::new();
    for scaler in objects.of("HorizontalPodAutoscaler").chain(objects.of("ScaledObject")) {
        let spec = &scaler["spec"];
        let target = text(&spec["scaleTargetRef"]["name"]);
        *targets.entry(target.to_owned()).or_default() += 1;
        let Some(deployment) = objects.find("Deployment", target) else {
            found.push(format!("{}: there is no Deployment {target}", title(scaler)));
            continue;
        };
        let (least, most) = (replicas(spec, "min"), replicas(spec, "max"));
        if least == 0 || least > most {
            found.push(format!("{}: from {least} to {most} replicas", title(scaler)));
        }
        for metric in items(&spec["metrics"]) {
            let container = &metric["containerResource"]["container"];
            let containers = items(&deployment["spec"]["template"]["spec"]["containers"]);
            let asked = containers.iter().find(|has| has["name"] == *container);
            // Without a request there is nothing that utilisation is a share of.
            if asked.is_none_or(|has| has["resources"]["requests"]["cpu"].is_null()) {
                found.push(format!("{}: no container {container} that asks for cpu", title(scaler)));
            }
        }
    }
    for (target, count) in targets.into_iter().filter(|(_, count)| *count > 1) {
        found.push(format!("Deployment {target}: {count} scalers on one target"));
    }
}

/// `minReplicas` or `minReplicaCount`, and so with `max`.
#[must_use]
pub fn replicas(spec: &Value, which: &str) -> u64 {
    let either = [format!("{which}Replicas"), format!("{which}ReplicaCount")];
    either.iter().find_map(|field| spec[field].as_u64()).unwrap_or(0)
}

/// What a policy's pod is called: its name and its part.
#[must_use]
pub fn part(labels: &BTreeMap<String, String>) -> (String, String) {
    let of = |label| labels.get(label).cloned().unwrap_or_default();
    (of(NAME), of(COMPONENT))
}
