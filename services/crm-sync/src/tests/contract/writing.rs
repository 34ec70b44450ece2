//! What every connector promises of writing: one log is one set of records, whatever is retried.

use serde_json::{Value, json};
use uuid::Uuid;

use super::crm::{Crm, Known};
use crate::connectors::fixtures::{entry, person, target};
use crate::connectors::{CrmError, LogEntry, PersonType, Provider, RecordType};

const TITLE: &str = "Space created: Contoso & partners";

/// A log of its own.
pub(super) fn log(target_type: RecordType, record_id: &str, people: &[(PersonType, &str)]) -> LogEntry {
    let people: Vec<_> = people.iter().map(|(person_type, id)| person(*person_type, id)).collect();
    let body = "https://spaces.example/acme/contoso\nÀ bientôt — 🚀";
    LogEntry {
        log_id: testkit::ids().next::<Uuid>().into(),
        ..entry(TITLE, body, target(target_type, record_id), &people)
    }
}

fn on_all(known: &Known) -> [LogEntry; 4] {
    let Known { account, opportunity, contact, lead } = known;
    [
        log(RecordType::Account, account, &[]),
        log(RecordType::Opportunity, opportunity, &[]),
        log(RecordType::Account, account, &[(PersonType::Contact, contact)]),
        log(RecordType::Opportunity, opportunity, &[(PersonType::Lead, lead)]),
    ]
}

/// How many tasks each of [`on_all`] becomes.
fn tasks_of(provider: Provider) -> [usize; 4] {
    match provider {
        // A Task is never on a Lead and on something else.
        Provider::Salesforce => [1, 1, 1, 2],
        // An activity regards one record.
        Provider::Dataverse => [1, 1, 2, 2],
        Provider::SapC4c | Provider::SapSalesCloud => [1, 1, 1, 1],
    }
}

fn is_completed(provider: Provider, task: &Value) -> bool {
    match provider {
        Provider::Salesforce => task["Status"] != "Not Started",
        Provider::Dataverse => task["statecode"] == 1 && task["statuscode"] == 5,
        Provider::SapC4c => task["Status"] == "3",
        Provider::SapSalesCloud => task["status"] == "COMPLETED",
    }
}

pub(super) async fn it_writes_logs_on_accounts_opportunities_contacts_and_leads(crm: Crm) {
    let session = crm.session().await;
    let known = crm.known(&session).await;
    for (log, expected) in on_all(&known).iter().zip(tasks_of(crm.provider)) {
        let before = crm.tasks().await.len();
        let written = crm.write(&session, log, 1).await.unwrap();
        let planned = crm.connector.plan(log).unwrap();
        assert_eq!((written.len(), planned[0].role.as_str()), (planned.len(), "main"));
        let tasks = crm.tasks().await;
        assert_eq!(tasks.len() - before, expected, "{log:?}");
        assert!(tasks.iter().all(|task| is_completed(crm.provider, task)), "{tasks:?}");
        for task in &tasks {
            assert!(task.to_string().contains(TITLE), "{task}");
        }
        let url = crm.connector.record_url(&session.instance_url, &written[0]);
        let target_url = crm.connector.target_url(&session.instance_url, &log.target);
        if crm.provider == Provider::SapSalesCloud {
            assert_eq!((url, target_url), (None, None));
            continue;
        }
        for (url, shown) in [(url, "Space created: Contoso"), (target_url, "Contoso")] {
            let page = crm.http.get(url.unwrap()).send().await.unwrap();
            assert!(page.status().is_success(), "{}", page.url());
            let text = page.text().await.unwrap();
            assert!(text.contains(shown), "{text}");
        }
    }
}

pub(super) async fn it_has_one_log_whatever_is_retried(crm: Crm) {
    let session = crm.session().await;
    let known = crm.known(&session).await;
    for log in on_all(&known) {
        let first = crm.write(&session, &log, 1).await.unwrap();
        let tasks = crm.tasks().await;
        let writes = crm.connector.plan(&log).unwrap();
        for (write, written) in writes.iter().zip(&first) {
            let found = crm.connector.find_by_key(&session, write).await.unwrap();
            assert_eq!(found.as_ref(), Some(written));
        }
        for _again in 0..2 {
            assert_eq!(crm.try_once(&session, &writes, true).await.unwrap(), first);
        }
        if crm.connector.has_keys() {
            for outcome in crm.connector.write(&session, &writes).await.unwrap().iter().zip(&first) {
                assert_eq!(outcome.0.as_ref().unwrap(), outcome.1);
            }
        }
        assert_eq!(crm.tasks().await.len(), tasks.len());
    }
    let never = crm.connector.plan(&log(RecordType::Account, &known.account, &[])).unwrap();
    assert_eq!(crm.connector.find_by_key(&session, &never[0]).await.unwrap(), None);
}

pub(super) async fn it_has_one_log_after_an_answer_that_was_lost(crm: Crm) {
    let session = crm.session().await;
    let known = crm.known(&session).await;
    for lost in [json!({"drop": true}), json!({"status": 504}), json!({"drop": true, "times": 2})] {
        for (log, expected) in on_all(&known).iter().zip(tasks_of(crm.provider)) {
            let before = crm.tasks().await.len();
            let mut fault = lost.clone();
            fault["phase"] = json!("after_commit");
            crm.script(fault).await;
            let written = crm.write(&session, log, 5).await.unwrap();
            assert_eq!(written.len(), crm.connector.plan(log).unwrap().len());
            assert_eq!(crm.tasks().await.len() - before, expected, "{log:?}");
            crm.reset().await;
        }
    }
}

