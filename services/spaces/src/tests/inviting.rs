//! Inviting, and what becomes of an invitation.

use crate::participant::{Invitation, ParticipantError, State};
use crate::permission::Sharing;
use crate::space::SpaceChange;
use service_kit::caller::{Caller, CallerKind};
use service_kit::ids::SpaceId;
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;

use super::peers::user_of;
use super::world::Service;

const TAKING_PART: [State; 2] = [State::Invited, State::Active];

async fn invite(
    service: &Service,
    who: &Caller,
    space_id: SpaceId,
    addresses: &[&str],
) -> Result<pb::InviteParticipantsResponse, ParticipantError> {
    let addresses: Vec<String> = addresses.iter().map(|address| (*address).to_owned()).collect();
    let invitation = Invitation::checked(&mut Violations::default(), space_id, &addresses, "");
    service.participants.invite(&testkit::call(who), invitation).await
}

async fn outbox(service: &Service) -> i64 {
    messaging::backlog(service.database.database.pool()).await.unwrap().outbox
}

fn guest(owner: &Caller, address: &str) -> Caller {
    let user_id = user_of(address).into();
    Caller { user_id, ..testkit::caller_of(owner.organization_id, CallerKind::Guest) }
}

#[tokio::test]
async fn colleagues_take_part_at_once_guests_are_invited_and_nobody_twice() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let addresses = ["noah@acme.example", "gina@buyer.example"];
    let invited = invite(&service, &owner, space_id, &addresses).await.unwrap();
    let states: Vec<_> = invited.participants.iter().map(|p| (p.email_address.as_str(), p.state())).collect();
    assert!(states.contains(&("noah@acme.example", pb::ParticipantState::Active)), "{states:?}");
    assert!(states.contains(&("gina@buyer.example", pb::ParticipantState::Invited)), "{states:?}");
    assert_eq!(outbox(&service).await, 3);
    let again = invite(&service, &owner, space_id, &["gina@buyer.example"]).await.unwrap();
    assert_eq!(again.participants.len(), 1);
    assert_eq!(outbox(&service).await, 3, "who takes part gets no second mail");
}

#[tokio::test]
async fn an_accepted_invitation_is_told_once_and_the_guest_has_a_name() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    invite(&service, &owner, space_id, &["gina@buyer.example"]).await.unwrap();
    let before = outbox(&service).await;
    service.accept(owner.organization_id, space_id, "gina@buyer.example").await;
    service.accept(owner.organization_id, space_id, "gina@buyer.example").await;
    assert_eq!(outbox(&service).await, before + 1);
    let page = PageRequest::read(&mut Violations::default(), 0, "");
    let listed = service.participants.list(&owner, space_id, TAKING_PART.to_vec(), page).await.unwrap();
    let gina = listed.items.iter().find(|p| p.person.email_address == "gina@buyer.example").unwrap();
    assert_eq!(gina.person.display_name, "gina");
    assert_eq!(gina.state, crate::participant::State::Active);
}

#[tokio::test]
async fn a_guest_invites_only_where_the_toggle_allows_it_and_only_guests() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    invite(&service, &owner, space_id, &["gina@buyer.example"]).await.unwrap();
    let gina = guest(&owner, "gina@buyer.example");
    let refused = invite(&service, &gina, space_id, &["gus@buyer.example"]).await.unwrap_err();
    assert!(matches!(refused, ParticipantError::InvitingNotAllowed));

    let sharing = Some(Sharing { download: true, invite: true, upload: false });
    let change = SpaceChange { sharing, ..SpaceChange::default() };
    let _open: pb::UpdateSpaceResponse =
        service.spaces.update(&testkit::call(&owner), space_id, change).await.unwrap();
    invite(&service, &gina, space_id, &["gus@buyer.example"]).await.unwrap();
    let before = outbox(&service).await;
    let refused = invite(&service, &gina, space_id, &["ok@buyer.example", "noah@acme.example"]).await;
    assert!(matches!(refused, Err(ParticipantError::ColleagueNeedsColleague)));
    assert_eq!(outbox(&service).await, before, "all or nothing");
}

#[tokio::test]
async fn the_sixteenth_participant_brings_a_notice() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let addresses: Vec<String> = (1..=14).map(|n| format!("g{n}@buyer.example")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    assert_eq!(invite(&service, &owner, space_id, &addresses).await.unwrap().notice, "");
    let sixteenth = invite(&service, &owner, space_id, &["last@buyer.example"]).await.unwrap();
    assert!(sixteenth.notice.contains("16") && sixteenth.notice.contains("15"), "{}", sixteenth.notice);
}

#[tokio::test]
async fn participants_are_listed_page_by_page_in_the_order_they_came() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    invite(&service, &owner, space_id, &["a@buyer.example", "b@buyer.example"]).await.unwrap();
    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let page = PageRequest::read(&mut Violations::default(), 1, &token);
        let listed = service.participants.list(&owner, space_id, TAKING_PART.to_vec(), page).await.unwrap();
        seen.extend(listed.items.into_iter().map(|p| p.participant_id));
        token = listed.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let distinct: std::collections::HashSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (3, 3));
}
