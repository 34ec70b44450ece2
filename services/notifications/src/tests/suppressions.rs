//! Addresses that a mail server refused for good, and getting out of mails.

use messaging::jobs::JobError;
use serde_json::json;
use service_kit::caller::{Caller, CallerKind, Principal};
use sharedspaces_proto::find_method_rule;
use sharedspaces_proto::identity::v1::Person;
use sharedspaces_proto::notifications::v1 as pb;
use sharedspaces_proto::notifications::v1::delivery_service_server::DeliveryService;
use sharedspaces_proto::spaces::v1::MuteableMail;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use super::world::{World, guest_invited, key_of_links, user_id};
use crate::delivery::{DeliveryId, Leave, MailKind, Sendable, State};

fn request_of<T>(principal: Principal, method: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let path = format!("/sharedspaces.notifications.v1.DeliveryService/{method}");
    request.extensions_mut().insert(find_method_rule(&path).unwrap());
    request.extensions_mut().insert(principal);
    request
}

async fn invite(world: &World, guest: &Person) -> DeliveryId {
    let inviter = world.person("Ines", "ines@acme.test", "en");
    world.invited(guest_invited(&inviter, guest, "Big deal", ""), guest).await
}

async fn list(
    world: &World,
    caller: &Caller,
    size: i32,
    token: &str,
) -> Result<pb::ListSuppressionsResponse, Status> {
    let request = pb::ListSuppressionsRequest { page_size: size, page_token: token.to_owned() };
    let request = request_of(Principal::Person(caller.clone()), "ListSuppressions", request);
    world.delivery_grpc().list_suppressions(request).await.map(Response::into_inner)
}

async fn remove(world: &World, caller: &Caller, address: &str) -> Result<(), Status> {
    let request = pb::RemoveSuppressionRequest { email_address: address.to_owned() };
    let request = request_of(Principal::Person(caller.clone()), "RemoveSuppression", request);
    world.delivery_grpc().remove_suppression(request).await.map(drop)
}

async fn unsubscribe(world: &World, token: &str) -> Result<pb::UnsubscribeResponse, Status> {
    let request =
        request_of(Principal::Anyone, "Unsubscribe", pb::UnsubscribeRequest { token: token.to_owned() });
    world.delivery_grpc().unsubscribe(request).await.map(Response::into_inner)
}

#[tokio::test]
async fn an_address_that_was_refused_for_good_gets_no_mails_but_those_asked_for_until_an_admin_says_so() {
    let world = World::new().await;
    let gil = world.person("Gil", "gil@globex.test", "en");
    world.fault(json!({"phase": "rcpt", "reply": "550 5.1.1 no gil@globex.test here"})).await;
    let refused = invite(&world, &gil).await;
    assert!(world.run(refused, 1).await.is_err());
    let listed = list(&world, &world.admin, 0, "").await.unwrap().suppressions;
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].email_address.as_str(), listed[0].detail.as_str()),
        ("gil@globex.test", "550 5.1.1")
    );
    assert_eq!(listed[0].reason(), pb::SuppressionReason::Bounced);
    assert!(listed[0].create_time.is_some());

    let next = invite(&world, &gil).await;
    assert!(matches!(world.run(next, 1).await, Err(JobError::Dead { .. })));
    let failed = world.delivery(next).await;
    assert_eq!(failed.state, State::Failed);
    assert!(failed.reason.contains("refused the address for good"), "{}", failed.reason);
    assert!(world.taken().is_empty());

    sqlx::query("UPDATE deliveries SET state = 'PENDING' WHERE delivery_id = $1")
        .bind(next.uuid())
        .execute(&world.database.superuser_pool())
        .await
        .unwrap();
    for (kind, leave) in [
        (MailKind::AccountLink, Leave::Given),
        (MailKind::SignInLink, Leave::Given),
        (MailKind::PasswordReset, Leave::Given),
        (MailKind::RequestLink, Leave::Given),
        (MailKind::NewDevice, Leave::Suppressed),
        (MailKind::Reminder, Leave::Suppressed),
        (MailKind::AccessGranted, Leave::Suppressed),
        (MailKind::NewComment, Leave::Suppressed),
    ] {
        let sendable = Sendable {
            delivery_id: next,
            job_id: next.uuid(),
            kind,
            recipient_user_id: Some(user_id(&gil)),
            email_address: gil.email_address.clone(),
        };
        let asked = world.deliveries.ask_leave(world.admin.organization_id, sendable.clone()).await.unwrap();
        assert_eq!(asked, leave, "{kind:?}");
        let elsewhere = world.deliveries.ask_leave(testkit::ids().next(), sendable).await.unwrap();
        assert_eq!(elsewhere, Leave::Gone, "another organisation has a list of its own, and no such mail");
    }

    for _ in 0..2 {
        remove(&world, &world.admin, " GIL@Globex.test ").await.unwrap();
    }
    assert!(list(&world, &world.admin, 0, "").await.unwrap().suppressions.is_empty());
    let last = invite(&world, &gil).await;
    world.run(last, 1).await.unwrap();
    assert_eq!(world.taken().len(), 1);
}

