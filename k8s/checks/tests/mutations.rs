//! Mistakes that people make in manifests, one at a time: each must be found.

use std::io::Write;

use manifests::code::Code;
use manifests::findings;
use manifests::objects::Objects;
use serde_json::{Value, json};

use super::overlay;

/// A mistake: what it is, the rule that is to find it, and how it is made.
pub(crate) type Mutation = (&'static str, &'static str, fn(&mut Objects));

/// The object of a kind with a name, to be changed.
fn object<'o>(objects: &'o mut Objects, kind: &str, name: &str) -> &'o mut Value {
    let found = objects.0.iter_mut().find(|is| is["kind"] == kind && is["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

fn deployment<'o>(objects: &'o mut Objects, name: &str) -> &'o mut Value {
    &mut object(objects, "Deployment", name)["spec"]
}

fn app<'o>(objects: &'o mut Objects, name: &str) -> &'o mut Value {
    &mut deployment(objects, name)["template"]["spec"]["containers"][0]
}

fn remove(objects: &mut Objects, kind: &str, name: &str) {
    let before = objects.0.len();
    objects.0.retain(|is| is["kind"] != kind || is["metadata"]["name"] != name);
    assert_eq!(objects.0.len() + 1, before, "{kind} {name}");
}

/// A key of a ConfigMap whose name begins so: kustomize adds a hash.
fn setting<'o>(objects: &'o mut Objects, map: &str, key: &str) -> &'o mut Value {
    let found = objects.0.iter_mut().find(|is| {
        let name = is["metadata"]["name"].as_str().unwrap();
        is["kind"] == "ConfigMap" && name.starts_with(&format!("{map}-")) && !is["data"][key].is_null()
    });
    &mut found.unwrap_or_else(|| panic!("{map} has no {key}"))["data"][key]
}

fn policy<'o>(objects: &'o mut Objects, name: &str) -> &'o mut Value {
    &mut object(objects, "NetworkPolicy", name)["spec"]
}

fn without(value: &mut Value, key: &str) {
    assert!(value.as_object_mut().unwrap().remove(key).is_some(), "{key}");
}

fn add(value: &mut Value, element: Value) {
    value.as_array_mut().unwrap().push(element);
}

fn drop_setting(objects: &mut Objects, map: &str, key: &str) {
    *setting(objects, map, key) = Value::Null;
    for is in &mut objects.0 {
        if let Some(data) = is["data"].as_object_mut() {
            data.retain(|_, value| !value.is_null());
        }
    }
}

