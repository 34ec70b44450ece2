//! The gates of the design: rules that a review would otherwise have to remember.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use messaging::topology::SUBSCRIPTIONS;
use service_kit::error::{CommonError, ErrorEntry};
use sqlx::PgPool;
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
        ("assets.sharedspaces", assets::AssetError::CATALOGUE),
        ("assets.sharedspaces", assets::LogoError::CATALOGUE),
        ("crm-sync.sharedspaces", crm_sync::ConnectionError::CATALOGUE),
        ("crm-sync.sharedspaces", crm_sync::LogError::CATALOGUE),
        ("crm-sync.sharedspaces", crm_sync::OrganizationError::CATALOGUE),
        ("identity.sharedspaces", identity::OrganizationError::CATALOGUE),
        ("identity.sharedspaces", identity::PersonError::CATALOGUE),
        ("identity.sharedspaces", identity::SessionError::CATALOGUE),
        ("identity.sharedspaces", identity::InvitationError::CATALOGUE),
        ("identity.sharedspaces", identity::ConsentError::CATALOGUE),
        ("identity.sharedspaces", identity::CredentialError::CATALOGUE),
        ("identity.sharedspaces", identity::SignInLinkError::CATALOGUE),
        ("jobs.sharedspaces", messaging::DeadJobError::CATALOGUE),
        ("notifications.sharedspaces", notifications::DeliveryError::CATALOGUE),
        ("notifications.sharedspaces", notifications::NoticeError::CATALOGUE),
        ("notifications.sharedspaces", notifications::PreferenceError::CATALOGUE),
        ("notifications.sharedspaces", notifications::UnsubscribeError::CATALOGUE),
        ("spaces.sharedspaces", spaces::SpaceError::CATALOGUE),
        ("spaces.sharedspaces", spaces::ParticipantError::CATALOGUE),
        ("spaces.sharedspaces", spaces::PolicyError::CATALOGUE),
        ("spaces.sharedspaces", spaces::ThemeError::CATALOGUE),
        ("spaces.sharedspaces", spaces::ItemError::CATALOGUE),
        ("spaces.sharedspaces", spaces::CommentError::CATALOGUE),
        ("spaces.sharedspaces", spaces::AccessRequestError::CATALOGUE),
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
        let below = source.strip_prefix(root().join("services")).unwrap();
        let service = below.iter().next().unwrap().to_str().unwrap().replace('-', "_");
        for declaration in text.split("domain_error! {").skip(1) {
            let name = declaration.split("enum ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
            let entry = format!(" {service}::{name}::CATALOGUE");
            assert!(listed.contains(&entry), "{} declares {name}", source.display());
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
fn docs_features_and_docs_security_name_only_tests_that_exist() {
    let mut sources = Vec::new();
    files(&root(), "rs", &mut sources);
    let tests: BTreeSet<String> =
        sources.iter().flat_map(|path| tests_in(&std::fs::read_to_string(path).unwrap())).collect();
    let is_requirement = |line: &str| line.starts_with("| R");
    let is_attack =
        |line: &str| line.starts_with("| ") && line[2..].starts_with(|c: char| c.is_ascii_digit());
    assert_proofs("docs/features.md", is_requirement, &tests);
    assert_proofs("docs/security.md", is_attack, &tests);
}

/// Each row has three cells: what it is about, a sentence, and the tests that prove it, which must exist.
fn assert_proofs(page: &str, is_row: impl Fn(&str) -> bool, tests: &BTreeSet<String>) {
    let text = read(page);
    let rows: Vec<&str> = text.lines().filter(|line| is_row(line)).collect();
    assert!(!rows.is_empty(), "{page} has no rows");
    for line in rows {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [_, sentence, proofs] = cells.as_slice() else { panic!("a row has three cells: {line}") };
        assert!(sentence.ends_with('.'), "one sentence: {line}");
        let names: Vec<&str> = proofs.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test proves: {line}");
        for name in names {
            assert!(tests.contains(name), "{page} names {name}, which is no test");
        }
    }
}

/// The names of the functions that are tests by their attribute, not by the look of their name.
fn tests_in(code: &str) -> Vec<String> {
    let mut tests = Vec::new();
    let mut is_test = false;
    for line in code.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn ")) {
            if is_test {
                tests.extend(rest.split('(').next().map(str::to_owned));
            }
            is_test = false;
        }
    }
    tests
}

