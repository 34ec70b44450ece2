//! The Dataverse look-alike: sign-in, single records and lists, and what it refuses.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use url::Url;

use super::client::{Answer, Directory, encode, get, post_form, script, send, start};
use crate::{DATAVERSE_CLIENT_ID, DATAVERSE_CLIENT_SECRET, DATAVERSE_TENANT, Sandbox};

pub(super) const ACCOUNT: &str = "00000001-0000-4000-8000-000000000001";
pub(super) const CONTACT: &str = "00000003-0000-4000-8000-000000000001";
const LEAD: &str = "00000004-0000-4000-8000-000000000001";
pub(super) const KEY: &str = "11111111-2222-4333-8444-555555555555";
const REDIRECT: &str = "http://127.0.0.1:9/callback";
const VERIFIER: &str = "a-verifier-that-is-long-enough-to-be-one-0123456789";

pub(super) struct Org {
    pub(super) sandbox: Sandbox,
    pub(super) bearer: String,
    dir: Directory,
}

pub(super) fn scope(sandbox: &Sandbox) -> String {
    format!("http://{}/.default", sandbox.dataverse_addr())
}

async fn token(sandbox: &Sandbox, changed: &[(&str, &str)]) -> Answer {
    let scope = scope(sandbox);
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", DATAVERSE_CLIENT_ID),
        ("client_secret", DATAVERSE_CLIENT_SECRET),
        ("scope", scope.as_str()),
    ];
    for (name, value) in changed {
        form.retain(|(known, _)| known != name);
        if !value.is_empty() {
            form.push((name, value));
        }
    }
    let path = format!("/{DATAVERSE_TENANT}/oauth2/v2.0/token");
    post_form(sandbox.dataverse_addr(), &path, &form).await
}

impl Org {
    pub(super) async fn new() -> Self {
        let dir = Directory::new();
        let sandbox = start(&dir).await;
        let answer = token(&sandbox, &[]).await.json();
        assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(3599)));
        assert!(answer.get("refresh_token").is_none());
        let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
        Self { sandbox, bearer, dir }
    }

    pub(super) async fn restarted(self) -> Self {
        let Self { sandbox, bearer, dir } = self;
        sandbox.stop().await;
        Self { sandbox: start(&dir).await, bearer, dir }
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<Answer> {
        let mut all = vec![("authorization", self.bearer.as_str()), ("content-type", "application/json")];
        all.retain(|(name, _)| !headers.iter().any(|(given, _)| given == name));
        all.extend_from_slice(headers);
        send(self.sandbox.dataverse_addr(), method, &format!("/api/data/v9.2/{path}"), &all, body).await
    }

    async fn patch(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.send("PATCH", path, headers, &body.to_string()).await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], &body.to_string()).await.unwrap()
    }

    pub(super) async fn read(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await.unwrap()
    }

    async fn filter(&self, set: &str, filter: &str) -> Answer {
        self.read(&format!("{set}?{}", encode(&[("$filter", filter)]))).await
    }

    async fn names(&self, set: &str, filter: &str, name: &str) -> Vec<String> {
        let answer = self.filter(set, filter).await;
        assert_eq!(answer.status, 200, "{filter}: {}", answer.body);
        let value = answer.json()["value"].as_array().unwrap().clone();
        value.iter().map(|row| row[name].as_str().unwrap_or_default().to_owned()).collect()
    }

    pub(super) async fn records(&self, set: &str) -> Vec<Value> {
        let records = get(self.sandbox.http_addr(), "/api/dataverse/records").await.json();
        records[set].as_array().unwrap().clone()
    }
}

