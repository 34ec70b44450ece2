//! Every method that clients may call, in every form, with every kind of token: what the gateway lets through reaches the
//! service that it belongs to, and nothing else does.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use gateway::interface::{Method, methods, pool};
use http_body_util::{BodyExt as _, Full};
use journeys::api::Api;
use journeys::outside::within;
use journeys::visit::Journey;
use journeys::wire::{Line, Wire};
use journeys::world::World;
use prost::Message as _;
use prost_reflect::{DynamicMessage, Kind, Value};
use sharedspaces_proto::identity::v1::Plan;
use sharedspaces_proto::{Access, method_rules};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::{Service as _, ServiceExt as _};

use crate::{found, start};

/// How long a stream is listened to that was let in.
const LISTENED: Duration = Duration::from_secs(5);
/// An id that nothing has.
const NOWHERE: &str = "01900000-0000-7000-8000-000000000000";

/// Calls any method with any message; a stream that has begun counts as well answered.
pub(crate) async fn call(line: &Line, path: &str, message: &[u8], token: Option<&str>) -> Status {
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(message);
    let mut request = http::Request::post(path)
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .body(Body::new(Full::new(Bytes::from(frame))))
        .unwrap();
    if let Some(token) = token {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    let mut line = line.clone();
    let response = match line.ready().await.unwrap().call(request).await {
        Ok(response) => response,
        Err(error) => return Status::unknown(format!("{path}: {error}")),
    };
    if let Some(status) = Status::from_header_map(response.headers()) {
        return status;
    }
    let trailers = tokio::time::timeout(LISTENED, response.into_body().collect()).await;
    let Ok(body) = trailers else { return Status::ok("it has begun") };
    let trailers = body.unwrap().trailers().cloned().unwrap_or_default();
    Status::from_header_map(&trailers).unwrap_or_else(|| Status::unknown("no status"))
}

/// Returns the reason of a refusal of the gateway's own.
pub(crate) fn refused_at_the_edge(status: &Status) -> Option<String> {
    let info = status.get_details_error_info()?;
    (info.domain == gateway::envoy::DOMAIN).then_some(info.reason)
}

/// A message that has a value wherever its REST route needs one.
fn message(method: &Method) -> Vec<u8> {
    let mut message = DynamicMessage::new(method.descriptor.input());
    let paths: String = method.routes.iter().map(|route| route.path.as_str()).collect();
    for field in method.descriptor.input().fields() {
        if field.kind() == Kind::String && paths.contains(&format!("{{{}}}", field.name())) {
            message.set_field(&field, Value::String(NOWHERE.to_owned()));
        }
    }
    message.encode_to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_public_method_is_reached_in_every_form_and_only_with_the_token_it_asks_for() {
    let world = start(|| {
        let mut world = World::start()?;
        world.start_gateway(&["--calls-per-second", "5000"])?;
        Ok(world)
    })
    .await;
    let environment = world.environment().unwrap();
    let organization = found(&Journey::new(&environment).unwrap(), "en", Plan::Ultimate).await;
    let good = organization.admin.token();
    let methods = methods(&pool().unwrap()).unwrap();
    for wire in Wire::THROUGH {
        let line = Line::new(&environment.gateway, wire, &environment.gateway).unwrap();
        for method in &methods {
            let (path, message) = (method.path, message(method));
            for (token, needed) in [(None, "TOKEN_MISSING"), (Some("bad"), "TOKEN_REFUSED"), (Some(good), "")]
            {
                let answer = call(&line, path, &message, token).await;
                // A client with a stale token must be able to sign in, so what is for anyone takes no notice of tokens.
                let is_let_in = match method.access {
                    Access::Public => true,
                    Access::Visitor => token != Some("bad"),
                    Access::Participant | Access::Member | Access::Admin | Access::Service => {
                        needed.is_empty()
                    }
                };
                let refused = refused_at_the_edge(&answer);
                let expected = (!is_let_in).then(|| needed.to_owned());
                assert_eq!(refused, expected, "{path} over {wire:?} with {token:?}: {answer:?}");
                let never = [Code::Unimplemented, Code::Unknown];
                assert!(!never.contains(&answer.code()), "{path} over {wire:?}: {answer:?}");
            }
        }
    }
    each_came_to_its_service(&world, &methods).await;
    no_method_for_services_is_reached(&environment.gateway, good).await;
    // The clients of the journeys are the same lines.
    Api::connect(&environment.over(Wire::Rest)).unwrap();
}

async fn each_came_to_its_service(world: &World, methods: &[Method]) {
    within(Duration::from_secs(60), "the log of the gateway", async || {
        let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in world.logs()?.lines().filter(|line| line.contains("\"status_details\"")) {
            let line: serde_json::Value = serde_json::from_str(line)?;
            // Refused for its token before any service was asked; a stream that was left is not.
            if line["status_details"].as_str().is_none_or(|details| details.starts_with("jwt_authn")) {
                continue;
            }
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            seen.entry(text("rpc.method")).or_default().push(text("upstream"));
        }
        for method in methods {
            let upstreams = seen.get(method.path).map(Vec::as_slice).unwrap_or_default();
            // Where it has no REST route the two other forms.
            let forms = 3 - usize::from(method.routes.is_empty());
            anyhow::ensure!(
                upstreams.len() >= forms,
                "{} was reached {} times",
                method.path,
                upstreams.len()
            );
            assert!(upstreams.iter().all(|upstream| *upstream == method.service()), "{}", method.path);
        }
        Ok(Some(()))
    })
    .await
    .unwrap();
}

async fn no_method_for_services_is_reached(gateway: &str, token: &str) {
    // Straight lines to the gateway, which takes a method for services for one that is not there.
    let line = Line::new(gateway, Wire::Direct, gateway).unwrap();
    let mut count = 0;
    for rule in method_rules().iter().filter(|rule| rule.access == Access::Service) {
        let answer = call(&line, rule.path, &[], Some(token)).await;
        assert_eq!(answer.code(), Code::Unimplemented, "{}", rule.path);
        assert_eq!(refused_at_the_edge(&answer).as_deref(), Some("METHOD_UNKNOWN"), "{}", rule.path);
        count += 1;
    }
    assert!(count > 5, "{count}");
}
