//! The REST API of the Salesforce look-alike: upsert and its refusals, queries, searches, quota and failures.

use serde_json::{Value, json};

use super::client::{Answer, Directory, encode, get, script, send, start};
use super::salesforce_signin::sign_in;
use crate::Sandbox;

pub(super) const ACCOUNT: &str = "001Sb000000001a";
const OPPORTUNITY: &str = "006Sb000000001a";
const CONTACT: &str = "003Sb000000001a";
pub(super) const LEAD: &str = "00QSb000000001a";
const CONVERTED_LEAD: &str = "00QSb000000004a";

pub(super) struct Org {
    _dir: Directory,
    pub(super) sandbox: Sandbox,
    bearer: String,
}

impl Org {
    pub(super) async fn new() -> Self {
        let dir = Directory::new();
        let sandbox = start(&dir).await;
        let bearer = format!("Bearer {}", sign_in(&sandbox).await["access_token"].as_str().unwrap());
        Self { _dir: dir, sandbox, bearer }
    }

    async fn try_call(&self, method: &str, path: &str, body: &str) -> Option<Answer> {
        let headers = [("authorization", self.bearer.as_str()), ("content-type", "application/json")];
        let path = format!("/services/data/v60.0{path}");
        send(self.sandbox.salesforce_addr(), method, &path, &headers, body).await
    }

    pub(super) async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.try_call(method, path, &body).await.unwrap()
    }

    pub(super) async fn read(&self, path: &str) -> Answer {
        self.call("GET", path, &Value::Null).await
    }

    async fn upsert(&self, key: &str, body: &Value) -> Answer {
        self.call("PATCH", &format!("/sobjects/Task/SharedSpacesLogId__c/{key}"), body).await
    }

    pub(super) async fn query(&self, soql: &str) -> Answer {
        self.read(&format!("/query?{}", encode(&[("q", soql)]))).await
    }

    async fn names(&self, soql: &str) -> Vec<String> {
        let answer = self.query(soql).await;
        assert_eq!(answer.status, 200, "{soql}: {}", answer.body);
        let records = answer.json()["records"].as_array().unwrap().clone();
        records.iter().map(|record| record["Name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    pub(super) async fn tasks(&self) -> Vec<Value> {
        get(self.sandbox.http_addr(), "/api/salesforce/tasks").await.json().as_array().unwrap().clone()
    }
}

/// A complete body with some of its fields replaced; null takes a field out.
fn task(changed: &Value) -> Value {
    let mut body = json!({"Subject": "Space created", "Status": "Done", "Priority": "Normal",
        "ActivityDate": "2026-11-22", "WhatId": ACCOUNT});
    for (name, value) in changed.as_object().unwrap() {
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
            value => body[name] = value.clone(),
        }
    }
    body
}

#[tokio::test]
async fn upsert_creates_once_and_then_updates() {
    let org = Org::new().await;
    let created = org.upsert("k%2F1", &task(&json!({"WhoId": CONTACT}))).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.json()["created"], true);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 18);
    let updated = org.upsert("k%2F1", &json!({"Subject": "Renamed"})).await;
    assert_eq!((updated.status, updated.json()["created"].clone()), (200, json!(false)));
    assert_eq!(updated.json()["id"], id);

    let tasks = org.tasks().await;
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0]["SharedSpacesLogId__c"], "k/1");
    assert_eq!(tasks[0]["Subject"], "Renamed");
    assert_eq!(tasks[0]["Status"], "Done");
    assert_eq!(tasks[0]["IsClosed"], true);
    assert_eq!(tasks[0]["AccountId"].as_str().unwrap()[..15], *ACCOUNT);
    for path in [
        format!("/sobjects/Task/{id}"),
        format!("/sobjects/Task/{}", &id[..15]),
        "/sobjects/Task/SharedSpacesLogId__c/k%2F1".to_owned(),
    ] {
        assert_eq!(org.read(&path).await.json()["Id"], id, "{path}");
    }
    let page = get(org.sandbox.salesforce_addr(), &format!("/lightning/r/Task/{id}/view")).await;
    assert!(page.status == 200 && page.body.contains("Renamed") && page.body.contains("Contoso Ltd"));
    let account = get(org.sandbox.salesforce_addr(), &format!("/lightning/r/Account/{ACCOUNT}/view")).await;
    assert!(account.body.contains("Renamed"));
    assert_eq!(
        get(org.sandbox.salesforce_addr(), "/lightning/r/Task/00TSb000000009a/view").await.status,
        404
    );
}

