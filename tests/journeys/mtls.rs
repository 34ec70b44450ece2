//! Mutual TLS among the services: a visit passes through, nobody else gets in, and a renewed certificate is served in
//! time without a failed call.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use journeys::api::with_token;
use journeys::call_graph::call_graph;
use journeys::outside::within;
use journeys::visit::{Journey, Session, png, unique};
use journeys::wire::Wire;
use journeys::world::World;
use sharedspaces_proto::assets::v1 as assets;
use sharedspaces_proto::identity::v1::organization_service_client::OrganizationServiceClient;
use sharedspaces_proto::identity::v1::{Plan, RefreshSessionRequest};
use testkit::certificates::{Authority, Issued, TlsFiles, foreign, shown};
use tokio::task::{JoinHandle, block_in_place};
use tonic::transport::{Channel, ClientTlsConfig};
use tonic::{Code, Request};
use xtask::environment::{callers, tls_name};
use xtask::workspace::SERVICES;

use crate::forged::METHODS;
use crate::raw::Raw;
use crate::{Organization, found, start};

/// What platform teams are promised.
const RENEWED_WITHIN: Duration = Duration::from_secs(60);
/// Below what the gateway lets one address call.
const BETWEEN_CALLS: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_passes_over_mutual_tls_nobody_else_gets_in_and_certificates_are_renewed_without_a_failed_call()
 {
    let mut world = start(World::start_with_mutual_tls).await;
    block_in_place(|| world.start_gateway(&[])).unwrap();
    let journey = journey(&world);
    let acme = found(&journey, "en", Plan::Ultimate).await;
    let mut room = visit(&journey, &acme).await;
    assert_eq!(world.quiesce().await.unwrap(), 0, "no job died on the way between two services");
    refuse(&world).await;
    room.refresh(&journey).await;
    renew(&mut world, &journey, room).await;
}

/// Clients come through the gateway; the operator, whose calls it does not take, with a certificate.
fn journey(world: &World) -> Journey {
    let environment = world.environment().unwrap().over(Wire::Grpc);
    let mut journey = Journey::new(&environment).unwrap();
    let authority = world.authority.as_ref().unwrap();
    let address = &world.addresses.service("identity").unwrap().grpc;
    let operator = Channel::from_shared(format!("https://{address}")).unwrap();
    let shown = authority.issue(&tls_name("operator"));
    let operator = operator.tls_config(foreign(authority, Some(&shown))).unwrap().connect_lazy();
    journey.api.organizations = OrganizationServiceClient::new(operator.into());
    journey
}

struct Room {
    guest: Session,
    space_id: String,
    logo_id: String,
}

/// Each service is called, and each that calls others does so.
async fn visit(journey: &Journey, acme: &Organization) -> Room {
    let (connection, account) = journey.find_account(&acme.admin, &acme.member).await.unwrap();
    let target = Some((&connection, &account));
    let space =
        journey.create_space(&acme.member, "Encrypted", &format!("m-{}", unique()), target).await.unwrap();
    let space = journey.show_logo(&acme.member, &space.space_id, &png(320, 160).unwrap()).await.unwrap();
    let address = format!("gina.{}@buyer.example", unique());
    journey.invite(&acme.member, &space.space_id, &[&address], "Hello").await.unwrap();
    let mail = journey.outside.wait_for_mail(&address, "").await.unwrap();
    let (_, guest) = journey.enter(mail.link().unwrap().fragment().unwrap(), "Gina Guest").await.unwrap();
    assert_eq!(journey.get_space(&guest, &space.space_id).await.unwrap().title, "Encrypted");
    journey.outside.wait_for_mail(&acme.accounts.members[0], "Gina Guest").await.unwrap();
    let logo_id = space.customer_logo.unwrap().logo_id;
    let room = Room { guest, space_id: space.space_id, logo_id };
    room.show_logo(journey).await.unwrap();
    let logged = journey.logged(&acme.member, &room.space_id).await.unwrap();
    assert!(!logged.record_url.is_empty(), "{logged:?}");
    room
}

impl Room {
    /// Exchanges the guest's tokens, which live five minutes.
    async fn refresh(&mut self, journey: &Journey) {
        let request = RefreshSessionRequest { refresh_token: self.guest.tokens.refresh_token.clone() };
        let answer = journey.api.sign_in.clone().refresh_session(request).await.unwrap();
        self.guest.tokens = answer.into_inner().tokens.unwrap();
    }

