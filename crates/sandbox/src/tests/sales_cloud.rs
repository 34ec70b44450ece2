//! The SAP Sales Cloud V2 look-alike: users, single records and lists, what it refuses, and trouble.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::client::{Answer, Directory, encode, get, script, send, start};
use crate::{SALES_CLOUD_PASSWORD, SALES_CLOUD_USER, Sandbox};

const ACCOUNT: &str = "00000001-0000-4000-8000-000000000001";
const OPPORTUNITY: &str = "00000002-0000-4000-8000-000000000001";
const TASKS: &str = "task-service/tasks";

struct Tenant {
    sandbox: Sandbox,
    auth: String,
    _dir: Directory,
}

impl Tenant {
    async fn new() -> Self {
        let dir = Directory::new();
        let sandbox = start(&dir).await;
        let auth = format!("Basic {}", STANDARD.encode(format!("{SALES_CLOUD_USER}:{SALES_CLOUD_PASSWORD}")));
        Self { sandbox, auth, _dir: dir }
    }

    async fn send(&self, method: &str, path: &str, changed: &[(&str, &str)], body: &str) -> Option<Answer> {
        let mut headers = vec![("authorization", self.auth.as_str()), ("content-type", "application/json")];
        headers.retain(|(known, _)| !changed.iter().any(|(name, _)| name == known));
        headers.extend_from_slice(changed);
        send(self.sandbox.sales_cloud_addr(), method, &format!("/sap/c4c/api/v1/{path}"), &headers, body)
            .await
    }

    async fn read(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await.unwrap()
    }

    async fn post(&self, body: &Value) -> Answer {
        self.send("POST", TASKS, &[], &body.to_string()).await.unwrap()
    }

