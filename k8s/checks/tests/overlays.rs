//! Each overlay keeps every rule.

use manifests::objects::Objects;
use manifests::{capacity, findings, objects};

use super::{OVERLAYS, overlay, root, tools};

#[test]
fn every_overlay_keeps_every_rule() {
    for name in OVERLAYS {
        let (objects, code) = overlay(name);
        let found = findings(&objects, &code);
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
    }
}

#[test]
fn an_overlay_has_all_services_in_both_roles_and_their_migration() {
    for name in OVERLAYS {
        let (objects, _) = overlay(name);
        for service in objects::SERVICES {
            for deployment in [service.to_owned(), format!("{service}-work")] {
                assert!(objects.find("Deployment", &deployment).is_some(), "{name}: {deployment}");
            }
            let jobs = objects
                .of("Job")
                .filter(|job| objects::name(job).starts_with(&format!("{service}-migrate-")));
            assert_eq!(jobs.count(), 1, "{name}: {service}");
        }
    }
}

#[test]
fn every_component_renders_with_the_base() {
    let components = root().join("k8s/components");
    let mut rendered = 0;
    for component in std::fs::read_dir(&components).unwrap() {
        let component = component.unwrap().file_name().into_string().unwrap();
        // Below the checkout, for kustomize takes no absolute paths.
        let dir = root().join("k8s/overlays").join(format!(".{component}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        // The edge stands before the gateway.
        let before = if component == "edge" { "  - ../../components/gateway\n" } else { "" };
        let kustomization = format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: sharedspaces\n\
             resources:\n  - ../../base\ncomponents:\n{before}  - ../../components/{component}\n"
        );
        std::fs::write(dir.join("kustomization.yaml"), kustomization).unwrap();
        let objects = Objects::render(&tools(), &dir);
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(objects.is_ok_and(|objects| objects.0.len() > 50), "{component}");
        rendered += 1;
    }
    assert!(rendered >= 8, "{rendered}");
}

#[test]
fn docs_tell_the_connections_that_there_can_be() {
    let told = std::fs::read_to_string(root().join("docs/operating.md")).unwrap();
    let (objects, _) = overlay("prod");
    for service in objects::SERVICES {
        let row = format!("| {service} | {} |", capacity::connections(&objects, service));
        assert!(told.contains(&row), "docs/operating.md lacks `{row}`");
    }
}
