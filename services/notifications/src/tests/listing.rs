//! Listing and retrying, over the service as it is called.

use messaging::Messaging;
use messaging::jobs::JobError;
use service_kit::caller::{Caller, CallerKind, Principal};
use service_kit::config::BrokerConfig;
use sharedspaces_proto::find_method_rule;
use sharedspaces_proto::notifications::v1 as pb;
use sharedspaces_proto::notifications::v1::delivery_service_server::DeliveryService;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use super::world::{GATHERING, World, guest_invited};
use crate::consumers::{identity, spaces};
use crate::delivery::{DeliveryId, MAX_ATTEMPTS, Outcome, State, Told};
use crate::grpc::DeliveryGrpc;
use crate::jobs::send_mail::register;

struct Scene {
    world: World,
    service: DeliveryGrpc,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let service = world.delivery_grpc();
        Self { world, service }
    }

    async fn planned(&self) -> DeliveryId {
        let inviter = self.world.person("Ines", "ines@acme.test", "en");
        let guest = self.world.person("Gil", "gil@globex.test", "en");
        self.world.invited(guest_invited(&inviter, &guest, "Big deal", ""), &guest).await
    }

    async fn failed(&self) -> DeliveryId {
        let id = self.planned().await;
        let outcome = Outcome::Failed("refused".to_owned());
        let told = Told { email_address: Some("gil@globex.test".to_owned()), ..Told::default() };
        self.world.deliveries.record(self.world.admin.organization_id, id, told, outcome).await.unwrap();
        id
    }

    async fn list(&self, size: i32, token: &str) -> Result<pb::ListDeliveriesResponse, Status> {
        let request = pb::ListDeliveriesRequest {
            page_size: size,
            page_token: token.to_owned(),
            ..pb::ListDeliveriesRequest::default()
        };
        self.list_some(request).await
    }

    async fn list_some(
        &self,
        request: pb::ListDeliveriesRequest,
    ) -> Result<pb::ListDeliveriesResponse, Status> {
        let request = request_of(&self.world.admin, "ListDeliveries", request);
        self.service.list_deliveries(request).await.map(Response::into_inner)
    }

    async fn get(&self, caller: &Caller, id: &str) -> Result<pb::Delivery, Status> {
        let request = pb::GetDeliveryRequest { delivery_id: id.to_owned() };
        let answer = self.service.get_delivery(request_of(caller, "GetDelivery", request)).await;
        answer.map(|response| response.into_inner().delivery.unwrap())
    }

    async fn retry(&self, caller: &Caller, id: &str) -> Result<pb::Delivery, Status> {
        let request = pb::RetryDeliveryRequest { delivery_id: id.to_owned() };
        let answer = self.service.retry_delivery(request_of(caller, "RetryDelivery", request)).await;
        answer.map(|response| response.into_inner().delivery.unwrap())
    }

    async fn jobs(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM jobs WHERE name = 'send_mail'")
            .fetch_one(self.world.db().pool())
            .await
            .unwrap()
    }
}

fn request_of<T>(caller: &Caller, method: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let path = format!("/sharedspaces.notifications.v1.DeliveryService/{method}");
    request.extensions_mut().insert(find_method_rule(&path).unwrap());
    request.extensions_mut().insert(Principal::Person(caller.clone()));
    request
}

