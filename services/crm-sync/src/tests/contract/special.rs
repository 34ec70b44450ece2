//! What only one of the CRMs does.

use serde_json::{Value, json};

use super::crm::Crm;
use super::writing::log;
use crate::config::SapSalesCloudConfig;
use crate::connectors::sales_cloud::SalesCloud;
use crate::connectors::{
    Check, CrmConnector as _, CrmError, Finding, LogEntry, PersonType, Provider, RecordType, Severity,
};

fn severity(findings: &[Finding], check: Check) -> Severity {
    findings.iter().find(|finding| finding.check == check).unwrap().severity
}

#[tokio::test]
async fn dataverse_without_the_sales_app_logs_on_accounts_and_contacts() {
    let crm = Crm::start(Provider::Dataverse).await;
    let session = crm.session().await;
    let known = crm.known(&session).await;
    crm.script(json!({"sales_app": false})).await;
    let findings = crm.connector.check_setup(&session).await.unwrap();
    assert_eq!(severity(&findings, Check::SalesApp), Severity::Warning);
    let refused = crm.connector.search_opportunities(&session, "Contoso").await.unwrap_err();
    let CrmError::Permanent { message } = &refused else { panic!("{refused:?}") };
    assert!(message.contains("Dynamics 365 Sales is not installed"), "{message}");
    assert_eq!(crm.connector.search_people(&session, "Owen").await.unwrap().len(), 1);
    let matched = crm.connector.match_addresses(&session, &["sean@ohara.test".to_owned()]).await.unwrap();
    assert_eq!(matched[0].len(), 1);
    for log in [
        log(RecordType::Opportunity, &known.opportunity, &[]),
        log(RecordType::Account, &known.account, &[(PersonType::Lead, &known.lead)]),
    ] {
        assert_eq!(crm.write(&session, &log, 1).await.unwrap_err(), refused);
    }
    // A changeset happens as a whole, or not at all.
    assert!(crm.tasks().await.is_empty());
    let log = log(RecordType::Account, &known.account, &[(PersonType::Contact, &known.contact)]);
    crm.write(&session, &log, 1).await.unwrap();
}

