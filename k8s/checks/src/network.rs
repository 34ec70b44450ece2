//! What the network policies allow, all together, is what `call-graph.yaml` says, to the edge.
//!
//! An edge is allowed where the caller's policies let it out and the other's let it in, as Kubernetes reads them: a pod that
//! no policy selects is open. Addresses outside of the cluster and namespaces of the platform have no policies here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::code::Code;
use crate::objects::{COMPONENT, NAME, Objects, SERVICES, environment, items, selects, text};
use crate::web::WEB;

type Labels = BTreeMap<String, String>;

const NAMESPACE: &str = "kubernetes.io/metadata.name";

/// Returns the edges that are allowed and should not be, and those that should be and are not.
#[must_use]
pub fn check(objects: &Objects, code: &Code) -> Vec<String> {
    let (allowed, wanted) = (allowed(objects), wanted(objects, code));
    let mut found: Vec<String> = Vec::new();
    found.extend(
        allowed.difference(&wanted).map(|edge| format!("allowed, but not in the call graph: {edge}")),
    );
    found.extend(
        wanted.difference(&allowed).map(|edge| format!("in the call graph, but not allowed: {edge}")),
    );
    default_deny(objects, &mut found);
    addresses(objects, code, &mut found);
    found
}

/// The edges of `call-graph.yaml`, each to the part that answers.
fn wanted(objects: &Objects, code: &Code) -> BTreeSet<String> {
    let runs: BTreeSet<String> = objects.pod_labels().iter().map(called).collect();
    let mut edges = BTreeSet::new();
    let calls = code.graph["calls"].as_object();
    for caller in calls.into_iter().flat_map(|calls| calls.keys()) {
        let callees = code.calls(caller).into_iter().map(|callee| {
            if SERVICES.contains(&callee.as_str()) {
                format!("{callee}/serve:8080")
            } else {
                format!("{callee}:8080")
            }
        });
        // A client app holds tokens and judges none.
        let keys = (caller != WEB).then(|| "identity/serve:9090".to_owned());
        for callee in callees.chain(keys) {
            edges.extend(parts_of(&runs, caller).into_iter().map(|part| format!("{part} -> {callee}")));
        }
    }
    for part in items(&code.graph["overlays"][&code.overlay]) {
        for line in items(&code.graph["parts"][text(part)]) {
            for service in SERVICES {
                let line = text(line).replace("service", service);
                let Some((from, to)) = line.split_once(" -> ") else { continue };
                let (to, port) = to.rsplit_once(':').unwrap_or((to, ""));
                let to = if SERVICES.contains(&to) { format!("{to}/serve") } else { to.to_owned() };
                edges.extend(parts_of(&runs, from).into_iter().map(|part| format!("{part} -> {to}:{port}")));
            }
        }
    }
    edges
}

/// `spaces` is `spaces/serve`, `spaces/work` and `spaces/migrate`; what has no parts is itself.
fn parts_of(runs: &BTreeSet<String>, name: &str) -> Vec<String> {
    let parts: Vec<String> = runs.iter().filter(|run| run.split('/').next() == Some(name)).cloned().collect();
    if parts.is_empty() { vec![name.to_owned()] } else { parts }
}

/// `spaces/work`, `gateway`, `spaces-database`.
fn called(labels: &Labels) -> String {
    let name = labels.get(NAME).cloned().unwrap_or_default();
    match labels.get(COMPONENT) {
        Some(part) if SERVICES.contains(&name.as_str()) => format!("{name}/{part}"),
        _ => name,
    }
}

/// What somebody is, to a policy.
enum Party {
    Pod(Labels),
    Namespace(String),
    Internet,
    Anywhere,
}

impl Party {
    fn called(&self) -> String {
        match self {
            Self::Pod(labels) => called(labels),
            Self::Namespace(name) => format!("platform/{name}"),
            Self::Internet => "internet".to_owned(),
            Self::Anywhere => "anywhere".to_owned(),
        }
    }

    fn is_peer(&self, peer: &Value) -> bool {
        match self {
            Self::Pod(labels) => {
                // Without a selector of namespaces, pods of our own namespace are meant.
                peer["namespaceSelector"].is_null()
                    && peer["podSelector"].is_object()
                    && selects(&peer["podSelector"], labels)
            }
            Self::Namespace(name) => {
                let labels = Labels::from([(NAMESPACE.to_owned(), name.clone())]);
                peer["namespaceSelector"].is_object() && selects(&peer["namespaceSelector"], &labels)
            }
            Self::Internet => peer["ipBlock"].is_object() && !items(&peer["ipBlock"]["except"]).is_empty(),
            Self::Anywhere => peer["ipBlock"].is_object() && items(&peer["ipBlock"]["except"]).is_empty(),
        }
    }
}