#[tokio::test]
async fn mails_are_listed_newest_first_in_pages() {
    let scene = Scene::new().await;
    let mut planned = Vec::new();
    for _ in 0..5 {
        planned.push(scene.planned().await.to_string());
    }
    planned.reverse();
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = scene.list(2, &token).await.unwrap();
        assert!(page.deliveries.len() <= 2);
        seen.extend(page.deliveries.into_iter().map(|delivery| delivery.delivery_id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, planned);
}

#[tokio::test]
async fn a_listed_mail_tells_what_it_is_and_how_it_fares() {
    let scene = Scene::new().await;
    let id = scene.failed().await;
    let listed = scene.list(0, "").await.unwrap().deliveries.remove(0);
    assert_eq!(listed.delivery_id, id.to_string());
    assert_eq!(listed.kind(), pb::MailKind::GuestInvitation);
    assert_eq!(listed.state(), pb::DeliveryState::Failed);
    assert_eq!((listed.reason.as_str(), listed.attempts), ("refused", 1));
    assert_eq!(listed.email_address, "gil@globex.test");
    assert!(listed.create_time.is_some() && listed.sent_time.is_none());
}

#[tokio::test]
async fn mails_are_listed_by_state_address_and_space() {
    let scene = Scene::new().await;
    let waiting = scene.planned().await.to_string();
    let failed = scene.failed().await.to_string();
    let space_id = scene.get(&scene.world.admin, &failed).await.unwrap().space_id;
    let base = pb::ListDeliveriesRequest::default();
    let state = |state: pb::DeliveryState| i32::from(state);
    let (pending, failed_state) = (state(pb::DeliveryState::Pending), state(pb::DeliveryState::Failed));
    let both = vec![failed.clone(), waiting.clone()];
    for (request, expected) in [
        (base.clone(), both.clone()),
        (pb::ListDeliveriesRequest { states: vec![pending], ..base.clone() }, vec![waiting.clone()]),
        (pb::ListDeliveriesRequest { states: vec![failed_state], ..base.clone() }, vec![failed.clone()]),
        (pb::ListDeliveriesRequest { states: vec![pending, failed_state], ..base.clone() }, both),
        (pb::ListDeliveriesRequest { states: vec![state(pb::DeliveryState::Sent)], ..base.clone() }, vec![]),
        (
            pb::ListDeliveriesRequest { email_address: " GIL@globex.test".to_owned(), ..base.clone() },
            vec![failed.clone()],
        ),
        (pb::ListDeliveriesRequest { email_address: "gil@globex.testa".to_owned(), ..base.clone() }, vec![]),
        (pb::ListDeliveriesRequest { space_id: space_id.clone(), ..base.clone() }, vec![failed.clone()]),
        (pb::ListDeliveriesRequest { space_id, states: vec![pending], ..base.clone() }, vec![]),
    ] {
        let listed = scene.list_some(request.clone()).await.unwrap().deliveries;
        let ids: Vec<String> = listed.into_iter().map(|delivery| delivery.delivery_id).collect();
        assert_eq!(ids, expected, "{request:?}");
    }
    for (request, field) in [
        (pb::ListDeliveriesRequest { states: vec![pending, 0], ..base.clone() }, "states[1]"),
        (pb::ListDeliveriesRequest { states: vec![99], ..base.clone() }, "states[0]"),
        (pb::ListDeliveriesRequest { email_address: "gil".to_owned(), ..base.clone() }, "email_address"),
        (pb::ListDeliveriesRequest { space_id: "x".to_owned(), ..base }, "space_id"),
    ] {
        let status = scene.list_some(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(field), "{}", status.message());
    }
}

#[tokio::test]
async fn one_mail_is_shown_to_its_own_organisation_only() {
    let scene = Scene::new().await;
    let id = scene.failed().await.to_string();
    let shown = scene.get(&scene.world.admin, &id).await.unwrap();
    assert_eq!(shown, scene.list(0, "").await.unwrap().deliveries.remove(0));
    let stranger = testkit::caller(CallerKind::Admin);
    let foreign = scene.get(&stranger, &id).await.unwrap_err();
    let random = scene.get(&stranger, &testkit::ids().next::<Uuid>().to_string()).await.unwrap_err();
    assert_eq!((foreign.code(), foreign.message()), (Code::NotFound, random.message()));
    assert_eq!(foreign.details(), random.details());
    assert_eq!(scene.get(&stranger, "x").await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_bad_page_is_refused_with_its_field() {
    let scene = Scene::new().await;
    for (size, token) in [(101, ""), (-1, ""), (0, "nonsense")] {
        let status = scene.list(size, token).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains("page_"), "{}", status.message());
    }
    assert!(scene.list(100, "").await.is_ok());
}

#[tokio::test]
async fn nobody_sees_or_retries_the_mails_of_another_organisation() {
    let scene = Scene::new().await;
    let id = scene.failed().await;
    let stranger = testkit::caller(CallerKind::Admin);
    assert!(scene.world.listed(&stranger).await.is_empty());

    let foreign = scene.retry(&stranger, &id.to_string()).await.unwrap_err();
    let random = scene.retry(&stranger, &testkit::ids().next::<Uuid>().to_string()).await.unwrap_err();
    assert_eq!(foreign.code(), Code::NotFound);
    assert_eq!(foreign.message(), random.message());
    assert_eq!(foreign.details(), random.details());
    assert_eq!(scene.world.delivery(id).await.state, crate::delivery::State::Failed);

    // Row-level security alone keeps them apart, too.
    let seen: i64 = scene
        .world
        .db()
        .read(stranger.organization_id, |tx| {
            Box::pin(async move {
                let count = sqlx::query_scalar("SELECT count(*) FROM deliveries").fetch_one(tx).await?;
                Ok::<_, service_kit::error::CommonError>(count)
            })
        })
        .await
        .unwrap();
    assert_eq!(seen, 0);
}

#[tokio::test]
async fn a_retried_mail_is_sent_by_the_same_job_that_had_given_up() {
    let scene = Scene::new().await;
    // Jobs run without a broker.
    let broker = BrokerConfig { url: "amqp://127.0.0.1:1".into(), prefix: String::new() };
    let messaging = Messaging::over("notifications", scene.world.db().clone(), broker);
    let messaging =
        register(identity::subscribe(spaces::subscribe(messaging, GATHERING)), &scene.world.send_mail);
    let stop = CancellationToken::new();
    let _running = messaging.start(&stop);
    let pool = scene.world.db().pool();

    scene.world.fault(serde_json::json!({"phase": "rcpt", "reply": "552 full"})).await;
    let id = scene.planned().await;
    testkit::eventually("the job gives up", async || messaging::backlog(pool).await.unwrap().jobs_dead == 1)
        .await;
    let failed = scene.list(0, "").await.unwrap().deliveries.remove(0);
    assert_eq!((failed.state(), failed.attempts), (pb::DeliveryState::Failed, 1));

    scene.retry(&scene.world.admin, &id.to_string()).await.unwrap();
    testkit::eventually("the mail arrives", async || !scene.world.taken().is_empty()).await;
    testkit::eventually("the job is done", async || {
        let backlog = messaging::backlog(pool).await.unwrap();
        backlog.is_quiet() && backlog.jobs_dead == 0
    })
    .await;
    let sent = scene.list(0, "").await.unwrap().deliveries.remove(0);
    assert_eq!((sent.state(), sent.attempts), (pb::DeliveryState::Sent, 1), "tries are counted anew");
    stop.cancel();
}

#[tokio::test]
async fn a_mail_whose_job_died_before_it_could_tell_is_sent_by_a_retry() {
    let scene = Scene::new().await;
    let admin = scene.world.admin.clone();
    let id = scene.planned().await;
    // What is left when the process has ended within every try of the job.
    let set = |state: &'static str| {
        sqlx::query("UPDATE jobs SET state = $1, attempt = 20").bind(state).execute(scene.world.db().pool())
    };
    set("dead").await.unwrap();
    assert_eq!(scene.list(0, "").await.unwrap().deliveries.remove(0).state(), pb::DeliveryState::Pending);

    assert_eq!(scene.retry(&admin, &id.to_string()).await.unwrap().state(), pb::DeliveryState::Pending);
    let revived: (String, i32) = sqlx::query_as("SELECT state, attempt FROM jobs WHERE name = 'send_mail'")
        .fetch_one(scene.world.db().pool())
        .await
        .unwrap();
    assert_eq!(revived, ("pending".to_owned(), 0));
    let status = scene.retry(&admin, &id.to_string()).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition, "it waits again");

    scene.world.run(id, 1).await.unwrap();
    set("dead").await.unwrap();
    let status = scene.retry(&admin, &id.to_string()).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition, "a mail that was sent is not sent again");
    assert_eq!(scene.world.taken().len(), 1);
}