pub(super) async fn it_cuts_texts_that_are_too_long(crm: Crm) {
    let session = crm.session().await;
    let known = crm.known(&session).await;
    for (title, body) in
        [("é".repeat(3_000), "🚀".repeat(110_000)), ("x".repeat(3_000), "\n".repeat(200_000))]
    {
        let target = target(RecordType::Account, &known.account);
        let log =
            LogEntry { log_id: testkit::ids().next::<Uuid>().into(), ..entry(&title, &body, target, &[]) };
        crm.write(&session, &log, 1).await.unwrap();
    }
    assert_eq!(crm.tasks().await.len(), 2);
    assert!(crm.tasks().await.iter().all(|task| task.to_string().contains('…')));
}

pub(super) async fn it_plans_the_same_for_the_same_log(crm: Crm) {
    let session = crm.session().await;
    let known = crm.known(&session).await;
    let people = [(PersonType::Contact, known.contact.as_str()), (PersonType::Lead, known.lead.as_str())];
    let mut log = log(RecordType::Account, &known.account, &people);
    let planned = crm.connector.plan(&log).unwrap();
    assert_eq!(crm.connector.plan(&log).unwrap(), planned);
    assert_eq!(planned[0].key, log.log_id.uuid());
    let keys = |mut writes: Vec<crate::connectors::CrmWrite>| {
        writes.sort_by_key(|write| write.key);
        writes.into_iter().map(|write| (write.key, write.role)).collect::<Vec<_>>()
    };
    log.people.reverse();
    let planned = keys(planned);
    assert_eq!(keys(crm.connector.plan(&log).unwrap()), planned);
    let mut once = planned.clone();
    once.dedup();
    assert_eq!(once, planned);
    assert!(planned.iter().all(|(_, role)| role.len() <= 100));
}

pub(super) async fn it_refuses_ids_of_another_shape_before_any_call(crm: Crm) {
    let session = crm.session().await;
    let known = crm.known(&session).await;
    let before = crm.calls().await;
    let long = "1".repeat(200);
    for bad in ["", "x' or '1' eq '1", "../tasks", "a/b", "é", "1)", "1 ", &long] {
        let on_bad = log(RecordType::Account, bad, &[]);
        let with_bad = log(RecordType::Account, &known.account, &[(PersonType::Contact, bad)]);
        for log in [on_bad, with_bad] {
            let refused = crm.connector.plan(&log).unwrap_err();
            let CrmError::Permanent { message } = refused else { panic!("{refused:?}") };
            assert!(message.contains("choose it from the search"), "{message}");
        }
        let opportunity = target(RecordType::Opportunity, bad);
        assert_eq!(crm.connector.target_url(&session.instance_url, &opportunity), None, "{bad}");
        let lead = person(PersonType::Lead, bad);
        assert_eq!(crm.connector.person_url(&session.instance_url, &lead), None, "{bad}");
    }
    assert_eq!(crm.calls().await, before);
}

pub(super) async fn it_says_how_long_to_wait(crm: Crm) {
    let session = crm.session().await;
    let known = crm.known(&session).await;
    let log = log(RecordType::Account, &known.account, &[]);
    crm.script(json!({"status": 429, "retry_after": 7})).await;
    let busy = crm.write(&session, &log, 1).await.unwrap_err();
    let CrmError::Retry { after, .. } = busy else { panic!("{busy:?}") };
    assert_eq!(after.map(|after| after.as_secs()), Some(7));

    let mut long = json!({"status": 429, "retry_after": 3_600});
    if crm.provider == Provider::Salesforce {
        long = json!({"status": 403, "retry_after": 3_600, "errorCode": "REQUEST_LIMIT_EXCEEDED",
            "message": "TotalRequests Limit exceeded."});
    }
    crm.script(long).await;
    match crm.write(&session, &log, 1).await.unwrap_err() {
        // Its limits are over minutes, and it is to be waited for exactly.
        CrmError::Retry { after, .. } if crm.provider == Provider::Dataverse => {
            assert_eq!(after.map(|after| after.as_secs()), Some(3_600));
        }
        CrmError::Deferred { after, .. } => assert_eq!(after.as_secs(), 3_600),
        other => panic!("{other:?}"),
    }
    assert!(crm.tasks().await.is_empty());
    crm.write(&session, &log, 1).await.unwrap();
}

pub(super) async fn it_says_what_is_refused_for_good(crm: Crm) {
    let session = crm.session().await;
    let known = crm.known(&session).await;
    let absent = match crm.provider {
        Provider::Salesforce => "001Sb00000000zzzAA".to_owned(),
        Provider::SapC4c => "7654321".to_owned(),
        Provider::Dataverse | Provider::SapSalesCloud => testkit::ids().next::<Uuid>().to_string(),
    };
    let gone = crm.write(&session, &log(RecordType::Account, &absent, &[]), 1).await.unwrap_err();
    let CrmError::Permanent { message } = gone else { panic!("{gone:?}") };
    assert!(message.contains("record is not"), "{message}");

    let method = if crm.provider == Provider::Salesforce { "PATCH" } else { "POST" };
    let message = format!("A rule of ours\r\nsays no{}", "!".repeat(2_000));
    crm.script(json!({"status": 400, "method": method, "errorCode": "CUSTOM", "message": message})).await;
    let refused = crm.write(&session, &log(RecordType::Account, &known.account, &[]), 1).await.unwrap_err();
    let CrmError::Permanent { message } = refused else { panic!("{refused:?}") };
    assert!(message.chars().count() < 500 && !message.contains(char::is_control), "{message}");
    assert!(crm.tasks().await.is_empty());
}
