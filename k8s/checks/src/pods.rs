//! How pods run: with no more rights than `restricted` allows, spread, with probes and limits, of one release, and with the
//! time to stop.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::code::Code;
use crate::objects::{NAME, Objects, Pod, environment, items, labels, selects, text};

/// Returns what runs otherwise.
#[must_use]
pub fn check(objects: &Objects, code: &Code) -> Vec<String> {
    let mut found = Vec::new();
    let mut releases = BTreeSet::new();
    for pod in objects.pods() {
        let mut tell = |what: &str| found.push(format!("{}: {what}", pod.title()));
        restricted(pod, &mut tell);
        for container in pod.containers() {
            hardened(container, &mut tell);
            releases.extend(release(container).map(str::to_owned));
        }
        if pod.owner["kind"] == "Job" {
            migrates_once(pod, &mut tell);
        }
        if pod.owner["kind"] == "Deployment" {
            available(pod, &mut tell);
            stops_in_time(objects, pod, &mut tell);
        }
        command(pod, code, &mut tell);
    }
    if releases.len() != 1 {
        found.push(format!("our images are of several releases: {releases:?}"));
    }
    namespace(objects, &mut found);
    found
}

/// The Pod Security Standard `restricted`.
fn restricted(pod: Pod<'_>, tell: &mut impl FnMut(&str)) {
    let context = &pod.spec["securityContext"];
    if context["runAsNonRoot"] != true || context["runAsUser"].as_u64().is_none_or(|user| user < 10_000) {
        tell("must run as somebody who is not root and no user of the node");
    }
    if context["seccompProfile"]["type"] != "RuntimeDefault" {
        tell("needs the runtime's seccomp profile");
    }
    for host in ["hostNetwork", "hostPID", "hostIPC"] {
        if !pod.spec[host].is_null() {
            tell("must not share anything with the node");
        }
    }
    let kinds = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    for volume in items(&pod.spec["volumes"]) {
        let of_kind = volume.as_object().into_iter().flat_map(|volume| volume.keys());
        if !of_kind.filter(|key| *key != "name").all(|key| kinds.contains(&key.as_str())) {
            tell("has a volume of a kind that restricted does not allow");
        }
        if volume["emptyDir"].is_object() && volume["emptyDir"]["sizeLimit"].is_null() {
            tell("has a directory without a limit");
        }
    }
    if pod.spec["automountServiceAccountToken"] != false {
        tell("must not get a token of the API server");
    }
}

fn hardened(container: &Value, tell: &mut impl FnMut(&str)) {
    let context = &container["securityContext"];
    let drops = items(&context["capabilities"]["drop"]).iter().any(|capability| capability == "ALL");
    if context["allowPrivilegeEscalation"] != false || !drops || !context["capabilities"]["add"].is_null() {
        tell("must have no capability and get none");
    }
    if context["privileged"] == true || context["readOnlyRootFilesystem"] != true {
        tell("must not write its own image");
    }
    let resources = &container["resources"];
    if [&resources["requests"]["cpu"], &resources["requests"]["memory"], &resources["limits"]["memory"]]
        .iter()
        .any(|value| value.is_null())
    {
        tell("needs a request of cpu and memory and a limit of memory");
    }
    let image = text(&container["image"]);
    let is_pinned =
        image.contains("@sha256:") || image.rsplit_once(':').is_some_and(|(_, tag)| tag != "latest");
    if !is_pinned {
        tell("has an image of no certain version");
    }
}

fn release(container: &Value) -> Option<&str> {
    text(&container["image"]).strip_prefix("sharedspaces/")?.split_once(':').map(|(_, tag)| tag)
}

/// A job's template cannot be changed, so each release has a job of its own.
fn migrates_once(pod: Pod<'_>, tell: &mut impl FnMut(&str)) {
    let name = text(&pod.owner["metadata"]["name"]);
    for container in pod.containers() {
        let tag = release(container).unwrap_or_default().replace('.', "-");
        if tag.is_empty() || !name.ends_with(&format!("-migrate-{tag}")) {
            tell("its name is not of its release");
        }
    }
    if pod.owner["spec"]["activeDeadlineSeconds"].is_null() || pod.spec["restartPolicy"] != "Never" {
        tell("must end by itself");
    }
}

