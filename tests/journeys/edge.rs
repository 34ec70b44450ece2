//! What the running gateway keeps out, without any service behind it: tokens, headers, bodies, haste, paths and origins;
//! and in which form it says so.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use journeys::outside::within;
use journeys::wire::{Line, Wire, http_status};
use prost::Message as _;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use sharedspaces_proto::notifications::v1 as notifications;
use sharedspaces_proto::notifications::v1::template_service_server::{
    TemplateService, TemplateServiceServer,
};
use testkit::forge::{Forge, eddsa, now, people_header, person_claims, with};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;
use xtask::environment::{Addresses, TOKEN_ISSUER};
use xtask::ports::Ports;
use xtask::secrets::Secrets;
use xtask::servers::Envoy;
use xtask::throwaway::Throwaway;

use crate::reach::{call, refused_at_the_edge};

/// A method that needs a token, as REST and as gRPC; a stand-in for its service answers.
const PREVIEW: &str = "/v1/mailTemplates:preview";
const PREVIEW_GRPC: &str = "/sharedspaces.notifications.v1.TemplateService/PreviewTemplate";
const KIB: usize = 1_024;
const PATIENCE: Duration = Duration::from_secs(60);
/// More calls at once than one address may make that is allowed five in a second.
const TOO_MANY: usize = 40;

/// Answers, and keeps what it was sent beside the message.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<MetadataMap>>>);

#[tonic::async_trait]
impl TemplateService for Recorder {
    async fn preview_template(
        &self,
        request: Request<notifications::PreviewTemplateRequest>,
    ) -> Result<Response<notifications::PreviewTemplateResponse>, Status> {
        self.0.lock().unwrap().push(request.metadata().clone());
        Ok(Response::new(notifications::PreviewTemplateResponse::default()))
    }
}

impl Recorder {
    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// What the last call brought under a name.
    fn last(&self, name: &str) -> Vec<String> {
        let seen = self.0.lock().unwrap();
        let values = seen.last().unwrap().get_all(name).iter();
        values.map(|value| value.to_str().unwrap().to_owned()).collect()
    }
}

/// A gateway whose services are not there, but for one.
struct Edge {
    gateway: String,
    forge: Forge,
    recorder: Recorder,
    http: reqwest::Client,
    log: PathBuf,
    _envoy: Envoy,
    _dir: Throwaway,
}

impl Edge {
    async fn start(further: &'static [&'static str]) -> Self {
        let forge = Forge::generate();
        let keys = crate::forged::publish(&forge).await;
        let keys = keys.url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
        let recorder = Recorder::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let template = listener.local_addr().unwrap().to_string();
        let server =
            tonic::transport::Server::builder().add_service(TemplateServiceServer::new(recorder.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        let (dir, envoy, gateway) = tokio::task::spawn_blocking(move || {
            let dir = Throwaway::create("edge").unwrap();
            let mut ports = Ports::load(&dir.path().join("ports.json")).unwrap();
            let mut secrets = Secrets::load(&dir.path().join("secrets.json")).unwrap();
            let (database, broker) = ("postgres://postgres@127.0.0.1:1/postgres", "amqp://127.0.0.1:2");
            let mut world =
                Addresses::choose(&dir.path().join("sandbox"), &mut ports, &mut secrets, database, broker)
                    .unwrap();
            world.services.get_mut("notifications").unwrap().grpc = template;
            world.services.get_mut("identity").unwrap().health = keys;
            let binaries = PathBuf::from(std::env::var_os("TEST_BINARIES").unwrap());
            let program = PathBuf::from(std::env::var_os("TEST_ENVOY").unwrap());
            let envoy =
                Envoy::start(&program, &binaries.join("gateway"), dir.path(), &world, further).unwrap();
            (dir, envoy, format!("http://{}", world.gateway))
        })
        .await
        .unwrap();
        let log = dir.path().join("gateway.log");
        let edge = Self {
            gateway,
            forge,
            recorder,
            http: reqwest::Client::builder().build().unwrap(),
            log,
            _envoy: envoy,
            _dir: dir,
        };
        // Until it has fetched the keys, no token is good.
        let token = edge.token();
        within(PATIENCE, "the keys", async || {
            let answer = edge.line(Wire::Grpc, Some(&token)).await;
            Ok((answer.code() == Code::Ok).then_some(()))
        })
        .await
        .unwrap();
        edge
    }

    fn claims() -> Value {
        with(person_claims(), "iss", json!(TOKEN_ISSUER))
    }

    fn token(&self) -> String {
        self.forge.person(&Self::claims())
    }

    async fn line(&self, wire: Wire, token: Option<&str>) -> Status {
        let line = Line::new(&self.gateway, wire, &self.gateway).unwrap();
        let message = notifications::PreviewTemplateRequest { locale: "en".to_owned(), ..Default::default() };
        call(&line, PREVIEW_GRPC, &message.encode_to_vec(), token).await
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.gateway)).bearer_auth(self.token())
    }

    fn post(&self, path: &str, body: String) -> reqwest::RequestBuilder {
        let call = self.http.post(format!("{}{path}", self.gateway)).bearer_auth(self.token());
        call.header("content-type", "application/json").body(body)
    }
}

