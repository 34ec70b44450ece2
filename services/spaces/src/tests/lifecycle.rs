//! Archiving, deleting, taking back, handing over; leaving and being shut out.

use service_kit::caller::{Caller, CallerKind};
use service_kit::ids::SpaceId;
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use tonic::Status;
use uuid::Uuid;

use super::world::Service;
use crate::participant::{Invitation, ParticipantError, State};
use crate::permission::Viewer;
use crate::space::{Address, SpaceError, Step};

async fn step(service: &Service, who: &Caller, space_id: SpaceId, step: Step) -> Result<(), SpaceError> {
    let answer: Result<pb::ArchiveSpaceResponse, _> =
        service.spaces.step(&testkit::call(who), space_id, step).await;
    answer.map(|_| ())
}

async fn get(service: &Service, who: &Caller, space_id: SpaceId) -> Result<pb::Space, SpaceError> {
    service.spaces.get(who, space_id).await.map(pb::Space::from)
}

/// What goes over the wire, byte for byte.
fn bytes(status: &Status) -> (tonic::Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

async fn participant_id(service: &Service, owner: &Caller, space_id: SpaceId, who: &Caller) -> Uuid {
    let page = PageRequest::read(&mut Violations::default(), 0, "");
    let states = vec![State::Invited, State::Active, State::Revoked, State::Left];
    let listed = service.participants.list(owner, space_id, states, page).await.unwrap();
    listed.items.iter().find(|p| p.person.user_id == who.user_id).unwrap().participant_id
}

async fn revoke(
    service: &Service,
    by: &Caller,
    space_id: SpaceId,
    participant_id: Uuid,
) -> Result<pb::RevokeParticipantResponse, ParticipantError> {
    service.participants.revoke(&testkit::call(by), space_id, participant_id).await
}

async fn leave(service: &Service, who: &Caller, space_id: SpaceId) -> Result<(), ParticipantError> {
    let left: Result<pb::LeaveSpaceResponse, _> =
        service.participants.leave(&testkit::call(who), space_id).await;
    left.map(|_| ())
}

#[tokio::test]
async fn an_archived_space_shuts_guests_out_by_name_and_members_read_on() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let noah = service.participant(&owner, space_id, "noah@acme.example").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    get(&service, &gina, space_id).await.unwrap();
    for _ in 0..2 {
        step(&service, &noah, space_id, Step::Archive).await.unwrap();
    }
    assert!(matches!(get(&service, &gina, space_id).await, Err(SpaceError::Archived)));
    assert!(service.spaces.check_access(Viewer::from(&gina), space_id).await.unwrap().is_empty());
    let read = get(&service, &noah, space_id).await.unwrap();
    assert_eq!(read.state(), pb::SpaceState::Archived);
    let change = crate::space::SpaceChange { title: Some("x".into()), ..Default::default() };
    let refused: Result<pb::UpdateSpaceResponse, _> =
        service.spaces.update(&testkit::call(&owner), space_id, change).await;
    assert!(matches!(refused, Err(SpaceError::Archived)));
    let admin = testkit::caller_of(owner.organization_id, CallerKind::Admin);
    step(&service, &admin, space_id, Step::Reactivate).await.unwrap();
    assert_eq!(get(&service, &gina, space_id).await.unwrap().state(), pb::SpaceState::Active);
}