fn allowed(objects: &Objects) -> BTreeSet<String> {
    let policies: Vec<&Value> = objects.of("NetworkPolicy").collect();
    let mut parties: Vec<Party> = objects.pod_labels().into_iter().map(Party::Pod).collect();
    let (mut namespaces, mut ports) = (BTreeSet::new(), BTreeSet::new());
    for rule in policies
        .iter()
        .flat_map(|policy| items(&policy["spec"]["ingress"]).iter().chain(items(&policy["spec"]["egress"])))
    {
        ports.extend(items(&rule["ports"]).iter().filter_map(|port| port["port"].as_u64()));
        for peer in items(&rule["from"]).iter().chain(items(&rule["to"])) {
            let name = text(&peer["namespaceSelector"]["matchLabels"][NAMESPACE]);
            if !name.is_empty() && name != "kube-system" {
                namespaces.insert(name.to_owned());
            }
        }
    }
    // Names are asked for by everybody, which default-deny says once.
    ports.remove(&53);
    parties.extend(namespaces.into_iter().map(Party::Namespace));
    parties.extend([Party::Internet, Party::Anywhere]);
    let under = |direction: &str| -> Vec<(&Party, Option<Vec<&Value>>)> {
        parties.iter().map(|party| (party, rules(&policies, party, direction))).collect()
    };
    let (out, into) = (under("Egress"), under("Ingress"));
    let mut edges = BTreeSet::new();
    for (from, egress) in &out {
        for (to, ingress) in &into {
            let ((Party::Pod(_), _) | (_, Party::Pod(_))) = (from, to) else { continue };
            for port in &ports {
                if lets(egress.as_deref(), to, *port, "to") && lets(ingress.as_deref(), from, *port, "from") {
                    edges.insert(format!("{} -> {}:{port}", from.called(), to.called()));
                }
            }
        }
    }
    edges
}

/// The rules of one direction that a party is under; none where everything is open.
fn rules<'o>(policies: &[&'o Value], own: &Party, direction: &str) -> Option<Vec<&'o Value>> {
    let Party::Pod(labels) = own else { return None };
    let field = direction.to_lowercase();
    let selecting: Vec<&&Value> = policies
        .iter()
        .filter(|policy| {
            let types = items(&policy["spec"]["policyTypes"]);
            selects(&policy["spec"]["podSelector"], labels) && types.iter().any(|is| is == direction)
        })
        .collect();
    let all = selecting.iter().flat_map(|policy| items(&policy["spec"][field.as_str()])).collect();
    (!selecting.is_empty()).then_some(all)
}

/// Tells whether rules let `other` through at a port; `peers` is the field that names whom.
fn lets(rules: Option<&[&Value]>, other: &Party, port: u64, peers: &str) -> bool {
    rules.is_none_or(|rules| {
        rules.iter().any(|rule| {
            let to_port =
                rule["ports"].is_null() || items(&rule["ports"]).iter().any(|one| one["port"] == port);
            to_port && (rule[peers].is_null() || items(&rule[peers]).iter().any(|peer| other.is_peer(peer)))
        })
    })
}

/// What nobody names is closed, but for the name server.
fn default_deny(objects: &Objects, found: &mut Vec<String>) {
    let Some(policy) = objects.find("NetworkPolicy", "default-deny") else {
        found.push("there is no default-deny".to_owned());
        return;
    };
    let spec = &policy["spec"];
    let is_both = items(&spec["policyTypes"]).len() == 2;
    let is_all = spec["podSelector"].as_object().is_some_and(serde_json::Map::is_empty);
    let only_names = items(&spec["ingress"]).is_empty()
        && items(&spec["egress"]).iter().all(|rule| {
            items(&rule["ports"]).iter().all(|port| port["port"] == 53) && !items(&rule["to"]).is_empty()
        });
    if !(is_both && is_all && only_names) {
        found.push("default-deny leaves something open".to_owned());
    }
}

/// Where services are told that others are, and whom their code asks for.
fn addresses(objects: &Objects, code: &Code, found: &mut Vec<String>) {
    for pod in objects.pods() {
        let Some(service) = pod.service() else { continue };
        let calls = code.calls(service);
        if code.asks.get(service) != Some(&calls) {
            found.push(format!(
                "{service}: its code asks for {:?}, not for {calls:?}",
                code.asks.get(service)
            ));
        }
        for container in pod.containers() {
            let marker = format!("{}__PEERS__", service_kit::config::prefix(service));
            let mut told = BTreeSet::new();
            for (variable, value) in environment(objects, container) {
                let Some(peer) = variable.strip_prefix(&marker) else { continue };
                let peer = peer.to_lowercase().replace('_', "-");
                let is_there = [format!("http://{peer}:8080"), format!("https://{peer}:8080")];
                if !is_there.contains(&value) {
                    found.push(format!("{}: {variable} is {value}", pod.title()));
                }
                told.insert(peer);
            }
            if told != calls {
                found.push(format!("{}: is told of {told:?}, not of {calls:?}", pod.title()));
            }
        }
    }
}