#[test]
fn only_a_function_with_a_tests_attribute_counts_as_a_test() {
    let code =
        "#[test]\nfn one() {}\nfn helper() {}\n    #[tokio::test(flavor = \"x\")]\n    async fn two() {";
    assert_eq!(tests_in(code), ["one", "two"]);
}

/// How PostgreSQL renders the one condition under which a row of a tenant may be seen or written.
const TENANT_ONLY: &str =
    "(organization_id = (NULLIF(current_setting('app.organization_id'::text, true), ''::text))::uuid)";

/// The policies beside it, each of the schema's owner alone, who is not a service's role and whose functions they
/// serve: what a service does for all organisations, it does through such a function.
const OWNERS_POLICIES: [(&str, &str, &str, &str); 19] = [
    ("access_requests", "due", "SELECT", "((state = 'REQUESTED'::text) AND (lapse_time <= now()))"),
    ("assets", "counted", "SELECT", "(state = ANY (ARRAY['UPLOADING'::text, 'SCANNING'::text]))"),
    (
        "assets",
        "due",
        "ALL",
        "((state = 'ABANDONED'::text) OR ((NOT is_shown) AND \
         (((state = ANY (ARRAY['UPLOADING'::text, 'CLEAN'::text])) AND (use_time < (now() - '24:00:00'::interval))) OR \
         ((state = 'SCANNING'::text) AND (use_time < (now() - '14 days'::interval))) OR \
         ((state = 'REFUSED'::text) AND (use_time < (now() - '30 days'::interval))))))",
    ),
    ("connections", "rotation", "SELECT", "true"),
    ("consent_ledgers", "heads", "SELECT", "true"),
    ("data_keys", "rotation", "SELECT", "true"),
    ("departures", "old", "ALL", "(depart_time < (now() - '90 days'::interval))"),
    ("devices", "forgotten", "ALL", "(last_use_time < (now() - '180 days'::interval))"),
    ("idempotency_keys", "expired", "ALL", "(create_time < (now() - '24:00:00'::interval))"),
    (
        "logos",
        "abandoned",
        "ALL",
        "((state <> 'READY'::text) AND (create_time < (now() - '01:00:00'::interval)))",
    ),
    ("logos", "unrendered", "ALL", "((state = 'READY'::text) AND (NOT is_rendered))"),
    (
        "logos",
        "unshown",
        "ALL",
        "((state = 'READY'::text) AND (NOT is_shown) AND (use_time < (now() - '24:00:00'::interval)))",
    ),
    (
        "notice_feeds",
        "old",
        "ALL",
        "((last_position)::numeric < (EXTRACT(epoch FROM (now() - '90 days'::interval)) * (1000000)::numeric))",
    ),
    ("notices", "old", "ALL", "(create_time < (now() - '90 days'::interval))"),
    ("sessions", "ended", "ALL", "(LEAST(expire_time, revoke_time) < (now() - '30 days'::interval))"),
    ("sign_in_links", "stale", "ALL", "(expire_time < (now() - '1 day'::interval))"),
    ("spaces", "due", "SELECT", "((state = 'DELETED'::text) AND (purge_time <= now()))"),
    (
        "spaces.organizations",
        "by_slug",
        "SELECT",
        "(slug = NULLIF(current_setting('app.wanted_slug'::text, true), ''::text))",
    ),
    ("visits", "due", "SELECT", "is_open"),
];

