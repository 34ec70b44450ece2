//! How people come into a space, what they are told and how they go, over the running services.

use std::collections::BTreeSet;
use std::time::Duration;

use journeys::outside::within;
use journeys::visit::{Journey, Session, unique};
use journeys::world::World;
use sharedspaces_proto::identity::v1::{Plan, SignInMode};
use sharedspaces_proto::notifications::v1 as notifications;
use sharedspaces_proto::spaces::v1 as spaces;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{Organization, Stage, found, start};

/// Long enough to make several calls in on a machine that does much else, short enough to wait for.
const WINDOW_SECONDS: &str = "15";
const SOON: Duration = Duration::from_secs(60);

/// What the services are started with.
pub(crate) const SETTINGS: &[(&str, &str)] = &[("GATHER__WINDOW_SECONDS", WINDOW_SECONDS)];

/// Every mail that was sent to somebody has arrived once, with an identity of its own.
async fn each_mail_came_once(journey: &Journey, acme: &Organization, address: &str) {
    // A mail is in the mailbox a moment before it is noted as sent.
    within(SOON, "as many mails as were sent", async || {
        let mails = journey.outside.mails(address).await?;
        let ids: BTreeSet<_> = mails.iter().map(|mail| mail.message_id.as_str()).collect();
        assert_eq!(ids.len(), mails.len(), "a mail came twice to {address}");
        let request = notifications::ListDeliveriesRequest {
            email_address: address.to_owned(),
            states: vec![notifications::DeliveryState::Sent.into()],
            page_size: 100,
            ..notifications::ListDeliveriesRequest::default()
        };
        let request = journeys::api::with_token(request, acme.admin.token());
        let sent = journey.api.deliveries.clone().list_deliveries(request).await?.into_inner().deliveries;
        anyhow::ensure!(sent.len() == mails.len(), "{address} got {} mails: {sent:?}", mails.len());
        Ok(Some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_list_is_invited_and_everybody_gets_the_mail_that_fits_them() {
    pasted_list(&Stage::set(SETTINGS).await).await;
}

pub(crate) async fn pasted_list(stage: &Stage) {
    let Stage { world, journey } = stage;
    let acme = found(journey, "en", Plan::Ultimate).await;
    let space = journey.create_space(&acme.member, "Pasted", "", None).await.unwrap();
    let (id, word) = (space.space_id.as_str(), unique());
    let gina = format!("gina.{word}@buyer.example");
    let hugo = format!("hugo.{word}@buyer.example");
    let ada = &acme.accounts.admin;
    let pasted = format!("\"Guest, Gina\" <{gina}>; {ada}\nnot-an-address, {hugo}; {}", gina.to_uppercase());

    let refused = journey.invite_list(&acme.member, id, &pasted, false).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert!(violations[0].field.starts_with("pasted_list["), "{violations:?}");
    assert!(violations[0].description.contains("not-an-address"), "{violations:?}");
    assert_eq!(journey.participants(&acme.member, id).await.unwrap().len(), 1);

    let invited = journey.invite_list(&acme.member, id, &pasted, true).await.unwrap();
    assert_eq!(invited.refused.len(), 1);
    assert_eq!(invited.refused[0].given, "not-an-address");
    let mut addresses: Vec<_> = invited.participants.iter().map(|one| one.email_address.as_str()).collect();
    addresses.sort_unstable();
    assert_eq!(addresses, {
        let mut all = vec![gina.as_str(), ada, &hugo];
        all.sort_unstable();
        all
    });

    let guests = journey.outside.wait_for_mail(&gina, "invites you").await.unwrap();
    let colleagues = journey.outside.wait_for_mail(ada, "added you").await.unwrap();
    assert!(guests.link().is_ok() && colleagues.link().is_err(), "{}", colleagues.text);
    assert!(guests.text.contains("Guest, Gina") || guests.text.contains("Pasted"), "{}", guests.text);

    let token = journey.invitation_token(&gina, "invites you").await.unwrap();
    let (_, guest) = journey.enter(&token, "Gina Guest").await.unwrap();
    journey.outside.wait_for_mail(&acme.accounts.members[0], "Gina Guest accepted").await.unwrap();
    let participants = journey.participants(&acme.member, id).await.unwrap();
    let waiting = participants.iter().find(|one| one.email_address == hugo).unwrap();
    let early = journey.remind(&acme.member, id, &waiting.participant_id).await.unwrap_err();
    assert_eq!(early.code(), Code::ResourceExhausted, "{early}");
    assert_eq!(early.get_details_error_info().unwrap().reason, "REMINDED_LATELY");
    assert!(early.get_details_retry_info().unwrap().retry_delay.unwrap() > Duration::from_secs(23 * 3_600));

    guest_proposes_a_colleague(journey, &acme, &guest, id).await;
    assert_eq!(world.quiesce().await.unwrap(), 0);
    for address in [&gina, &hugo, ada, &acme.accounts.members[0], &acme.accounts.members[1]] {
        each_mail_came_once(journey, &acme, address).await;
    }
}

async fn guest_proposes_a_colleague(journey: &Journey, acme: &Organization, guest: &Session, id: &str) {
    let noah = &acme.accounts.members[1];
    let refused = journey.invite(guest, id, &[noah], "").await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    let sharing = spaces::SharingToggles { download: true, invite: true, upload: false };
    journey.share(&acme.member, id, sharing).await.unwrap();
    let proposed = journey.invite(guest, id, &[noah], "").await.unwrap();
    assert_eq!(proposed.requested_email_addresses, [noah.as_str()]);
    assert!(proposed.participants.is_empty(), "{:?}", proposed.participants);
    let owner = &acme.accounts.members[0];
    let asked = journey.outside.wait_for_mail(owner, "asks for access").await.unwrap();
    assert!(asked.text.contains("suggested by Gina Guest"), "{}", asked.text);
    let request = journey.access_request_of(&acme.member, id, noah).await.unwrap();
    assert_eq!(request.proposer_user_id, guest.user_id);
    let outside = journey.get_space(&acme.colleague, id).await.unwrap_err();
    assert_eq!(outside.code(), Code::NotFound);
    let granted = journey.grant(&acme.member, id, &request).await.unwrap();
    assert_eq!(granted.kind(), spaces::ParticipantKind::Internal);
    assert_eq!(granted.state(), spaces::ParticipantState::Active);
    journey.get_space(&acme.colleague, id).await.unwrap();
    journey.outside.wait_for_mail(noah, "You have access").await.unwrap();
}

fn asking(organization: &str) -> spaces::RequestAccessRequest {
    spaces::RequestAccessRequest {
        organization: organization.to_owned(),
        display_name: "Vera Visitor".to_owned(),
        message: "We met at the fair.".to_owned(),
        ..spaces::RequestAccessRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_link_proves_an_address_asks_and_is_let_in_or_declined() {
    access_requests(&Stage::set(SETTINGS).await).await;
}

pub(crate) async fn access_requests(stage: &Stage) {
    let Stage { journey, .. } = stage;
    let acme = found(journey, "en", Plan::Ultimate).await;
    let (organization, word) = (acme.accounts.organization.as_str(), unique());
    let (door, owner) = (format!("fair-{word}"), &acme.accounts.members[0]);
    let space = journey.create_space(&acme.member, "Fair", &door, None).await.unwrap();
    let id = space.space_id.as_str();
    let vera = format!("vera.{word}@visitor.example");

    let bare = spaces::RequestAccessRequest {
        space_address: door.clone(),
        email_address: vera.clone(),
        ..asking(organization)
    };
    let refused = journey.request_access(bare.clone()).await.unwrap_err();
    assert_eq!(refused.get_details_error_info().unwrap().reason, "ADDRESS_NOT_VERIFIED", "{refused}");
    journey.knock(organization, &vera, &door).await.unwrap();
    let mail = journey.outside.wait_for_mail(&vera, "Confirm your address").await.unwrap();
    let link = mail.link().unwrap();
    assert!(link.path().ends_with("/request-access"), "{link}");
    let token = link.fragment().unwrap().to_owned();
    let proven = spaces::RequestAccessRequest { request_token: token, ..asking("") };
    journey.request_access(proven.clone()).await.unwrap();
    let asked = journey.outside.wait_for_mail(owner, "Vera Visitor asks for access").await.unwrap();
    // Foreign addresses are broken up so that no mail program makes links of them.
    let text = asked.text.replace('\u{200b}', "");
    assert!(text.contains("> We met at the fair.") && text.contains(&vera), "{text}");
    let request = journey.access_request_of(&acme.member, id, &vera).await.unwrap();
    assert!(request.is_verified);
    journey.request_access(proven).await.unwrap();
    assert_eq!(journey.access_requests(&acme.member, id).await.unwrap().len(), 1, "asking again folds");
    let granted = journey.grant(&acme.member, id, &request).await.unwrap();
    assert_eq!(granted.state(), spaces::ParticipantState::Invited);
    let token = journey.invitation_token(&vera, "You have access").await.unwrap();
    let (_, guest) = journey.enter(&token, "Vera Visitor").await.unwrap();
    assert_eq!(journey.get_space(&guest, id).await.unwrap().title, "Fair");
    journey.outside.wait_for_mail(owner, "Vera Visitor accepted").await.unwrap();

    journey.set_sign_in_mode(&acme.admin, SignInMode::Guided).await.unwrap();
    let karl = format!("karl.{word}@visitor.example");
    let bare = spaces::RequestAccessRequest { email_address: karl.clone(), ..bare };
    within(SOON, "spaces' knowledge of the new mode", async || {
        Ok(Some(journey.request_access(bare.clone()).await?))
    })
    .await
    .unwrap();
    let request = journey.access_request_of(&acme.member, id, &karl).await.unwrap();
    assert!(!request.is_verified);
    let declined = journey.decline(&acme.member, id, &request).await.unwrap();
    assert_eq!(declined.state(), spaces::AccessRequestState::Declined);
    let mail = journey.outside.wait_for_mail(&karl, "Your request for access").await.unwrap();
    assert!(mail.text.contains("was not granted") && mail.link().is_err(), "{}", mail.text);
    // Again within seven days: the same answer, and nobody is told.
    journey.request_access(bare).await.unwrap();
    // A space that is not there answers alike.
    let nowhere = spaces::RequestAccessRequest {
        space_address: format!("nowhere-{word}"),
        email_address: karl.clone(),
        ..asking(organization)
    };
    journey.request_access(nowhere).await.unwrap();
    let lina = spaces::RequestAccessRequest {
        space_address: door.clone(),
        email_address: format!("lina.{word}@visitor.example"),
        ..asking(organization)
    };
    journey.request_access(lina.clone()).await.unwrap();
    journey.access_request_of(&acme.member, id, &lina.email_address).await.unwrap();
    assert_eq!(journey.access_requests(&acme.member, id).await.unwrap().len(), 1, "only hers waits");
    assert_eq!(journey.outside.mails(&karl).await.unwrap().len(), 1);
    the_owner_is_told_of_further_requests_in_one_mail_later(journey, &acme, id).await;
    for address in [&vera, &karl, owner] {
        each_mail_came_once(journey, &acme, address).await;
    }
}

async fn the_owner_is_told_of_further_requests_in_one_mail_later(
    journey: &Journey,
    acme: &Organization,
    id: &str,
) {
    let told = within(SOON, "a mail that waits", async || {
        let deliveries = journey.deliveries(&acme.admin, id, &acme.member.user_id).await?;
        let asked: Vec<_> = deliveries
            .into_iter()
            .filter(|one| one.kind() == notifications::MailKind::AccessRequested)
            .collect();
        let is_sent = |one: &notifications::Delivery| one.state() == notifications::DeliveryState::Sent;
        Ok((asked.len() > 1 && asked.iter().any(is_sent)).then_some(asked))
    })
    .await
    .unwrap();
    let sent = told.iter().filter(|one| one.state() == notifications::DeliveryState::Sent);
    assert_eq!(sent.count(), 1, "{told:?}");
    let waits = |one: &&notifications::Delivery| one.state() == notifications::DeliveryState::Pending;
    assert!(told.iter().filter(waits).all(|one| one.due_time.is_some()), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_and_content_are_gathered_into_one_mail_each_until_somebody_gets_out() {
    gathering(&Stage::set(SETTINGS).await).await;
}

pub(crate) async fn gathering(stage: &Stage) {
    let Stage { world, journey } = stage;
    let acme = found(journey, "en", Plan::Ultimate).await;
    let space = journey.create_space(&acme.member, "Gathered", "", None).await.unwrap();
    let (id, owner) = (space.space_id.as_str(), &acme.accounts.members[0]);
    let gina = format!("gina.{}@buyer.example", unique());
    journey.invite(&acme.member, id, &[&gina], "").await.unwrap();
    let token = journey.invitation_token(&gina, "").await.unwrap();
    let (_, guest) = journey.enter(&token, "Gina Guest").await.unwrap();
    journey.is_in(&acme.member, id, &guest.user_id).await.unwrap();

    let first = journey.add_link(&acme.member, id, "", "Brochure").await.unwrap();
    journey.add_link(&acme.member, id, "", "Price list").await.unwrap();
    journey.comment(&guest, id, &first.item_id, "How much is it?", &[]).await.unwrap();
    journey.comment(&guest, id, &first.item_id, "And when does it come?", &[]).await.unwrap();
    let content = journey.outside.wait_for_mail(&gina, "2 new items in").await.unwrap();
    assert!(content.text.contains("Brochure") && content.text.contains("Price list"), "{}", content.text);
    let comments = journey.outside.wait_for_mail(owner, "2 new comments in").await.unwrap();
    assert!(comments.text.contains("> How much is it?"), "{}", comments.text);
    assert!(comments.text.contains("> And when does it come?"), "{}", comments.text);
    assert_eq!(comments.headers["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
    let token = comments.unsubscribe_token().unwrap();
    assert!(comments.headers["List-Unsubscribe"].contains(&token), "{:?}", comments.headers);

    assert!(journey.mail_settings(&acme.member, id).await.unwrap().comments);
    let muted = journey.unsubscribe(&comments).await.unwrap();
    assert_eq!((muted.kind(), muted.space_title.as_str()), (notifications::MailKind::NewComment, "Gathered"));
    let settings = journey.mail_settings(&acme.member, id).await.unwrap();
    assert!(!settings.comments && settings.new_content && settings.new_joiners, "{settings:?}");
    journey.comment(&guest, id, &first.item_id, "Hello?", &[]).await.unwrap();

    journey.look_around(&guest, id).await.unwrap();
    within(SOON, "the visit", async || {
        let participants = journey.participants(&acme.member, id).await?;
        let gina = participants.into_iter().find(|one| one.email_address == gina);
        Ok(gina.and_then(|one| one.last_visit_time))
    })
    .await
    .unwrap();
    assert_eq!(world.quiesce().await.unwrap(), 0);
    let mails = journey.outside.mails(owner).await.unwrap();
    let about: Vec<_> = mails.iter().filter(|mail| mail.subject.contains("comment")).collect();
    assert_eq!(about.len(), 1, "{:?}", mails.iter().map(|mail| &mail.subject).collect::<Vec<_>>());
    for address in [&gina, owner] {
        each_mail_came_once(journey, &acme, address).await;
    }
}

/// Waits until this person has been told so many things of this kind.
async fn noticed(journey: &Journey, person: &Session, kind: notifications::NotificationKind, count: usize) {
    within(SOON, &format!("{count} of {kind:?}"), async || {
        let notices = journey.notices(person).await?;
        Ok((notices.iter().filter(|one| one.kind() == kind).count() == count).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_come_live_and_after_a_break_and_stop_with_the_next_call_of_whoever_is_shut_out() {
    notices(&Stage::set(SETTINGS).await).await;
}

pub(crate) async fn notices(stage: &Stage) {
    let Stage { world, journey } = stage;
    let acme = found(journey, "en", Plan::Ultimate).await;
    let space = journey.create_space(&acme.member, "Watched", "", None).await.unwrap();
    let id = space.space_id.as_str();
    // Before anybody is there who would be told of it: her one mail about content is that of the secret plan.
    let item = journey.add_link(&acme.member, id, "", "Brochure").await.unwrap();
    let gina = format!("gina.{}@buyer.example", unique());
    journey.invite(&acme.member, id, &[&gina], "").await.unwrap();
    let token = journey.invitation_token(&gina, "").await.unwrap();
    let (_, guest) = journey.enter(&token, "Gina Guest").await.unwrap();
    journey.is_in(&acme.member, id, &guest.user_id).await.unwrap();
    // Events of different aggregates overtake each other: this one is waited for, so that each later
    // notice is the one that was caused last.
    noticed(journey, &acme.member, notifications::NotificationKind::NewJoiner, 1).await;

    let mut notices = journey.watch(&acme.member, "").await.unwrap();
    journey.comment(&guest, id, &item.item_id, "Live?", &[]).await.unwrap();
    let live = notices.next(SOON).await.unwrap().unwrap();
    assert_eq!(live.kind(), notifications::NotificationKind::NewComment);
    assert_eq!((live.space_id.as_str(), live.actor_user_id.as_str()), (id, guest.user_id.as_str()));
    let cursor = notices.cursor.clone();
    drop(notices);
    let missed = journey.comment(&guest, id, &item.item_id, "While you were away", &[]).await;
    missed.unwrap();
    noticed(journey, &acme.member, notifications::NotificationKind::NewComment, 2).await;
    let mut notices = journey.watch(&acme.member, &cursor).await.unwrap();
    let missed = notices.next(SOON).await.unwrap().unwrap();
    assert_ne!(missed.notification_id, live.notification_id);
    assert_eq!(missed.kind(), notifications::NotificationKind::NewComment);

    let mut hers = journey.watch(&guest, "").await.unwrap();
    let waiting = journey.add_link(&acme.member, id, "", "Secret plan").await.unwrap();
    let told = hers.next(SOON).await.unwrap().unwrap();
    assert_eq!(told.object_id, waiting.item_id);
    journey.revoke(&acme.member, id, &guest.user_id).await.unwrap();
    assert_eq!(journey.get_space(&guest, id).await.unwrap_err().code(), Code::NotFound);
    journey.add_link(&acme.member, id, "", "After she left").await.unwrap();
    assert_eq!(world.quiesce().await.unwrap(), 0);
    assert!(hers.next(Duration::from_secs(3)).await.ok().flatten().is_none(), "she was told of it");
    assert!(journey.notices(&guest).await.unwrap().iter().all(|notice| notice.space_id != id));
    let mails = journey.outside.mails(&gina).await.unwrap();
    assert!(mails.iter().all(|mail| !mail.text.contains("Secret plan")), "{mails:?}");
    let deliveries = journey.deliveries(&acme.admin, id, &guest.user_id).await.unwrap();
    let content: Vec<_> =
        deliveries.iter().filter(|one| one.kind() == notifications::MailKind::NewContent).collect();
    assert!(!content.is_empty());
    assert!(content.iter().all(|one| one.state() == notifications::DeliveryState::NotDue), "{content:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demos_walk_through_people_goes_to_its_end() {
    let world = start(|| World::start_with(SETTINGS)).await;
    let told = crate::walk(&world, "people").await;
    assert!(told.contains("`not-an-address` was left out"), "{told}");
    assert!(told.ends_with("Everybody came in, was told, and went.\n"), "{told}");
}