    async fn list(&self, path: &str, options: &[(&str, &str)]) -> Vec<Value> {
        let answer = self.read(&format!("{path}?{}", encode(options))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["value"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn task_is_created_read_and_changed_with_its_etag() {
    let tenant = Tenant::new().await;
    let body = json!({"description": "Space created", "status": "COMPLETED", "account": {"id": ACCOUNT},
        "opportunity": {"id": OPPORTUNITY}, "notes": [{"content": "All of it"}],
        "extensions": {"logId": "log-1"}});
    let created = tenant.post(&body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let value = created.json()["value"].clone();
    assert!(value["displayId"].is_string() && value["owner"]["id"].is_string());
    let path = format!("{TASKS}/{}", value["id"].as_str().unwrap());
    let etag = tenant.read(&path).await.header("etag").unwrap().to_owned();
    let patch = ("content-type", "application/merge-patch+json");
    let (wrong, right) = (("if-match", "\"old\""), ("if-match", etag.as_str()));
    let change = "{\"description\":\"Renamed\",\"opportunity\":null}";
    for (headers, status) in [
        (vec![patch], 428),
        (vec![patch, wrong], 412),
        (vec![right], 415),
        (vec![patch, right], 200),
        (vec![patch, right], 412),
    ] {
        assert_eq!(tenant.send("PATCH", &path, &headers, change).await.unwrap().status, status);
    }
    let read = tenant.read(&path).await.json()["value"].clone();
    assert!(read["description"] == "Renamed" && read.get("opportunity").is_none());
    assert_eq!(tenant.list(TASKS, &[("$filter", "extensions/logId eq 'log-1'")]).await.len(), 1);
    let page = get(tenant.sandbox.sales_cloud_addr(), &format!("/records/accounts/{ACCOUNT}")).await;
    assert!(page.status == 200 && page.body.contains("Renamed"));
    assert!(get(tenant.sandbox.sales_cloud_addr(), "/").await.body.contains("Renamed"));
}

#[tokio::test]
async fn wrong_users_bodies_and_paths_are_refused() {
    let tenant = Tenant::new().await;
    for auth in ["", "Basic bm9ib2R5Ong=", "Bearer x"] {
        assert_eq!(tenant.send("GET", TASKS, &[("authorization", auth)], "").await.unwrap().status, 401);
    }
    for body in [
        json!({"subject": "x"}),
        json!({"description": ""}),
        json!({"description": 7}),
        json!({"description": "x", "id": ACCOUNT}),
        json!({"description": "x", "status": "DONE"}),
        json!({"description": "x", "startDateTime": "tomorrow"}),
        json!({"description": "x", "account": {"id": OPPORTUNITY}}),
        json!({"description": "x", "notes": ["text"]}),
        json!([]),
    ] {
        assert_eq!(tenant.post(&body).await.status, 400, "{body}");
    }
    for path in ["task-service/accounts", "task-service/tasks/nothing", "nothing"] {
        assert_eq!(tenant.read(path).await.status, 404, "{path}");
    }
    for query in ["$filter=nothing%20eq%20'x'", "$filter=description%20eq", "$expand=notes", "$top=x"] {
        assert_eq!(tenant.read(&format!("{TASKS}?{query}")).await.status, 400, "{query}");
    }
    let readonly = tenant.send("POST", "account-service/accounts", &[], "{}").await.unwrap();
    assert_eq!(readonly.status, 403);
    script(&tenant.sandbox, &json!({"target": "sales_cloud", "task_references": []})).await;
    let body = json!({"description": "x", "opportunity": {"id": OPPORTUNITY}});
    assert_eq!(tenant.post(&body).await.status, 400);
}

#[tokio::test]
async fn lists_are_filtered_searched_and_paged_until_a_page_is_short() {
    let tenant = Tenant::new().await;
    script(&tenant.sandbox, &json!({"target": "sales_cloud", "page_size": 5})).await;
    let mut names = Vec::new();
    loop {
        let skip = names.len().to_string();
        let page = [("$orderby", "formattedName"), ("$top", "50"), ("$skip", skip.as_str())];
        let page = tenant.list("account-service/accounts", &page).await;
        names.extend(page.iter().map(|row| row["formattedName"].as_str().unwrap().to_owned()));
        if page.len() < 5 {
            break;
        }
    }
    assert_eq!((names.len(), names[0].as_str()), (12, "100% Organic"));
    let people = "contact-person-service/contactPersons";
    assert_eq!(tenant.list(people, &[("$filter", "eMail eq 'sean@ohara.test'")]).await.len(), 1);
    let of_account = format!("account/id eq '{ACCOUNT}'");
    assert_eq!(tenant.list(people, &[("$filter", &of_account)]).await.len(), 2);
    assert_eq!(tenant.list("lead-service/leads", &[("$search", "BROOK")]).await.len(), 1);
}

#[tokio::test]
async fn trouble_comes_as_it_was_asked_for() {
    let tenant = Tenant::new().await;
    let body = json!({"description": "x"});
    script(&tenant.sandbox, &json!({"target": "sales_cloud", "phase": "after_commit", "drop": true})).await;
    assert!(tenant.send("POST", TASKS, &[], &body.to_string()).await.is_none());
    assert_eq!(tenant.post(&body).await.status, 201);
    assert_eq!(tenant.list(TASKS, &[]).await.len(), 2);
    assert_eq!(tenant.post(&json!({"description": "the newest"})).await.status, 201);
    let page = get(tenant.sandbox.sales_cloud_addr(), "/").await.body;
    assert!(page.find("the newest").unwrap() < page.find(">x</a>").unwrap());
    let busy = json!({"target": "sales_cloud", "status": 503, "retry_after": 2, "times": 2, "every": 2});
    script(&tenant.sandbox, &busy).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(tenant.read(TASKS).await.status);
    }
    assert_eq!(statuses, [200, 503, 200, 503, 200]);
    script(&tenant.sandbox, &json!({"target": "sales_cloud", "daily_quota": 1})).await;
    assert_eq!(tenant.read(TASKS).await.status, 200);
    let refused = tenant.read(TASKS).await;
    assert!(refused.status == 429 && refused.header("retry-after").is_some());
    script(&tenant.sandbox, &json!({"target": "sales_cloud", "locked": true})).await;
    assert_eq!(tenant.read(TASKS).await.status, 401);
    let reset = send(tenant.sandbox.http_addr(), "DELETE", "/api/faults", &[], "").await.unwrap();
    assert_eq!(reset.status, 204);
    assert_eq!(tenant.read(TASKS).await.status, 200);
    let calls = get(tenant.sandbox.http_addr(), "/api/sales_cloud/calls").await.json();
    assert!(calls.as_array().unwrap().iter().any(|call| call["status"] == 429 && call["count"] == 1));
    assert_eq!(get(tenant.sandbox.http_addr(), "/api/nothing/calls").await.status, 404);
}
