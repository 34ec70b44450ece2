//! Bad input, as the issue of the first journey lists it: each refused with the field and the rule, nothing changed.

use journeys::visit::{Journey, Session, png, unique};
use journeys::world::World;
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::identity::v1::Plan;
use sharedspaces_proto::spaces::v1 as spaces;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{found, start};
use journeys::api::with_token;

const LOGO_MAX_BYTES: usize = 5_242_880;
const DESCRIPTION_MAX: usize = 65_535;

/// The fields that a refusal names.
fn fields(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|details| details.field_violations);
    violations.unwrap_or_default().into_iter().map(|violation| violation.field).collect()
}

async fn create(journey: &Journey, who: &Session, title: &str, address: &str) -> Result<(), Status> {
    let request = spaces::CreateSpaceRequest {
        title: title.to_owned(),
        address: address.to_owned(),
        ..spaces::CreateSpaceRequest::default()
    };
    journey.api.spaces.clone().create_space(with_token(request, who.token())).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_title_or_address_is_refused_with_its_field() {
    let world = start(World::start).await;
    let journey = Journey::new(&world.environment().unwrap()).unwrap();
    let acme = found(&journey, "en", Plan::Ultimate).await;
    journey.create_space(&acme.member, "First", "taken", None).await.unwrap();
    let long = "t".repeat(256);
    for (title, address, code, field) in [
        ("", "", Code::InvalidArgument, "title"),
        (long.as_str(), "", Code::InvalidArgument, "title"),
        ("two\nlines", "", Code::InvalidArgument, "title"),
        ("Good", "taken", Code::AlreadyExists, "address"),
        ("Good", "admin", Code::InvalidArgument, "address"),
        ("Good", "Bad Address", Code::InvalidArgument, "address"),
    ] {
        let refused = create(&journey, &acme.member, title, address).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert_eq!(fields(&refused), [field], "{refused}");
    }
    create(&journey, &acme.member, &"t".repeat(255), "taken-2").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_of_65535_characters_of_four_bytes_is_taken_and_one_of_65536_is_refused() {
    let world = start(World::start).await;
    let journey = Journey::new(&world.environment().unwrap()).unwrap();
    let acme = found(&journey, "en", Plan::Ultimate).await;
    journey.create_space(&acme.member, "First", "", None).await.unwrap();
    let create = async |characters: usize| {
        let request = spaces::CreateSpaceRequest {
            title: "Long".to_owned(),
            description: "\u{1f980}".repeat(characters),
            ..spaces::CreateSpaceRequest::default()
        };
        journey.api.spaces.clone().create_space(with_token(request, acme.member.token())).await
    };
    let space = create(DESCRIPTION_MAX).await.unwrap().into_inner().space.unwrap();
    let read = journey.get_space(&acme.member, &space.space_id).await.unwrap();
    assert_eq!(read.description.chars().count(), DESCRIPTION_MAX);
    let refused = create(DESCRIPTION_MAX + 1).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    assert_eq!(fields(&refused), ["description"], "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_logo_is_refused_and_the_space_keeps_the_one_it_has() {
    let world = start(World::start).await;
    let journey = Journey::new(&world.environment().unwrap()).unwrap();
    let acme = found(&journey, "en", Plan::Ultimate).await;
    let space = journey.create_space(&acme.member, "Logos", "", None).await.unwrap();
    let good = png(64, 64).unwrap();
    let before = journey.show_logo(&acme.member, &space.space_id, &good).await.unwrap();
    let gif = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
    let svg = br#"<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>"#;
    let mut too_large = good.clone();
    too_large.resize(LOGO_MAX_BYTES + 1, 0);
    let bad: [(&str, &[u8]); 5] = [
        ("a GIF named .png", gif),
        ("an SVG", svg),
        ("a truncated PNG", &good[..good.len() / 2]),
        ("one byte too many", &too_large),
        ("nothing", b""),
    ];
    for (what, file) in bad {
        let refused = journey.upload_logo(&acme.member, &space.space_id, "logo.png", file).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{what}: {refused}");
        assert_eq!(fields(&refused), ["chunk"], "{what}: {refused}");
    }
    let after = journey.get_space(&acme.member, &space.space_id).await.unwrap();
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_invitation_is_refused_whole_and_nobody_is_invited() {
    let world = start(World::start).await;
    let journey = Journey::new(&world.environment().unwrap()).unwrap();
    let acme = found(&journey, "en", Plan::Ultimate).await;
    let space = journey.create_space(&acme.member, "Nobody", "", None).await.unwrap();
    let good = format!("good.{}@buyer.example", unique());
    let long = "n".repeat(1_001);
    for (addresses, note, field) in [
        (vec![good.as_str(), "a@b"], "", "email_addresses[1]"),
        (vec![good.as_str()], long.as_str(), "personal_note"),
        (vec![good.as_str()], "bell \u{7}", "personal_note"),
    ] {
        let refused = journey.invite(&acme.member, &space.space_id, &addresses, note).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
        assert_eq!(fields(&refused), [field], "{refused}");
    }
    assert_eq!(journey.participants(&acme.member, &space.space_id).await.unwrap().len(), 1);
    world.quiesce().await.unwrap();
    assert!(journey.outside.mails(&good).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_replaced_or_used_link_and_a_used_refresh_token_are_refused_alike() {
    let world = start(World::start).await;
    let journey = Journey::new(&world.environment().unwrap()).unwrap();
    let acme = found(&journey, "en", Plan::Ultimate).await;
    let space = journey.create_space(&acme.member, "Links", "", None).await.unwrap();
    let address = format!("lin.{}@buyer.example", unique());
    journey.invite(&acme.member, &space.space_id, &[&address], "").await.unwrap();
    let token = journey.invitation_token(&address, "").await.unwrap();
    let mut forged = token.clone();
    let last = if forged.pop() == Some('A') { 'B' } else { 'A' };
    forged.push(last);
    let get = async |token: &str| {
        let request = identity::GetInvitationRequest { token: token.to_owned(), locale: String::new() };
        journey.api.invitations.clone().get_invitation(request).await
    };
    for _ in 0..3 {
        get(&token).await.unwrap();
    }
    let without_consent = identity::AcceptInvitationRequest {
        token: token.clone(),
        privacy_notice_id: get(&token).await.unwrap().into_inner().privacy_notice.unwrap().privacy_notice_id,
        consent_given: false,
        display_name: String::new(),
        ..identity::AcceptInvitationRequest::default()
    };
    let refused = journey.api.invitations.clone().accept_invitation(without_consent).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(fields(&refused), ["consent_given"]);

    let (_, guest) = journey.enter(&token, "Lin").await.unwrap();
    let used = get(&token).await.unwrap_err();
    let forged = get(&forged).await.unwrap_err();
    assert_eq!(used.code(), Code::NotFound);
    assert_eq!((used.message(), used.details()), (forged.message(), forged.details()));

    let refresh = async |refresh_token: &str| {
        let request = identity::RefreshSessionRequest { refresh_token: refresh_token.to_owned() };
        journey.api.sign_in.clone().refresh_session(request).await
    };
    let next = refresh(&guest.tokens.refresh_token).await.unwrap().into_inner().tokens.unwrap();
    let reused = refresh(&guest.tokens.refresh_token).await.unwrap_err();
    assert_eq!(reused.code(), Code::Unauthenticated);
    let after = refresh(&next.refresh_token).await.unwrap_err();
    assert_eq!(after.code(), Code::Unauthenticated, "reuse ends the whole family");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plus_organisation_is_told_which_plan_the_crm_needs() {
    let world = start(World::start).await;
    let journey = Journey::new(&world.environment().unwrap()).unwrap();
    let plus = found(&journey, "en", Plan::Plus).await;
    journey.create_space(&plus.member, "No CRM", "", None).await.unwrap();
    let request = spaces::CreateSpaceRequest {
        title: "With CRM".to_owned(),
        crm_target: Some(spaces::CrmTarget {
            connection_id: journeys::visit::fresh_key(),
            record_type: spaces::CrmRecordType::Account.into(),
            record_id: "001000000000001".to_owned(),
            record_name: String::new(),
        }),
        ..spaces::CreateSpaceRequest::default()
    };
    let refused =
        journey.api.spaces.clone().create_space(with_token(request, plus.member.token())).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("ULTIMATE"), "{refused}");
    let request = sharedspaces_proto::crmsync::v1::ListConnectionsRequest::default();
    let refused = journeys::outside::within(
        std::time::Duration::from_secs(60),
        "crm-sync to know the plan",
        async || {
            let refused = journey
                .api
                .connections
                .clone()
                .list_connections(with_token(request, plus.member.token()))
                .await;
            Ok(refused.err().filter(|status| status.code() == Code::FailedPrecondition))
        },
    )
    .await
    .unwrap();
    assert!(refused.message().contains("ULTIMATE"), "{refused}");
}