/// What is made in the overlay `prod`.
pub(crate) const MUTATIONS: &[Mutation] = &[
    ("a service selects a label that no pod has", "references", |o| {
        object(o, "Service", "spaces")["spec"]["selector"]["app.kubernetes.io/name"] = json!("space");
    }),
    ("a service leads to a port without a name", "references", |o| {
        object(o, "Service", "assets")["spec"]["ports"][1]["targetPort"] = json!("files");
    }),
    ("a service is not headless", "references", |o| {
        without(&mut object(o, "Service", "spaces")["spec"], "clusterIP");
    }),
    ("a deployment does not select its own pods", "references", |o| {
        deployment(o, "identity")["selector"]["matchLabels"]["app.kubernetes.io/component"] = json!("server");
    }),
    ("a pod names a ConfigMap that is not there", "references", |o| {
        app(o, "spaces")["envFrom"][0]["configMapRef"]["name"] = json!("space-settings");
    }),
    ("a pod mounts a Secret that is not there", "references", |o| {
        deployment(o, "spaces")["template"]["spec"]["volumes"][0]["secret"]["secretName"] =
            json!("spaces-secret");
    }),
    ("the store does not give a key that a setting reads", "references", |o| {
        let data = &mut object(o, "ExternalSecret", "spaces-secrets")["spec"]["data"];
        data.as_array_mut().unwrap().retain(|entry| entry["secretKey"] != "budget-key");
    }),
    ("a container mounts a volume that is not there", "references", |o| {
        app(o, "assets-work")["volumeMounts"][0]["name"] = json!("secret");
    }),
    ("a probe asks a port that is not there", "references", |o| {
        app(o, "crm-sync")["readinessProbe"]["httpGet"]["port"] = json!("admin");
    }),
    ("a service account is missing", "references", |o| remove(o, "ServiceAccount", "notifications")),
    ("a scaler's target is missing", "references", |o| {
        object(o, "HorizontalPodAutoscaler", "spaces")["spec"]["scaleTargetRef"]["name"] = json!("space");
    }),
    ("a scaler measures a container that is not there", "references", |o| {
        let metric = &mut object(o, "HorizontalPodAutoscaler", "spaces")["spec"]["metrics"][0];
        metric["containerResource"]["container"] = json!("spaces");
    }),
    ("two scalers act on one deployment", "references", |o| {
        object(o, "HorizontalPodAutoscaler", "spaces")["spec"]["scaleTargetRef"]["name"] =
            json!("spaces-work");
    }),
    ("a scaler's least is more than its most", "references", |o| {
        object(o, "HorizontalPodAutoscaler", "assets")["spec"]["minReplicas"] = json!(20);
    }),
    ("a deployment has no disruption budget", "references", |o| remove(o, "PodDisruptionBudget", "gateway")),
    ("a deployment has two disruption budgets", "references", |o| {
        object(o, "PodDisruptionBudget", "spaces")["spec"]["selector"] =
            json!({"matchLabels": {"app.kubernetes.io/name": "spaces"}});
    }),
    ("a disruption budget selects by nothing", "references", |o| {
        object(o, "PodDisruptionBudget", "spaces")["spec"]["selector"] = json!({});
    }),
    ("a queue is watched by another name", "custom", |o| {
        let triggers = &mut object(o, "ScaledObject", "spaces-work")["spec"]["triggers"];
        triggers[1]["metadata"]["queueName"] = json!("spaces.from-identities");
    }),
    ("a scaler has no credentials", "custom", |o| remove(o, "TriggerAuthentication", "crm-sync-backlog")),
    ("a scaler's credentials are of a key that is not there", "custom", |o| {
        let spec = &mut object(o, "TriggerAuthentication", "spaces-backlog")["spec"];
        spec["secretTargetRef"][0]["key"] = json!("amqp-url");
    }),
    ("a database has no back-up", "custom", |o| remove(o, "ScheduledBackup", "assets-nightly")),
    ("a database's role gets round row-level security", "custom", |o| {
        object(o, "Cluster", "spaces-database")["spec"]["managed"]["roles"][0]["bypassrls"] = json!(true);
    }),
    ("a service's user of the broker reads all queues", "custom", |o| {
        object(o, "Permission", "assets")["spec"]["permissions"]["read"] = json!(".*");
    }),
    ("the broker's certificate goes to another Secret", "custom", |o| {
        object(o, "Certificate", "broker")["spec"]["secretName"] = json!("broker-certificate");
    }),
    ("a certificate's issuer is missing", "custom", |o| remove(o, "Issuer", "internal")),
    ("a route leads to a port that is not there", "routing", |o| {
        object(o, "HTTPRoute", "content")["spec"]["rules"][0]["backendRefs"][0]["port"] = json!(8082);
    }),
    ("a route hangs on a listener that is not there", "routing", |o| {
        object(o, "HTTPRoute", "api")["spec"]["parentRefs"][0]["sectionName"] = json!("https");
    }),
    ("the gateway looks for a service at another port", "routing", |o| {
        let first = &mut deployment(o, "gateway")["template"]["spec"]["initContainers"][0]["args"];
        for argument in first.as_array_mut().unwrap() {
            if argument == "--service=spaces=spaces:8080" {
                *argument = json!("--service=spaces=spaces:9090");
            }
        }
    }),
    ("the gateway believes the callers' own x-forwarded-for", "routing", |o| {
        let first = &mut deployment(o, "gateway")["template"]["spec"]["initContainers"][0]["args"];
        add(first, json!("--trusted-hops=2"));
        let arguments = first.as_array_mut().unwrap();
        arguments.retain(|argument| argument != "--trusted-hops=1");
    }),
    ("peers of a policy became the service itself", "network", |o| {
        for rule in policy(o, "spaces")["ingress"].as_array_mut().unwrap() {
            for peer in rule["from"].as_array_mut().unwrap() {
                peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] = json!("spaces");
            }
        }
    }),
    ("a policy is of the whole namespace", "network", |o| policy(o, "crm-sync")["podSelector"] = json!({})),
    ("a policy lacks an edge", "network", |o| {
        policy(o, "notifications")["egress"].as_array_mut().unwrap().remove(2);
    }),
    ("a policy lets everybody in", "network", |o| {
        add(&mut policy(o, "assets")["ingress"], json!({"ports": [{"protocol": "TCP", "port": 8080}]}));
    }),
    ("a policy lets one service out to everywhere", "network", |o| {
        add(
            &mut policy(o, "identity")["egress"],
            json!({"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}],
            "ports": [{"protocol": "TCP", "port": 443}]}),
        );
    }),
    ("a policy forgets one direction", "network", |o| {
        policy(o, "default-deny")["policyTypes"] = json!(["Ingress"]);
    }),
    ("a database is open to another service", "network", |o| {
        let rule = &mut policy(o, "identity-database")["ingress"][0];
        add(&mut rule["from"], json!({"podSelector": {"matchLabels": {"app.kubernetes.io/name": "spaces"}}}));
        let out = &mut policy(o, "spaces-to-database")["egress"][0];
        add(
            &mut out["to"],
            json!({"podSelector": {"matchLabels": {"app.kubernetes.io/name": "identity-database"}}}),
        );
    }),
    ("a service is told of another at the wrong port", "network", |o| {
        *setting(o, "common-settings-spaces", "SPACES__PEERS__IDENTITY") = json!("http://identity:9090");
    }),
    ("a service is not told where another is", "network", |o| {
        drop_setting(o, "common-settings-notifications", "NOTIFICATIONS__PEERS__ASSETS");
    }),
    ("a pod may run as root", "pods", |o| {
        deployment(o, "spaces")["template"]["spec"]["securityContext"]["runAsNonRoot"] = json!(false);
    }),
    ("a container keeps its capabilities", "pods", |o| {
        app(o, "spaces")["securityContext"]["capabilities"]["drop"] = json!(["NET_RAW"]);
    }),
    ("a container may write its image", "pods", |o| {
        app(o, "identity")["securityContext"]["readOnlyRootFilesystem"] = json!(false);
    }),
    ("a pod has no seccomp profile", "pods", |o| {
        without(&mut deployment(o, "gateway")["template"]["spec"]["securityContext"], "seccompProfile");
    }),
    ("a pod mounts a directory of the node", "pods", |o| {
        add(
            &mut deployment(o, "assets")["template"]["spec"]["volumes"],
            json!({"name": "x", "hostPath": {"path": "/"}}),
        );
    }),
    ("a container has no limit of memory", "pods", |o| without(&mut app(o, "assets")["resources"], "limits")),
    ("an image has no certain version", "pods", |o| {
        app(o, "spaces")["image"] = json!("sharedspaces/spaces:latest");
    }),
    ("images are of two releases", "pods", |o| {
        app(o, "spaces-work")["image"] = json!("sharedspaces/spaces:0.2.0");
    }),
    ("a deployment runs another service's image", "pods", |o| {
        app(o, "spaces")["image"] = json!("sharedspaces/assets:0.1.0");
    }),
    ("a worker answers calls", "pods", |o| app(o, "crm-sync-work")["args"] = json!(["serve"])),
    ("a pod is killed before it has stopped", "pods", |o| {
        deployment(o, "spaces")["template"]["spec"]["terminationGracePeriodSeconds"] = json!(30);
    }),
    ("a pod stops before routers have heard of it", "pods", |o| without(app(o, "identity"), "lifecycle")),
    ("the drain is longer than the grace", "pods", |o| {
        add(&mut app(o, "spaces")["env"], json!({"name": "SPACES__SHUTDOWN__DRAIN_MS", "value": "40000"}));
    }),
    ("a roll-out takes pods away first", "pods", |o| {
        deployment(o, "assets")["strategy"]["rollingUpdate"]["maxUnavailable"] = json!(1);
    }),
    ("liveness looks at the database", "pods", |o| {
        app(o, "spaces")["livenessProbe"]["httpGet"]["path"] = json!("/readyz");
    }),
    ("a deployment is not spread", "pods", |o| {
        deployment(o, "spaces")["template"]["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"] =
            json!({"app": "spaces"});
    }),
    ("the gateway runs an Envoy that was never tested", "pods", |o| {
        app(o, "gateway")["image"] = json!("envoyproxy/envoy:distroless-v1.33.0");
    }),
    ("a required setting is missing", "settings", |o| {
        drop_setting(o, "spaces-settings", "SPACES__BUDGET_KEY_FILE");
    }),
    ("a setting is misspelt", "settings", |o| {
        let env = &mut app(o, "spaces")["env"];
        add(env, json!({"name": "SPACES__GRPC__MAX_INFLIGHT", "value": "100"}));
    }),
    ("a setting has a value that there is not", "settings", |o| {
        *setting(o, "notifications-settings", "NOTIFICATIONS__SMTP__TLS") = json!("required");
    }),
    ("a setting has another service's prefix", "settings", |o| {
        add(&mut app(o, "spaces")["env"], json!({"name": "ASSETS__CONTENT__LISTEN", "value": "0.0.0.0:1"}));
    }),
    ("production is set to development", "settings", |o| {
        add(&mut app(o, "crm-sync")["env"], json!({"name": "CRM_SYNC__DEVELOPMENT", "value": "true"}));
    }),
    ("services expect tokens of two issuers", "settings", |o| {
        *setting(o, "common-settings-assets", "ASSETS__AUTH__ISSUER") = json!("identity");
    }),
    ("a service believes no proxy", "settings", |o| {
        *setting(o, "identity-settings", "IDENTITY__TRUSTED_PROXIES") = json!("0");
    }),
    ("a service listens elsewhere than its port", "settings", |o| {
        *setting(o, "assets-settings", "ASSETS__CONTENT__LISTEN") = json!("0.0.0.0:8082");
    }),
    ("a pool is larger than the database stands", "capacity", |o| {
        app(o, "spaces")["env"][0]["value"] = json!("20");
    }),
    ("more replicas than the database stands", "capacity", |o| {
        object(o, "HorizontalPodAutoscaler", "identity")["spec"]["maxReplicas"] = json!(30);
    }),
    ("more workers than the mail server takes connections", "capacity", |o| {
        object(o, "ScaledObject", "notifications-work")["spec"]["maxReplicaCount"] = json!(10);
    }),
    ("the web client goes round the gateway", "web", |o| {
        *setting(o, "web-settings", "WEB__API__SPACES") = json!("http://spaces:8080");
    }),
    ("the web client reaches another port of the gateway", "network", |o| {
        add(
            &mut policy(o, "web")["egress"],
            json!({"to": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "gateway"}}}],
            "ports": [{"protocol": "TCP", "port": 9902}]}),
        );
        add(
            &mut policy(o, "gateway")["ingress"],
            json!({"from": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "web"}}}],
            "ports": [{"protocol": "TCP", "port": 9902}]}),
        );
    }),
    ("browsers go from replica to replica", "web", |o| {
        without(&mut object(o, "HTTPRoute", "web")["spec"]["rules"][0], "sessionPersistence");
    }),
    ("the web client has no key", "web", |o| drop_setting(o, "web-settings", "WEB__KEY_FILE")),
    ("a setting of the web client is misspelt", "web", |o| {
        app(o, "web")["env"] =
            json!([{"name": "WEB__CONTENT_ORIGIN", "value": "https://content.example.com"}]);
    }),
    ("the web client believes browsers' own x-forwarded-for", "web", |o| {
        *setting(o, "web-settings", "WEB__TRUSTED_PROXIES") = json!("2");
    }),
    ("mails lead to another host than the web client's", "web", |o| {
        *setting(o, "identity-settings", "IDENTITY__WEB_BASE_URL") = json!("https://rooms.example.com");
    }),
    ("the web client is killed before it has stopped", "web", |o| {
        deployment(o, "web")["template"]["spec"]["terminationGracePeriodSeconds"] = json!(20);
    }),
    ("a custom resource has a field it does not have", "schemas", |o| {
        object(o, "ScaledObject", "spaces-work")["spec"]["maxReplicas"] = json!(6);
    }),
    ("a custom resource has a value that there is not", "schemas", |o| {
        object(o, "ExternalSecret", "spaces-secrets")["spec"]["target"]["creationPolicy"] = json!("Own");
    }),
    ("an object is of a kind that nobody knows", "schemas", |o| {
        add_object(
            o,
            json!({"apiVersion": "sharedspaces.io/v1", "kind": "Space", "spec": {},
            "metadata": {"name": "x", "namespace": "sharedspaces"}}),
        );
    }),
];