    /// assets asks spaces whether it may be shown.
    async fn show_logo(&self, journey: &Journey) -> Result<(), tonic::Status> {
        let request = assets::GetLogoRequest { logo_id: self.logo_id.clone(), ..Default::default() };
        journey.api.logos.clone().get_logo(with_token(request, self.guest.token())).await.map(drop)
    }
}

/// Asks every service as a stranger; tells the code, and whether its own stack has answered.
async fn ask(raw: &Raw) -> Vec<(Code, bool)> {
    let mut answers = Vec::new();
    for path in METHODS {
        let package = path.trim_start_matches("/sharedspaces.").split('.').next().unwrap();
        let service = if package == "crmsync" { "crm-sync" } else { package };
        let refused = raw.send(service, path, Request::new(Vec::new())).await.unwrap_err();
        answers.push((refused.code(), refused.metadata().contains_key("x-request-id")));
    }
    answers
}

/// By every service at its business port; health is asked in plain text, as the start of this world has done.
async fn refuse(world: &World) {
    let ours = world.authority.as_ref().unwrap();
    let other = Authority::new();
    let shown = |authority: &Authority, name: &str| authority.issue(&tls_name(name));
    let gateways = shown(ours, "gateway");
    let strangers: [(&str, Option<ClientTlsConfig>); 5] = [
        ("in plain text", None),
        ("no certificate", Some(foreign(ours, None))),
        ("of another authority", Some(foreign(ours, Some(&shown(&other, "gateway"))))),
        ("expired", Some(foreign(ours, Some(&ours.issue_for_years(&tls_name("gateway"), (2020, 2021)))))),
        ("not on any list", Some(foreign(ours, Some(&shown(ours, "web"))))),
    ];
    for (name, stranger) in strangers {
        let raw = stranger.map_or_else(|| Raw::of(world), |tls| Raw::over(world, &tls));
        for (path, (code, answered)) in METHODS.iter().zip(ask(&raw).await) {
            assert!(!answered && code != Code::Unauthenticated, "{path} {name}: {code:?}");
        }
    }
    let known = Raw::over(world, &foreign(ours, Some(&gateways)));
    assert!(ask(&known).await.iter().all(|answer| *answer == (Code::Unauthenticated, true)));

    // A service is taken where it has to call, and nowhere else.
    for caller in SERVICES {
        let raw = Raw::over(world, &foreign(ours, Some(&shown(ours, caller))));
        for (path, (code, answered)) in METHODS.iter().zip(ask(&raw).await) {
            let package = path.trim_start_matches("/sharedspaces.").split('.').next().unwrap();
            let callee = if package == "crmsync" { "crm-sync" } else { package };
            assert_eq!(answered, callers(callee).contains(&caller), "{caller} calls {callee}: {code:?}");
        }
    }
}

/// Calls through the gateway and between services until told to stop; tells how often, and what failed.
fn keep_calling(journey: &Journey, room: Arc<Room>, stop: Arc<AtomicBool>) -> JoinHandle<(u32, Vec<String>)> {
    let journey = journey.clone();
    tokio::spawn(async move {
        let (mut calls, mut failures) = (0, Vec::new());
        let mut pace = tokio::time::interval(BETWEEN_CALLS);
        while !stop.load(Ordering::SeqCst) {
            pace.tick().await;
            let space = journey.get_space(&room.guest, &room.space_id).await;
            failures.extend(space.err().map(|status| status.to_string()));
            failures.extend(room.show_logo(&journey).await.err().map(|status| status.to_string()));
            calls += 2;
        }
        (calls, failures)
    })
}

/// Where the files of everybody are, and where each service listens.
struct Site {
    dir: PathBuf,
    ports: BTreeMap<&'static str, SocketAddr>,
}

impl Site {
    fn of(world: &World) -> Self {
        let address = |service| world.addresses.service(service).unwrap().grpc.parse().unwrap();
        let ports = SERVICES.into_iter().map(|service| (service, address(service))).collect();
        Self { dir: world.addresses.tls.clone().unwrap(), ports }
    }

