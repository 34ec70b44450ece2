//! Streams of notices: nothing lost, and ended when they must be.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use service_kit::caller::{Caller, TokenExpiry};
use service_kit::clock::{Clock, SystemClock};
use service_kit::config::{
    BrokerConfig, Config, DatabaseConfig, GrpcConfig, ListenConfig, PeersConfig, ServiceAuthConfig,
    ShutdownConfig, TelemetryConfig,
};
use service_kit::db::act_for;
use service_kit::grpc::serve;
use service_kit::lifecycle::Stop;
use service_kit::verify::{ACCESS_TOKEN_TYPE, Verifier};
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::identity::v1::sign_in_service_server::{SignInService, SignInServiceServer};
use sharedspaces_proto::notifications::v1 as pb;
use sharedspaces_proto::notifications::v1::notification_service_client::NotificationServiceClient;
use sharedspaces_proto::notifications::v1::notification_service_server::{
    NotificationService, NotificationServiceServer,
};
use testkit::TestKeys;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Routes;
use tonic::transport::{Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;

use super::notices::{Desk, hearer, news, request_of, tell};
use super::room::{Happening, person};
use crate::grpc::NotificationGrpc;
use crate::notice::{self, Seen, Watcher};

/// identity as far as sessions go: those that have ended, and the keys it was asked about at a time.
#[derive(Clone, Default)]
struct Sessions {
    ended: Arc<Mutex<HashSet<String>>>,
    asked: Arc<Mutex<Vec<usize>>>,
    is_away: Arc<Mutex<bool>>,
}

impl Sessions {
    async fn start() -> (Self, SocketAddr) {
        let sessions = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::builder().add_service(SignInServiceServer::new(sessions.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (sessions, address)
    }

    fn end(&self, caller: &Caller) {
        self.ended.lock().unwrap().insert(caller.session_id.to_string());
    }

    fn asked(&self) -> Vec<usize> {
        self.asked.lock().unwrap().clone()
    }
}

macro_rules! plays {
    (besides $($method:ident($request:ident) -> $response:ident,)*) => {
        #[tonic::async_trait]
        impl SignInService for Sessions {
            async fn check_sessions(
                &self,
                request: Request<identity::CheckSessionsRequest>,
            ) -> Result<Response<identity::CheckSessionsResponse>, Status> {
                if *self.is_away.lock().unwrap() {
                    return Err(Status::unavailable("played"));
                }
                let mut alive = request.into_inner().sessions;
                self.asked.lock().unwrap().push(alive.len());
                alive.retain(|key| !self.ended.lock().unwrap().contains(&key.session_id));
                Ok(Response::new(identity::CheckSessionsResponse { alive }))
            }

            $(
                async fn $method(
                    &self,
                    _: Request<identity::$request>,
                ) -> Result<Response<identity::$response>, Status> {
                    Err(Status::unimplemented("not played"))
                }
            )*
        }
    };
}

plays! { besides
    start_sign_in(StartSignInRequest) -> StartSignInResponse,
    sign_in_with_password(SignInWithPasswordRequest) -> SignInWithPasswordResponse,
    request_sign_in_link(RequestSignInLinkRequest) -> RequestSignInLinkResponse,
    redeem_sign_in_link(RedeemSignInLinkRequest) -> RedeemSignInLinkResponse,
    redeem_sign_in_code(RedeemSignInCodeRequest) -> RedeemSignInCodeResponse,
    refresh_session(RefreshSessionRequest) -> RefreshSessionResponse,
    sign_out(SignOutRequest) -> SignOutResponse,
    list_sessions(ListSessionsRequest) -> ListSessionsResponse,
    revoke_session(RevokeSessionRequest) -> RevokeSessionResponse,
}

type Answers = std::pin::Pin<Box<dyn Stream<Item = Result<pb::WatchNotificationsResponse, Status>> + Send>>;

async fn watch(desk: &Desk, caller: &Caller, after: &str) -> Result<Answers, Status> {
    let request = pb::WatchNotificationsRequest { after: after.to_owned(), locale: String::new() };
    let request = request_of(caller, "WatchNotifications", request);
    desk.service.watch_notifications(request).await.map(Response::into_inner)
}

async fn next(answers: &mut Answers) -> pb::WatchNotificationsResponse {
    let answer = timeout(Duration::from_secs(60), answers.next()).await.expect("a message within a minute");
    answer.unwrap().unwrap()
}

fn name(answer: &pb::WatchNotificationsResponse) -> &str {
    answer.notification.as_ref().map_or("", |notice| notice.object_name.as_str())
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// Starts with an identity that calls all sessions alive.
async fn desk() -> (Desk, Sessions) {
    let (sessions, address) = Sessions::start().await;
    (Desk::over(address).await, sessions)
}

#[tokio::test]
async fn a_stream_tells_at_once_where_it_stands_and_then_what_comes_as_it_comes() {
    let (desk, _sessions) = desk().await;
    desk.tell(2).await;
    let mut answers = watch(&desk, &desk.caller, "").await.unwrap();
    let first = next(&mut answers).await;
    assert!(first.notification.is_none() && !first.cursor.is_empty());
    assert_eq!(first.unread_count, 2, "what was there before is counted and not told");
    let began = Instant::now();
    desk.tell(1).await;
    let told = next(&mut answers).await;
    assert_eq!((name(&told), told.unread_count), ("0", 3));
    assert!(began.elapsed() < Duration::from_secs(12), "it was woken, and not found at the beat");
    assert_eq!(told.notification.unwrap().summary, "Ann hat „0“ zu „Big deal“ hinzugefügt");

    // Another stream of the person learns that something was read.
    let request = pb::ListNotificationsRequest::default();
    let listed =
        desk.service.list_notifications(request_of(&desk.caller, "ListNotifications", request)).await;
    let newest = listed.unwrap().into_inner().notifications.remove(0).notification_id;
    let marks = pb::MarkReadRequest { notification_ids: vec![], up_to_notification_id: newest };
    desk.service.mark_read(request_of(&desk.caller, "MarkRead", marks)).await.unwrap();
    let read = next(&mut answers).await;
    assert!(read.notification.is_none() && read.unread_count == 0);
}

#[tokio::test]
async fn a_stream_says_that_it_is_alive_within_twenty_seconds() {
    let (desk, _sessions) = desk().await;
    let mut answers = watch(&desk, &desk.caller, "").await.unwrap();
    let first = next(&mut answers).await;
    let began = Instant::now();
    let beat = next(&mut answers).await;
    assert!(beat.notification.is_none() && beat.cursor == first.cursor);
    let took = began.elapsed();
    assert!((Duration::from_secs(1)..=Duration::from_secs(20)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_stream_goes_on_from_its_cursor_with_what_came_since() {
    let (desk, _sessions) = desk().await;
    let mut answers = watch(&desk, &desk.caller, "").await.unwrap();
    let cursor = next(&mut answers).await.cursor;
    drop(answers);
    desk.tell(250).await;
    for _ in 0..2 {
        let mut answers = watch(&desk, &desk.caller, &cursor).await.unwrap();
        for n in 0..250 {
            assert_eq!(name(&next(&mut answers).await), n.to_string());
        }
    }
    for bad in ["x", "LTE", "MS41", "IiI"] {
        let Err(refused) = watch(&desk, &desk.caller, bad).await else { panic!("{bad} was taken") };
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
    }
    // One of a time that has not been: what comes is told all the same.
    let made_up = service_kit::page::token(&i64::MAX);
    let mut answers = watch(&desk, &desk.caller, &made_up).await.unwrap();
    assert!(next(&mut answers).await.notification.is_none());
    desk.tell(1).await;
    assert_eq!(name(&next(&mut answers).await), "0");
}

#[tokio::test]
async fn a_notice_that_is_committed_late_is_not_passed_over_by_one_that_began_later() {
    let (desk, _sessions) = desk().await;
    let (room, bea) = (&desk.room, hearer(&desk.bea));
    let pool = room.database.database.pool().clone();
    let mut answers = watch(&desk, &desk.caller, "").await.unwrap();
    next(&mut answers).await;

    let mut early = pool.begin().await.unwrap();
    act_for(&mut early, room.organization_id).await.unwrap();
    notice::tell(&mut early, &news(room, "early"), [bea]).await.unwrap();
    let (organization_id, news) = (room.organization_id, news(room, "late"));
    let mut late = tokio::spawn(async move {
        let mut late = pool.begin().await.unwrap();
        act_for(&mut late, organization_id).await.unwrap();
        notice::tell(&mut late, &news, [bea]).await.unwrap();
        late.commit().await.unwrap();
    });
    // The later one must not be seen first: whoever had read it would never see the earlier one.
    let passed = timeout(Duration::from_millis(700), &mut late).await;
    assert!(passed.is_err(), "the later one must wait for the earlier one");
    early.commit().await.unwrap();
    late.await.unwrap();
    assert_eq!(name(&next(&mut answers).await), "early");
    assert_eq!(name(&next(&mut answers).await), "late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_notices_from_writers_at_once_come_in_order_and_once_however_often_the_stream_is_cut() {
    const WRITERS: usize = 4;
    const TRANSACTIONS: usize = 250;
    const EACH: usize = 3;
    let (desk, _sessions) = desk().await;
    let desk = Arc::new(desk);
    let hub = desk.service.hub.clone();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let desk = Arc::clone(&desk);
            tokio::spawn(async move {
                let pool = desk.room.database.database.pool();
                for transaction in 0..TRANSACTIONS {
                    let mut tx = pool.begin().await.unwrap();
                    act_for(&mut tx, desk.room.organization_id).await.unwrap();
                    for n in 0..EACH {
                        let news = news(&desk.room, &format!("{writer}-{transaction}-{n}"));
                        notice::tell(&mut tx, &news, [hearer(&desk.bea)]).await.unwrap();
                    }
                    if transaction % 10 == 9 {
                        tx.rollback().await.unwrap();
                    } else {
                        tx.commit().await.unwrap();
                    }
                }
            })
        })
        .collect();
    let expected = WRITERS * (TRANSACTIONS - TRANSACTIONS / 10) * EACH;
    let mut seen: BTreeMap<i64, String> = BTreeMap::new();
    let mut position = 0;
    let mut cut = 1_usize;
    let until = Instant::now() + Duration::from_secs(240);
    while seen.len() < expected && Instant::now() < until {
        let expire_time = SystemClock.now() + Duration::from_secs(300);
        let watcher = Watcher { caller: desk.caller.clone(), expire_time, after: Some(position) };
        let stream = desk.service.notices.watch(&hub, watcher, SystemClock.now()).unwrap();
        let mut stream = Box::pin(stream);
        cut = (cut * 7_919 + 13) % 97;
        for _ in 0..=cut {
            let Ok(Some(answer)) = timeout(Duration::from_secs(2), stream.next()).await else { break };
            let Seen { notice, position: at, .. } = answer.unwrap();
            assert!(at >= position, "a stream never goes back");
            position = at;
            if let Some(notice) = notice {
                let again = seen.insert(notice.position, notice.object_name);
                assert_eq!(again, None, "told twice");
            }
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let names: HashSet<&String> = seen.values().collect();
    assert_eq!((seen.len(), names.len()), (expected, expected));
}

#[tokio::test]
async fn a_stream_ends_within_five_seconds_after_its_session_and_the_others_go_on() {
    let (desk, sessions) = desk().await;
    let other = Caller { session_id: testkit::ids().next(), ..desk.caller.clone() };
    let mut answers = watch(&desk, &desk.caller, "").await.unwrap();
    let mut others = watch(&desk, &other, "").await.unwrap();
    next(&mut answers).await;
    next(&mut others).await;
    testkit::eventually("sessions are checked in one batch", async || sessions.asked().contains(&2)).await;
    sessions.end(&desk.caller);
    let began = Instant::now();
    let ended = timeout(Duration::from_secs(5), answers.next()).await.expect("an end within five seconds");
    let ended = ended.unwrap().unwrap_err();
    assert_eq!((ended.code(), reason(&ended).as_str()), (Code::Unauthenticated, "SESSION_ENDED"));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(answers.next().await.is_none());
    desk.tell(1).await;
    assert_eq!(name(&next(&mut others).await), "0");
}

#[tokio::test]
async fn while_identity_is_away_a_stream_goes_on_until_its_token_expires() {
    let (desk, sessions) = desk().await;
    *sessions.is_away.lock().unwrap() = true;
    sessions.end(&desk.caller);
    let message = pb::WatchNotificationsRequest::default();
    let mut request = request_of(&desk.caller, "WatchNotifications", message);
    request.extensions_mut().insert(TokenExpiry(SystemClock.now() + Duration::from_secs(6)));
    let mut answers = desk.service.watch_notifications(request).await.unwrap().into_inner();
    let began = Instant::now();
    next(&mut answers).await;
    let ended = timeout(Duration::from_secs(30), answers.next()).await.expect("an end with the token");
    let ended = ended.unwrap().unwrap_err();
    assert_eq!(reason(&ended), "SESSION_ENDED");
    assert!(began.elapsed() >= Duration::from_millis(5_500), "{:?}", began.elapsed());
    let mut expired =
        request_of(&desk.caller, "WatchNotifications", pb::WatchNotificationsRequest::default());
    expired.extensions_mut().insert(TokenExpiry(SystemClock.now()));
    let mut answers = desk.service.watch_notifications(expired).await.unwrap().into_inner();
    assert_eq!(reason(&answers.next().await.unwrap().unwrap_err()), "SESSION_ENDED");
}

#[tokio::test]
async fn a_person_has_five_streams_and_a_sixth_once_one_is_closed() {
    let (desk, _sessions) = desk().await;
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(watch(&desk, &desk.caller, "").await.unwrap());
    }
    let Err(refused) = watch(&desk, &desk.caller, "").await else { panic!("a sixth was opened") };
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "TOO_MANY_STREAMS"));
    let colleague = testkit::caller_of(desk.caller.organization_id, desk.caller.kind);
    assert!(watch(&desk, &colleague, "").await.is_ok(), "others have their own");
    open.pop();
    assert!(watch(&desk, &desk.caller, "").await.is_ok());
}

#[tokio::test]
async fn a_stream_tells_nothing_of_others_nor_of_a_space_that_its_person_is_out_of() {
    let (desk, _sessions) = desk().await;
    let mut answers = watch(&desk, &desk.caller, "").await.unwrap();
    let cursor = next(&mut answers).await.cursor;
    tell(&desk.room, &person("Cid", "en"), 3).await;
    desk.tell(1).await;
    let told = next(&mut answers).await;
    assert_eq!((name(&told), told.unread_count), ("0", 1));
    desk.room.happens(Happening::Removed(desk.room.removed(&desk.bea))).await;
    let after = next(&mut answers).await;
    assert!(after.notification.is_none() && after.unread_count == 0);
    let mut again = watch(&desk, &desk.caller, &cursor).await.unwrap();
    assert!(next(&mut again).await.notification.is_none());
}

#[tokio::test]
async fn all_streams_end_in_peace_when_the_process_stops() {
    let (desk, _sessions) = desk().await;
    let mut answers = watch(&desk, &desk.caller, "").await.unwrap();
    next(&mut answers).await;
    desk.stop.cancel();
    let end = timeout(Duration::from_secs(20), answers.next()).await.expect("an end at once");
    assert!(end.is_none());
}

fn config(address: SocketAddr, keys: &TestKeys) -> Config {
    let nowhere: SocketAddr = "127.0.0.1:0".parse().unwrap();
    Config {
        database: DatabaseConfig {
            url: "postgres://nowhere".into(),
            migration_url: None,
            max_connections: 1,
        },
        broker: BrokerConfig { url: "amqp://nowhere".into(), prefix: String::new() },
        grpc: GrpcConfig { listen: address, max_in_flight: 2, max_connection_age_seconds: 300, tls: None },
        health: ListenConfig { listen: nowhere },
        auth: keys.auth_config(),
        service_auth: ServiceAuthConfig {
            issuer: "https://cluster.test".to_owned(),
            jwks_file: "/nonexistent".into(),
            token_file: "/nonexistent".into(),
            namespace: "sharedspaces".to_owned(),
        },
        peers: PeersConfig::default(),
        telemetry: TelemetryConfig::default(),
        shutdown: ShutdownConfig::default(),
        development: false,
    }
}

#[tokio::test]
async fn behind_the_whole_stack_a_stream_ends_with_its_token_and_lets_the_server_stop() {
    let (desk, _sessions) = desk().await;
    let keys = TestKeys::generate();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = config(address, &keys);
    let verifier = Verifier::new(config.auth.clone(), config.service_auth.clone());
    verifier.set_people_keys(&keys.jwks());
    let service = NotificationGrpc {
        notices: desk.service.notices.clone(),
        hub: desk.service.hub.clone(),
        clock: Arc::new(SystemClock),
    };
    let stop = Stop { calls: desk.stop.clone(), ..Stop::default() };
    let serving = tokio::spawn(async move {
        let routes = Routes::new(NotificationServiceServer::new(service));
        serve(listener, routes, &config, verifier, testkit::ids(), &stop).await.unwrap();
    });
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let client = NotificationServiceClient::new(channel);
    let watch = async |seconds: i64| {
        let mut claims = TestKeys::claims(&desk.caller);
        claims["exp"] = (SystemClock.now().timestamp() + seconds).into();
        let mut request = Request::new(pb::WatchNotificationsRequest::default());
        let token = format!("Bearer {}", keys.sign(ACCESS_TOKEN_TYPE, &claims));
        request.metadata_mut().insert("authorization", token.parse().unwrap());
        client.clone().watch_notifications(request).await.unwrap().into_inner()
    };
    // More than calls may run at once: an open stream takes none of their places.
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(watch(300).await);
    }
    let mut short = watch(10).await;
    assert!(short.message().await.unwrap().unwrap().notification.is_none());
    let ended = timeout(Duration::from_secs(30), short.message()).await.expect("an end with the token");
    let ended = ended.unwrap_err();
    assert_eq!((ended.code(), reason(&ended).as_str()), (Code::Unauthenticated, "SESSION_ENDED"));

    desk.stop.cancel();
    for mut stream in open {
        let read_to_the_end = async { while stream.message().await.unwrap().is_some() {} };
        timeout(Duration::from_secs(30), read_to_the_end).await.expect("an end in peace");
    }
    timeout(Duration::from_secs(30), serving).await.expect("the server stops").unwrap();
}
