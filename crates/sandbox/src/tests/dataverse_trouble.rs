//! The Dataverse look-alike in trouble: changesets, throttling, answers that never come, and restarts.

use serde_json::json;

use super::client::{Answer, get, script};
use super::dataverse::{ACCOUNT, CONTACT, KEY, Org, error};

fn part(id: u32, method: &str, path: &str, body: &str) -> String {
    format!(
        "--set\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {id}\r\n\r\n\
         {method} {path} HTTP/1.1\r\nContent-Type: application/json\r\nIf-None-Match: *\r\n\r\n{body}\r\n"
    )
}

async fn batch(org: &Org, parts: &[String]) -> Answer {
    let body = format!(
        "--batch_x\r\nContent-Type: multipart/mixed; boundary=set\r\n\r\n{}--set--\r\n\r\n--batch_x--\r\n",
        parts.concat()
    );
    let kind = [("content-type", "multipart/mixed; boundary=batch_x")];
    org.send("POST", "$batch", &kind, &body).await.unwrap()
}

fn log(first: &str, second: &str) -> Vec<String> {
    let task = json!({"subject": "Snapshot",
        "regardingobjectid_account_task@odata.bind": format!("/accounts({ACCOUNT})")});
    let note = json!({"notetext": "all of it", "objectid_task@odata.bind": "$1"});
    vec![
        part(1, "PATCH", &format!("/api/data/v9.2/tasks({first})"), &task.to_string()),
        part(2, "PATCH", &format!("annotations({second})"), &note.to_string()),
    ]
}

#[tokio::test]
async fn changeset_happens_as_a_whole_or_not_at_all() {
    let org = Org::new().await;
    let note = KEY.replace('1', "9");
    let done = batch(&org, &log(KEY, &note)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(done.header("content-type").unwrap().starts_with("multipart/mixed; boundary=batchresponse_"));
    assert_eq!(done.body.matches("HTTP/1.1 204").count(), 2);
    assert_eq!(org.records("annotations").await[0]["_objectid_value"], KEY);

    let again = batch(&org, &log(KEY, &note.replace('9', "8"))).await;
    assert!(
        again.status == 412 && again.body.contains("0x80040237") && !again.body.contains("changesetresponse")
    );
    let other = KEY.replace('1', "7");
    let late = batch(&org, &log(&other, &note)).await;
    assert_eq!(late.status, 412);
    assert_eq!((org.records("tasks").await.len(), org.records("annotations").await.len()), (1, 1));
}

#[tokio::test]
async fn batch_that_is_no_batch_is_refused() {
    let org = Org::new().await;
    let unknown = json!({"objectid_task@odata.bind": "$7"}).to_string();
    let answer = batch(&org, &[part(1, "POST", "annotations", &unknown)]).await;
    assert!(answer.status == 400 && answer.body.contains("Content-ID Reference: '$7' does not exist"));
    assert_eq!(batch(&org, &[part(1, "GET", "tasks", "")]).await.status, 400);
    assert_eq!(
        batch(&org, &[part(1, "POST", "http://evil.test/api/data/v9.2/tasks", "{}")]).await.status,
        400
    );
    let kind = [("content-type", "multipart/mixed; boundary=batch_x")];
    let bare = "--batch_x\nContent-Type: application/http\n\nGET tasks HTTP/1.1\n\n--batch_x--\n";
    assert_eq!(org.send("POST", "$batch", &kind, bare).await.unwrap().status, 400);
    assert_eq!(org.send("POST", "$batch", &[], bare).await.unwrap().status, 400);
    let single = "--batch_x\r\nContent-Type: application/http\r\n\r\nGET accounts?$top=1 HTTP/1.1\r\n\
                  Accept: application/json\r\n\r\n\r\n--batch_x--\r\n";
    let answer = org.send("POST", "$batch", &kind, single).await.unwrap();
    assert!(answer.status == 200 && answer.body.contains("Contoso Ltd"), "{}", answer.body);
}

#[tokio::test]
async fn service_protection_counts_and_punishes_who_does_not_wait() {
    let org = Org::new().await;
    script(&org.sandbox, &json!({"target": "dataverse", "request_limit": 2, "window_seconds": 60})).await;
    assert_eq!(org.read("WhoAmI").await.header("x-ms-ratelimit-burst-remaining-xrm-requests"), Some("1"));
    assert_eq!(org.read("WhoAmI").await.status, 200);
    let refused = org.read("WhoAmI").await;
    assert_eq!(error(&refused), (429, "0x80072322".to_owned()));
    let wait = |answer: &Answer| answer.header("retry-after").unwrap().parse::<u64>().unwrap();
    let first = wait(&refused);
    assert!((1..=60).contains(&first));
    org.read("WhoAmI").await;
    assert!(wait(&org.read("WhoAmI").await) > first);
    script(&org.sandbox, &json!({"target": "dataverse", "request_limit": 9, "concurrency_limit": 1})).await;
    script(&org.sandbox, &json!({"target": "dataverse", "latency_ms": 100})).await;
    let (one, two) = tokio::join!(org.read("WhoAmI"), org.read("WhoAmI"));
    let refused = if one.status == 429 { one } else { two };
    assert_eq!(error(&refused), (429, "0x80072326".to_owned()));
}

#[tokio::test]
async fn answer_can_be_lost_after_the_effect_and_the_key_tells() {
    let org = Org::new().await;
    let path = format!("tasks({KEY})");
    let only_new = [("if-none-match", "*")];
    script(&org.sandbox, &json!({"target": "dataverse", "phase": "after_commit", "drop": true})).await;
    assert!(org.send("PATCH", &path, &only_new, "{\"subject\":\"x\"}").await.is_none());
    assert_eq!(org.send("PATCH", &path, &only_new, "{\"subject\":\"x\"}").await.unwrap().status, 412);
    script(&org.sandbox, &json!({"target": "dataverse", "phase": "after_commit", "status": 504})).await;
    assert_eq!(org.send("POST", "tasks", &[], "{}").await.unwrap().status, 504);
    assert_eq!(org.records("tasks").await.len(), 2);
    org.send("POST", "tasks", &[], "{\"subject\":\"the newest\"}").await.unwrap();
    let page = get(org.sandbox.dataverse_addr(), "/").await.body;
    assert!(page.find("the newest").unwrap() < page.find("(no title)").unwrap());
    let busy = json!({"target": "dataverse", "status": 429, "retry_after": 7, "errorCode": "0x80072321"});
    script(&org.sandbox, &busy).await;
    let refused = org.send("POST", "tasks", &[], "{}").await.unwrap();
    assert_eq!((error(&refused).1.as_str(), refused.header("retry-after")), ("0x80072321", Some("7")));
    assert_eq!(org.records("tasks").await.len(), 3);
}

#[tokio::test]
async fn records_and_tokens_outlive_a_restart() {
    let org = Org::new().await;
    let path = format!("contacts({CONTACT})");
    org.send("PATCH", &path, &[], "{\"jobtitle\":\"Boss\"}").await.unwrap();
    let org = org.restarted().await;
    let read = org.read(&path).await.json();
    assert_eq!((read["jobtitle"].as_str(), read["fullname"].as_str()), (Some("Boss"), Some("Nora Field")));
}