#[tokio::test]
async fn dataverse_names_a_user_that_is_no_member_of_the_environment() {
    let crm = Crm::start(Provider::Dataverse).await;
    let session = crm.session().await;
    crm.script(json!({"app_user": false})).await;
    let refused = crm.connector.check_setup(&session).await.unwrap_err();
    assert!(
        matches!(&refused, CrmError::Permanent { message } if message.contains("application user")),
        "{refused:?}"
    );
    crm.script(json!({"secret_expired": true})).await;
    let refused = crm.sign_in(&crm.access()).await.unwrap_err();
    assert!(
        matches!(&refused, CrmError::Reconnect { message } if message.contains("expired")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn dataverse_makes_the_part_of_a_log_that_is_missing_and_completes_its_tasks() {
    let crm = Crm::start(Provider::Dataverse).await;
    let session = crm.session().await;
    let known = crm.known(&session).await;
    let log = log(RecordType::Account, &known.account, &[(PersonType::Contact, &known.contact)]);
    // The changeset lands, completing the tasks does not: of the two batches the second fails.
    crm.script(json!({"status": 503, "path": "$batch", "every": 2})).await;
    let failed = crm.write(&session, &log, 1).await.unwrap_err();
    assert!(matches!(failed, CrmError::Retry { .. }), "{failed:?}");
    assert!(crm.tasks().await.iter().all(|task| task["statecode"] == 0));
    let note = crm.records("annotations").await.remove(0);
    let url = format!(
        "{}api/data/v9.2/annotations({})",
        session.instance_url,
        note["annotationid"].as_str().unwrap()
    );
    let token = secrecy::ExposeSecret::expose_secret(&session.access_token);
    let deleted = crm.http.delete(url).bearer_auth(token).send().await.unwrap();
    assert!(deleted.status().is_success(), "{deleted:?}");
    assert!(crm.records("annotations").await.is_empty());

    crm.write(&session, &log, 1).await.unwrap();
    let tasks = crm.tasks().await;
    assert!(tasks.len() == 2 && tasks.iter().all(|task| task["statecode"] == 1), "{tasks:?}");
    let notes = crm.records("annotations").await;
    assert_eq!((notes.len(), &notes[0]["_objectid_value"]), (1, &json!(log.log_id.uuid())));
    assert_eq!(notes[0]["notetext"], json!(log.body));
}

#[tokio::test]
async fn dataverse_follows_a_converted_lead_to_the_contact_that_has_another_address_by_now() {
    let crm = Crm::start(Provider::Dataverse).await;
    let session = crm.session().await;
    let known = crm.known(&session).await;
    let url = format!("{}api/data/v9.2/contacts({})", session.instance_url, known.contact);
    let token = secrecy::ExposeSecret::expose_secret(&session.access_token);
    let moved = json!({"emailaddress1": "nora@new.test"});
    let answer = crm.http.patch(url).bearer_auth(token).json(&moved).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    let asked = ["nora.field@contoso.test", "nora@new.test"].map(str::to_owned);
    for found in crm.connector.match_addresses(&session, &asked).await.unwrap() {
        let shown: Vec<_> = found.iter().map(|one| (one.person_type, &one.record_id)).collect();
        assert_eq!(shown, [(PersonType::Contact, &known.contact)]);
    }
}

#[tokio::test]
async fn dataverse_completes_the_tasks_that_an_earlier_try_left_open() {
    let crm = Crm::start(Provider::Dataverse).await;
    let session = crm.session().await;
    let known = crm.known(&session).await;
    let log = log(RecordType::Account, &known.account, &[(PersonType::Contact, &known.contact)]);
    crm.write(&session, &log, 1).await.unwrap();
    let mut writes = crm.connector.plan(&log).unwrap();
    // One more person than before: its task is open while the others are read-only.
    let more = [(PersonType::Contact, known.contact.as_str()), (PersonType::Lead, known.lead.as_str())];
    let with_more = crate::connectors::LogEntry {
        log_id: log.log_id,
        ..super::writing::log(RecordType::Account, &known.account, &more)
    };
    writes.push(crm.connector.plan(&with_more).unwrap().pop().unwrap());
    for outcome in crm.connector.write(&session, &writes).await.unwrap() {
        outcome.unwrap();
    }
    let tasks = crm.tasks().await;
    assert!(tasks.len() == 3 && tasks.iter().all(|task| task["statecode"] == 1), "{tasks:?}");
}

#[tokio::test]
async fn salesforce_without_a_unique_external_id_is_told_to_an_admin() {
    let crm = Crm::start(Provider::Salesforce).await;
    let session = crm.session().await;
    crm.script(json!({"unique": false})).await;
    let findings = crm.connector.check_setup(&session).await.unwrap();
    assert_eq!(severity(&findings, Check::ExternalId), Severity::Error);
}

#[tokio::test]
async fn c4c_begins_a_new_session_where_the_old_one_has_ended() {
    let crm = Crm::start(Provider::SapC4c).await;
    let session = crm.session().await;
    let known = crm.known(&session).await;
    let new = || log(RecordType::Account, &known.account, &[]);
    crm.write(&session, &new(), 1).await.unwrap();
    crm.script(json!({"expire_all_tokens": true})).await;
    crm.write(&session, &new(), 1).await.unwrap();
    assert_eq!(crm.tasks().await.len(), 2);
    // A technical user needs no token, and is refused one.
    let technical = Crm::start(Provider::SapC4c).await;
    let session = technical.session().await;
    technical.script(json!({"technical_user": true})).await;
    technical.write(&session, &new(), 1).await.unwrap();
    technical.script(json!({"wrap_single": false})).await;
    technical.write(&session, &new(), 1).await.unwrap();
    assert_eq!(technical.tasks().await.len(), 2);
}

#[tokio::test]
async fn c4c_without_the_extension_field_finds_a_log_by_the_mark_in_its_subject() {
    let crm = Crm::start(Provider::SapC4c).await;
    let session = crm.session().await;
    let known = crm.known(&session).await;
    crm.script(json!({"custom_field": false})).await;
    let findings = crm.connector.check_setup(&session).await.unwrap();
    assert_eq!(severity(&findings, Check::ExternalId), Severity::Warning);
    one_marked(&crm, &session, &known.account, "Subject").await;
}

#[tokio::test]
async fn sales_cloud_without_the_extension_field_finds_a_log_by_the_mark_in_its_subject() {
    let crm = Crm::start(Provider::SapSalesCloud).await;
    let session = crm.session().await;
    let known = crm.known(&session).await;
    // The first reading of tasks is of any; the second asks for the field.
    crm.script(json!({"status": 400, "method": "GET", "path": "task-service/tasks", "every": 2})).await;
    let findings = crm.connector.check_setup(&session).await.unwrap();
    assert_eq!(severity(&findings, Check::ExternalId), Severity::Warning);
    one_marked(&crm, &session, &known.account, "description").await;
}

async fn one_marked(crm: &Crm, session: &crate::connectors::Session, account: &str, subject: &str) {
    let log = log(RecordType::Account, account, &[]);
    crm.script(json!({"phase": "after_commit", "drop": true})).await;
    crm.write(session, &log, 3).await.unwrap();
    let tasks = crm.tasks().await;
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert!(is_marked(&tasks[0], subject, &log), "{tasks:?}");
}

fn is_marked(task: &Value, subject: &str, log: &LogEntry) -> bool {
    let digits = log.log_id.uuid().simple().to_string();
    task[subject].as_str().unwrap().ends_with(&format!(" [SS-{}]", &digits[20..]))
}

#[tokio::test]
async fn sap_finds_a_log_by_its_mark_where_the_field_that_it_was_written_with_is_gone() {
    let no_field = json!({"status": 400, "method": "GET", "path": "task-service/tasks"});
    for (provider, subject, gone) in [
        (Provider::SapC4c, "Subject", json!({"custom_field": false})),
        (Provider::SapSalesCloud, "description", no_field),
    ] {
        let crm = Crm::start(provider).await;
        let session = crm.session().await;
        let known = crm.known(&session).await;
        let log = log(RecordType::Account, &known.account, &[]);
        let written = crm.write(&session, &log, 1).await.unwrap();
        let tasks = crm.tasks().await;
        let key = log.log_id.uuid().to_string();
        assert!(tasks[0].to_string().contains(&key) && is_marked(&tasks[0], subject, &log), "{tasks:?}");
        // Another connection: what is known of the first one's fields does not hold.
        let session = crm.session().await;
        crm.script(gone).await;
        let write = &crm.connector.plan(&log).unwrap()[0];
        let found = crm.connector.find_by_key(&session, write).await.unwrap();
        assert_eq!(found.as_ref(), written.first(), "{provider:?}");
    }
}

/// What is left for CRMs without keys: who writes twice without looking has two records.
#[tokio::test]
async fn without_keys_only_the_search_keeps_a_log_from_being_there_twice() {
    for provider in [Provider::SapC4c, Provider::SapSalesCloud] {
        let crm = Crm::start(provider).await;
        let session = crm.session().await;
        let known = crm.known(&session).await;
        let writes = crm.connector.plan(&log(RecordType::Account, &known.account, &[])).unwrap();
        for _blindly in 0..2 {
            crm.connector.write(&session, &writes).await.unwrap()[0].as_ref().unwrap();
        }
        assert_eq!(crm.tasks().await.len(), 2, "{provider:?}");
        assert!(!crm.connector.has_keys());
        let found = crm.connector.find_by_key(&session, &writes[0]).await.unwrap();
        assert!(found.is_some(), "{provider:?}");
    }
}

#[tokio::test]
async fn sap_is_read_page_after_page() {
    let asked = ["pat.double@tailspin.test".to_owned()];
    let crm = Crm::start(Provider::SapC4c).await;
    let session = crm.session().await;
    crm.script(json!({"page_size": 1})).await;
    assert_eq!(crm.connector.match_addresses(&session, &asked).await.unwrap()[0].len(), 2);

    let crm = Crm::start(Provider::SapSalesCloud).await;
    let session = crm.session().await;
    let small = SapSalesCloudConfig {
        page_size: 1,
        allowed_hosts: vec!["127.0.0.1".to_owned()],
        ..SapSalesCloudConfig::default()
    };
    let connector = SalesCloud::try_new(small).unwrap();
    assert_eq!(connector.match_addresses(&session, &asked).await.unwrap()[0].len(), 2);
}

#[tokio::test]
async fn sap_logs_on_the_account_the_contact_and_the_references() {
    let crm = Crm::start(Provider::SapC4c).await;
    let session = crm.session().await;
    let known = crm.known(&session).await;
    let people = [(PersonType::Contact, known.contact.as_str()), (PersonType::Lead, known.lead.as_str())];
    crm.write(&session, &log(RecordType::Opportunity, &known.opportunity, &people), 1).await.unwrap();
    let references = crm.records("TasksBTDReferenceCollection").await;
    let shown: Vec<_> = references.iter().map(|row| (row["ID"].clone(), row["TypeCode"].clone())).collect();
    for expected in [(json!(known.opportunity), json!("72")), (json!(known.lead), json!("64"))] {
        assert!(shown.contains(&expected), "{shown:?}");
    }
    let contact: Vec<Value> = crm.records("ContactCollection").await;
    let contact = contact.iter().find(|row| row["ContactID"] == json!(known.contact)).unwrap();
    assert_eq!(crm.tasks().await[0]["PrimaryContactUUID"], contact["UUID"]);
}