#[tokio::test]
async fn a_deleted_space_is_as_if_there_were_none_until_an_admin_takes_it_back() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let noah = service.participant(&owner, space_id, "noah@acme.example").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    let refused = step(&service, &noah, space_id, Step::Delete).await;
    assert!(matches!(refused, Err(SpaceError::OwnerOrAdminOnly)), "{refused:?}");
    step(&service, &owner, space_id, Step::Archive).await.unwrap();
    let deleted: pb::DeleteSpaceResponse =
        service.spaces.step(&testkit::call(&owner), space_id, Step::Delete).await.unwrap();
    let due: bool = sqlx::query_scalar(
        "SELECT purge_time BETWEEN now() + interval '29 days 23 hours' AND now() + interval '30 days' FROM spaces",
    )
    .fetch_one(&service.database.superuser_pool())
    .await
    .unwrap();
    assert!(due && deleted.purge_time.is_some());
    let random = Status::from(get(&service, &owner, super::world::new_id().into()).await.unwrap_err());
    for who in [&owner, &noah, &gina] {
        let refused = Status::from(get(&service, who, space_id).await.unwrap_err());
        assert_eq!(bytes(&refused), bytes(&random));
        assert!(matches!(leave(&service, who, space_id).await, Err(ParticipantError::SpaceNotFound)));
        let back = step(&service, who, space_id, Step::Reactivate).await;
        assert!(matches!(back, Err(SpaceError::NotFound)), "{back:?}");
    }
    let admin = testkit::caller_of(owner.organization_id, CallerKind::Admin);
    let again: pb::DeleteSpaceResponse =
        service.spaces.step(&testkit::call(&admin), space_id, Step::Delete).await.unwrap();
    assert_eq!(again, deleted, "deleting again changes nothing");
    assert!(matches!(step(&service, &admin, space_id, Step::Archive).await, Err(SpaceError::NotFound)));
    step(&service, &admin, space_id, Step::Reactivate).await.unwrap();
    let back = get(&service, &owner, space_id).await.unwrap();
    assert_eq!((back.state(), back.purge_time), (pb::SpaceState::Archived, None), "as it was before");
}

#[tokio::test]
async fn an_address_is_never_given_away_again_even_after_the_purge() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let mut new = super::world::new_space("First");
    new.space.address = Some(Address::chosen(&mut Violations::default(), "address", "deal"));
    let first: pb::CreateSpaceResponse =
        service.spaces.create(&testkit::call(&owner), new.clone()).await.unwrap();
    assert_eq!(first.space.unwrap().address, "deal");
    let all = service.database.superuser_pool();
    for table in ["activities", "participants", "spaces"] {
        sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {table}"))).execute(&all).await.unwrap();
    }
    let refused: Result<pb::CreateSpaceResponse, _> =
        service.spaces.create(&testkit::call(&owner), new).await;
    assert!(matches!(refused, Err(SpaceError::AddressTaken)));
    let organization_id = owner.organization_id;
    service
        .work(organization_id, |tx| {
            Box::pin(async move {
                let refused = sqlx::query("DELETE FROM space_addresses").execute(tx).await.unwrap_err();
                let code = refused.as_database_error().unwrap().code().unwrap().into_owned();
                assert_eq!(code, "42501", "the service itself cannot forget an address");
            })
        })
        .await;
}

#[tokio::test]
async fn ownership_goes_to_an_active_colleague_alone_and_the_owner_stays_as_one() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let noah = service.participant(&owner, space_id, "noah@acme.example").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    let transfer = async |by: &Caller, to: &Caller| -> Result<pb::Space, SpaceError> {
        let answer: pb::TransferOwnershipResponse =
            service.spaces.transfer(&testkit::call(by), space_id, to.user_id).await?;
        Ok(answer.space.unwrap())
    };
    let stranger = testkit::caller_of(owner.organization_id, CallerKind::Member);
    for wrong in [&gina, &stranger] {
        assert!(matches!(transfer(&owner, wrong).await, Err(SpaceError::NewOwnerNotInternal)));
    }
    assert!(matches!(transfer(&noah, &noah).await, Err(SpaceError::OwnerOrAdminOnly)));
    assert!(matches!(transfer(&gina, &gina).await, Err(SpaceError::OwnerOrAdminOnly)));
    let after = transfer(&owner, &noah).await.unwrap();
    assert_eq!(after.owner_user_id, noah.user_id.to_string());
    assert!(!after.permissions().any(|p| p == pb::Permission::Delete), "{after:?}");
    assert!(after.permissions().any(|p| p == pb::Permission::Edit));
    let admin = testkit::caller_of(owner.organization_id, CallerKind::Admin);
    transfer(&admin, &owner).await.unwrap();
    leave(&service, &noah, space_id).await.unwrap();
    assert!(matches!(transfer(&owner, &noah).await, Err(SpaceError::NewOwnerNotInternal)));
}

