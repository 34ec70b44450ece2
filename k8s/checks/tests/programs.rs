//! What other programs say of the manifests: the schemas of Kubernetes, checkov, hadolint, and Envoy of what its pod makes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use manifests::objects::Objects;
use manifests::routing::gateway_arguments;
use manifests::schemas::is_built_in;
use serde_json::{Value, json};

use super::{OVERLAYS, overlay, root, tools};

/// The oldest and the newest Kubernetes that the tree is for.
const KUBERNETES: [&str; 2] = ["1.33", "1.37"];

/// A directory of a test's own, which is gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("sharedspaces-manifests-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    /// JSON is YAML; a list of objects would be taken for one.
    fn write(&self, name: &str, objects: &[Value]) -> PathBuf {
        let path = self.0.join(name);
        let documents: Vec<String> = objects.iter().map(ToString::to_string).collect();
        std::fs::write(&path, documents.join("\n---\n")).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Below the system's own directory for such things; a test that fails must not fail twice.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Programs are started in the checkout: what reads settings as a program does changes this process's own directory for
/// that time.
fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn kubernetes_validate(version: &str, file: &Path) -> Output {
    let mut validate = command(tools().join("kubernetes-validate"));
    validate.args(["-k", version, "--strict"]).arg(file).output().unwrap()
}

fn built_in(objects: &Objects) -> Vec<Value> {
    objects.0.iter().filter(|object| is_built_in(object)).cloned().collect()
}

#[test]
fn kubernetes_knows_every_kind_and_field_in_its_oldest_and_its_newest_version() {
    let scratch = Scratch::new("schemas");
    for name in OVERLAYS {
        let objects = built_in(&overlay(name).0);
        let file = scratch.write(&format!("{name}.yaml"), &objects);
        for version in KUBERNETES {
            let output = kubernetes_validate(version, &file);
            let told = told(&output);
            assert!(output.status.success() && !told.contains("WARN"), "{name} {version}:\n{told}");
            assert_eq!(
                told.matches("INFO").count(),
                objects.len(),
                "{name} {version}: not all were looked at\n{told}"
            );
        }
    }
}

#[test]
fn kubernetes_refuses_a_field_that_is_misspelt() {
    let scratch = Scratch::new("misspelt");
    let (objects, _) = overlay("prod");
    for (kind, field, value) in [
        ("Deployment", "replica", json!(2)),
        ("Service", "clusterIp", json!("None")),
        ("NetworkPolicy", "policyType", json!(["Ingress"])),
        ("PodDisruptionBudget", "maxUnavailable ", json!(1)),
        ("Job", "backofLimit", json!(3)),
    ] {
        let mut object = objects.of(kind).next().unwrap().clone();
        object["spec"][field] = value;
        let file = scratch.write(&format!("{kind}.yaml"), &[object]);
        assert!(!kubernetes_validate("1.37", &file).status.success(), "{kind} with {field}");
    }
}

#[test]
fn checkov_finds_nothing_but_what_is_skipped_with_a_reason() {
    let Some(checkov) = std::env::var_os("TEST_CHECKOV") else { panic!("TEST_CHECKOV is not set") };
    let scratch = Scratch::new("checkov");
    for name in OVERLAYS {
        scratch.write(&format!("{name}.yaml"), &overlay(name).0.0);
    }
    std::fs::copy(root().join("Dockerfile"), scratch.0.join("Dockerfile")).unwrap();
    let check = |dir: &Path| {
        let mut checkov = command(&checkov);
        checkov.args(["--framework", "kubernetes", "dockerfile", "--compact", "--quiet", "--skip-download"]);
        checkov
            .arg("--config-file")
            .arg(root().join("k8s/checkov.yaml"))
            .arg("--directory")
            .arg(dir)
            .output()
            .unwrap()
    };
    let output = check(&scratch.0);
    assert!(output.status.success(), "{}", told(&output));
    // It does look: a pod that may do everything is told.
    let bad = Scratch::new("checkov-bad");
    let mut pod = overlay("prod").0.find("Deployment", "spaces").unwrap().clone();
    pod["spec"]["template"]["spec"]["containers"][0]["securityContext"] = json!({"privileged": true});
    bad.write("bad.yaml", &[pod]);
    let output = check(&bad.0);
    assert!(!output.status.success() && told(&output).contains("CKV_K8S_16"), "{}", told(&output));
}

#[test]
fn every_skip_of_checkov_has_its_reason() {
    let text = std::fs::read_to_string(root().join("k8s/checkov.yaml")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.windows(2).filter(|pair| pair[1].trim_start().starts_with("- CKV")) {
        assert!(pair[0].trim_start().starts_with("# "), "{}", pair[1]);
    }
}

#[test]
fn hadolint_finds_nothing_in_the_dockerfile() {
    let output = command(tools().join("hadolint")).arg(root().join("Dockerfile")).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
}

#[test]
fn the_dockerfile_yields_an_image_for_each_program_that_the_manifests_run() {
    let text = std::fs::read_to_string(root().join("Dockerfile")).unwrap();
    let (objects, _) = overlay("prod");
    let mut images = 0;
    for pod in objects.pods() {
        for container in pod.containers() {
            let image = container["image"].as_str().unwrap();
            let Some(name) = image.strip_prefix("sharedspaces/").and_then(|rest| rest.split(':').next())
            else {
                continue;
            };
            assert!(text.contains(&format!("FROM runtime AS {name}\n")), "{image}");
            assert!(text.contains(&format!("COPY --from=build /programs/{name} /app\n")), "{image}");
            images += 1;
        }
    }
    assert!(images >= 16, "{images}");
    let is_last_plain = text.contains("USER 65532:65532") && text.contains("distroless");
    assert!(is_last_plain && !text.contains("ENTRYPOINT /"), "no shell, no root");
}

#[test]
fn nothing_secret_goes_into_an_image() {
    let ignored = std::fs::read_to_string(root().join(".dockerignore")).unwrap();
    let lines: Vec<&str> = ignored.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.first(), Some(&"*"), "what is not named is left out");
    for never in ["**/.env*", "**/*.pem", "**/*.key", "**/.dev"] {
        assert!(lines.contains(&never), "{never}");
    }
}

#[test]
fn envoy_takes_the_configuration_that_the_gateways_pod_makes() {
    let binaries = PathBuf::from(std::env::var_os("TEST_BINARIES").unwrap());
    let envoy = std::env::var_os("TEST_ENVOY").unwrap();
    for name in OVERLAYS {
        let scratch = Scratch::new(&format!("envoy-{name}"));
        let out = scratch.0.join("envoy.json");
        let arguments = gateway_arguments(&overlay(name).0);
        let arguments = arguments.iter().map(|argument| match argument.strip_prefix("--out=") {
            Some(_) => format!("--out={}", out.display()),
            None => argument.clone(),
        });
        let made = command(binaries.join("gateway")).args(arguments).output().unwrap();
        assert!(made.status.success(), "{name}: {}", told(&made));
        let valid = command(&envoy).args(["--mode", "validate", "-c"]).arg(&out).output().unwrap();
        assert!(valid.status.success(), "{name}: {}", told(&valid));
    }
}
