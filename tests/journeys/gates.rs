//! The gates of the design: rules that a review would otherwise have to remember.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use messaging::topology::SUBSCRIPTIONS;
use service_kit::error::{CommonError, ErrorEntry};
use sqlx::migrate::Migrator;
use testkit::TestDatabase;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// All tracked files with an ending below a folder.
fn files(below: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with(".git") && !path.ends_with(".dev") {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
}

#[test]
fn services_depend_on_crates_only_and_never_on_each_other() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let service_names: BTreeSet<&str> = packages
        .iter()
        .filter(|package| package["manifest_path"].as_str().unwrap().contains("/services/"))
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    assert_eq!(service_names.len(), 5, "{service_names:?}");
    for package in packages.iter().filter(|package| service_names.contains(package["name"].as_str().unwrap()))
    {
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap();
            assert!(!service_names.contains(name), "{} depends on {name}", package["name"]);
            let is_ours = dependency["path"].is_string();
            let is_crate = dependency["path"].as_str().is_some_and(|path| path.contains("/crates/"));
            assert!(!is_ours || is_crate, "{} depends on {name}", package["name"]);
        }
    }
}

/// Every error enum of every service, by the domain of its reasons.
fn catalogues() -> Vec<(&'static str, &'static [ErrorEntry])> {
    vec![
        ("sharedspaces (every service)", CommonError::CATALOGUE),
        ("assets.sharedspaces", assets::LogoError::CATALOGUE),
        ("crm-sync.sharedspaces", crm_sync::ConnectionError::CATALOGUE),
        ("crm-sync.sharedspaces", crm_sync::LogError::CATALOGUE),
        ("crm-sync.sharedspaces", crm_sync::OrganizationError::CATALOGUE),
        ("identity.sharedspaces", identity::OrganizationError::CATALOGUE),
        ("identity.sharedspaces", identity::PersonError::CATALOGUE),
        ("identity.sharedspaces", identity::SessionError::CATALOGUE),
        ("identity.sharedspaces", identity::InvitationError::CATALOGUE),
        ("identity.sharedspaces", identity::ConsentError::CATALOGUE),
        ("notifications.sharedspaces", notifications::DeliveryError::CATALOGUE),
        ("spaces.sharedspaces", spaces::SpaceError::CATALOGUE),
        ("spaces.sharedspaces", spaces::ParticipantError::CATALOGUE),
    ]
}

#[test]
fn docs_errors_lists_every_error_with_its_code_and_reason() {
    let mut rows = BTreeSet::new();
    for (domain, entries) in catalogues() {
        for entry in entries {
            let code = format!("{:?}", entry.kind.code());
            rows.insert(format!("| `{domain}` | `{}` | {code} | {} |", entry.reason, entry.when.trim()));
        }
    }
    let table: Vec<String> = rows.into_iter().collect();
    let written = read("docs/errors.md");
    let missing: Vec<_> = table.iter().filter(|row| !written.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "docs/errors.md lacks:\n{}", table.join("\n"));
    let stale: Vec<_> = written
        .lines()
        .filter(|line| line.starts_with("| `") && !table.iter().any(|row| row == line))
        .collect();
    assert!(stale.is_empty(), "docs/errors.md lists what is not there: {stale:#?}");
}

#[test]
fn every_declared_error_enum_is_in_the_catalogue() {
    let mut sources = Vec::new();
    files(&root().join("services"), "rs", &mut sources);
    let listed = read("tests/journeys/gates.rs");
    for source in sources {
        let text = std::fs::read_to_string(&source).unwrap();
        for declaration in text.split("domain_error! {").skip(1) {
            let name = declaration.split("enum ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
            assert!(listed.contains(&format!("{name}::CATALOGUE")), "{} declares {name}", source.display());
        }
    }
}

#[test]
fn docs_events_lists_each_event_with_its_consumers() {
    let written = read("docs/events.md");
    let events = crate::golden::events();
    for (routing_key, type_name) in &events {
        let mut consumers: Vec<_> = SUBSCRIPTIONS
            .iter()
            .filter(|subscription| subscription.events.iter().any(|event| event.routing_key == *routing_key))
            .map(|subscription| subscription.consumer)
            .collect();
        consumers.sort_unstable();
        let row = format!("| `{routing_key}` | `{type_name}` | {} |", consumers.join(", "));
        assert!(written.contains(&row), "docs/events.md lacks:\n{row}");
    }
    let rows = written.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, events.len(), "docs/events.md lists an event that does not exist");
}

#[test]
fn docs_features_names_only_requirements_and_tests_that_exist() {
    let mut sources = Vec::new();
    files(&root(), "rs", &mut sources);
    let code: String = sources.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let mut rows = 0;
    for line in read("docs/features.md").lines().filter(|line| line.starts_with("| R")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [_, sentence, tests] = cells.as_slice() else { panic!("a row has three cells: {line}") };
        assert!(sentence.ends_with('.'), "one sentence: {line}");
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test proves: {line}");
        for name in names {
            assert!(code.contains(&format!("fn {name}(")), "there is no test {name}");
        }
        rows += 1;
    }
    assert!(rows > 0);
}

/// Tables that hold rows of all organisations, because one process works for all of them.
const INFRASTRUCTURE: [&str; 3] = ["outbox", "inbox", "jobs"];

#[tokio::test]
async fn every_tenant_table_has_row_level_security_and_the_services_role_owns_nothing() {
    let services: [(&str, &[&Migrator]); 5] = [
        ("assets", &[&assets::MIGRATOR]),
        ("crm-sync", &[&messaging::MIGRATOR, &crm_sync::MIGRATOR]),
        ("identity", &[&messaging::MIGRATOR, &identity::MIGRATOR]),
        ("notifications", &[&messaging::MIGRATOR, &notifications::MIGRATOR]),
        ("spaces", &[&messaging::MIGRATOR, &spaces::MIGRATOR]),
    ];
    for (service, migrators) in services {
        let database = TestDatabase::create(service, migrators).await;
        let tables: Vec<(String, bool, bool, bool)> = sqlx::query_as(
            "SELECT c.relname::text, c.relrowsecurity, c.relforcerowsecurity,
                    EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organization_id')
               FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace",
        )
        .fetch_all(database.database.pool())
        .await
        .unwrap();
        assert!(tables.len() > 2, "{service}: {tables:?}");
        for (table, enabled, forced, has_tenant) in tables {
            let is_tenants =
                has_tenant && !INFRASTRUCTURE.contains(&table.as_str()) && table != "organization_slugs";
            assert_eq!((enabled && forced), is_tenants, "{service}.{table}");
        }
        let role: (bool, bool, i64) = sqlx::query_as(
            "SELECT rolsuper, rolbypassrls, (SELECT count(*) FROM pg_class WHERE relowner = r.oid)
               FROM pg_roles r WHERE rolname = current_user",
        )
        .fetch_one(database.database.pool())
        .await
        .unwrap();
        assert_eq!(role, (false, false, 0), "{service}");
    }
}