#[tokio::test]
async fn a_revoked_guest_is_refused_at_the_very_next_call_and_comes_back_by_a_new_invitation_alone() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    let first: Uuid = sqlx::query_scalar("SELECT invitation_id FROM participants WHERE kind = 'EXTERNAL'")
        .fetch_one(&service.database.superuser_pool())
        .await
        .unwrap();
    let id = participant_id(&service, &owner, space_id, &gina).await;
    let by_guest = revoke(&service, &gina, space_id, id).await;
    assert!(matches!(by_guest, Err(ParticipantError::InternalParticipantsOnly)));
    let unknown = revoke(&service, &owner, space_id, Uuid::nil()).await;
    assert!(matches!(unknown, Err(ParticipantError::ParticipantNotFound)));
    for _ in 0..2 {
        let revoked = revoke(&service, &owner, space_id, id).await.unwrap();
        assert_eq!(revoked.participant.unwrap().state(), pb::ParticipantState::Revoked);
    }
    let random = Status::from(get(&service, &gina, super::world::new_id().into()).await.unwrap_err());
    let refused = Status::from(get(&service, &gina, space_id).await.unwrap_err());
    assert_eq!(bytes(&refused), bytes(&random));
    assert!(matches!(leave(&service, &gina, space_id).await, Err(ParticipantError::SpaceNotFound)));
    service.accept_invitation(owner.organization_id, first, "gina@buyer.example").await;
    assert!(get(&service, &gina, space_id).await.is_err(), "an old invitation opens nothing");

    let addresses = ["gina@buyer.example".to_owned()];
    let invitation = Invitation::checked(&mut Violations::default(), space_id, &addresses, "");
    let again: pb::InviteParticipantsResponse =
        service.participants.invite(&testkit::call(&owner), invitation).await.unwrap();
    assert_eq!(again.participants[0].state(), pb::ParticipantState::Invited);
    service.accept_invitation(owner.organization_id, first, "gina@buyer.example").await;
    assert_eq!(
        participant_id(&service, &owner, space_id, &gina).await,
        id,
        "the same participant, under a new invitation"
    );
    service.accept(owner.organization_id, space_id, "gina@buyer.example").await;
    get(&service, &gina, space_id).await.unwrap();
}

#[tokio::test]
async fn whoever_leaves_is_out_and_the_owner_stays() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let noah = service.participant(&owner, space_id, "noah@acme.example").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    step(&service, &owner, space_id, Step::Archive).await.unwrap();
    leave(&service, &gina, space_id).await.expect("a guest may leave what is archived");
    step(&service, &owner, space_id, Step::Reactivate).await.unwrap();
    assert!(matches!(get(&service, &gina, space_id).await, Err(SpaceError::NotFound)));
    assert!(matches!(leave(&service, &owner, space_id).await, Err(ParticipantError::OwnerStays)));
    let id = participant_id(&service, &owner, space_id, &owner).await;
    let refused = revoke(&service, &noah, space_id, id).await;
    assert!(matches!(refused, Err(ParticipantError::OwnerStays)));
    let page = || PageRequest::read(&mut Violations::default(), 0, "");
    let left = service.participants.list(&noah, space_id, vec![State::Left], page()).await.unwrap();
    assert_eq!(left.items.len(), 1);
    let now = service.participants.list(&noah, space_id, vec![State::Invited, State::Active], page()).await;
    assert_eq!(now.unwrap().items.len(), 2);
    let gus = service.participant(&owner, space_id, "gus@buyer.example").await;
    let refused = service.participants.list(&gus, space_id, vec![State::Left], page()).await;
    assert!(matches!(refused, Err(ParticipantError::InternalParticipantsOnly)));
    let noah_back = service.participant(&owner, space_id, "noah@acme.example").await;
    get(&service, &noah_back, space_id).await.unwrap();
}
