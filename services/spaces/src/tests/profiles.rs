//! Profiles of guests, and what becomes of invitations that are answered while somebody is shut out.

use service_kit::caller::{Caller, CallerKind};
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::participant_service_server::ParticipantService;
use tonic::Code;
use uuid::Uuid;

use super::peers::user_of;
use super::requests::from;
use super::world::{Service, invitation};
use crate::grpc::ParticipantGrpc;
use crate::participant::{ParticipantError, ProfileChange, State};

async fn update(
    service: &Service,
    who: &Caller,
    space_id: service_kit::ids::SpaceId,
    participant_id: Uuid,
    company: &str,
) -> Result<pb::Participant, ParticipantError> {
    let change = ProfileChange { company: Some(company.to_owned()), ..ProfileChange::default() };
    let updated: pb::UpdateParticipantProfileResponse =
        service.participants.update_profile(&testkit::call(who), space_id, participant_id, change).await?;
    Ok(updated.participant.unwrap())
}

#[tokio::test]
async fn internal_participants_fill_in_any_guest_and_a_guest_their_own_profile_alone() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    let gus = service.participant(&owner, space_id, "gus@buyer.example").await;
    let noah = service.participant(&owner, space_id, "noah@acme.example").await;
    let id = async |who: &Caller| service.participant_of(space_id, who.user_id.uuid()).await.0;
    let (gina_id, gus_id, noah_id) = (id(&gina).await, id(&gus).await, id(&noah).await);

    for (who, company) in [(&owner, "Buyer"), (&gina, "Buyer Inc."), (&noah, "Buyer Ltd.")] {
        assert_eq!(update(&service, who, space_id, gina_id, company).await.unwrap().company, company);
    }
    let page = PageRequest::read(&mut Violations::default(), 0, "");
    let states = vec![State::Invited, State::Active];
    let seen = service.participants.list(&gus, space_id, states, page).await.unwrap().items;
    let gina_seen = seen.iter().find(|participant| participant.participant_id == gina_id).unwrap();
    assert_eq!(gina_seen.person.profile.company, "Buyer Ltd.", "guests see each other's profiles at once");

    let before = service.peers.accounts.asked().len();
    let refused = update(&service, &gina, space_id, gus_id, "Evil").await;
    assert!(matches!(refused, Err(ParticipantError::InternalParticipantsOnly)));
    let refused = update(&service, &gina, space_id, noah_id, "Evil").await;
    assert!(matches!(refused, Err(ParticipantError::InternalParticipantsOnly)));
    let refused = update(&service, &owner, space_id, noah_id, "Evil").await;
    assert!(matches!(refused, Err(ParticipantError::NotAGuest)));
    let refused = update(&service, &owner, space_id, super::world::new_id(), "Evil").await;
    assert!(matches!(refused, Err(ParticipantError::ParticipantNotFound)));
    let admin = testkit::caller_of(owner.organization_id, CallerKind::Admin);
    let refused = update(&service, &admin, space_id, gina_id, "Evil").await;
    assert!(matches!(refused, Err(ParticipantError::InternalParticipantsOnly)));
    let stranger = testkit::caller_of(owner.organization_id, CallerKind::Member);
    let refused = update(&service, &stranger, space_id, gina_id, "Evil").await;
    assert!(matches!(refused, Err(ParticipantError::SpaceNotFound)));
    let _revoked: pb::RevokeParticipantResponse =
        service.participants.revoke(&testkit::call(&owner), space_id, gus_id).await.unwrap();
    let refused = update(&service, &owner, space_id, gus_id, "Evil").await;
    assert!(matches!(refused, Err(ParticipantError::ParticipantNotFound)));
    assert_eq!(service.peers.accounts.asked().len(), before, "identity was asked for none of these");
}

