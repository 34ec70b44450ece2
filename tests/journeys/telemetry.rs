//! What the people who watch the system get to see: one trace across services, what is measured, and no secret in either.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use journeys::api::with_token;
use journeys::call_graph::call_graph;
use journeys::outside::within;
use journeys::telemetry::{OtlpSink, Span};
use journeys::visit::Journey;
use journeys::wire::Wire;
use journeys::workload::{self, Used};
use journeys::world::World;
use messaging::topology::SUBSCRIPTIONS;
use serde_json::Value;
use service_kit::telemetry::names::{METRICS, SCHEMA_URL};
use sharedspaces_proto::identity::v1::Plan;
use sharedspaces_proto::spaces::v1::GetSpaceRequest;
use xtask::workspace::SERVICES;

use crate::{found, start};

const PATIENCE: Duration = Duration::from_secs(120);

/// Attributes that tell of failures which the workload cannot bring about: the broker refuses no event that the
/// topology has a queue for, and takes every acknowledgement.
const UNSEEN: [(&str, &str); 2] =
    [("messaging.client.sent.messages", "error.type"), ("messaging.client.operation.duration", "error.type")];

/// What a span may tell beside what its name says.
const SPAN_ATTRIBUTES: [&str; 24] = [
    "db.namespace",
    "db.operation.name",
    "db.response.status_code",
    "db.system.name",
    "error.type",
    "http.request.method",
    "http.response.status_code",
    "job.attempt",
    "job.id",
    "job.name",
    "messaging.batch.message_count",
    "messaging.destination.name",
    "messaging.message.id",
    "messaging.operation.name",
    "messaging.operation.type",
    "messaging.rabbitmq.destination.routing_key",
    "messaging.system",
    "request.id",
    "rpc.method",
    "rpc.response.status_code",
    "rpc.system.name",
    "server.address",
    "server.port",
    "service.peer.name",
];

/// A world that sends to a collector, in which everything that is measured has happened.
struct Watched {
    world: World,
    sink: OtlpSink,
    journey: Journey,
    used: Used,
}

impl Watched {
    async fn begin() -> (World, OtlpSink, Journey) {
        let sink = OtlpSink::start().await.unwrap();
        let settings = sink.settings();
        let world = start(move || {
            let settings = settings.each_ref().map(|(key, value)| (*key, value.as_str()));
            World::start_with(&settings)
        })
        .await;
        let journey = Journey::new(&world.environment().unwrap()).unwrap();
        (world, sink, journey)
    }

    async fn worked() -> Self {
        let (world, sink, journey) = Self::begin().await;
        let used = workload::run(&world, &journey).await.unwrap();
        Self { world, sink, journey, used }
    }

    /// Waits until every metric of the table has come, and all spans that have ended by now.
    async fn seen(&self) {
        within(PATIENCE, "every metric of the table", async || {
            let missing = missing(&self.sink);
            anyhow::ensure!(missing.is_empty(), "never emitted: {missing:?}");
            Ok(Some(()))
        })
        .await
        .unwrap();
        // Later than all others: what came before has been seen too.
        self.journey.get_space(&self.used.guest, &self.used.space_id).await.unwrap();
        let calls = || spans_of(&self.sink, "sharedspaces.spaces.v1.SpaceService/GetSpace").len();
        let before = calls();
        within(PATIENCE, "the last call's span", async || Ok((calls() > before).then_some(())))
            .await
            .unwrap();
    }
}

/// What the table has and nobody emitted so far: metrics, and attributes of them.
fn missing(sink: &OtlpSink) -> Vec<(&'static str, &'static str)> {
    let emitted = sink.emitted();
    let mut missing = Vec::new();
    for metric in METRICS {
        let Some(emitted) = emitted.get(metric.name) else {
            missing.push((metric.name, ""));
            continue;
        };
        let unseen = metric.attributes.iter().filter(|key| !emitted.attributes.contains_key(**key));
        missing.extend(unseen.map(|key| (metric.name, *key)).filter(|pair| !UNSEEN.contains(pair)));
    }
    missing
}

