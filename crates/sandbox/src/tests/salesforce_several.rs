//! What the Salesforce look-alike does with several at once: pages of a query, and composite requests.

use serde_json::{Value, json};

use super::client::script;
use super::salesforce_rest::{ACCOUNT, LEAD, Org};

fn call(reference: &str, method: &str, key: &str, body: &Value) -> Value {
    json!({"method": method, "referenceId": reference, "body": body,
        "url": format!("/services/data/v60.0/sobjects/Task/SharedSpacesLogId__c/{key}")})
}

async fn composite(org: &Org, all_or_none: bool, calls: &[Value]) -> Vec<Value> {
    let body = json!({"allOrNone": all_or_none, "compositeRequest": calls});
    let answer = org.call("POST", "/composite", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["compositeResponse"].as_array().unwrap().clone()
}

fn task(name: &str, id: &str) -> Value {
    json!({"Subject": "Log", "Status": "Done", "Priority": "Normal", name: id})
}

#[tokio::test]
async fn query_goes_on_at_a_relative_address() {
    let org = Org::new().await;
    script(&org.sandbox, &json!({"target": "salesforce", "batch_size": 5})).await;
    let mut page = org.query("SELECT Id FROM Account").await.json();
    let mut found = 0;
    loop {
        assert_eq!(page["totalSize"], 12);
        found += page["records"].as_array().unwrap().len();
        let Some(next) = page["nextRecordsUrl"].as_str() else { break };
        page = org.read(next.strip_prefix("/services/data/v60.0").unwrap()).await.json();
    }
    assert!(found == 12 && page["done"] == true);
    let wrong = org.read("/query/made-up~5").await;
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "INVALID_QUERY_LOCATOR"));
}

#[tokio::test]
async fn composite_of_all_or_none_leaves_nothing_behind_where_one_call_fails() {
    let org = Org::new().await;
    let both =
        [call("a", "PATCH", "k1", &task("WhatId", ACCOUNT)), call("b", "PATCH", "k2", &task("WhoId", LEAD))];
    let done = composite(&org, true, &both).await;
    assert!(done.iter().all(|answer| answer["httpStatusCode"] == 201), "{done:?}");
    let renamed = call("a", "PATCH", "k1", &json!({"Subject": "Renamed"}));
    let fresh = call("b", "PATCH", "k3", &task("WhatId", "@{a.id}"));
    let failed = composite(&org, true, &[renamed.clone(), fresh.clone(), both[0].clone()]).await;
    let codes: Vec<&str> =
        failed.iter().map(|answer| answer["body"][0]["errorCode"].as_str().unwrap()).collect();
    assert_eq!(codes, ["PROCESSING_HALTED", "FIELD_INTEGRITY_EXCEPTION", "PROCESSING_HALTED"]);
    let tasks = org.tasks().await;
    assert!(tasks.len() == 2 && tasks.iter().all(|task| task["Subject"] == "Log"));
    let some = composite(&org, false, &[renamed, fresh]).await;
    assert_eq!((&some[0]["httpStatusCode"], &some[1]["httpStatusCode"]), (&json!(200), &json!(400)));
    let many: Vec<Value> = (0..26).map(|_| both[0].clone()).collect();
    let refused = org.call("POST", "/composite", &json!({"compositeRequest": many})).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "LIMIT_EXCEEDED"));
}
