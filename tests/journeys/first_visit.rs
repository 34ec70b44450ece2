//! The product's main job, from end to end, on real parts.

use journeys::outside::within;
use journeys::visit::{Journey, png, unique};
use journeys::world::World;
use sharedspaces_proto::crmsync::v1 as crm;
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::identity::v1::Plan;
use sharedspaces_proto::notifications::v1 as notifications;
use sharedspaces_proto::spaces::v1 as spaces;
use std::time::Duration;
use tonic::Code;

use crate::{Stage, found};
use journeys::api::with_token;

#[tokio::test(flavor = "multi_thread")]
async fn one_guests_first_visit_goes_from_end_to_end() {
    first_visit(&Stage::set(&[]).await).await;
}

pub(crate) async fn first_visit(stage: &Stage) {
    let Stage { world, journey } = stage;
    let acme = found(journey, "en", Plan::Ultimate).await;

    let (connection, account) = journey.find_account(&acme.admin, &acme.member).await.unwrap();
    let address = format!("contoso-{}", unique());
    let title = format!("Contoso “2027” {}", unique());
    let target = Some((&connection, &account));
    let space = journey.create_space(&acme.member, &title, &address, target).await.unwrap();
    assert_eq!(space.title, title);
    assert!(space.url.ends_with(&format!("/{}/{address}", acme.accounts.organization)), "{}", space.url);
    let sharing = spaces::SharingToggles { download: true, invite: false, upload: false };
    assert_eq!(space.sharing, Some(sharing));

    let space = journey.show_logo(&acme.member, &space.space_id, &png(320, 160).unwrap()).await.unwrap();
    let logo = space.customer_logo.clone().unwrap();
    assert_eq!((logo.width_px, logo.height_px), (320, 160));

    let guest_address = format!("gina.{}@buyer.example", unique());
    let note = "See you on Tuesday! http://evil.example <b>bold</b>";
    let invited = journey.invite(&acme.member, &space.space_id, &[&guest_address], note).await.unwrap();
    assert_eq!(invited.participants.len(), 1);
    assert_eq!(invited.participants[0].state(), spaces::ParticipantState::Invited);
    let mail = journey.outside.wait_for_mail(&guest_address, "").await.unwrap();
    assert!(mail.text.contains("See you on Tuesday!"), "{}", mail.text);
    assert!(!mail.html.contains("<b>bold</b>") && !mail.html.contains("href=\"http://evil"), "{}", mail.html);

    let link = mail.link().unwrap();
    let token = link.fragment().unwrap();
    assert!(!link[..url::Position::AfterQuery].contains(token));
    let (landing, guest) = journey.enter(token, "Gina Guest").await.unwrap();
    assert_eq!(landing.organization_display_name, "Acme & Söhne");
    assert_eq!(landing.inviter_display_name, "Mia Meyer");
    assert_eq!(landing.email_address, guest_address);
    assert_eq!(landing.privacy_notice.unwrap().locale, "en");
    assert!(!format!("{:?}", landing.organization_display_name).contains(&title));

    let seen = journey.get_space(&guest, &space.space_id).await.unwrap();
    assert_eq!((seen.title.as_str(), seen.sharing), (title.as_str(), None));
    let permissions: Vec<_> = seen.permissions().collect();
    let expected = [spaces::Permission::View, spaces::Permission::Download, spaces::Permission::Comment];
    assert_eq!(permissions, expected);
    let refused = journey.rename(&guest, &space.space_id, "Mine").await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let refused = journey.invite(&guest, &space.space_id, &["a@b.example"], "").await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    logo_is_shown_to(journey, &guest, &logo.logo_id).await;

    let told = journey.outside.wait_for_mail(&acme.accounts.members[0], "Gina Guest").await.unwrap();
    assert!(told.text.contains(&title), "{}", told.text);
    let participants = journey.participants(&acme.member, &space.space_id).await.unwrap();
    let states: Vec<_> =
        participants.iter().map(|p| (p.kind(), p.state(), p.display_name.as_str())).collect();
    let active = spaces::ParticipantState::Active;
    assert_eq!(
        states,
        [
            (spaces::ParticipantKind::Owner, active, "Mia Meyer"),
            (spaces::ParticipantKind::External, active, "Gina Guest")
        ]
    );

    let log = journey.logged(&acme.member, &space.space_id).await.unwrap();
    assert_eq!(log.kind(), crm::LogKind::Creation);
    assert_eq!(log.target.as_ref().unwrap().record_id, account.record_id);
    let (status, _, page) = journey.outside.fetch(&log.record_url).await.unwrap();
    assert_eq!(status, 200);
    assert!(String::from_utf8_lossy(&page).contains("Contoso"));
    assert_eq!(journey.outside.tasks_of(&account.record_id, &title).await.unwrap().len(), 1);

    assert_eq!(world.quiesce().await.unwrap(), 0);
    assert_eq!(journey.outside.mails(&guest_address).await.unwrap().len(), 1);
    let mut secrets = vec![token, &guest_address, journeys::visit::PASSWORD];
    for session in [&acme.admin, &acme.member, &guest] {
        secrets.extend([session.token(), &session.tokens.refresh_token]);
    }
    no_secret_was_logged(world, &secrets);
}