fn spans_of(sink: &OtlpSink, name: &str) -> Vec<Span> {
    sink.spans().into_iter().filter(|span| span.name == name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_services_emit_is_what_the_table_says_and_tells_no_secret() {
    let watched = Watched::worked().await;
    watched.seen().await;
    emitted_is_the_table(&watched.sink);
    every_span_is_of_the_conventions(&watched.sink);
    no_secret_is_told(&watched);
    every_line_of_a_call_has_its_trace(&watched).await;
    who_calls_whom_is_what_the_call_graph_says(&watched.sink).await;
}

/// Each service sends its spans when it likes: both ends of a call come apart.
async fn who_calls_whom_is_what_the_call_graph_says(sink: &OtlpSink) {
    let mut graph = call_graph().unwrap();
    // Neither Envoy nor a client app exports spans to the sink.
    graph.retain(|(caller, _)| SERVICES.contains(&caller.as_str()));
    let queues = SUBSCRIPTIONS.iter().map(|one| (one.consumer.to_owned(), one.queue.to_owned()));
    let queues: BTreeSet<_> = queues.collect();
    within(PATIENCE, "every call and every queue", async || {
        let (calls, applied) = (sink.edges(), sink.queues());
        anyhow::ensure!(calls == graph, "{calls:?} is not {graph:?}");
        anyhow::ensure!(applied == queues, "{applied:?} is not {queues:?}");
        Ok(Some(()))
    })
    .await
    .unwrap();
}

fn emitted_is_the_table(sink: &OtlpSink) {
    for (name, emitted) in sink.emitted() {
        let metric = METRICS.iter().find(|metric| metric.name == name);
        let metric = metric.unwrap_or_else(|| panic!("{name} is not in the table"));
        assert_eq!((emitted.unit.as_str(), emitted.kind), (metric.unit, metric.kind), "{name}");
        assert_eq!(emitted.bounds, metric.bounds, "{name}");
        assert!(emitted.most_series <= metric.most_series, "{name}: {} series", emitted.most_series);
        assert_eq!(emitted.schemas, BTreeSet::from([SCHEMA_URL.to_owned()]), "{name}");
        for attribute in emitted.attributes.keys() {
            assert!(metric.attributes.contains(&attribute.as_str()), "{name}: {attribute}");
        }
    }
}

fn every_span_is_of_the_conventions(sink: &OtlpSink) {
    let spans = sink.spans();
    assert!(spans.len() > 100, "{} spans", spans.len());
    for span in &spans {
        assert_eq!(span.schemas, [SCHEMA_URL, SCHEMA_URL], "{}", span.name);
        for attribute in span.attributes.keys() {
            assert!(SPAN_ATTRIBUTES.contains(&attribute.as_str()), "{}: {attribute}", span.name);
        }
    }
    let kinds: BTreeSet<_> = spans.iter().map(|span| span.kind).collect();
    assert_eq!(kinds, BTreeSet::from(["client", "consumer", "internal", "producer", "server"]));
}

fn no_secret_is_told(watched: &Watched) {
    let Watched { sink, used, .. } = watched;
    for call in ["SignInWithPassword", "InviteParticipants", "AcceptInvitation"] {
        assert!(sink.spans().iter().any(|span| span.name.ends_with(call)), "no span of {call} to look at");
    }
    assert!(!sink.logs().is_empty(), "no log to look at");
    let told = |text: &str| used.secrets.iter().any(|secret| !secret.is_empty() && text.contains(secret));
    for span in sink.spans() {
        assert!(!told(&span.text), "a secret is in a span {} of {}", span.name, span.service);
    }
    for log in sink.logs() {
        assert!(!told(&log.text), "a secret is in what {} logged: {}", log.service, log.message);
    }
    for series in sink.metrics() {
        assert!(!told(&format!("{series:?}")), "a secret is in {} of {}", series.name, series.service);
    }
    for line in lines(&watched.world) {
        assert!(!told(&format!("{line:?}")), "a secret is in the line {line:?}");
    }
}

/// A span that a trace must have: service, kind and name.
type Stage = (&'static str, &'static str, String);

/// A line of a service's log, as it stands on standard output.
type Line = BTreeMap<String, Value>;

/// All that the services have logged; what others have, such as the sandbox, is none of theirs.
fn lines(world: &World) -> Vec<Line> {
    let logs = world.logs().unwrap();
    let lines = logs.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    lines.filter(|line| line.contains_key("service.name")).collect()
}

/// A line that was written within a span leads to its trace, whichever span it is.
async fn every_line_of_a_call_has_its_trace(watched: &Watched) {
    let failed = "call answered unavailable";
    let lines = lines(&watched.world);
    let of_calls: Vec<_> = lines.iter().filter(|line| line.contains_key("span")).collect();
    assert!(of_calls.iter().any(|line| line["message"] == failed), "no call that failed has logged");
    within(PATIENCE, "the trace of each line", async || {
        let spans = watched.sink.spans();
        let traces: BTreeSet<&str> = spans.iter().map(|span| span.trace_id.as_str()).collect();
        for line in &of_calls {
            let trace = line.get("trace_id").and_then(Value::as_str).unwrap_or_default();
            anyhow::ensure!(traces.contains(trace), "a line of no trace: {line:?}");
        }
        for log in watched.sink.logs().iter().filter(|log| log.message == failed) {
            anyhow::ensure!(traces.contains(log.trace_id.as_str()), "{}: {}", log.service, log.message);
        }
        Ok(Some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_goes_from_the_call_through_outbox_and_broker_to_mail_and_crm() {
    let (_world, sink, journey) = Watched::begin().await;
    let acme = found(&journey, "en", Plan::Ultimate).await;
    let (connection, account) = journey.find_account(&acme.admin, &acme.member).await.unwrap();
    let target = Some((&connection, &account));
    let space = journey.create_space(&acme.member, "Traced", "", target).await.unwrap();
    journey.logged(&acme.member, &space.space_id).await.unwrap();
    journey.invite(&acme.member, &space.space_id, &["traced@buyer.example"], "").await.unwrap();
    let token = journey.invitation_token("traced@buyer.example", "").await.unwrap();
    journey.enter(&token, "Tracy").await.unwrap();

    let exchange = "sharedspaces.events";
    let created = format!("{exchange}:spaces.space.created.v1");
    let invited = format!("{exchange}:spaces.participant.invited.v1");
    let accepted = format!("{exchange}:identity.invitation.accepted.v1");
    let stages: [(&str, &[Stage]); 3] = [
        (
            "sharedspaces.spaces.v1.SpaceService/CreateSpace",
            &[
                ("spaces", "producer", format!("publish {created}")),
                ("crm-sync", "consumer", format!("process {created}:crm-sync.from-spaces")),
                ("crm-sync", "consumer", "job write_crm_log".to_owned()),
                ("crm-sync", "client", "PATCH".to_owned()),
            ],
        ),
        (
            "sharedspaces.spaces.v1.ParticipantService/InviteParticipants",
            &[
                ("spaces", "client", "transaction sharedspaces_spaces".to_owned()),
                ("spaces", "producer", format!("publish {invited}")),
                ("notifications", "consumer", format!("process {invited}:notifications.from-spaces")),
                ("notifications", "consumer", "job send_mail".to_owned()),
                ("notifications", "client", "send mail".to_owned()),
            ],
        ),
        (
            "sharedspaces.identity.v1.InvitationService/AcceptInvitation",
            &[
                ("identity", "producer", format!("publish {accepted}")),
                ("spaces", "consumer", format!("process {accepted}:spaces.from-identity")),
            ],
        ),
    ];
    for (call, stages) in stages {
        within(PATIENCE, &format!("the whole trace of {call}"), async || {
            let spans = sink.spans();
            let is_call = |span: &&Span| span.name == call && span.kind == "server";
            let traces: BTreeSet<_> = spans.iter().filter(is_call).map(|span| &span.trace_id).collect();
            let of_trace: Vec<_> = spans.iter().filter(|span| traces.contains(&span.trace_id)).collect();
            for (service, kind, name) in stages {
                let is_there = of_trace
                    .iter()
                    .any(|span| span.service == *service && span.kind == *kind && span.name == *name);
                let names: BTreeSet<_> = of_trace.iter().map(|span| (&span.service, &span.name)).collect();
                anyhow::ensure!(is_there, "no {kind} {name} of {service} in {names:?}");
            }
            Ok(Some(()))
        })
        .await
        .unwrap();
    }
    // Applying is linked to where the event was written, beside standing in its trace.
    let spans = sink.spans();
    let applied = spans.iter().find(|span| span.name.starts_with("process ")).unwrap();
    assert!(applied.links.contains(&applied.trace_id), "{applied:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_without_a_collector_and_without_ever_more_memory() {
    let (world, sink, journey) = Watched::begin().await;
    let acme = found(&journey, "en", Plan::Plus).await;
    let space = journey.create_space(&acme.member, "Unwatched", "", None).await.unwrap();
    let call = async |times: usize| {
        for _ in 0..times {
            journey.get_space(&acme.member, &space.space_id).await.unwrap();
        }
    };
    call(50).await;
    sink.stop();
    // More spans than the exporter's queue holds, so that it is full from here on.
    call(800).await;
    let process = world.process_id("spaces").unwrap();
    let before = resident_mebibytes(process);
    call(800).await;
    let after = resident_mebibytes(process);
    assert!(after < before + 16, "{before} MiB became {after} MiB");
}

fn resident_mebibytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_a_client_app_began_goes_on_behind_the_gateway() {
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let (mut world, sink, journey) = Watched::begin().await;
    let acme = found(&journey, "en", Plan::Plus).await;
    let space = journey.create_space(&acme.member, "Begun outside", "", None).await.unwrap();
    tokio::task::block_in_place(|| world.start_gateway(&[])).unwrap();
    let outside = Journey::new(&world.environment().unwrap().over(Wire::Grpc)).unwrap();
    // Until the gateway has fetched the keys, no token is good.
    within(PATIENCE, "an answer through the gateway", async || {
        let request = GetSpaceRequest { space_id: space.space_id.clone() };
        let mut request = with_token(request, acme.member.token());
        request.metadata_mut().insert("traceparent", format!("00-{trace}-{parent}-01").parse()?);
        Ok(Some(outside.api.spaces.clone().get_space(request).await?))
    })
    .await
    .unwrap();
    within(PATIENCE, "the call's span", async || {
        let spans = sink.spans();
        let call = spans.iter().find(|span| span.trace_id == trace && span.kind == "server");
        let unit =
            spans.iter().find(|span| span.trace_id == trace && span.name == "read sharedspaces_spaces");
        let (Some(call), Some(unit)) = (call, unit) else { return Ok(None) };
        assert_eq!((call.parent_id.as_str(), unit.parent_id.as_str()), (parent, call.span_id.as_str()));
        Ok(Some(()))
    })
    .await
    .unwrap();
}