#[tokio::test]
async fn a_retry_that_found_no_dead_job_can_be_retried_itself() {
    let scene = Scene::new().await;
    let admin = scene.world.admin.clone();
    let id = scene.failed().await;
    sqlx::query("DELETE FROM jobs").execute(scene.world.db().pool()).await.unwrap();
    scene.retry(&admin, &id.to_string()).await.unwrap();
    sqlx::query("UPDATE jobs SET state = 'dead'").execute(scene.world.db().pool()).await.unwrap();
    scene.retry(&admin, &id.to_string()).await.unwrap();
    assert_eq!(scene.jobs().await, 1);
}

#[tokio::test]
async fn a_mail_that_cannot_be_read_fails_with_its_reason() {
    let scene = Scene::new().await;
    let id = scene.planned().await;
    sqlx::query(r#"UPDATE deliveries SET mail = '{"kind": "PIGEON"}'"#)
        .execute(&scene.world.database.superuser_pool())
        .await
        .unwrap();
    assert!(matches!(scene.world.run(id, 1).await, Err(JobError::Dead { .. })));
    let failed = scene.list(0, "").await.unwrap().deliveries.remove(0);
    assert_eq!((failed.state(), failed.attempts), (pb::DeliveryState::Failed, 1));
    assert_eq!(failed.reason, "what the mail says cannot be read");
    scene.retry(&scene.world.admin, &id.to_string()).await.unwrap();
}

#[tokio::test]
async fn only_a_failed_mail_is_sent_once_more() {
    let scene = Scene::new().await;
    let admin = scene.world.admin.clone();
    let waiting = scene.planned().await.to_string();
    let status = scene.retry(&admin, &waiting).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    let status = scene.retry(&admin, "nonsense").await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("delivery_id"));

    let failed = scene.failed().await;
    let before = scene.jobs().await;
    let again = scene.retry(&admin, &failed.to_string()).await.unwrap();
    assert_eq!(again.state(), pb::DeliveryState::Pending);
    assert_eq!(again.reason, "");
    // Its job is not dead yet in this test: so there is one more.
    assert_eq!(scene.jobs().await, before + 1);
    scene.world.run(failed, 1).await.unwrap();
    assert_eq!(scene.world.taken().len(), 1);
    let status = scene.retry(&admin, &failed.to_string()).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition, "a mail that was sent is not sent again");
}