#[tokio::test]
async fn a_refusal_of_the_mail_or_of_us_is_none_of_the_address() {
    let world = World::new().await;
    let gil = world.person("Gil", "gil@globex.test", "en");
    for (phase, reply) in [
        ("rcpt", "550 5.7.1 you are on a list"),
        ("rcpt", "552 5.2.2 full"),
        ("rcpt", "450 4.1.1 later"),
        ("mail", "550 5.1.8 not you"),
        ("after_data", "550 5.1.1 no"),
    ] {
        world.fault(json!({"phase": phase, "reply": reply})).await;
        let id = invite(&world, &gil).await;
        assert!(world.run(id, 1).await.is_err(), "{reply}");
        assert!(list(&world, &world.admin, 0, "").await.unwrap().suppressions.is_empty(), "{reply}");
    }
}

#[tokio::test]
async fn suppressed_addresses_are_listed_newest_first_in_pages_to_their_own_organisation_only() {
    let world = World::new().await;
    for at in 0..5 {
        sqlx::query(
            "INSERT INTO suppressions (organization_id, email_address, reason, detail, create_time)
             VALUES ($1, $2, 'BOUNCED', '550', now() + make_interval(secs => $3))",
        )
        .bind(world.admin.organization_id.uuid())
        .bind(format!("p{at}@globex.test"))
        .bind(f64::from(at / 2))
        .execute(&world.database.superuser_pool())
        .await
        .unwrap();
    }
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = list(&world, &world.admin, 2, &token).await.unwrap();
        seen.extend(page.suppressions.into_iter().map(|suppression| suppression.email_address));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, [4, 3, 2, 1, 0].map(|at| format!("p{at}@globex.test")));

    let stranger = testkit::caller(CallerKind::Admin);
    assert!(list(&world, &stranger, 0, "").await.unwrap().suppressions.is_empty());
    remove(&world, &stranger, "p0@globex.test").await.unwrap();
    assert_eq!(list(&world, &world.admin, 0, "").await.unwrap().suppressions.len(), 5);
    for (size, token) in [(101, ""), (-1, ""), (0, "nonsense")] {
        let status = list(&world, &world.admin, size, token).await.unwrap_err();
        assert!(status.code() == Code::InvalidArgument && status.message().contains("page_"));
    }
    let status = remove(&world, &world.admin, "gil").await.unwrap_err();
    assert!(status.code() == Code::InvalidArgument && status.message().contains("email_address"));
}

#[tokio::test]
async fn the_link_of_a_mail_takes_its_recipient_out_of_its_kind_and_space_however_often_it_is_used() {
    let world = World::new().await;
    let cleo = world.person("Cleo", "cleo@acme.test", "en");
    let id = world.plan_new_joiner(&cleo, None).await;
    let space_id = world.delivery(id).await.space_id.unwrap();
    let organization_id = world.admin.organization_id;
    let links = key_of_links().of(
        organization_id,
        space_id,
        user_id(&cleo),
        MuteableMail::NewJoiners,
        "https://app.acme.test",
    );
    let token = links.page.rsplit_once('#').unwrap().1;
    for _ in 0..2 {
        let answer = unsubscribe(&world, token).await.unwrap();
        assert_eq!((answer.kind(), answer.space_title.as_str()), (pb::MailKind::NewJoiner, "Big deal"));
    }
    for muted in world.spaces.muted() {
        assert_eq!(muted.organization_id, organization_id.to_string());
        assert_eq!((muted.space_id, muted.user_id), (space_id.to_string(), cleo.user_id.clone()));
        assert_eq!(muted.mail, i32::from(MuteableMail::NewJoiners));
    }
    assert_eq!(world.spaces.muted().len(), 2);

    // Somebody about whose space no mail was ever planned gets no title of others.
    let other = key_of_links().of(
        testkit::ids().next::<Uuid>().into(),
        space_id,
        user_id(&cleo),
        MuteableMail::NewJoiners,
        "",
    );
    let answer = unsubscribe(&world, other.page.rsplit_once('#').unwrap().1).await.unwrap();
    assert_eq!(answer.space_title, "");
}

#[tokio::test]
async fn a_forged_link_is_refused_and_mutes_nothing() {
    let world = World::new().await;
    for forged in ["", "nonsense", &"A".repeat(108), &"A".repeat(100_000)] {
        let status = unsubscribe(&world, forged).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(status.get_details_error_info().unwrap().reason, "UNSUBSCRIBE_LINK_REFUSED");
    }
    assert!(world.spaces.muted().is_empty());
}

#[tokio::test]
async fn a_link_that_spaces_cannot_be_told_of_does_not_seem_to_have_worked() {
    let world = World::new().await;
    let cleo = world.person("Cleo", "cleo@acme.test", "en");
    let links = key_of_links().of(
        world.admin.organization_id,
        testkit::ids().next::<Uuid>().into(),
        user_id(&cleo),
        MuteableMail::Comments,
        "",
    );
    world.spaces.fails_with(Some(Status::unavailable("played")));
    let status = unsubscribe(&world, links.page.rsplit_once('#').unwrap().1).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}