#[tokio::test]
async fn a_profile_takes_what_its_fields_may_hold_and_names_what_they_may_not() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    service.participant(&owner, space_id, "gina@buyer.example").await;
    let (participant_id, _) = service.participant_of(space_id, user_of("gina@buyer.example")).await;
    let grpc = ParticipantGrpc { participants: service.participants.clone() };
    let update = async |path: &str, value: &str| {
        let value = value.to_owned();
        let request = pb::UpdateParticipantProfileRequest {
            space_id: space_id.to_string(),
            participant_id: participant_id.to_string(),
            update_mask: Some(prost_types::FieldMask { paths: vec![path.to_owned()] }),
            display_name: value.clone(),
            job_title: value.clone(),
            company: value.clone(),
            phone: value.clone(),
            locale: value.clone(),
            time_zone: value,
        };
        grpc.update_participant_profile(from(&owner, "ParticipantService/UpdateParticipantProfile", request))
            .await
    };
    let long = "é".repeat(255);
    let too_long = "é".repeat(256);
    for (path, good, bad) in [
        ("display_name", long.as_str(), ""),
        ("display_name", "G", too_long.as_str()),
        ("job_title", long.as_str(), too_long.as_str()),
        ("company", "", too_long.as_str()),
        ("company", long.as_str(), "a\u{7}"),
        ("phone", "+41 (0)44-555.55/55", "12a"),
        ("locale", "fr", "it"),
        ("time_zone", "Europe/Zurich", "Nowhere"),
    ] {
        update(path, good).await.unwrap();
        let refused = update(path, bad).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{path}");
        assert!(refused.message().contains(&format!("{path}: ")), "{refused}");
    }
    for bad in ["", "email_address"] {
        let refused = update(bad, "x").await.unwrap_err();
        assert!(refused.message().contains("update_mask"), "{refused}");
    }
}

#[tokio::test]
async fn a_profile_told_in_the_meantime_is_not_overwritten_by_our_answer() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    let organization_id = owner.organization_id;
    let told = super::world::person("gina@buyer.example", 1);
    service
        .work(organization_id, move |tx| {
            Box::pin(async move {
                let version =
                    crate::person::repo::version_of(tx, organization_id, gina.user_id).await.unwrap();
                let stale = sharedspaces_proto::identity::v1::Person { company: "Old".to_owned(), ..told };
                crate::person::repo::keep_profile(tx, organization_id, &stale, version - 1).await.unwrap();
                let kept: String = sqlx::query_scalar("SELECT company FROM people WHERE user_id = $1")
                    .bind(gina.user_id)
                    .fetch_one(&mut *tx)
                    .await
                    .unwrap();
                assert_eq!(kept, "");
                crate::person::repo::keep_profile(tx, organization_id, &stale, version).await.unwrap();
            })
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accepting_and_inviting_while_somebody_is_shut_out_end_in_a_legal_state() {
    let service = std::sync::Arc::new(Service::start().await);
    let owner = service.member_of_new_organization(true).await;
    let organization_id = owner.organization_id;
    for round in 0..30 {
        let space_id = service.space(&owner, "Room").await;
        let address = "gina@buyer.example";
        let invite = || invitation(space_id, &[address]);
        let _invited: pb::InviteParticipantsResponse =
            service.participants.invite(&testkit::call(&owner), invite()).await.unwrap();
        let (participant_id, _) = service.participant_of(space_id, user_of(address)).await;
        let accepting = {
            let service = std::sync::Arc::clone(&service);
            tokio::spawn(async move { service.accept(organization_id, space_id, address).await })
        };
        let revoking = {
            let (participants, call) = (service.participants.clone(), testkit::call(&owner));
            tokio::spawn(async move {
                participants
                    .revoke::<pb::RevokeParticipantResponse>(&call, space_id, participant_id)
                    .await
                    .unwrap();
            })
        };
        let is_invited_again = round % 2 == 1;
        if is_invited_again {
            let _again: pb::InviteParticipantsResponse =
                service.participants.invite(&testkit::call(&owner), invite()).await.unwrap();
        }
        accepting.await.unwrap();
        revoking.await.unwrap();
        let (_, state) = service.participant_of(space_id, user_of(address)).await;
        let gina = Caller {
            user_id: user_of(address).into(),
            ..testkit::caller_of(organization_id, CallerKind::Guest)
        };
        let sees = service.participants.settings(&gina, space_id).await.is_ok();
        // Who was shut out last is out, and nobody is in who was not asked in again after it.
        let legal: &[&str] = if is_invited_again { &["REVOKED", "INVITED", "ACTIVE"] } else { &["REVOKED"] };
        assert!(legal.contains(&state.as_str()), "{state}");
        assert_eq!(sees, state != "REVOKED");
    }
}