#[tokio::test]
async fn a_failed_invitation_of_somebody_who_was_removed_since_is_not_sent_by_a_retry() {
    let scene = Scene::new().await;
    let id = scene.failed().await;
    let guest = scene.world.delivery(id).await.recipient_user_id.unwrap();
    scene.world.spaces.shuts_out(&guest.to_string());
    scene.retry(&scene.world.admin, &id.to_string()).await.unwrap();
    scene.world.run(id, 1).await.unwrap();
    assert_eq!(scene.world.delivery(id).await.state, State::NotDue);
    assert!(scene.world.taken().is_empty());
}

#[tokio::test]
async fn a_mail_that_is_put_off_each_night_fails_after_as_many_tries_as_any_and_a_retry_counts_anew() {
    let scene = Scene::new().await;
    let id = scene.planned().await;
    let pool = scene.world.database.superuser_pool();
    scene.world.spaces.fails_with(Some(Status::unavailable("played")));
    for attempt in 1..=MAX_ATTEMPTS {
        let night = "UPDATE deliveries SET due_time = now() + interval '8 hours'";
        sqlx::query(night).execute(&pool).await.unwrap();
        scene.world.run(id, 1).await.unwrap();
        sqlx::query("UPDATE deliveries SET due_time = NULL").execute(&pool).await.unwrap();
        // The first try of another job each time.
        let tried = scene.world.run(id, 1).await;
        assert_eq!(
            matches!(tried, Err(JobError::Dead { .. })),
            attempt == MAX_ATTEMPTS,
            "{attempt}: {tried:?}"
        );
        assert_eq!(scene.world.delivery(id).await.attempts, attempt);
    }
    assert_eq!(scene.world.delivery(id).await.state, State::Failed);

    assert_eq!(scene.retry(&scene.world.admin, &id.to_string()).await.unwrap().attempts, 0);
    let tried = scene.world.run(id, 1).await;
    let Err(JobError::Retry { after: Some(after), .. }) = tried else { panic!("{tried:?}") };
    assert_eq!((after.as_secs(), scene.world.delivery(id).await.attempts), (5, 1));
}