/// A roll-out takes no pod away before its successor answers.
fn available(pod: Pod<'_>, tell: &mut impl FnMut(&str)) {
    if pod.labels["app.kubernetes.io/part-of"] != "sharedspaces" {
        return;
    }
    let spec = &pod.owner["spec"];
    let rolling = &spec["strategy"]["rollingUpdate"];
    if rolling["maxUnavailable"] != 0
        || rolling["maxSurge"].is_null()
        || spec["minReadySeconds"].as_u64() < Some(5)
    {
        tell("a roll-out would take pods away first");
    }
    let topologies: BTreeSet<&str> = items(&pod.spec["topologySpreadConstraints"])
        .iter()
        .filter(|constraint| selects(&constraint["labelSelector"], &labels(pod.labels)))
        .map(|constraint| text(&constraint["topologyKey"]))
        .collect();
    if !(topologies.contains("kubernetes.io/hostname") && topologies.contains("topology.kubernetes.io/zone"))
    {
        tell("is not spread over nodes and zones");
    }
    for container in items(&pod.spec["containers"]) {
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            if container[probe].is_null() {
                tell("lacks a probe");
            }
        }
        // A process whose database is away is not dead.
        let liveness = &container["livenessProbe"]["httpGet"];
        if liveness.is_object() && liveness["path"] != "/livez" {
            tell("its liveness looks at what it depends on");
        }
        let readiness = &container["readinessProbe"]["httpGet"];
        if readiness.is_object() && readiness["path"] != "/readyz" {
            tell("its readiness does not look at what it depends on");
        }
    }
}

/// First routers hear of it, then the process ends by itself, and only then would it be killed.
fn stops_in_time(objects: &Objects, pod: Pod<'_>, tell: &mut impl FnMut(&str)) {
    let grace = pod.spec["terminationGracePeriodSeconds"].as_u64().unwrap_or(30);
    for container in items(&pod.spec["containers"]) {
        let pause = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap_or(0);
        if let Some(service) = pod.service() {
            let variable = format!("{}__SHUTDOWN__DRAIN_MS", service_kit::config::prefix(service));
            let drain = environment(objects, container).get(&variable).and_then(|value| value.parse().ok());
            let stops = Code::stops_within(drain).as_secs();
            // Two rounds of the readiness probe and a router's own delay.
            if pause < 8 || pause + stops >= grace {
                tell(&format!("{pause} s and {stops} s to stop do not fit into {grace} s"));
            }
        } else if pod.labels[NAME] == "gateway" {
            // Envoy ends at once, so calls must have ended before.
            if pause < gateway::interface::CALL_SECONDS + 8 || pause >= grace {
                tell(&format!("{pause} s do not outlast calls, or do not fit into {grace} s"));
            }
        }
    }
}

/// Programs are started with a command they have.
fn command(pod: Pod<'_>, code: &Code, tell: &mut impl FnMut(&str)) {
    for container in pod.containers() {
        let first = items(&container["args"]).first().map(text).unwrap_or_default();
        if let Some(service) = pod.service() {
            let image = text(&container["image"]);
            let part = text(&pod.labels["app.kubernetes.io/component"]);
            if first != part || !["serve", "work", "migrate"].contains(&first) {
                tell(&format!("is called {part} and starts `{first}`"));
            }
            if !image.contains(&format!("/{service}:")) && !image.contains(&format!("/{service}@")) {
                tell(&format!("runs {image}"));
            }
        }
        let image = text(&container["image"]);
        if image.starts_with("envoyproxy/") && !image.contains(&format!("v{}", code.envoy)) {
            tell(&format!("runs {image}, and the tests {}", code.envoy));
        }
    }
}

fn namespace(objects: &Objects, found: &mut Vec<String>) {
    for namespace in objects.of("Namespace") {
        if namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] != "restricted" {
            found.push("the namespace does not enforce restricted".to_owned());
        }
    }
    for object in &objects.0 {
        let is_of_none = object["kind"] == "Namespace";
        if !is_of_none && object["metadata"]["namespace"] != "sharedspaces" {
            found.push(format!("{}: is in another namespace", crate::objects::title(object)));
        }
    }
}
