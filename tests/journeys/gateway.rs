//! The API gateway: the same calls as gRPC, as REST and as gRPC-Web, and what it keeps out.

use journeys::api::with_token;
use journeys::visit::{Journey, PASSWORD, unique};
use journeys::world::World;
use prost::Message;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sharedspaces_proto::identity::v1::Plan;
use sharedspaces_proto::spaces::v1 as spaces;
use tonic::Code;

use crate::found;

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

struct Scene {
    _world: World,
    gateway: String,
    direct: Journey,
    through: Journey,
    organization: crate::Organization,
}

async fn scene() -> Scene {
    let (world, gateway) = tokio::task::spawn_blocking(|| {
        let mut world = World::start()?;
        let gateway = world.start_gateway()?;
        anyhow::Ok((world, gateway))
    })
    .await
    .unwrap()
    .unwrap();
    let environment = world.environment().unwrap();
    let direct = Journey::new(&environment).unwrap();
    let through = Journey::new(&environment.through_the_gateway(&gateway)).unwrap();
    let organization = found(&direct, "en", Plan::Ultimate).await;
    Scene { _world: world, gateway, direct, through, organization }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_visit_goes_through_the_gateway_as_grpc_as_rest_and_as_grpc_web() {
    let scene = scene().await;
    visit_as_grpc(&scene).await;
    visit_as_rest(&scene).await;
    read_as_grpc_web(&scene).await;
    refuse(&scene).await;
}

async fn visit_as_grpc(scene: &Scene) {
    let (journey, acme) = (&scene.through, &scene.organization);
    let member = journey.sign_in(&acme.accounts.organization, &acme.accounts.members[0]).await.unwrap();
    let space =
        journey.create_space(&member, "Through Envoy", &format!("e-{}", unique()), None).await.unwrap();
    let address = format!("gina.{}@buyer.example", unique());
    journey.invite(&member, &space.space_id, &[&address], "Hello").await.unwrap();
    let mail = journey.outside.wait_for_mail(&address, "").await.unwrap();
    let link = mail.link().unwrap();
    let (_, guest) = journey.enter(link.fragment().unwrap(), "Gina Guest").await.unwrap();
    let seen = journey.get_space(&guest, &space.space_id).await.unwrap();
    assert_eq!(seen.title, "Through Envoy");
}

async fn visit_as_rest(scene: &Scene) {
    let acme = &scene.organization;
    let mut client =
        Client { base: scene.gateway.clone(), token: String::new(), http: reqwest::Client::new() };
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

async fn read_as_grpc_web(scene: &Scene) {
    let acme = &scene.organization;
    let space = scene
        .direct
        .create_space(&acme.member, "On the web", &format!("w-{}", unique()), None)
        .await
        .unwrap();
    let request = spaces::GetSpaceRequest { space_id: space.space_id };
    let mut body = vec![0];
    body.extend(u32::try_from(request.encoded_len()).unwrap().to_be_bytes());
    request.encode(&mut body).unwrap();
    let answer = reqwest::Client::new()
        .post(format!("{}/sharedspaces.spaces.v1.SpaceService/GetSpace", scene.gateway))
        .bearer_auth(acme.member.token())
        .header("content-type", "application/grpc-web+proto")
        .header("x-grpc-web", "1")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "application/grpc-web+proto");
    let bytes = answer.bytes().await.unwrap();
    let (head, rest) = bytes.split_at(5);
    assert_eq!(head[0], 0, "the first frame is a message");
    let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
    let read = spaces::GetSpaceResponse::decode(&rest[..length]).unwrap();
    assert_eq!(read.space.unwrap().title, "On the web");
    let trailers = &rest[length..];
    assert_eq!(trailers[0], 0x80, "the last frame has the trailers");
    assert!(String::from_utf8_lossy(trailers).contains("grpc-status:0"));
}

/// What must not pass.
async fn refuse(scene: &Scene) {
    let acme = &scene.organization;
    let nobody = Client { base: scene.gateway.clone(), token: String::new(), http: reqwest::Client::new() };
    let (status, body) = nobody.get("/v1/spaces").await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::UNAUTHORIZED, &json!(401)), "{body}");
    let forged = Client { token: format!("{}x", acme.member.token()), http: nobody.http.clone(), ..nobody };
    let (status, _) = forged.get("/v1/spaces").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    // A method for services cannot be reached, whatever the token.
    let mut request = with_token(spaces::CheckAccessRequest::default(), acme.admin.token());
    request.metadata_mut().insert("x-user-id", "somebody".parse().unwrap());
    let refused = scene.through.api.spaces.clone().check_access(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented, "{refused}");

    let client = reqwest::Client::new();
    let preflight = |origin: &'static str| {
        client
            .request(Method::OPTIONS, format!("{}/v1/spaces", scene.gateway))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
            .send()
    };
    let stranger = preflight("https://evil.example").await.unwrap();
    assert!(!stranger.headers().contains_key("access-control-allow-origin"), "{:?}", stranger.headers());

    let long = client.get(format!("{}/v1/spaces", scene.gateway)).header("x-long", "x".repeat(30_000)).send();
    assert_eq!(long.await.unwrap().status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let large = json!({"title": "x".repeat(300_000)}).to_string();
    let large = client
        .post(format!("{}/v1/spaces", scene.gateway))
        .bearer_auth(acme.member.token())
        .header("content-type", "application/json")
        .body(large);
    assert_eq!(large.send().await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
}
