//! What the stack before every handler lets through, and how it refuses.

use std::time::{Duration, Instant};

use service_kit::grpc::UNARY_LIMIT_BYTES;
use sharedspaces_proto::spaces::v1 as pb;
use tonic::{Code, Status};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_types::StatusExt;

use super::server::{GET_SPACE, SOON, Server, Wire};
use crate::forge::forged;
use crate::forge::service_claims;

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

#[tokio::test]
async fn every_forged_token_is_answered_unauthenticated_and_a_valid_one_reaches_the_handler() {
    let server = Server::start(|_| {}).await;
    let mut client = server.client().await;
    for (name, token) in forged(&server.forge) {
        let mut request = tonic::Request::new(pb::GetSpaceRequest::default());
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let refused = client.get_space(request).await.expect_err(&name);
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::Unauthenticated, "TOKEN_REFUSED"),
            "{name}"
        );
    }
    let nobody = client.get_space(pb::GetSpaceRequest::default()).await.unwrap_err();
    assert_eq!((nobody.code(), reason(&nobody).as_str()), (Code::Unauthenticated, "TOKEN_MISSING"));
    let answer = client.get_space(server.get("")).await.unwrap();
    assert!(!answer.get_ref().space.as_ref().unwrap().owner_user_id.is_empty());
}

#[tokio::test]
async fn a_method_for_services_is_open_to_those_it_names_and_to_no_person() {
    let server = Server::start(|_| {}).await;
    let mut client = server.client().await;
    let person = client.check_access(server.request(pb::CheckAccessRequest::default())).await.unwrap_err();
    assert_eq!((person.code(), reason(&person).as_str()), (Code::PermissionDenied, "SERVICES_ONLY"));
    for (name, expected) in [("assets", Code::Ok), ("notifications", Code::PermissionDenied)] {
        let sub = format!("system:serviceaccount:sharedspaces:{name}");
        let token = server.forge.service(&crate::forge::with(service_claims(), "sub", sub.into()));
        let mut request = tonic::Request::new(pb::CheckAccessRequest::default());
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let code = client.check_access(request).await.map_or_else(|status| status.code(), |_| Code::Ok);
        assert_eq!(code, expected, "{name}");
    }
}

#[tokio::test]
async fn one_call_more_than_the_limit_is_shed_and_says_when_to_retry() {
    let server = Server::start(|config| config.grpc.max_in_flight = 3).await;
    let client = server.client().await;
    let held: Vec<_> = (0..3)
        .map(|_| {
            let (mut client, request) = (client.clone(), server.get("wait"));
            tokio::spawn(async move { client.get_space(request).await })
        })
        .collect();
    server.waiting(3).await;
    let shed = client.clone().get_space(server.get("")).await.unwrap_err();
    assert_eq!((shed.code(), reason(&shed).as_str()), (Code::ResourceExhausted, "OVERLOADED"));
    assert!(shed.get_details_retry_info().unwrap().retry_delay.is_some());
    server.stage.go_on.notify_waiters();
    for call in held {
        call.await.unwrap().unwrap();
    }
    client.clone().get_space(server.get("")).await.unwrap();
}

#[tokio::test]
async fn a_call_whose_caller_has_gone_gives_its_place_back() {
    let server = Server::start(|config| config.grpc.max_in_flight = 1).await;
    let client = server.client().await;
    let (mut gone, request) = (client.clone(), server.get("wait"));
    let call = tokio::spawn(async move { gone.get_space(request).await });
    server.waiting(1).await;
    call.abort();
    crate::eventually("the place", async || client.clone().get_space(server.get("")).await.is_ok()).await;
}

#[tokio::test]
async fn a_slow_handler_ends_at_the_deadline_its_caller_named() {
    let server = Server::start(|_| {}).await;
    let wire = Wire::to(server.address).await;
    let request = pb::GetSpaceRequest { space_id: "wait".to_owned() };
    for _ in 0..10 {
        let begin = Instant::now();
        let headers = [("authorization", &*server.bearer()), ("grpc-timeout", "200m")];
        let answer = wire.call(GET_SPACE, &request, &headers).await.unwrap();
        assert_eq!(answer.grpc_status.as_deref(), Some("4"), "{answer:?}");
        assert!(begin.elapsed() >= Duration::from_millis(150) && begin.elapsed() < SOON);
        assert!(answer.request_id.is_some() && answer.details.is_some(), "the refusal is ours: {answer:?}");
    }
}

#[tokio::test]
async fn a_handler_is_told_how_long_its_caller_waits_at_most_ten_seconds() {
    let server = Server::start(|_| {}).await;
    let mut client = server.client().await;
    for (asked, most) in [(Some(Duration::from_secs(3)), 3_000), (Some(SOON * 20), 10_000), (None, 10_000)] {
        let mut request = server.request(pb::UpdateSpaceRequest::default());
        if let Some(asked) = asked {
            request.set_timeout(asked);
        }
        let answer = client.update_space(request).await.unwrap().into_inner();
        let left: u64 = answer.space.unwrap().title.parse().unwrap();
        assert!(left <= most && left + 2_000 > most, "{left} of {most}");
    }
}

