//! The API gateway as those see it who know HTTP alone: a client app with JSON, and a mail program with its one click.

use journeys::visit::{Journey, PASSWORD, unique};
use journeys::world::World;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sharedspaces_proto::identity::v1::Plan;

use crate::{Organization, found, people, start};

/// A client app that knows HTTP and JSON, and the gateway's address alone.
struct Client {
    base: String,
    token: String,
    http: reqwest::Client,
}

impl Client {
    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        key: Option<&str>,
    ) -> (StatusCode, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: no JSON: {text}")))
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call(Method::GET, path, None, None).await
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call(Method::POST, path, Some(body), None).await
    }
}

/// The reason of a refusal, and the fields it names.
fn refusal(body: &Value) -> (&str, Vec<&str>) {
    let details = body["error"]["details"].as_array().map(Vec::as_slice).unwrap_or_default();
    let reason = details.iter().find_map(|detail| detail["reason"].as_str()).unwrap_or_default();
    let fields = details.iter().filter_map(|detail| detail["fieldViolations"].as_array()).flatten();
    (reason, fields.filter_map(|violation| violation["field"].as_str()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_app_makes_its_calls_with_json_alone_and_a_mail_program_its_one_click() {
    let world = start(|| {
        let mut world = World::start_with(people::SETTINGS)?;
        world.start_gateway(&[])?;
        Ok(world)
    })
    .await;
    let environment = world.environment().unwrap();
    let journey = Journey::new(&environment).unwrap();
    let acme = found(&journey, "en", Plan::Ultimate).await;
    visit_as_rest(&environment.gateway, &acme).await;
    get_out_with_one_click(&environment.gateway, &journey, &acme).await;
}

/// As RFC 8058 asks: a POST of a form to the address in the header, without cookies or tokens.
async fn get_out_with_one_click(gateway: &str, journey: &Journey, acme: &Organization) {
    let space = journey.create_space(&acme.member, "Clicked", "", None).await.unwrap();
    let id = space.space_id.as_str();
    let guest = journey.bring_in(&acme.member, id, "Gina Guest").await.unwrap();
    let item = journey.add_link(&acme.member, id, "", "Brochure").await.unwrap();
    journey.comment(&guest, id, &item.item_id, "How much is it?", &[]).await.unwrap();
    let mail = journey.outside.wait_for_mail(&acme.accounts.members[0], "comment").await.unwrap();
    assert_eq!(mail.headers["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
    let listed = mail.headers["List-Unsubscribe"].trim_matches(['<', '>']);
    // Mails name the address of the web client, whose host leads `/v1` to the gateway.
    let path = &listed[listed.find("/v1/unsubscribe?token=").unwrap()..];
    assert!(journey.mail_settings(&acme.member, id).await.unwrap().comments);

    let http = reqwest::Client::builder().build().unwrap();
    let form = |body: &str| {
        let call = http.post(format!("{gateway}{path}"));
        call.header("content-type", "application/x-www-form-urlencoded").body(body.to_owned()).send()
    };
    assert_eq!(http.get(format!("{gateway}{path}")).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(form("Something=Else").await.unwrap().status(), StatusCode::BAD_REQUEST);
    assert!(journey.mail_settings(&acme.member, id).await.unwrap().comments, "looking takes nobody out");
    assert_eq!(form("List-Unsubscribe=One-Click").await.unwrap().status(), StatusCode::OK);
    assert!(!journey.mail_settings(&acme.member, id).await.unwrap().comments);

    // Again, and as the other kind of form.
    let boundary =
        "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let other =
        http.post(format!("{gateway}{path}")).header("content-type", "multipart/form-data; boundary=b");
    assert_eq!(other.body(boundary).send().await.unwrap().status(), StatusCode::OK);
    let forged = http.post(format!("{gateway}/v1/unsubscribe?token=forged"));
    let forged = forged.header("content-type", "application/x-www-form-urlencoded");
    let forged = forged.body("List-Unsubscribe=One-Click").send().await.unwrap();
    assert_eq!(forged.status(), StatusCode::NOT_FOUND);
    let body: Value = serde_json::from_str(&forged.text().await.unwrap()).unwrap();
    assert_eq!(refusal(&body).0, "UNSUBSCRIBE_LINK_REFUSED");
}

async fn visit_as_rest(gateway: &str, acme: &Organization) {
    let mut client = Client {
        base: gateway.to_owned(),
        token: String::new(),
        http: reqwest::Client::builder().build().unwrap(),
    };
    let credentials = json!({
        "organization": acme.accounts.organization,
        "emailAddress": acme.accounts.members[0],
        "password": PASSWORD,
    });
    let (status, tokens) = client.post("/v1/sessions:signInWithPassword", credentials).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    client.token = tokens["tokens"]["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(tokens["tokens"]["accessTokenTtl"], "300s");

    let new = json!({"title": "By REST", "sharing": {"download": true}});
    let key = unique();
    let create = || client.call(Method::POST, "/v1/spaces", Some(new.clone()), Some(&key));
    let (status, created) = create().await;
    assert_eq!(status, StatusCode::OK, "{created}");
    assert_eq!(create().await, (status, created.clone()), "the same key again gives the same answer");
    let space_id = created["space"]["spaceId"].as_str().unwrap();
    let path = format!("/v1/spaces/{space_id}");

    let change = json!({"title": "By REST, renamed", "updateMask": "title"});
    let (status, changed) = client.call(Method::PATCH, &path, Some(change), None).await;
    assert_eq!((status, changed["space"]["title"].as_str()), (StatusCode::OK, Some("By REST, renamed")));
    let (_, listed) = client.get("/v1/spaces?query=renamed&pageSize=5").await;
    assert_eq!(listed["spaces"][0]["spaceId"], *space_id);
    let (_, told) = client.get(&format!("{path}/activities")).await;
    assert!(told["activities"][0]["summary"].as_str().unwrap().contains("renamed"), "{told}");
    let (status, _) = client.call(Method::DELETE, &path, None, None).await;
    assert_eq!(status, StatusCode::OK);

    let (status, gone) = client.get(&path).await;
    assert_eq!((status, refusal(&gone).0), (StatusCode::NOT_FOUND, "SPACE_NOT_FOUND"));
    assert_eq!((&gone["error"]["code"], &gone["error"]["status"]), (&json!(404), &json!("NOT_FOUND")));
    let (status, bad) = client.post("/v1/spaces", json!({"title": ""})).await;
    assert_eq!((status, refusal(&bad).1), (StatusCode::BAD_REQUEST, vec!["title"]), "{bad}");
    let (status, unknown) = client.get("/v1/spaces?colour=blue").await;
    assert_eq!((status, &unknown["error"]["code"]), (StatusCode::BAD_REQUEST, &json!(400)), "{unknown}");
}