/// Tells which tables of a service are exempt from row-level security, and why.
pub(crate) fn exempt(service: &str) -> Vec<(&'static str, &'static str)> {
    let mut tables = vec![
        ("_sqlx_migrations", "which migrations ran: nothing of any organisation"),
        ("outbox", "the relay publishes the events of all organisations in one order"),
        ("inbox", "holds ids of events alone, read before it is known whose they are"),
        ("jobs", "the workers take the jobs of all organisations in turn"),
    ];
    if service == "identity" {
        tables.extend([
            ("organization_slugs", "tells which organisation somebody signs in to, before there is one"),
            ("signing_keys", "sign the tokens of all organisations"),
            ("sign_in_attempts", "are counted before it is known whether there is such an organisation"),
            ("budgets", "are counted before it is known who calls, by keyed hashes alone"),
        ]);
    }
    if service == "spaces" {
        tables.push(("budgets", "are counted before it is known who calls, by keyed hashes alone"));
    }
    tables
}

/// A row of `pg_policies`: name, whether it permits, roles, command, condition to see and condition to write.
type Policy = (String, String, Vec<String>, String, Option<String>, Option<String>);

fn policy(name: &str, role: &str, command: &str, condition: &str) -> Policy {
    let text = str::to_owned;
    (text(name), text("PERMISSIVE"), vec![text(role)], text(command), Some(text(condition)), None)
}

#[tokio::test]
async fn every_tenant_table_has_row_level_security_and_the_services_role_owns_nothing() {
    let services: [(&str, &[&Migrator]); 5] = [
        ("assets", &[&messaging::MIGRATOR, &assets::MIGRATOR]),
        ("crm-sync", &[&messaging::MIGRATOR, &crm_sync::MIGRATOR]),
        ("identity", &[&messaging::MIGRATOR, &identity::MIGRATOR]),
        ("notifications", &[&messaging::MIGRATOR, &notifications::MIGRATOR]),
        ("spaces", &[&messaging::MIGRATOR, &spaces::MIGRATOR]),
    ];
    for (service, migrators) in services {
        let database = TestDatabase::create(service, migrators).await;
        let pool = database.database.pool();
        every_table_but_the_exempt_is_its_tenants(service, pool).await;
        let role: (bool, bool, i64) = sqlx::query_as(
            "SELECT rolsuper, rolbypassrls, (SELECT count(*) FROM pg_class WHERE relowner = r.oid)
               FROM pg_roles r WHERE rolname = current_user",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        assert_eq!(role, (false, false, 0), "{service}");
    }
}

async fn every_table_but_the_exempt_is_its_tenants(service: &str, pool: &PgPool) {
    // Everything that holds or shows rows: a view would show its owner's.
    let tables: Vec<(String, String, bool, bool)> = sqlx::query_as(
        "SELECT relname::text, relkind::text, relrowsecurity, relforcerowsecurity
           FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relnamespace = 'public'::regnamespace",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let exempt = exempt(service);
    for (table, reason) in &exempt {
        assert!(
            tables.iter().any(|(name, ..)| name == table),
            "{service}.{table}, exempt because it {reason}"
        );
    }
    let tenants = tables.iter().filter(|(name, ..)| !exempt.iter().any(|(table, _)| table == name));
    let owner = format!("{}_owner", service.replace('-', "_"));
    for (table, kind, enabled, forced) in tenants {
        assert_eq!((kind.as_str(), *enabled, *forced), ("r", true, true), "{service}.{table}");
        let policies: Vec<Policy> = sqlx::query_as(
            "SELECT policyname::text, permissive, roles::text[], cmd, qual, with_check
               FROM pg_policies WHERE schemaname = 'public' AND tablename = $1
              ORDER BY policyname <> 'tenant', policyname",
        )
        .bind(table)
        .fetch_all(pool)
        .await
        .unwrap();
        let mut allowed = vec![policy("tenant", "public", "ALL", TENANT_ONLY)];
        // Copies of one table in several services may differ.
        let own = format!("{service}.{table}");
        let owners = OWNERS_POLICIES.iter().filter(|(of, ..)| of == table || *of == own);
        allowed.extend(owners.map(|(_, name, command, condition)| policy(name, &owner, command, condition)));
        assert_eq!(policies, allowed, "{service}.{table}");
    }
}