#[tokio::test]
async fn upsert_by_an_unknown_field_or_for_update_only_is_not_found() {
    let org = Org::new().await;
    let answer = org.call("PATCH", "/sobjects/Task/Other__c/k", &task(&json!({}))).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "NOT_FOUND"));
    let path = "/sobjects/Task/SharedSpacesLogId__c/k?updateOnly=true";
    assert_eq!(org.call("PATCH", path, &task(&json!({}))).await.status, 404);
    assert_eq!(org.read("/sobjects/Task/SharedSpacesLogId__c/k").await.status, 404);
    assert!(org.tasks().await.is_empty());
}

#[tokio::test]
async fn upsert_of_a_key_that_several_have_changes_nothing() {
    let org = Org::new().await;
    let body = task(&json!({"SharedSpacesLogId__c": "twin"}));
    assert_eq!(org.call("POST", "/sobjects/Task", &body).await.status, 201);
    let twin = org.call("POST", "/sobjects/Task", &body).await;
    assert_eq!((twin.status, twin.code().as_str()), (400, "DUPLICATE_VALUE"));

    script(&org.sandbox, &json!({"target": "salesforce", "unique": false})).await;
    assert_eq!(org.call("POST", "/sobjects/Task", &body).await.status, 201);
    let several = org.upsert("twin", &json!({"Subject": "Renamed"})).await;
    assert_eq!(several.status, 300);
    assert_eq!(several.json().as_array().unwrap().len(), 2);
    assert!(several.json()[0].as_str().unwrap().starts_with("/services/data/v60.0/sobjects/Task/00T"));
    assert!(org.tasks().await.iter().all(|task| task["Subject"] == "Space created"));
}

#[tokio::test]
async fn describe_tells_whether_the_external_id_can_be_relied_on() {
    let org = Org::new().await;
    let field = |answer: &Answer, name: &str| {
        let fields = answer.json()["fields"].as_array().unwrap().clone();
        fields.into_iter().find(|field| field["name"] == name).unwrap()
    };
    let answer = org.read("/sobjects/Task/describe").await;
    let key = field(&answer, "SharedSpacesLogId__c");
    assert!(key["externalId"] == true && key["unique"] == true && key["createable"] == true);
    assert_eq!(field(&answer, "Description")["length"], 32_000);
    script(&org.sandbox, &json!({"target": "salesforce", "unique": false})).await;
    let answer = org.read("/sobjects/Task/describe").await;
    assert_eq!(field(&answer, "SharedSpacesLogId__c")["unique"], false);
}