/// Reads an answer of REST: its status, its reason, its code.
async fn refusal(call: reqwest::RequestBuilder) -> (StatusCode, String, Value, HeaderMap) {
    refused(call.send().await.unwrap()).await
}

async fn refused(answer: reqwest::Response) -> (StatusCode, String, Value, HeaderMap) {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    let body: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}"));
    let error = body["error"].clone();
    assert_eq!(error["code"], status.as_u16(), "{text}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{text}");
    assert_eq!(headers["content-type"], "application/json");
    let info = &error["details"][0];
    assert_eq!(info["@type"], "type.googleapis.com/google.rpc.ErrorInfo", "{text}");
    assert_eq!(info["domain"], gateway::envoy::DOMAIN);
    let code =
        (0..=16).map(Code::from_i32).find(|code| gateway::envoy::name(*code) == error["status"]).unwrap();
    assert!(http_status(code).contains(&status.as_u16()) || code == Code::Unknown, "{text}");
    (status, info["reason"].as_str().unwrap().to_owned(), error, headers)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_missing_old_forged_or_for_others_is_refused_in_every_form_and_a_good_one_passes() {
    let edge = Edge::start(&[]).await;
    let claims = Edge::claims();
    let of = |name: &str, value: Value| edge.forge.person(&with(claims.clone(), name, value));
    let (good, before) = (edge.token(), edge.recorder.count());
    let refused = [
        ("expired", of("exp", json!(now() - 60))),
        ("not yet", of("nbf", json!(now() + 600))),
        ("another audience", of("aud", json!("others"))),
        ("another issuer", of("iss", json!("https://evil.example"))),
        ("another's key", eddsa(&edge.forge.stranger, &people_header(), &claims)),
        ("changed", format!("{good}x")),
        ("no token", "garbage".to_owned()),
    ];
    for wire in Wire::THROUGH {
        let none = edge.line(wire, None).await;
        assert_eq!(
            (none.code(), refused_at_the_edge(&none).as_deref()),
            (Code::Unauthenticated, Some("TOKEN_MISSING")),
            "{wire:?}: {none:?}"
        );
        for (name, token) in &refused {
            let answer = edge.line(wire, Some(token)).await;
            assert_eq!(
                (answer.code(), refused_at_the_edge(&answer).as_deref()),
                (Code::Unauthenticated, Some("TOKEN_REFUSED")),
                "{name} over {wire:?}: {answer:?}"
            );
        }
        assert_eq!(edge.recorder.count(), before + wire_index(wire), "none of these came through");
        let passed = edge.line(wire, Some(&good)).await;
        assert_eq!(passed.code(), Code::Ok, "{wire:?}: {passed:?}");
    }
    let (status, reason, error, _) = refusal(edge.http.get(format!("{}{PREVIEW}", edge.gateway))).await;
    assert_eq!((status, reason.as_str()), (StatusCode::UNAUTHORIZED, "TOKEN_MISSING"));
    assert_eq!(error["status"], "UNAUTHENTICATED");
}