#[tokio::test]
async fn a_panic_is_an_internal_error_of_that_call_alone() {
    let server = Server::start(|_| {}).await;
    let mut client = server.client().await;
    let failed = client.get_space(server.get("panic")).await.unwrap_err();
    assert_eq!((failed.code(), failed.message()), (Code::Internal, "internal error"));
    let request_id = failed.get_details_request_info().unwrap().request_id;
    assert!(request_id.parse::<uuid::Uuid>().is_ok());
    assert_eq!(failed.metadata().get("x-request-id").unwrap(), request_id.as_str());
    client.get_space(server.get("")).await.unwrap();
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own() {
    let server = Server::start(|_| {}).await;
    let wire = Wire::to(server.address).await;
    let request = pb::GetSpaceRequest::default();
    let bearer = server.bearer();
    let own = [("authorization", &*bearer), ("x-request-id", "made up")];
    let mut ids = std::collections::HashSet::new();
    for (path, headers) in [(GET_SPACE, &own[..]), (GET_SPACE, &own[..]), (GET_SPACE, &[]), ("/nothing", &[])]
    {
        let answer = wire.call(path, &request, headers).await.unwrap();
        ids.insert(answer.request_id.unwrap().parse::<uuid::Uuid>().unwrap());
    }
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn a_request_is_taken_up_to_the_limit_and_refused_one_byte_beyond() {
    let server = Server::start(|_| {}).await;
    let mut client = server.client().await;
    let request = |bytes: usize| {
        // The field's tag and the three bytes of its length.
        let title = "x".repeat(bytes - 4);
        let message = pb::CreateSpaceRequest { title, ..Default::default() };
        assert_eq!(prost::Message::encoded_len(&message), bytes);
        server.request(message)
    };
    client.create_space(request(UNARY_LIMIT_BYTES)).await.unwrap();
    let refused = client.create_space(request(UNARY_LIMIT_BYTES + 1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    client.create_space(server.request(pb::CreateSpaceRequest::default())).await.unwrap();
}

#[tokio::test]
async fn headers_beyond_16_kib_are_refused_while_the_connections_other_calls_go_on() {
    let server = Server::start(|_| {}).await;
    let wire = Wire::to(server.address).await;
    let bearer = server.bearer();
    let (held, held_bearer) = (wire.clone(), bearer.clone());
    let held = tokio::spawn(async move {
        let request = pb::GetSpaceRequest { space_id: "wait".to_owned() };
        held.call(GET_SPACE, &request, &[("authorization", &held_bearer)]).await
    });
    server.waiting(1).await;
    let request = pb::GetSpaceRequest::default();
    let fits = "x".repeat(14 * 1024);
    let answer =
        wire.call(GET_SPACE, &request, &[("authorization", &bearer), ("x-pad", &fits)]).await.unwrap();
    assert_eq!(answer.grpc_status.as_deref(), Some("0"));
    let beyond = "x".repeat(16 * 1024 + 1);
    let refused = wire.call(GET_SPACE, &request, &[("authorization", &bearer), ("x-pad", &beyond)]).await;
    assert!(refused.as_ref().map_or(true, |answer| answer.http_status == 431), "{refused:?}");
    server.stage.go_on.notify_waiters();
    assert_eq!(held.await.unwrap().unwrap().grpc_status.as_deref(), Some("0"));
    let after = wire.call(GET_SPACE, &request, &[("authorization", &bearer)]).await.unwrap();
    assert_eq!(after.grpc_status.as_deref(), Some("0"));
}

#[tokio::test]
async fn a_method_that_does_not_exist_is_unimplemented_with_a_reason() {
    let server = Server::start(|_| {}).await;
    let wire = Wire::to(server.address).await;
    let bearer = server.bearer();
    for path in ["/sharedspaces.spaces.v1.SpaceService/Nothing", "/", "/x/y", "/grpc.health.v1.Health/Check"]
    {
        let answer =
            wire.call(path, &pb::GetSpaceRequest::default(), &[("authorization", &bearer)]).await.unwrap();
        let status = Status::from_header_map(&answer.details.unwrap().into_headers()).unwrap();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::Unimplemented, "METHOD_UNKNOWN"),
            "{path}"
        );
    }
}

async fn reflected(server: &Server) -> Result<usize, Status> {
    let mut client = ServerReflectionClient::new(server.channel().await);
    let ask = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    let mut answers = client.server_reflection_info(futures_util::stream::iter([ask])).await?.into_inner();
    let mut count = 0;
    while answers.message().await?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[tokio::test]
async fn reflection_answers_in_development_only() {
    let development = Server::start(|config| config.development = true).await;
    assert_eq!(reflected(&development).await.unwrap(), 1);
    let production = Server::start(|_| {}).await;
    let refused = reflected(&production).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unimplemented, "METHOD_UNKNOWN"));
}
