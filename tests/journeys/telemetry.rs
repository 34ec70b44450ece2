//! What the people who watch the system get to see: one trace across services, and no secret in it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use journeys::outside::within;
use journeys::visit::{Journey, PASSWORD};
use journeys::world::World;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use sharedspaces_proto::identity::v1::Plan;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::{found, start};

/// A span as the tests look at it.
#[derive(Clone, Debug)]
struct Seen {
    service: String,
    name: String,
    trace_id: Vec<u8>,
    /// All of it: attributes, events, links and status too.
    text: String,
}

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Seen>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.unwrap_or_default().attributes;
            let service = attributes.iter().find(|attribute| attribute.key == "service.name");
            let service = format!("{:?}", service.and_then(|attribute| attribute.value.clone()));
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let text = format!("{attributes:?} {span:?}");
                let (name, trace_id) = (span.name, span.trace_id);
                let seen = Seen { service: service.clone(), name, trace_id, text };
                self.0.lock().unwrap().push(seen);
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_goes_from_the_call_through_outbox_and_broker_to_mail_and_crm_without_a_secret() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collector = Collector::default();
    let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(collector.clone()));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));

    let world = start(move || World::start_with(&[("TELEMETRY__OTLP_ENDPOINT", &endpoint)])).await;
    let journey = Journey::new(&world.environment().unwrap()).unwrap();
    let acme = found(&journey, "en", Plan::Ultimate).await;
    let (connection, account) = journey.find_account(&acme.admin, &acme.member).await.unwrap();
    let target = Some((&connection, &account));
    let space = journey.create_space(&acme.member, "Traced", "", target).await.unwrap();
    journey.logged(&acme.member, &space.space_id).await.unwrap();
    journey.invite(&acme.member, &space.space_id, &["traced@buyer.example"], "").await.unwrap();
    let token = journey.invitation_token("traced@buyer.example", "").await.unwrap();
    let (_, guest) = journey.enter(&token, "Tracy").await.unwrap();
    journey.get_space(&guest, &space.space_id).await.unwrap();

    for (call, service) in [
        ("sharedspaces.spaces.v1.SpaceService/CreateSpace", "crm-sync"),
        ("sharedspaces.spaces.v1.ParticipantService/InviteParticipants", "notifications"),
        ("sharedspaces.identity.v1.InvitationService/AcceptInvitation", "spaces"),
        // Later than all others of the guest: what came before has been seen too.
        ("sharedspaces.spaces.v1.SpaceService/GetSpace", "spaces"),
    ] {
        within(Duration::from_secs(30), &format!("a trace from {call} to {service}"), async || {
            let seen = collector.0.lock().unwrap().clone();
            let traces: Vec<_> =
                seen.iter().filter(|span| span.name == call).map(|span| &span.trace_id).collect();
            let reached = |span: &&Seen| span.service.contains(service) && traces.contains(&&span.trace_id);
            Ok(seen.iter().any(|span| reached(&span)).then_some(()))
        })
        .await
        .unwrap();
    }
    let mut secrets = vec![token.as_str(), "traced@buyer.example", PASSWORD];
    for session in [&acme.admin, &acme.member, &guest] {
        secrets.extend([session.token(), &session.tokens.refresh_token]);
    }
    no_secret_is_in(&collector.0.lock().unwrap(), &secrets);
}

fn no_secret_is_in(seen: &[Seen], secrets: &[&str]) {
    for call in ["SignInWithPassword", "InviteParticipants", "AcceptInvitation"] {
        assert!(seen.iter().any(|span| span.name.ends_with(call)), "no span of {call} to look at");
    }
    for span in seen {
        let has_secret = secrets.iter().any(|secret| !secret.is_empty() && span.text.contains(secret));
        assert!(!has_secret, "a secret is in a span {} of {}", span.name, span.service);
    }
}