fn add_object(objects: &mut Objects, object: Value) {
    objects.0.push(object);
}

fn killers(mutated: &Objects, code: &Code) -> Vec<String> {
    let mut rules: Vec<String> = findings(mutated, code)
        .iter()
        .filter_map(|finding| finding.split_once(':').map(|(rule, _)| rule.to_owned()))
        .collect();
    rules.dedup();
    rules
}

#[test]
fn every_mistake_is_found_by_the_rule_that_is_to_find_it() {
    let (objects, code) = overlay("prod");
    let mut survivors = Vec::new();
    let mut table = String::new();
    for (mistake, rule, make) in MUTATIONS {
        let mut mutated = objects.clone();
        make(&mut mutated);
        assert!(mutated.0 != objects.0, "{mistake}: changes nothing");
        let killers = killers(&mutated, &code);
        table.push_str(&format!("{mistake:<60} {}\n", killers.join(" ")));
        if !killers.iter().any(|killer| killer == rule) {
            survivors.push(format!("{mistake} (by {rule}, found by {killers:?})"));
        }
    }
    let killed = MUTATIONS.len() - survivors.len();
    table.push_str(&format!("{killed} of {} mistakes in manifests found\n", MUTATIONS.len()));
    // Past the test runner, which holds back what passing tests print: the table is what the run is for.
    std::io::stdout().write_all(table.as_bytes()).unwrap();
    assert!(MUTATIONS.len() >= 32, "{}", MUTATIONS.len());
    assert!(survivors.is_empty(), "not found: {survivors:#?}");
}
