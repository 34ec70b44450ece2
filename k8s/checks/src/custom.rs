//! Every name in an object of an operator leads to something that is there.

use serde_json::Value;

use crate::code::Code;
use crate::objects::{Objects, items, name, text, title};

/// Returns what leads nowhere.
#[must_use]
pub fn check(objects: &Objects, code: &Code) -> Vec<String> {
    let mut found = Vec::new();
    scalers(objects, code, &mut found);
    databases(objects, &mut found);
    broker(objects, code, &mut found);
    certificates(objects, &mut found);
    found
}

/// Tells whether a Secret with these keys will be there.
fn has(objects: &Objects, secret: &Value, keys: &[&str]) -> bool {
    let secrets = objects.secrets();
    secrets.get(text(secret)).is_some_and(|known| {
        known.as_ref().is_none_or(|known| keys.iter().all(|key| known.iter().any(|has| has == key)))
    })
}

fn scalers(objects: &Objects, code: &Code, found: &mut Vec<String>) {
    for scaler in objects.of("ScaledObject") {
        let target = text(&scaler["spec"]["scaleTargetRef"]["name"]);
        let service = target.trim_end_matches("-work");
        let mut watched = std::collections::BTreeSet::new();
        for trigger in items(&scaler["spec"]["triggers"]) {
            let authentication = text(&trigger["authenticationRef"]["name"]);
            let asked = match text(&trigger["type"]) {
                "rabbitmq" => "host",
                "postgresql" => "connection",
                other => other,
            };
            let given = objects.find("TriggerAuthentication", authentication);
            let given = given.map(|given| items(&given["spec"]["secretTargetRef"])).unwrap_or_default();
            if !given.iter().any(|given| given["parameter"] == asked) {
                found.push(format!("{}: {authentication:?} gives no {asked}", title(scaler)));
            }
            if trigger["type"] == "rabbitmq" {
                watched.insert(text(&trigger["metadata"]["queueName"]).to_owned());
            }
        }
        if code.queues.get(service) != Some(&watched) {
            found.push(format!("{}: watches {watched:?}, not the queues of {service}", title(scaler)));
        }
        let fallback = scaler["spec"]["fallback"]["replicas"].as_u64();
        if fallback.is_none() || fallback < scaler["spec"]["minReplicaCount"].as_u64() {
            found.push(format!("{}: falls back to fewer than it starts with", title(scaler)));
        }
    }
    for authentication in objects.of("TriggerAuthentication") {
        for reference in items(&authentication["spec"]["secretTargetRef"]) {
            if !has(objects, &reference["name"], &[text(&reference["key"])]) {
                found.push(format!("{}: no Secret for {reference}", title(authentication)));
            }
        }
    }
}

fn databases(objects: &Objects, found: &mut Vec<String>) {
    for cluster in objects.of("Cluster") {
        let spec = &cluster["spec"];
        let service = name(cluster).trim_end_matches("-database").to_owned();
        let snake = service.replace('-', "_");
        let first = &spec["bootstrap"]["initdb"];
        let roles = items(&spec["managed"]["roles"]);
        if first["owner"] != format!("{snake}_owner") || first["database"] != format!("sharedspaces_{snake}")
        {
            found.push(format!("{}: is not the database of {service}", title(cluster)));
        }
        // Rights come by migrating; a role that may more than sign in would get round row-level security.
        let is_plain = |role: &&Value| role["superuser"] != true && role["bypassrls"] != true;
        if !roles.iter().filter(is_plain).any(|role| role["name"] == format!("{snake}_app")) {
            found.push(format!("{}: lacks the role {snake}_app", title(cluster)));
        }
        for secret in
            roles.iter().map(|role| &role["passwordSecret"]["name"]).chain([&first["secret"]["name"]])
        {
            if !has(objects, secret, &["username", "password"]) {
                found.push(format!("{}: no Secret {secret}", title(cluster)));
            }
        }
        for reference in ["accessKeyId", "secretAccessKey"] {
            let reference = &spec["backup"]["barmanObjectStore"]["s3Credentials"][reference];
            if !has(objects, &reference["name"], &[text(&reference["key"])]) {
                found.push(format!("{}: no Secret for {reference}", title(cluster)));
            }
        }
        if !objects.of("ScheduledBackup").any(|backup| backup["spec"]["cluster"]["name"] == name(cluster)) {
            found.push(format!("{}: nothing backs it up", title(cluster)));
        }
    }
    for backup in objects.of("ScheduledBackup") {
        if objects.find("Cluster", text(&backup["spec"]["cluster"]["name"])).is_none() {
            found.push(format!("{}: there is no such Cluster", title(backup)));
        }
    }
}

fn broker(objects: &Objects, code: &Code, found: &mut Vec<String>) {
    for cluster in objects.of("RabbitmqCluster") {
        let secret = &cluster["spec"]["tls"]["secretName"];
        if !has(objects, secret, &["tls.crt", "tls.key"]) {
            found.push(format!("{}: no Secret {secret}", title(cluster)));
        }
        if cluster["spec"]["tls"]["disableNonTLSListeners"] != true {
            found.push(format!("{}: speaks without TLS too", title(cluster)));
        }
        for service in crate::objects::SERVICES {
            let (user, rights) = (objects.find("User", service), objects.find("Permission", service));
            let (Some(user), Some(rights)) = (user, rights) else {
                found.push(format!("{}: has no user {service}", title(cluster)));
                continue;
            };
            if !has(objects, &user["spec"]["importCredentialsSecret"]["name"], &["username", "password"]) {
                found.push(format!("{}: no Secret of its name and password", title(user)));
            }
            let read = format!("^(sharedspaces\\.events|{service}\\.from-[a-z-]+)$");
            if rights["spec"]["permissions"]["read"] != read
                || rights["spec"]["userReference"]["name"] != service
            {
                found.push(format!("{}: reads what is not its own", title(rights)));
            }
        }
    }
    for object in objects.of("User").chain(objects.of("Permission")) {
        let at = text(&object["spec"]["rabbitmqClusterReference"]["name"]);
        if objects.find("RabbitmqCluster", at).is_none() {
            found.push(format!("{}: there is no RabbitmqCluster {at}", title(object)));
        }
    }
    for (service, queues) in &code.queues {
        if !queues.iter().all(|queue| queue.starts_with(&format!("{service}.from-"))) {
            found.push(format!("{service}: a queue is named otherwise: {queues:?}"));
        }
    }
}

fn certificates(objects: &Objects, found: &mut Vec<String>) {
    for certificate in objects.of("Certificate") {
        let issuer = text(&certificate["spec"]["issuerRef"]["name"]);
        if objects.find("Issuer", issuer).is_none() {
            found.push(format!("{}: there is no Issuer {issuer}", title(certificate)));
        }
    }
    for issuer in objects.of("Issuer") {
        let secret = &issuer["spec"]["ca"]["secretName"];
        if !secret.is_null() && !has(objects, secret, &["tls.crt", "tls.key"]) {
            found.push(format!("{}: no Secret {secret}", title(issuer)));
        }
    }
}