    /// Gives everybody a certificate, or an authority to trust.
    fn give(&self, authority: &Authority, trusted: &str) -> BTreeMap<&'static str, Issued> {
        let holders = SERVICES.into_iter().chain(["gateway"]);
        let given = holders.map(|holder| {
            let issued = authority.issue(&tls_name(holder));
            TlsFiles::write(&self.dir, holder, &issued, trusted);
            (holder, issued)
        });
        given.collect()
    }

    /// Waits until each service shows what it was given; tells how long the last one took.
    async fn all_show(&self, given: &BTreeMap<&'static str, Issued>, trusted: &str, me: &Issued) -> Duration {
        let begin = Instant::now();
        for (service, port) in &self.ports {
            within(RENEWED_WITHIN, service, async || {
                Ok((shown(*port, trusted, me).await == given[service].der()).then_some(()))
            })
            .await
            .unwrap();
        }
        begin.elapsed()
    }
}

/// First another certificate of the same authority, then another authority, with one moment at which both are trusted.
async fn renew(world: &mut World, journey: &Journey, room: Room) {
    let room = Arc::new(room);
    let stop = Arc::new(AtomicBool::new(false));
    let calling = keep_calling(journey, Arc::clone(&room), Arc::clone(&stop));
    let site = Site::of(world);
    let former = world.authority.take().unwrap();
    let me = former.issue(&tls_name("gateway"));

    let given = site.give(&former, former.pem());
    let took = site.all_show(&given, former.pem(), &me).await;
    assert!(took < RENEWED_WITHIN, "{took:?}");

    let next = Authority::new();
    let both = format!("{}{}", former.pem(), next.pem());
    let given = site.give(&former, &both);
    site.all_show(&given, &both, &me).await;
    let given = site.give(&next, &both);
    site.all_show(&given, &both, &me).await;
    let given = site.give(&next, next.pem());
    let me = next.issue(&tls_name("gateway"));
    site.all_show(&given, &both, &me).await;
    stop.store(true, Ordering::SeqCst);
    let (calls, failures) = calling.await.unwrap();
    assert!(calls > 20 && failures.is_empty(), "{calls} calls, failed: {failures:?}");

    // Connections that are made now are of the next authority on both sides, the gateway's too.
    block_in_place(|| {
        world.stop_service("spaces").unwrap();
        world.start_service("spaces", &[]).unwrap();
        world.wait_ready().unwrap();
    });
    within(RENEWED_WITHIN, "the gateway's way to a service that was started anew", async || {
        Ok(journey.get_space(&room.guest, &room.space_id).await.is_ok().then_some(()))
    })
    .await
    .unwrap();
    within(RENEWED_WITHIN, "assets' way to a service that was started anew", async || {
        Ok(room.show_logo(journey).await.is_ok().then_some(()))
    })
    .await
    .unwrap();
    world.authority = Some(next);
}

/// Who calls whom, by the interfaces, by what platform teams read, and by what services are started with.
#[test]
fn whom_a_service_takes_calls_from_is_what_the_call_graph_and_the_interfaces_say() {
    let mut graph = call_graph().unwrap();
    // By hand, through the platform's own way to a pod: no workload that a network policy knows.
    graph.insert(("operator".to_owned(), "identity".to_owned()));
    let mut by_interfaces: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for rule in sharedspaces_proto::method_rules() {
        let package = rule.path.trim_start_matches("/sharedspaces.").split('.').next().unwrap();
        let callee = if package == "crmsync" { "crm-sync" } else { package };
        let callers = by_interfaces.entry(callee).or_default();
        callers.extend(rule.callers);
        if rule.access != sharedspaces_proto::Access::Service {
            callers.push("gateway");
        }
    }
    let sorted = |list: Option<&Vec<&'static str>>| {
        list.into_iter().flatten().copied().collect::<std::collections::BTreeSet<&str>>()
    };
    for service in SERVICES {
        let set: std::collections::BTreeSet<&str> = callers(service).iter().copied().collect();
        assert!(!set.is_empty(), "{service}");
        assert_eq!(sorted(by_interfaces.get(service)), set, "{service}, by the interfaces");
        let of_graph = graph.iter().filter(|(_, callee)| callee == service);
        let of_graph: std::collections::BTreeSet<&str> =
            of_graph.map(|(caller, _)| caller.as_str()).collect();
        assert_eq!(of_graph, set, "{service}, by the call graph");
    }
}