fn wire_index(wire: Wire) -> usize {
    Wire::THROUGH.iter().position(|other| *other == wire).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_gateway_may_say_is_not_taken_from_a_client() {
    let edge = Edge::start(&[]).await;
    let forged = [
        "x-auth-sub",
        "x-auth-roles",
        "x-user-id",
        "x-organization-id",
        "baggage",
        "forwarded",
        "x-real-ip",
        "true-client-ip",
        "x-forwarded-host",
        "x-gateway-status",
    ];
    let mut call = edge.get(PREVIEW).header("x-forwarded-for", "198.51.100.7").header("x-kept", "kept");
    for name in forged {
        call = call.header(name, "forged");
    }
    assert_eq!(call.send().await.unwrap().status(), StatusCode::OK);
    for name in forged {
        assert!(edge.recorder.last(name).is_empty(), "{name} came through");
    }
    assert_eq!(edge.recorder.last("x-kept"), ["kept"]);
    let from = edge.recorder.last("x-forwarded-for");
    assert!(from.len() == 1 && !from[0].contains("198.51.100.7") && !from[0].contains(','), "{from:?}");
    assert_eq!(edge.recorder.last("authorization").len(), 1, "services verify the token again");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_services_learn_whom_that_proxy_has_seen() {
    let edge = Edge::start(&["--trusted-hops", "1"]).await;
    let call = edge.get(PREVIEW).header("x-forwarded-for", "198.51.100.7, 203.0.113.9");
    assert_eq!(call.send().await.unwrap().status(), StatusCode::OK);
    let from = edge.recorder.last("x-forwarded-for").join(",");
    let entries: Vec<&str> = from.split(',').map(str::trim).collect();
    // The gateway has added the proxy; two places from the end is what the proxy has written: TRUSTED_PROXIES=2.
    assert_eq!(entries.get(entries.len() - 2), Some(&"203.0.113.9"), "{entries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_bodies_up_to_their_limits_pass_and_larger_ones_are_refused() {
    let edge = Edge::start(&[]).await;
    let with_header = |bytes: usize| edge.get(PREVIEW).header("x-long", "x".repeat(bytes));
    assert_eq!(with_header(11 * KIB).send().await.unwrap().status(), StatusCode::OK);
    let (status, reason, ..) = refusal(with_header(12 * KIB)).await;
    assert_eq!((status, reason.as_str()), (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "HEADERS_TOO_LARGE"));
    // The service is not there: whatever is not too large is told so.
    let of = |bytes: usize| json!({"title": "x".repeat(bytes)}).to_string();
    let (status, reason, ..) = refusal(edge.post("/v1/spaces", of(255 * KIB))).await;
    assert_eq!((status, reason.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE"));
    let (status, reason, ..) = refusal(edge.post("/v1/spaces", of(265 * KIB))).await;
    assert_eq!((status, reason.as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "REQUEST_TOO_LARGE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_calls_faster_than_allowed_is_told_when_to_come_again_and_may_then() {
    let edge = Edge::start(&["--calls-per-second", "5"]).await;
    // All at once: a slow machine would make no more in a second than are allowed, one after the other.
    let answers = join_all((0..TOO_MANY).map(|_| edge.get(PREVIEW).send())).await;
    let answers = answers.into_iter().map(Result::unwrap);
    let (passed, too_many): (Vec<_>, Vec<_>) = answers.partition(|answer| answer.status() == StatusCode::OK);
    assert!(passed.len() >= 5, "a burst is allowed: {}", passed.len());
    let one_too_many = too_many.into_iter().next().unwrap();
    let (status, reason, error, headers) = refused(one_too_many).await;
    assert_eq!((status, reason.as_str()), (StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_CALLS"));
    assert_eq!(error["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(
        (&error["details"][1]["retryDelay"], &headers["retry-after"]),
        (&json!("1s"), &"1".parse().unwrap())
    );
    let token = edge.token();
    let as_grpc = within(PATIENCE, "a refusal as gRPC", async || {
        let answers = join_all((0..TOO_MANY).map(|_| edge.line(Wire::Grpc, Some(&token)))).await;
        Ok(answers.into_iter().find(|answer| answer.code() == Code::ResourceExhausted))
    })
    .await
    .unwrap();
    assert_eq!(as_grpc.get_details_retry_info().unwrap().retry_delay, Some(Duration::from_secs(1)));
    within(PATIENCE, "to be let in again", async || {
        Ok((edge.get(PREVIEW).send().await?.status() == StatusCode::OK).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_nobody_declared_lead_nowhere_however_they_are_written() {
    let edge = Edge::start(&[]).await;
    for path in [
        "/",
        "/v2/spaces",
        "/sharedspaces.spaces.v1.SpaceService/CheckAccess",
        "/sharedspaces.spaces.v1.SpaceService/Nothing",
        "/v1/../sharedspaces.spaces.v1.SpaceService/CheckAccess",
        "/v1//spaces/x/../../nothing",
        "/grpc.health.v1.Health/Check",
        "/.well-known/jwks.json",
        "/docs",
        "/openapi.json",
    ] {
        let (status, reason, ..) = refusal(edge.get(path)).await;
        assert_eq!((status, reason.as_str()), (StatusCode::NOT_FOUND, "METHOD_UNKNOWN"), "{path}");
    }
    for path in ["/v1/%2e%2e%2fspaces", "/v1%2Fspaces", "/v1%5Cspaces"] {
        let answer = edge.get(path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
    }
    let underscored = edge.get(PREVIEW).header("x_user_id", "somebody").send().await.unwrap();
    assert_eq!(underscored.status(), StatusCode::BAD_REQUEST);
    let line = Line::new(&edge.gateway, Wire::Grpc, &edge.gateway).unwrap();
    let answer = call(&line, "/sharedspaces.spaces.v1.SpaceService/GetSpace", &[], Some(&edge.token())).await;
    assert_eq!(refused_at_the_edge(&answer).as_deref(), Some("SERVICE_UNAVAILABLE"));
    assert_eq!(answer.code(), Code::Unavailable);
    assert!(!answer.message().contains("127.0.0.1") && !answer.message().contains("upstream"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_json_and_unknown_parameters_are_refused_with_what_is_wrong() {
    let edge = Edge::start(&[]).await;
    for call in [
        edge.post("/v1/spaces", "{\"title\":".to_owned()),
        edge.post("/v1/spaces", "{\"title\": 7}".to_owned()),
        edge.get("/v1/spaces?colour=blue"),
        edge.get("/v1/spaces?pageSize=many"),
    ] {
        let (status, reason, error, _) = refusal(call).await;
        assert_eq!((status, reason.as_str()), (StatusCode::BAD_REQUEST, "REQUEST_INVALID"), "{error}");
        assert_eq!(error["status"], "INVALID_ARGUMENT");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_our_origin_may_call_and_read_errors_and_those_of_others_may_not() {
    let edge = Edge::start(&["--origin", "https://app.example"]).await;
    let preflight = async |origin: &str, path: &str| {
        let call = edge.http.request(reqwest::Method::OPTIONS, format!("{}{path}", edge.gateway));
        let call = call.header("origin", origin).header("access-control-request-method", "POST");
        let answer =
            call.header("access-control-request-headers", "authorization,idempotency-key").send().await;
        let answer = answer.unwrap();
        let allowed = answer.headers().get("access-control-allow-origin").cloned();
        (answer.status(), allowed, answer.headers().clone())
    };
    for path in ["/v1/spaces", PREVIEW_GRPC] {
        let (status, allowed, headers) = preflight("https://app.example", path).await;
        assert_eq!(
            (status, allowed.unwrap().to_str().unwrap()),
            (StatusCode::OK, "https://app.example"),
            "{path}"
        );
        for name in ["authorization", "idempotency-key", "x-grpc-web"] {
            assert!(headers["access-control-allow-headers"].to_str().unwrap().contains(name), "{name}");
        }
        assert!(!headers.contains_key("access-control-allow-credentials"), "tokens are no cookies");
        for stranger in ["https://evil.example", "https://app.example.evil.example", "null"] {
            let (_, allowed, _) = preflight(stranger, path).await;
            assert_eq!(allowed, None, "{stranger} at {path}");
        }
    }
    let refused = edge.http.get(format!("{}{PREVIEW}", edge.gateway)).header("origin", "https://app.example");
    let (_, _, _, headers) = refusal(refused).await;
    assert_eq!(headers["access-control-allow-origin"], "https://app.example");
    assert!(headers["access-control-expose-headers"].to_str().unwrap().contains("grpc-status"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_the_trace_that_services_see_and_holds_no_query_and_no_token() {
    let edge = Edge::start(&[]).await;
    let given = "0af7651916cd43dd8448eb211c80319c";
    let (secret, token) = ("query-that-nobody-may-read", edge.token());
    let traced = edge.get(&format!("{PREVIEW}?locale={secret}"));
    let traced = traced.header("traceparent", format!("00-{given}-b7ad6b7169203331-01"));
    assert_eq!(traced.send().await.unwrap().status(), StatusCode::OK);
    assert!(edge.recorder.last("traceparent")[0].contains(given));
    let untraced = edge.http.get(format!("{}{PREVIEW}", edge.gateway)).bearer_auth(&token);
    let untraced = untraced.header("traceparent", "nonsense");
    assert_eq!(untraced.send().await.unwrap().status(), StatusCode::OK);
    let made = edge.recorder.last("traceparent")[0].split('-').nth(1).unwrap().to_owned();
    let lines = within(PATIENCE, "the log", async || {
        let log = std::fs::read_to_string(&edge.log)?;
        Ok((log.contains(given) && log.contains(&made)).then_some(log))
    })
    .await
    .unwrap();
    assert!(!lines.contains(secret) && !lines.contains(&token[..40]), "{lines}");
    let line = lines.lines().find(|line| line.contains(given)).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["trace_id"], &line["path"]), (&json!(given), &json!(PREVIEW)));
    assert_eq!((&line["rpc.method"], &line["upstream"]), (&json!(PREVIEW_GRPC), &json!("notifications")));
    assert_eq!(line["rpc.response.status_code"], "OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_and_its_page_are_answered_where_asked_for() {
    let edge = Edge::start(&["--docs"]).await;
    let page = edge.http.get(format!("{}/docs", edge.gateway)).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    assert!(page.text().await.unwrap().contains("SpaceService_GetSpace"));
    let document = edge.http.get(format!("{}/openapi.json", edge.gateway)).send().await.unwrap();
    assert_eq!(document.headers()["content-type"], "application/json");
    let document: Value = serde_json::from_str(&document.text().await.unwrap()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
}