#[tokio::test]
async fn task_that_breaks_a_rule_is_refused_with_the_code_of_the_rule() {
    let org = Org::new().await;
    let long = |length: usize| "x".repeat(length);
    for (changed, code, field) in [
        (json!({"Status": null}), "REQUIRED_FIELD_MISSING", Some("Status")),
        (json!({"Priority": null}), "REQUIRED_FIELD_MISSING", Some("Priority")),
        (json!({"Status": "Completed"}), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", Some("Status")),
        (json!({"Priority": "normal"}), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", Some("Priority")),
        (json!({"Subject": long(256)}), "STRING_TOO_LONG", Some("Subject")),
        (json!({"Description": long(32_001)}), "STRING_TOO_LONG", Some("Description")),
        (json!({"ActivityDate": "2026-11-22T10:00:00Z"}), "JSON_PARSER_ERROR", Some("ActivityDate")),
        (json!({"ActivityDate": "2026-02-30"}), "JSON_PARSER_ERROR", Some("ActivityDate")),
        (json!({"Subject": 5}), "JSON_PARSER_ERROR", Some("Subject")),
        (json!({"WhoId": ACCOUNT}), "FIELD_INTEGRITY_EXCEPTION", Some("WhoId")),
        (json!({"WhatId": CONTACT}), "FIELD_INTEGRITY_EXCEPTION", Some("WhatId")),
        (json!({"WhoId": LEAD}), "FIELD_INTEGRITY_EXCEPTION", Some("WhoId")),
        (json!({"WhoId": "not-an-id"}), "MALFORMED_ID", Some("WhoId")),
        (json!({"WhatId": "001Sb000000999a"}), "INVALID_CROSS_REFERENCE_KEY", Some("WhatId")),
        (json!({"WhatId": null, "WhoId": CONVERTED_LEAD}), "CANNOT_UPDATE_CONVERTED_LEAD", None),
        (json!({"Colour": "red"}), "INVALID_FIELD", None),
        (json!({"SharedSpacesLogId__c": "k"}), "INVALID_FIELD", Some("SharedSpacesLogId__c")),
        (json!({"Id": "00TSb000000001a"}), "INVALID_FIELD", Some("Id")),
        (json!({"AccountId": ACCOUNT}), "INVALID_FIELD_FOR_INSERT_UPDATE", Some("AccountId")),
    ] {
        let answer = org.upsert("k", &task(&changed)).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{changed}: {}", answer.body);
        if let Some(field) = field {
            assert_eq!(answer.json()[0]["fields"][0], field, "{}", answer.body);
        }
    }
    let broken = org.try_call("PATCH", "/sobjects/Task/SharedSpacesLogId__c/k", "{").await.unwrap();
    assert_eq!((broken.status, broken.code().as_str()), (400, "JSON_PARSER_ERROR"));
    let key = long(65);
    assert_eq!(org.upsert(&key, &task(&json!({}))).await.code(), "STRING_TOO_LONG");
    assert!(org.tasks().await.is_empty());
}

#[tokio::test]
async fn task_at_the_edge_of_each_rule_is_taken() {
    let org = Org::new().await;
    for (number, changed) in [
        json!({"Subject": "x".repeat(255), "Description": "ä".repeat(32_000)}),
        json!({"WhatId": OPPORTUNITY, "WhoId": CONTACT}),
        json!({"WhatId": null, "WhoId": LEAD}),
        json!({"WhatId": null, "ActivityDate": null}),
    ]
    .iter()
    .enumerate()
    {
        let answer = org.upsert(&format!("k{number}"), &task(changed)).await;
        assert_eq!(answer.status, 201, "{changed}: {}", answer.body);
    }
    assert_eq!(org.upsert(&"k".repeat(64), &task(&json!({}))).await.status, 201);
    let subtype = org.upsert("k1", &json!({"TaskSubtype": "Email"})).await;
    assert_eq!(subtype.code(), "INVALID_FIELD_FOR_INSERT_UPDATE");
    let related = org.upsert("k2", &json!({"WhatId": ACCOUNT})).await;
    assert_eq!(related.code(), "FIELD_INTEGRITY_EXCEPTION");
}

#[tokio::test]
async fn ids_of_15_and_18_characters_name_the_same_record() {
    let org = Org::new().await;
    let long =
        org.read(&format!("/sobjects/Account/{ACCOUNT}")).await.json()["Id"].as_str().unwrap().to_owned();
    assert_eq!((long.len(), &long[..15]), (18, ACCOUNT));
    assert_eq!(org.upsert("short", &task(&json!({"WhatId": ACCOUNT}))).await.status, 201);
    assert_eq!(org.upsert("long", &task(&json!({"WhatId": long}))).await.status, 201);
    let tasks = org.tasks().await;
    assert_eq!(tasks[0]["WhatId"], tasks[1]["WhatId"]);
    for id in [ACCOUNT, long.as_str()] {
        assert_eq!(org.names(&format!("SELECT Name FROM Account WHERE Id = '{id}'")).await, ["Contoso Ltd"]);
        let found = org.query(&format!("SELECT Id FROM Task WHERE WhatId = '{id}'")).await;
        assert_eq!(found.json()["totalSize"], 2);
    }
    assert_eq!(org.read("/sobjects/Account/001sb000000001a").await.status, 404);
}

#[tokio::test]
async fn query_answers_what_logging_asks() {
    let org = Org::new().await;
    let statuses = org.query("SELECT ApiName FROM TaskStatus WHERE IsClosed = true").await.json();
    assert_eq!((statuses["totalSize"].clone(), statuses["done"].clone()), (json!(1), json!(true)));
    assert_eq!(statuses["records"][0]["ApiName"], "Done");
    let soql = "SELECT Id, Name FROM Account WHERE Name LIKE 'conto%' ORDER BY Name DESC LIMIT 5";
    assert_eq!(org.names(soql).await, ["Contoso Retail", "Contoso Ltd"]);
    assert_eq!(org.names("select name from account order by name limit 1 offset 1").await.len(), 1);
    let people = org
        .names(
            "SELECT Id,Name,Email,AccountId FROM Contact WHERE Email IN ('SEAN@ohara.test', 'nobody@x.test')",
        )
        .await;
    assert_eq!(people, ["Sean O'Hara"]);
    let leads = "SELECT Name FROM Lead WHERE Email IN ('nora.field@contoso.test') AND IsConverted = false";
    assert!(org.names(leads).await.is_empty());
    let joined =
        org.query("SELECT Name, Account.Name FROM Opportunity WHERE Account.Name = 'Fabrikam'").await;
    assert_eq!(joined.json()["records"][0]["Account"]["Name"], "Fabrikam");
    let both = "SELECT Name FROM Account WHERE (Name LIKE 'Contoso%' OR Name = 'Fabrikam') AND NOT Name = 'Contoso Ltd'";
    assert_eq!(org.names(both).await, ["Contoso Retail", "Fabrikam"]);
    let large = "SELECT Name FROM Opportunity WHERE Amount >= 84000 AND CloseDate < 2027-05-01";
    assert_eq!(org.names(large).await, ["Contoso renewal 2027"]);
    let orphans = "SELECT Name FROM Contact WHERE AccountId != null AND Name NOT IN ('Nora Field') LIMIT 1";
    assert_eq!(org.names(orphans).await, ["Owen Pike"]);
    assert_eq!(org.query("SELECT COUNT() FROM Account").await.json()["totalSize"], 12);
}

#[tokio::test]
async fn query_literals_honour_their_escapes_and_no_others() {
    let org = Org::new().await;
    for (literal, names) in [
        (r"O\'Hara & Sons", vec!["O'Hara & Sons"]),
        (r"Back\\Slash Labs", vec!["Back\\Slash Labs"]),
        (r"x\\\' OR Name != \'", vec![]),
    ] {
        assert_eq!(org.names(&format!("SELECT Name FROM Account WHERE Name = '{literal}'")).await, names);
    }
    for (pattern, names) in [
        (r"100\%%", vec!["100% Organic"]),
        ("100%", vec!["100% Organic"]),
        (r"%\_%", vec!["Under_Score Media"]),
        ("F_brikam", vec!["Fabrikam"]),
        (r"o\'h%", vec!["O'Hara & Sons"]),
        (r"back\\s%", vec!["Back\\Slash Labs"]),
    ] {
        assert_eq!(org.names(&format!("SELECT Name FROM Account WHERE Name LIKE '{pattern}'")).await, names);
    }
    // What escaping the quote alone lets through: the literal ends early and the rest becomes a condition.
    let broken_out = r"SELECT Name FROM Account WHERE Name = 'x\\' OR Name != ''";
    assert_eq!(org.names(broken_out).await.len(), 12);
    for (soql, code) in [
        (r"SELECT Name FROM Account WHERE Name = 'a\xb'", "MALFORMED_QUERY"),
        (r"SELECT Name FROM Account WHERE Name = 'a\%b'", "MALFORMED_QUERY"),
        (r"SELECT Name FROM Account WHERE Name = 'a\'", "MALFORMED_QUERY"),
        ("SELECT Name FROM Account WHERE Name = 'O'Hara'", "MALFORMED_QUERY"),
        ("SELECT Name FROM Account WHERE Name = \"x\"", "MALFORMED_QUERY"),
        ("SELECT Name FROM Account WHERE Name = 'a' OR Name = 'b' AND Name = 'c'", "MALFORMED_QUERY"),
        ("SELECT Name FROM Account WHERE Name IN ()", "MALFORMED_QUERY"),
        ("SELECT Name FROM Account LIMIT 1 WHERE Name = 'a'", "MALFORMED_QUERY"),
        ("SELECT Name FROM Account; SELECT", "MALFORMED_QUERY"),
        ("SELECT * FROM Account", "MALFORMED_QUERY"),
        ("DELETE FROM Account", "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
        ("SELECT Colour FROM Account", "INVALID_FIELD"),
        ("SELECT Name FROM Account WHERE Colour = 'red'", "INVALID_FIELD"),
        ("SELECT Name FROM Account ORDER BY Colour", "INVALID_FIELD"),
        ("SELECT ApiName FROM TaskStatus WHERE IsClosed = 'true'", "INVALID_FIELD"),
        ("SELECT Id FROM Task WHERE Description LIKE '%x%'", "INVALID_FIELD"),
        ("SELECT Name FROM Planet", "INVALID_TYPE"),
    ] {
        let answer = org.query(soql).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{soql}: {}", answer.body);
    }
    let deep = |depth: usize| {
        format!("SELECT Name FROM Account WHERE {}Name = 'a'{}", "(".repeat(depth), ")".repeat(depth))
    };
    assert_eq!(org.query(&deep(20)).await.status, 200);
    assert_eq!(org.query(&deep(21)).await.status, 400);
}

#[tokio::test]
async fn search_finds_words_and_prefixes_with_a_star() {
    let org = Org::new().await;
    let search = async |body: Value| org.call("POST", "/parameterizedSearch", &body).await;
    let names = |answer: &Answer| {
        let records = answer.json()["searchRecords"].as_array().unwrap().clone();
        records
            .iter()
            .map(|record| record["Name"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let accounts = json!([{"name": "Account", "fields": ["Id", "Name"], "limit": 10}]);
    assert_eq!(
        names(&search(json!({"q": "contoso", "sobjects": accounts})).await),
        ["Contoso Ltd", "Contoso Retail"]
    );
    assert!(names(&search(json!({"q": "conto", "sobjects": accounts})).await).is_empty());
    assert_eq!(names(&search(json!({"q": "conto* ret*", "sobjects": accounts})).await), ["Contoso Retail"]);
    let people = json!([{"name": "Contact", "limit": 1}, {"name": "Lead", "where": "IsConverted = false"}]);
    let found =
        search(json!({"q": "nora", "in": "NAME", "fields": ["Name", "Email"], "sobjects": people})).await;
    assert_eq!(found.json()["searchRecords"][0]["attributes"]["type"], "Contact");
    assert_eq!(names(&found), ["Nora Field"]);
    let email =
        search(json!({"q": "luc@lumiere.test", "in": "EMAIL", "fields": ["Name"], "overallLimit": 1})).await;
    assert_eq!(names(&email), ["Luc Lumière"]);
    for (body, code) in [
        (json!({"q": "x"}), "MALFORMED_SEARCH"),
        (json!({"q": "contoso", "overallLimit": 2001}), "MALFORMED_SEARCH"),
        (json!({"q": "contoso", "sobjects": [{"name": "Planet"}]}), "INVALID_TYPE"),
        (json!({"q": "contoso", "sobjects": [{"name": "Account", "fields": ["Colour"]}]}), "INVALID_FIELD"),
        (json!({"term": "contoso"}), "JSON_PARSER_ERROR"),
    ] {
        let answer = search(body.clone()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{body}");
    }
    let path = "/parameterizedSearch?q=tailspin&sobject=Account&Account.fields=Id,Name&Account.limit=10";
    assert_eq!(names(&org.read(path).await), ["Tailspin Toys"]);
}

#[tokio::test]
async fn quota_that_is_used_up_refuses_until_it_is_raised() {
    let org = Org::new().await;
    script(&org.sandbox, &json!({"target": "salesforce", "daily_quota": 2})).await;
    let first = org.read("/limits").await;
    assert_eq!(first.header("sforce-limit-info"), Some("api-usage=1/2"));
    assert_eq!(first.json()["DailyApiRequests"], json!({"Max": 2, "Remaining": 1}));
    assert_eq!(org.read("/limits").await.status, 200);
    let refused = org.read("/limits").await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "REQUEST_LIMIT_EXCEEDED"));
    assert_eq!(refused.header("sforce-limit-info"), Some("api-usage=2/2"));
    send(org.sandbox.http_addr(), "DELETE", "/api/faults", &[], "").await.unwrap();
    assert_eq!(org.read("/limits").await.status, 200);
}

#[tokio::test]
async fn calls_need_a_session_a_version_and_a_path_that_exists() {
    let org = Org::new().await;
    let to = org.sandbox.salesforce_addr();
    assert!(get(to, "/services/data/").await.json()[0]["version"].is_string());
    let headers = [("authorization", "Bearer made-up")];
    for path in ["/limits", "/query?q=x", "/nowhere"] {
        let answer = send(to, "GET", &format!("/services/data/v60.0{path}"), &headers, "").await.unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (401, "INVALID_SESSION_ID"), "{path}");
        assert!(answer.header("sforce-limit-info").is_some());
    }
    let headers = [("authorization", org.bearer.as_str())];
    for (version, status) in [("v59.0", 404), ("v60.0", 200), ("v70.0", 200), ("v71.0", 404), ("60", 404)] {
        let path = format!("/services/data/{version}/limits");
        assert_eq!(send(to, "GET", &path, &headers, "").await.unwrap().status, status, "{version}");
    }
    assert_eq!(org.read("/nowhere").await.code(), "NOT_FOUND");
}

#[tokio::test]
async fn scripted_failures_come_before_or_after_the_effect_and_calls_are_counted() {
    let org = Org::new().await;
    let lock = json!({"target": "salesforce", "status": 400, "errorCode": "UNABLE_TO_LOCK_ROW", "times": 2});
    script(&org.sandbox, &lock).await;
    for _ in 0..2 {
        assert_eq!(org.upsert("k", &task(&json!({}))).await.code(), "UNABLE_TO_LOCK_ROW");
    }
    assert!(org.tasks().await.is_empty());

    script(&org.sandbox, &json!({"target": "salesforce", "phase": "after_commit", "drop": true})).await;
    let path = "/sobjects/Task/SharedSpacesLogId__c/k";
    assert!(org.try_call("PATCH", path, &task(&json!({})).to_string()).await.is_none());
    assert_eq!(org.tasks().await.len(), 1);
    script(&org.sandbox, &json!({"target": "salesforce", "phase": "after_commit", "status": 504})).await;
    assert_eq!(org.read("/limits").await.status, 200);
    assert_eq!(org.upsert("k", &json!({"Subject": "Again"})).await.status, 504);
    assert_eq!(org.tasks().await[0]["Subject"], "Again");
    assert_eq!(org.upsert("k", &json!({})).await.status, 200);

    let calls = get(org.sandbox.http_addr(), "/api/salesforce/calls").await.json();
    let route = "/services/data/{version}/sobjects/Task/{field}/{key}";
    let count = |status: Value| {
        let same =
            |call: &&Value| call["method"] == "PATCH" && call["path"] == route && call["status"] == status;
        calls.as_array().unwrap().iter().find(same).map(|call| call["count"].clone())
    };
    assert_eq!(count(json!(400)), Some(json!(2)), "{calls}");
    assert_eq!(count(Value::Null), Some(json!(1)));
    assert_eq!(count(json!(504)), Some(json!(1)));
    assert_eq!(count(json!(200)), Some(json!(1)));
}

#[tokio::test]
async fn failure_of_the_token_endpoint_has_the_body_of_that_endpoint() {
    let org = Org::new().await;
    let fault = json!({"target": "salesforce", "path": "/services/oauth2/token", "status": 400,
        "errorCode": "inactive_org", "message": "organization is inactive"});
    script(&org.sandbox, &fault).await;
    assert_eq!(org.read("/limits").await.status, 200);
    let answer =
        send(org.sandbox.salesforce_addr(), "POST", "/services/oauth2/token", &[], "").await.unwrap();
    assert_eq!((answer.status, answer.json()["error"].clone()), (400, json!("inactive_org")));
}