pub(super) fn error(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn task() -> Value {
    json!({"subject": "Space created", "description": "A room",
        "regardingobjectid_account_task@odata.bind": format!("/accounts({ACCOUNT})")})
}

#[tokio::test]
async fn directory_refuses_by_its_codes() {
    let org = Org::new().await;
    for (name, value, status, code) in [
        ("client_secret", "wrong", 401, 7_000_215),
        ("client_secret", "", 401, 7_000_218),
        ("client_id", "11111111-0000-4000-8000-000000000000", 400, 700_016),
        ("grant_type", "password", 400, 70003),
        ("grant_type", "", 400, 900_144),
        ("scope", "https://other.crm.dynamics.com/.default", 400, 70011),
        ("scope", "offline_access", 400, 1_002_012),
    ] {
        let answer = token(&org.sandbox, &[(name, value)]).await;
        assert_eq!(
            (answer.status, &answer.json()["error_codes"][0]),
            (status, &json!(code)),
            "{name}={value}"
        );
        assert!(answer.json()["error_description"].as_str().unwrap().starts_with(&format!("AADSTS{code}: ")));
    }
    script(&org.sandbox, &json!({"target": "dataverse", "secret_expired": true})).await;
    assert_eq!(token(&org.sandbox, &[]).await.json()["error_codes"][0], 7_000_222);
    let elsewhere = post_form(org.sandbox.dataverse_addr(), "/nobody/oauth2/v2.0/token", &[]).await;
    assert_eq!(elsewhere.json()["error_codes"][0], 90002);
}

async fn authorize(sandbox: &Sandbox, redirect: &str) -> Answer {
    let scope = format!("{} offline_access", scope(sandbox));
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
    let pairs = [
        ("response_type", "code"),
        ("client_id", DATAVERSE_CLIENT_ID),
        ("redirect_uri", redirect),
        ("scope", scope.as_str()),
        ("state", "x"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("approve", "true"),
    ];
    let path = format!("/{DATAVERSE_TENANT}/oauth2/v2.0/authorize?{}", encode(&pairs));
    get(sandbox.dataverse_addr(), &path).await
}

#[tokio::test]
async fn code_flow_proves_the_verifier_and_gives_a_refresh_token_that_renews() {
    let org = Org::new().await;
    assert_eq!(authorize(&org.sandbox, "https://evil.test/").await.status, 400);
    let redeem = async |verifier: &str, redirect: &str| {
        let answer = authorize(&org.sandbox, REDIRECT).await;
        let back = Url::parse(answer.header("location").unwrap()).unwrap();
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ];
        (token(&org.sandbox, &form).await, token(&org.sandbox, &form).await)
    };
    assert_eq!(redeem("wrong", REDIRECT).await.0.json()["error_codes"][0], 501_481);
    assert_eq!(redeem("", REDIRECT).await.0.json()["error_codes"][0], 501_481);
    assert_eq!(redeem(VERIFIER, "http://127.0.0.1:9/x").await.0.json()["error_codes"][0], 500_112);
    let (first, again) = redeem(VERIFIER, REDIRECT).await;
    assert_eq!(again.json()["error_codes"][0], 54005);
    let refresh = first.json()["refresh_token"].as_str().unwrap().to_owned();
    let renew = async |refresh: &str| {
        token(&org.sandbox, &[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await
    };
    let renewed = renew(&refresh).await.json();
    assert!(renewed["access_token"].is_string() && renewed["refresh_token"] != refresh);
    assert_eq!(renew("nonsense").await.json()["error_codes"][0], 9_002_313);
    script(&org.sandbox, &json!({"target": "dataverse", "revoke_all_refresh_tokens": true})).await;
    assert_eq!(renew(&refresh).await.json()["error_codes"][0], 50173);
}

#[tokio::test]
async fn calls_need_a_token_that_holds_and_a_user_that_is_there() {
    let mut org = Org::new().await;
    let who = org.read("WhoAmI").await.json();
    assert!(
        who["UserId"].is_string() && who["OrganizationId"].is_string() && who["BusinessUnitId"].is_string()
    );
    script(&org.sandbox, &json!({"target": "dataverse", "app_user": false})).await;
    assert_eq!(error(&org.read("WhoAmI").await), (403, "0x80072560".to_owned()));
    script(&org.sandbox, &json!({"target": "dataverse", "app_user": true, "expire_all_tokens": true})).await;
    let ended = org.read("WhoAmI").await;
    assert!(ended.status == 401 && ended.header("www-authenticate").unwrap().contains("authorization_uri="));
    script(&org.sandbox, &json!({"target": "dataverse", "token_life_seconds": 0})).await;
    let short = token(&org.sandbox, &[]).await.json()["access_token"].as_str().unwrap().to_owned();
    org.bearer = format!("Bearer {short}");
    assert_eq!(org.read("WhoAmI").await.status, 401);
}

#[tokio::test]
async fn upsert_by_a_guid_of_the_client_has_its_effect_once() {
    let org = Org::new().await;
    let path = format!("tasks({KEY})");
    let absent = org.patch(&path, &[("if-match", "*")], &task()).await;
    assert_eq!(error(&absent), (404, "0x80040217".to_owned()));
    let created = org.patch(&path, &[("if-none-match", "*")], &task()).await;
    assert_eq!((created.status, created.body.as_str()), (204, ""));
    assert!(created.header("odata-entityid").unwrap().ends_with(&format!("/api/data/v9.2/tasks({KEY})")));
    let again = org.patch(&path, &[("if-none-match", "*")], &task()).await;
    assert_eq!(error(&again), (412, "0x80040237".to_owned()));
    let shown =
        org.patch(&path, &[("prefer", "return=representation")], &json!({"subject": "Renamed"})).await;
    assert_eq!((shown.status, shown.json()["subject"].as_str()), (200, Some("Renamed")));
    assert!(shown.header("odata-entityid").is_none());
    let etag = shown.json()["@odata.etag"].as_str().unwrap().to_owned();
    assert_eq!(org.patch(&path, &[("if-match", &etag)], &json!({"category": "x"})).await.status, 204);
    assert_eq!(error(&org.patch(&path, &[("if-match", &etag)], &json!({"category": "y"})).await).0, 412);
    let read = org.read(&format!("{path}?$select=subject,_regardingobjectid_value")).await.json();
    assert_eq!(read["_regardingobjectid_value"], ACCOUNT);
    assert_eq!(org.records("tasks").await.len(), 1);
    let page = format!("/main.aspx?etn=task&pagetype=entityrecord&id=%7B{KEY}%7D");
    let page = get(org.sandbox.dataverse_addr(), &page).await;
    assert!(page.status == 200 && page.body.contains("Renamed") && page.body.contains("Contoso Ltd"));
    assert!(get(org.sandbox.dataverse_addr(), "/").await.body.contains("Renamed"));
}

#[tokio::test]
async fn upsert_by_an_alternate_key_makes_one_record() {
    let org = Org::new().await;
    let path = "tasks(new_sharedspaceslogid='log-1')";
    assert_eq!(org.patch(path, &[], &task()).await.status, 204);
    assert_eq!(org.patch(path, &[], &json!({"subject": "Renamed"})).await.status, 204);
    let twin = org.post("tasks", &json!({"new_sharedspaceslogid": "log-1"})).await;
    assert_eq!(error(&twin), (412, "0x80060892".to_owned()));
    let tasks = org.records("tasks").await;
    assert_eq!((tasks.len(), tasks[0]["subject"].as_str()), (1, Some("Renamed")));
    assert_eq!(org.read("tasks(subject='Renamed')").await.status, 400);
    assert_eq!(org.read("tasks(new_sharedspaceslogid='a%2Fb')").await.status, 400);
}

#[tokio::test]
async fn body_is_refused_as_the_real_one_refuses() {
    let org = Org::new().await;
    let long = "x".repeat(201);
    let wide = "é".repeat(2001);
    let bind = |name: &str, to: &str| json!({format!("{name}@odata.bind"): to});
    let account = format!("/accounts({ACCOUNT})");
    for (body, status, code) in [
        (json!({"subject": long}), 400, "0x80044331"),
        (json!({"description": wide}), 400, "0x80044331"),
        (json!({"Subject": "case counts"}), 400, "0x80048d19"),
        (json!({"subject": 7}), 400, "0x80048d19"),
        (json!({"scheduledend": "tomorrow"}), 400, "0x80048d19"),
        (json!({"_regardingobjectid_value": ACCOUNT}), 400, "0x80048d19"),
        (bind("RegardingObjectId_account_task", &account), 400, "0x80048d19"),
        (bind("regardingobjectid_account_task", &format!("/contacts({CONTACT})")), 400, "0x80048d19"),
        (bind("regardingobjectid_account_task", &format!("/accounts({KEY})")), 404, "0x80040217"),
        (json!({"task_activity_parties": []}), 400, "0x80048d19"),
        (json!([]), 400, "0x80048d19"),
    ] {
        let answer = org.post("tasks", &body).await;
        assert_eq!(error(&answer), (status, code.to_owned()), "{body}: {}", answer.body);
    }
    assert_eq!(
        org.post("tasks", &json!({"subject": "x".repeat(200), "description": "é".repeat(2000)})).await.status,
        204
    );
    let two = json!({"regardingobjectid_account_task@odata.bind": account,
        "regardingobjectid_contact_task@odata.bind": format!("/contacts({CONTACT})")});
    assert_eq!(org.post("tasks", &two).await.status, 400);
    assert_eq!(org.post("annotations", &json!({"notetext": "x".repeat(100_001)})).await.status, 400);
    assert_eq!(org.post("annotations", &json!({"notetext": "x".repeat(100_000)})).await.status, 204);
    assert_eq!(org.post("systemusers", &json!({"fullname": "x"})).await.status, 403);
    assert_eq!(error(&org.post("nothing", &json!({})).await), (404, "0x8006088a".to_owned()));
    assert_eq!(org.patch("tasks(nonsense)", &[], &json!({})).await.status, 400);
}

#[tokio::test]
async fn task_is_created_open_and_read_only_once_completed() {
    let org = Org::new().await;
    let path = format!("tasks({KEY})");
    let closed = json!({"subject": "x", "statecode": 1, "statuscode": 5});
    assert_eq!(org.patch(&path, &[], &closed).await.status, 204);
    assert_eq!(org.read(&path).await.json()["statecode"], 0);
    let wrong = org.patch(&path, &[], &json!({"statecode": 1, "statuscode": 2})).await;
    assert_eq!(error(&wrong), (400, "0x80048408".to_owned()));
    assert_eq!(org.patch(&path, &[], &json!({"statecode": 1, "statuscode": 5})).await.status, 204);
    let late = org.patch(&path, &[], &json!({"subject": "late"})).await;
    assert!(late.status == 400 && late.body.contains("Cannot update Closed or Cancelled Activity"));
}

#[tokio::test]
async fn appointment_keeps_its_parties_and_a_task_has_none() {
    let org = Org::new().await;
    let parties = json!([
        {"partyid_contact@odata.bind": format!("/contacts({CONTACT})"), "participationtypemask": 5},
        {"addressused": "stranger@x.test", "participationtypemask": 5},
    ]);
    let body = json!({"subject": "Visit", "appointment_activity_parties": parties});
    assert_eq!(org.patch(&format!("appointments({KEY})"), &[], &body).await.status, 204);
    let read = org.read(&format!("appointments({KEY})?$expand=appointment_activity_parties")).await.json();
    assert_eq!(read["appointment_activity_parties"].as_array().unwrap().len(), 2);
    let listed = org.read(&format!("appointments({KEY})/appointment_activity_parties")).await.json();
    assert_eq!(listed["value"][0]["_partyid_value"], CONTACT);
    let wrong =
        json!({"appointment_activity_parties": [{"addressused": "a@x", "participationtypemask": 13}]});
    assert_eq!(org.post("appointments", &wrong).await.status, 400);
}

#[tokio::test]
async fn conditions_escape_wildcards_and_columns_behave_as_documented() {
    let org = Org::new().await;
    assert_eq!(org.names("contacts", "contains(fullname,'O''HARA')", "fullname").await, ["Sean O'Hara"]);
    let unescaped = org.filter("contacts", "fullname eq 'Sean O'Hara'").await;
    assert!(unescaped.status == 400 && unescaped.body.contains("unterminated literal at position"));
    assert_eq!(org.names("accounts", "name eq 'under_score%'", "name").await, ["Under_Score Media"]);
    assert_eq!(org.names("accounts", "name eq 'under[_]score media'", "name").await.len(), 1);
    let both = "Microsoft.Dynamics.CRM.In(PropertyName='emailaddress1',PropertyValues=[\"SEAN@ohara.test\",\"luc@lumiere.test\"])";
    assert_eq!(org.names("contacts", both, "lastname").await, ["O'Hara", "Lumière"]);
    let of_account = format!("_parentcustomerid_value eq {ACCOUNT} and startswith(jobtitle,'Plant')");
    assert_eq!(org.names("contacts", &of_account, "lastname").await, ["Pike"]);
    assert_eq!(org.names("leads", "statecode eq 0", "lastname").await.len(), 4);
    for filter in [
        "Fullname eq 'x'",
        "nothing eq 1",
        "fullname like 'x'",
        "fullname in ('x')",
        "tolower(fullname) eq 'x'",
    ] {
        assert_eq!(error(&org.filter("contacts", filter).await), (400, "0x80060888".to_owned()), "{filter}");
    }
    for path in
        ["contacts?$skip=1", "contacts?$select=nothing", "contacts?$orderby=nothing", "contacts?$apply=x"]
    {
        assert_eq!(error(&org.read(path).await), (400, "0x80060888".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn pages_follow_the_link_and_the_token_belongs_to_its_query() {
    let org = Org::new().await;
    let prefer = [("prefer", "odata.maxpagesize=5,odata.include-annotations=\"*\"")];
    let path = "accounts?$select=name&$orderby=name%20desc&$count=true&$top=2";
    let first = org.send("GET", path, &prefer, "").await.unwrap();
    assert_eq!(first.header("preference-applied"), Some("odata.maxpagesize=5"));
    assert_eq!(first.json()["@odata.count"], 12);
    let mut names = Vec::new();
    let mut page = first.json();
    let base = format!("http://{}/api/data/v9.2/", org.sandbox.dataverse_addr());
    loop {
        names.extend(
            page["value"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["@odata.nextLink"].as_str() else { break };
        let path = next.strip_prefix(&base).unwrap();
        page = org.send("GET", path, &prefer, "").await.unwrap().json();
    }
    assert_eq!((names.len(), names[0].as_str()), (12, "Wide World Importers"));
    let link = first.json()["@odata.nextLink"].as_str().unwrap().to_owned();
    let token = link.split("$skiptoken=").nth(1).unwrap();
    assert_eq!(org.read(&format!("contacts?$skiptoken={token}")).await.status, 400);
    let shown =
        org.send("GET", "opportunities?$top=1&$expand=parentaccountid($select=name)", &prefer[..0], "").await;
    assert_eq!(shown.unwrap().json()["value"][0]["parentaccountid"]["name"], "Contoso Ltd");
    let annotated =
        org.send("GET", "opportunities?$select=_parentaccountid_value", &prefer, "").await.unwrap().json();
    let name = "_parentaccountid_value@OData.Community.Display.V1.FormattedValue";
    assert_eq!(annotated["value"][0][name], "Contoso Ltd");
    assert_eq!(
        annotated["value"][0]["_parentaccountid_value@Microsoft.Dynamics.CRM.lookuplogicalname"],
        "account"
    );
}

#[tokio::test]
async fn without_the_sales_app_there_are_neither_leads_nor_opportunities() {
    let org = Org::new().await;
    assert_eq!(org.read("EntityDefinitions(LogicalName='lead')?$select=LogicalName").await.status, 200);
    let body = json!({"regardingobjectid_lead_task@odata.bind": format!("/leads({LEAD})")});
    assert_eq!(org.post("tasks", &body).await.status, 204);
    assert_eq!(org.names("EntityDefinitions", "LogicalName eq 'lead'", "EntitySetName").await, ["leads"]);
    let lists =
        "EntityDefinitions(LogicalName='task')/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata";
    assert_eq!(org.read(lists).await.json()["value"][0]["LogicalName"], "prioritycode");
    script(&org.sandbox, &json!({"target": "dataverse", "sales_app": false})).await;
    assert!(org.names("EntityDefinitions", "LogicalName eq 'lead'", "EntitySetName").await.is_empty());
    assert_eq!(org.read("EntityDefinitions(LogicalName='lead')?$select=LogicalName").await.status, 404);
    assert_eq!(org.read("leads").await.status, 404);
    assert_eq!(error(&org.post("tasks", &body).await), (400, "0x80048d19".to_owned()));
}