async fn logo_is_shown_to(journey: &Journey, guest: &journeys::visit::Session, logo_id: &str) {
    let request =
        sharedspaces_proto::assets::v1::GetLogoRequest { logo_id: logo_id.to_owned(), ..Default::default() };
    let logo =
        journey.api.logos.clone().get_logo(with_token(request, guest.token())).await.unwrap().into_inner();
    let (status, content_type, bytes) = journey.outside.fetch(&logo.url).await.unwrap();
    assert_eq!((status, content_type.as_str()), (200, "image/png"));
    assert_eq!(image::load_from_memory(&bytes).unwrap().width(), 320);
}

fn no_secret_was_logged(world: &World, secrets: &[&str]) {
    let logs = world.logs().unwrap();
    for secret in secrets {
        assert!(!secret.is_empty() && !logs.contains(secret), "a secret is in the logs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_french_organisation_writes_french_mails_and_shows_a_french_notice() {
    french_visit(&Stage::set(&[]).await).await;
}

pub(crate) async fn french_visit(stage: &Stage) {
    let journey = &stage.journey;
    let globex = found(journey, "fr", Plan::Plus).await;
    let space = journey.create_space(&globex.member, "Contrat 2027", "", None).await.unwrap();
    let guest_address = format!("gaelle.{}@buyer.example", unique());
    journey.invite(&globex.member, &space.space_id, &[&guest_address], "À bientôt").await.unwrap();
    let mail = journey.outside.wait_for_mail(&guest_address, "").await.unwrap();
    assert!(mail.text.contains("À bientôt") && mail.text.contains("vous invite"), "{}", mail.text);
    let (landing, guest) = journey.enter(mail.link().unwrap().fragment().unwrap(), "Gaëlle").await.unwrap();
    assert_eq!(landing.privacy_notice.unwrap().locale, "fr");
    assert_eq!(journey.get_space(&guest, &space.space_id).await.unwrap().title, "Contrat 2027");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_takes_part_at_once_and_gets_a_mail_that_looks_different() {
    colleague(&Stage::set(&[]).await).await;
}

pub(crate) async fn colleague(stage: &Stage) {
    let journey = &stage.journey;
    let acme = found(journey, "en", Plan::Ultimate).await;
    let space = journey.create_space(&acme.member, "Shared with Noah", "", None).await.unwrap();
    let colleague = &acme.accounts.members[1];
    let invited = journey.invite(&acme.member, &space.space_id, &[colleague], "").await.unwrap();
    assert_eq!(invited.participants[0].kind(), spaces::ParticipantKind::Internal);
    assert_eq!(invited.participants[0].state(), spaces::ParticipantState::Active);
    journey.rename(&acme.colleague, &space.space_id, "Renamed by Noah").await.unwrap();
    let mail = journey.outside.wait_for_mail(colleague, "").await.unwrap();
    assert!(mail.link().is_err() && mail.text.contains(&space.url), "{}", mail.text);
    admin_sees_the_delivery(journey, &acme.admin).await;
}

async fn admin_sees_the_delivery(journey: &Journey, admin: &journeys::visit::Session) {
    within(Duration::from_secs(60), "the sent delivery", async || {
        let request = with_token(notifications::ListDeliveriesRequest::default(), admin.token());
        let list = journey.api.deliveries.clone().list_deliveries(request).await?.into_inner();
        let is_it = |delivery: &notifications::Delivery| {
            delivery.kind() == notifications::MailKind::ColleagueInvitation
                && delivery.state() == notifications::DeliveryState::Sent
        };
        Ok(list.deliveries.iter().any(is_it).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_by_refreshing_and_ends_with_signing_out() {
    session(&Stage::set(&[]).await).await;
}

pub(crate) async fn session(stage: &Stage) {
    let journey = &stage.journey;
    let acme = found(journey, "en", Plan::Ultimate).await;
    let refresh = async |refresh_token: &str| {
        let request = identity::RefreshSessionRequest { refresh_token: refresh_token.to_owned() };
        journey
            .api
            .sign_in
            .clone()
            .refresh_session(request)
            .await
            .map(|answer| answer.into_inner().tokens.unwrap())
    };
    let next = refresh(&acme.member.tokens.refresh_token).await.unwrap();
    let request = with_token(identity::SignOutRequest::default(), &next.access_token);
    journey.api.sign_in.clone().sign_out(request).await.unwrap();
    assert_eq!(refresh(&next.refresh_token).await.unwrap_err().code(), Code::Unauthenticated);
}
