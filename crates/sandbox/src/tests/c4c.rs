//! The SAP C4C look-alike: users and CSRF, single records and lists, what it refuses, and trouble.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::client::{Answer, Directory, encode, get, script, send, start};
use crate::{
    C4C_OAUTH_CLIENT_ID, C4C_OAUTH_CLIENT_SECRET, C4C_OAUTH_ISSUER, C4C_PASSWORD, C4C_USER, Sandbox,
};

const ROOT: &str = "/sap/c4c/odata/v1/c4codataapi/";
const ACCOUNT_UUID: &str = "00000001-0000-0000-0000-000000000001";
const CONTACT_UUID: &str = "00000003-0000-0000-0000-000000000001";

struct Tenant {
    sandbox: Sandbox,
    auth: String,
    csrf: String,
    cookie: String,
    _dir: Directory,
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

impl Tenant {
    async fn new() -> Self {
        let dir = Directory::new();
        let sandbox = start(&dir).await;
        let auth = basic(C4C_USER, C4C_PASSWORD);
        let mut tenant = Self { sandbox, auth, csrf: String::new(), cookie: String::new(), _dir: dir };
        (tenant.csrf, tenant.cookie) = tenant.fetch().await;
        tenant
    }

    async fn fetch(&self) -> (String, String) {
        let headers = [("authorization", self.auth.as_str()), ("x-csrf-token", "fetch")];
        let answer = send(self.sandbox.c4c_addr(), "GET", ROOT, &headers, "").await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        (answer.header("x-csrf-token").unwrap().to_owned(), cookie)
    }

    async fn send(&self, method: &str, path: &str, changed: &[(&str, &str)], body: &str) -> Option<Answer> {
        let mut headers = vec![
            ("authorization", self.auth.as_str()),
            ("accept", "application/json"),
            ("content-type", "application/json"),
            ("x-csrf-token", self.csrf.as_str()),
            ("cookie", self.cookie.as_str()),
        ];
        for (name, value) in changed {
            headers.retain(|(known, _)| known != name);
            if !value.is_empty() {
                headers.push((name, value));
            }
        }
        send(self.sandbox.c4c_addr(), method, &format!("{ROOT}{path}"), &headers, body).await
    }

    async fn read(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await.unwrap()
    }

    async fn post(&self, body: &Value) -> Answer {
        self.send("POST", "TasksCollection", &[], &body.to_string()).await.unwrap()
    }

    async fn list(&self, set: &str, options: &[(&str, &str)]) -> Answer {
        self.read(&format!("{set}?{}", encode(options))).await
    }

    async fn tasks(&self) -> Vec<Value> {
        let records = get(self.sandbox.http_addr(), "/api/c4c/records").await.json();
        records["TasksCollection"].as_array().unwrap().clone()
    }
}

fn results(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["d"]["results"].as_array().unwrap().clone()
}

fn task() -> Value {
    json!({"Subject": "Space created", "StartDateTime": "/Date(1461798451680)/", "PriorityCode": "3",
        "AccountUUID": ACCOUNT_UUID, "PrimaryContactUUID": CONTACT_UUID,
        "TasksTextCollection": [{"TypeCode": "10002", "Text": "All of it"}],
        "TasksBTDReference": [{"ID": "3001", "TypeCode": "72", "BTDRoleCode": "1"}]})
}

#[tokio::test]
async fn write_needs_the_csrf_token_of_its_own_session() {
    let tenant = Tenant::new().await;
    let (other_csrf, other_cookie) = tenant.fetch().await;
    assert_ne!(other_csrf, tenant.csrf);
    for (name, value) in [
        ("x-csrf-token", ""),
        ("x-csrf-token", "fetch"),
        ("x-csrf-token", other_csrf.as_str()),
        ("cookie", ""),
        ("cookie", other_cookie.as_str()),
    ] {
        let body = task().to_string();
        let refused = tenant.send("POST", "TasksCollection", &[(name, value)], &body).await.unwrap();
        assert_eq!((refused.status, refused.body.as_str()), (403, "CSRF token validation failed"), "{name}");
        assert_eq!(refused.header("x-csrf-token"), Some("Required"));
        assert!(refused.header("content-type").unwrap().starts_with("text/plain"));
    }
    assert!(tenant.tasks().await.is_empty());
    assert_eq!(tenant.post(&task()).await.status, 201);
    script(&tenant.sandbox, &json!({"target": "c4c", "expire_all_tokens": true})).await;
    assert_eq!(tenant.post(&task()).await.status, 403);
    script(&tenant.sandbox, &json!({"target": "c4c", "technical_user": true})).await;
    assert_eq!(tenant.post(&task()).await.status, 201);
    let fetch = [("x-csrf-token", "fetch")];
    assert_eq!(tenant.send("GET", "", &fetch, "").await.unwrap().status, 500);
}

#[tokio::test]
async fn wrong_user_and_wrong_address_are_refused() {
    let tenant = Tenant::new().await;
    let wrong = basic(C4C_USER, "wrong");
    for auth in ["", wrong.as_str(), "Bearer made-up"] {
        let answer = tenant.send("GET", "TasksCollection", &[("authorization", auth)], "").await.unwrap();
        assert_eq!(answer.status, 401);
        assert!(answer.header("www-authenticate").unwrap().starts_with("Basic"));
    }
    let headers = [("authorization", tenant.auth.as_str()), ("x-csrf-token", "fetch")];
    let bare =
        send(tenant.sandbox.c4c_addr(), "GET", ROOT.trim_end_matches('/'), &headers, "").await.unwrap();
    assert_eq!((bare.status, bare.header("x-csrf-token")), (404, None));
    assert_eq!(tenant.read("NothingCollection").await.status, 404);
    assert_eq!(tenant.read("TasksCollection('0')").await.json()["error"]["message"]["lang"], "en");
}

#[tokio::test]
async fn assertion_gives_a_token_that_needs_no_csrf() {
    let tenant = Tenant::new().await;
    let host = tenant.sandbox.c4c_addr().to_string();
    let recipient = format!("http://{host}/sap/bc/sec/oauth2/token");
    let assertion = |issuer: &str,
                     user: &str,
                     audience: &str,
                     recipient: &str,
                     end: &str,
                     signature: &str| {
        STANDARD.encode(format!(
            "<saml2:Assertion><saml2:Issuer>{issuer}</saml2:Issuer><ds:SignatureValue>{signature}</ds:SignatureValue>\
             <saml2:Subject><saml2:NameID Format=\"x\">{user}</saml2:NameID><saml2:SubjectConfirmationData \
             NotOnOrAfter=\"{end}\" Recipient=\"{recipient}\"/></saml2:Subject><saml2:AudienceRestriction>\
             <saml2:Audience>{audience}</saml2:Audience></saml2:AudienceRestriction></saml2:Assertion>"
        ))
    };
    let ask = async |assertion: &str, scope: &str, secret: &str| {
        let form = encode(&[
            ("client_id", C4C_OAUTH_CLIENT_ID),
            ("scope", scope),
            ("grant_type", "urn:ietf:params:oauth:grant-type:saml2-bearer"),
            ("assertion", assertion),
        ]);
        let auth = basic(C4C_OAUTH_CLIENT_ID, secret);
        let headers =
            [("authorization", auth.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        send(tenant.sandbox.c4c_addr(), "POST", "/sap/bc/sec/oauth2/token", &headers, &form).await.unwrap()
    };
    let end = "2999-01-01T00:00:00Z";
    for wrong in [
        assertion("other", C4C_USER, &host, &recipient, end, "x"),
        assertion(C4C_OAUTH_ISSUER, "somebody", &host, &recipient, end, "x"),
        assertion(C4C_OAUTH_ISSUER, C4C_USER, "other", &recipient, end, "x"),
        assertion(C4C_OAUTH_ISSUER, C4C_USER, &host, "http://other", end, "x"),
        assertion(C4C_OAUTH_ISSUER, C4C_USER, &host, &recipient, "2020-01-01T00:00:00Z", "x"),
        assertion(C4C_OAUTH_ISSUER, C4C_USER, &host, &recipient, end, ""),
        "nonsense".to_owned(),
    ] {
        let answer = ask(&wrong, "UIWC:CC_HOME", C4C_OAUTH_CLIENT_SECRET).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_grant")));
    }
    let right = assertion(C4C_OAUTH_ISSUER, C4C_USER, &host, &recipient, end, "x");
    assert_eq!(ask(&right, "UIWC:CC_HOME", "wrong").await.status, 401);
    assert_eq!(ask(&right, "other", C4C_OAUTH_CLIENT_SECRET).await.json()["error"], "invalid_scope");
    let answer = ask(&right, "UIWC:CC_HOME", C4C_OAUTH_CLIENT_SECRET).await.json();
    assert!(answer.get("refresh_token").is_none());
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let as_bearer = [("authorization", bearer.as_str()), ("x-csrf-token", ""), ("cookie", "")];
    let body = task().to_string();
    assert_eq!(tenant.send("POST", "TasksCollection", &as_bearer, &body).await.unwrap().status, 201);
    script(&tenant.sandbox, &json!({"target": "c4c", "expire_all_tokens": true})).await;
    assert_eq!(tenant.send("GET", "TasksCollection", &as_bearer, "").await.unwrap().status, 401);
}

#[tokio::test]
async fn task_is_created_whole_and_twice_where_it_is_sent_twice() {
    let tenant = Tenant::new().await;
    let created = tenant.post(&task()).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let shown = created.json()["d"]["results"].clone();
    assert_eq!((&shown["StartDateTime"], &shown["Status"]), (&json!("/Date(1461798451680)/"), &json!("1")));
    assert!(shown["TasksTextCollection"]["__deferred"].is_object());
    let etag = created.header("etag").unwrap().to_owned();
    assert!(
        etag.starts_with("W/\"datetimeoffset'20")
            && etag.contains("%3A")
            && shown["__metadata"]["etag"] == etag
    );
    let path = format!("TasksCollection('{}')", shown["ObjectID"].as_str().unwrap());
    assert_eq!(results(&tenant.read(&format!("{path}/TasksTextCollection")).await)[0]["Text"], "All of it");
    let expanded = tenant.read(&format!("{path}?$expand=TasksBTDReference")).await.json();
    assert_eq!(expanded["d"]["results"]["TasksBTDReference"][0]["ID"], "3001");

    let stale = [("if-match", "W/\"datetimeoffset'2016-04-27T23%3A07%3A31.6809330Z'\"")];
    assert_eq!(tenant.send("PATCH", &path, &stale, "{\"Status\":\"3\"}").await.unwrap().status, 412);
    let fresh = [("if-match", etag.as_str())];
    assert_eq!(tenant.send("PATCH", &path, &fresh, "{\"Status\":\"3\"}").await.unwrap().status, 204);
    assert_eq!(tenant.send("PATCH", &path, &fresh, "{\"Status\":\"2\"}").await.unwrap().status, 412);

    script(&tenant.sandbox, &json!({"target": "c4c", "wrap_single": false})).await;
    assert_eq!(tenant.post(&task()).await.json()["d"]["Subject"], "Space created");
    let tasks = tenant.tasks().await;
    assert_eq!((tasks.len(), tasks[0]["Status"].as_str()), (2, Some("3")));
    let id = tasks[0]["ID"].as_str().unwrap();
    let link = format!("/sap/public/byd/runtime?param.InternalID={id}&param.Type=COD_TASK_TT");
    let page = get(tenant.sandbox.c4c_addr(), &link).await;
    assert!(page.status == 200 && page.body.contains("All of it") && page.body.contains("Contoso Ltd"));
    assert_eq!(tenant.post(&json!({"Subject": "the newest"})).await.status, 201);
    let page = get(tenant.sandbox.c4c_addr(), "/").await.body;
    assert!(page.find("the newest").unwrap() < page.find("Space created").unwrap());
}

#[tokio::test]
async fn body_is_refused_by_property() {
    let tenant = Tenant::new().await;
    for body in [
        json!({"Subject": "x".repeat(766)}),
        json!({"subject": "case counts"}),
        json!({"Subject": 7}),
        json!({"UUID": ACCOUNT_UUID}),
        json!({"AccountUUID": "11111111-0000-0000-0000-000000000001"}),
        json!({"StartDateTime": "tomorrow"}),
        json!({"TasksTextCollection": [{"Nothing": "x"}]}),
        json!({"TasksTextCollection": "x"}),
        json!([]),
    ] {
        let answer = tenant.post(&body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
        assert!(answer.json()["error"]["message"]["value"].is_string());
    }
    let taken = tenant.post(&json!({"Subject": "x".repeat(765), "ObjectID": "taken and forgotten"})).await;
    assert_eq!(taken.status, 201, "{}", taken.body);
    let accounts = tenant.send("POST", "CorporateAccountCollection", &[], "{\"Name\":\"x\"}").await.unwrap();
    assert_eq!(accounts.status, 400);
    script(&tenant.sandbox, &json!({"target": "c4c", "custom_field": false})).await;
    assert_eq!(tenant.post(&json!({"Subject": "x", "SharedSpacesLogId_KUT": "k"})).await.status, 400);
}

#[tokio::test]
async fn conditions_are_the_few_that_the_tenant_knows() {
    let tenant = Tenant::new().await;
    let body = json!({"Subject": "O'Hara", "SharedSpacesLogId_KUT": "log-1"});
    assert_eq!(tenant.post(&body).await.status, 201);
    for (set, filter, found) in [
        ("TasksCollection", "SharedSpacesLogId_KUT eq 'log-1'", 1),
        ("TasksCollection", "Subject eq 'O''Hara' and Status ne '3'", 1),
        ("ContactCollection", "Email eq 'sean@ohara.test' or Email eq 'luc@lumiere.test'", 2),
        ("CorporateAccountCollection", "Name eq '*retail*'", 1),
        ("CorporateAccountCollection", "startswith(Name,'Contoso')", 2),
        ("TasksCollection", "EntityLastChangedOn ge datetimeoffset'2024-01-01T00:00:00Z'", 1),
        ("TasksCollection", "EntityLastChangedOn ge datetimeoffset'2999-01-01T00:00:00Z'", 0),
    ] {
        let answer = tenant.list(set, &[("$filter", filter)]).await;
        assert_eq!(results(&answer).len(), found, "{filter}");
    }
    for filter in [
        "substringof('x',Name)",
        "contains(Name,'x')",
        "tolower(Name) eq 'x'",
        "Name eq 'x' or AccountID eq '1'",
        "Name eq 'O'Hara'",
        "Nothing eq 'x'",
        "ParentAccount/Name eq 'x'",
    ] {
        let answer = tenant.list("CorporateAccountCollection", &[("$filter", filter)]).await;
        assert_eq!(answer.status, 400, "{filter}");
    }
    let search = async |text: &str| {
        results(&tenant.list("CorporateAccountCollection", &[("$search", text)]).await).len()
    };
    assert_eq!((search("contoso").await, search("conto").await, search("conto* reta*").await), (2, 0, 1));
}

#[tokio::test]
async fn lists_page_count_as_text_and_are_atom_where_nothing_is_accepted() {
    let tenant = Tenant::new().await;
    script(&tenant.sandbox, &json!({"target": "c4c", "page_size": 5})).await;
    let first = tenant.list("CorporateAccountCollection", &[("$inlinecount", "allpages")]).await;
    assert_eq!((results(&first).len(), &first.json()["d"]["__count"]), (5, &json!("12")));
    let next = first.json()["d"]["__next"].as_str().unwrap().to_owned();
    assert!(next.ends_with("$skiptoken=6"));
    let path = next.split(ROOT).nth(1).unwrap().to_owned();
    assert_eq!(results(&tenant.read(&path).await)[0]["AccountID"], "1000006");
    let last = tenant.read(&path.replace("skiptoken=6", "skiptoken=11")).await;
    assert!(results(&last).len() == 2 && last.json()["d"].get("__next").is_none());
    let sized = [("$top", "3"), ("$skip", "10"), ("$orderby", "Name desc"), ("$select", "Name")];
    let sized = results(&tenant.list("CorporateAccountCollection", &sized).await);
    assert!(sized.len() == 2 && sized[1]["Name"] == "100% Organic" && sized[1].get("City").is_none());
    assert_eq!(tenant.read("CorporateAccountCollection/$count").await.body, "12");
    let atom = tenant.send("GET", "ContactCollection", &[("accept", "")], "").await.unwrap();
    assert!(atom.header("content-type").unwrap().contains("atom") && atom.body.contains("<d:LastName>"));
    let wrong = tenant.send("GET", "Nothing", &[("accept", "")], "").await.unwrap();
    assert!(wrong.status == 404 && wrong.body.contains("<error"));
    assert!(tenant.read("$metadata").await.body.contains("<EntityType Name=\"Tasks\">"));
}

#[tokio::test]
async fn answer_can_be_lost_after_the_effect_and_only_a_search_can_tell() {
    let tenant = Tenant::new().await;
    script(&tenant.sandbox, &json!({"target": "c4c", "phase": "after_commit", "drop": true})).await;
    let body = json!({"Subject": "x", "SharedSpacesLogId_KUT": "log-1"}).to_string();
    assert!(tenant.send("POST", "TasksCollection", &[], &body).await.is_none());
    let filter = [("$filter", "SharedSpacesLogId_KUT eq 'log-1'")];
    assert_eq!(results(&tenant.list("TasksCollection", &filter).await).len(), 1);
    script(&tenant.sandbox, &json!({"target": "c4c", "request_limit": 1, "window_seconds": 60})).await;
    assert_eq!(tenant.read("TasksCollection").await.status, 200);
    let refused = tenant.read("TasksCollection").await;
    assert!(refused.status == 429 && refused.header("retry-after").is_some());
}
