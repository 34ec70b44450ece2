//! Inviting, and what becomes of an invitation.

use crate::grpc::ParticipantGrpc;
use crate::participant::{Invitation, InvitationText, Log, ParticipantError, State};
use crate::permission::Sharing;
use crate::space::SpaceChange;
use service_kit::caller::{Caller, CallerKind};
use service_kit::ids::SpaceId;
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::events::v1::{AccessRequested, InvitationsSent, ParticipantInvited};
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::participant_service_server::ParticipantService;
use tonic_types::StatusExt;

use super::peers::user_of;
use super::requests::from;
use super::world::{Service, invitation};

const TAKING_PART: [State; 2] = [State::Invited, State::Active];

async fn invite(
    service: &Service,
    who: &Caller,
    space_id: SpaceId,
    addresses: &[&str],
) -> Result<pb::InviteParticipantsResponse, ParticipantError> {
    service.participants.invite(&testkit::call(who), invitation(space_id, addresses)).await
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
    let asked = ["ok@buyer.example", "Noah@acme.example"];
    let invited = invite(&service, &gina, space_id, &asked).await.unwrap();
    assert_eq!(invited.requested_email_addresses, ["noah@acme.example"]);
    assert_eq!(invited.participants.len(), 1, "a colleague is not let in by a guest");
    let noah = guest(&owner, "noah@acme.example");
    let view = service.participants.settings(&noah, space_id).await;
    assert!(matches!(view, Err(ParticipantError::SpaceNotFound)));
    invite(&service, &gina, space_id, &["noah@acme.example"]).await.unwrap();
    let requests = service.told::<AccessRequested>().await;
    assert_eq!(requests.len(), 1, "the owner is asked once a day");
    let (proposer, owner_id) = (requests[0].proposer.clone().unwrap(), owner.user_id.to_string());
    assert_eq!(proposer.user_id, gina.user_id.to_string());
    assert_eq!(requests[0].owner.clone().unwrap().user_id, owner_id);
    assert_eq!(requests[0].email_address, "noah@acme.example");
    invite(&service, &owner, space_id, &["noah@acme.example"]).await.unwrap();
    let kept = invite(&service, &gina, space_id, &["noah@acme.example"]).await.unwrap();
    assert_eq!((kept.participants.len(), kept.requested_email_addresses.len()), (1, 0), "takes part already");
}

#[tokio::test]
async fn proposals_that_were_declined_lately_or_come_on_top_of_fifty_are_swallowed() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let_guests_invite(&service, &owner, space_id).await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    invite(&service, &gina, space_id, &["noah@acme.example"]).await.unwrap();
    service
        .sql(
            "UPDATE access_requests SET state = 'DECLINED', answerer_user_id = space_id, answer_time = now()",
        )
        .await;
    let again = invite(&service, &gina, space_id, &["noah@acme.example"]).await.unwrap();
    assert_eq!(again.requested_email_addresses, ["noah@acme.example"], "the answer stays the same");
    assert_eq!(service.told::<AccessRequested>().await.len(), 1);
    service.sql("UPDATE access_requests SET answer_time = now() - interval '8 days'").await;
    invite(&service, &gina, space_id, &["noah@acme.example"]).await.unwrap();
    assert_eq!(service.told::<AccessRequested>().await.len(), 2);
    let many: Vec<String> = (0..50).map(|n| format!("c{n}@acme.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    invite(&service, &gina, space_id, &many).await.unwrap();
    assert_eq!(service.told::<AccessRequested>().await.len(), 51, "the fifty-first waiting one is not told");
    // Who asks without being proposed takes no place of those who are.
    service
        .sql("UPDATE access_requests SET proposer_user_id = NULL WHERE email_address = 'c0@acme.example'")
        .await;
    invite(&service, &gina, space_id, &["last@acme.example"]).await.unwrap();
    assert_eq!(service.told::<AccessRequested>().await.len(), 52);
}

#[tokio::test]
async fn names_of_a_list_become_those_of_guests_without_one_and_failing_to_costs_no_invitation() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let paste = async |list: &str| {
        let text = InvitationText { pasted_list: list.to_owned(), ..InvitationText::default() };
        let invitation = Invitation::read(&mut Violations::default(), space_id, &text, None);
        let invited: pb::InviteParticipantsResponse =
            service.participants.invite(&testkit::call(&owner), invitation).await.unwrap();
        invited
    };
    let invited =
        paste("\"Lee, Gina\" <gina@buyer.example>, gus@buyer.example; Noah N <noah@acme.example>").await;
    let name_of = |invited: &pb::InviteParticipantsResponse, address: &str| {
        let found = invited.participants.iter().find(|p| p.email_address == address);
        found.unwrap().display_name.clone()
    };
    assert_eq!(name_of(&invited, "gina@buyer.example"), "Lee, Gina");
    assert!(service.peers.accounts.asked().is_empty(), "identity named the guest as it created the account");
    let told = service.told::<ParticipantInvited>().await;
    let people: Vec<_> = told.into_iter().map(|event| event.person.unwrap().display_name).collect();
    assert!(people.contains(&"Lee, Gina".to_owned()), "{people:?}");

    // gus has an account without a name by now; somewhere else he is given one.
    let other = service.space(&owner, "Other").await;
    let text = InvitationText {
        pasted_list: "Gus G <gus@buyer.example>, Regina <gina@buyer.example>".to_owned(),
        ..InvitationText::default()
    };
    let invitation = Invitation::read(&mut Violations::default(), other, &text, None);
    service.peers.accounts.go_down();
    let invited: pb::InviteParticipantsResponse =
        service.participants.invite(&testkit::call(&owner), invitation).await.unwrap();
    assert_eq!(invited.participants.len(), 2);
    let asked = service.peers.accounts.asked();
    let named: Vec<_> = asked.iter().map(|asked| asked.display_name.as_str()).collect();
    assert_eq!(named, ["Gus G"], "who has a name keeps it");
}

#[tokio::test]
async fn bad_addresses_keep_everybody_unsent_until_the_good_ones_alone_are_asked_for() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await.to_string();
    let grpc = ParticipantGrpc { participants: service.participants.clone() };
    let mut request = pb::InviteParticipantsRequest {
        space_id,
        email_addresses: vec!["gina@buyer.example".to_owned()],
        pasted_list: "gus@buyer.example; nobody, eve@b".to_owned(),
        ..pb::InviteParticipantsRequest::default()
    };
    let method = "ParticipantService/InviteParticipants";
    let before = outbox(&service).await;
    let refused = grpc.invite_participants(from(&owner, method, request.clone())).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    for place in ["pasted_list[1]: “nobody” must", "pasted_list[2]: “eve@b” must"] {
        assert!(refused.message().contains(place), "{refused}");
    }
    assert_eq!(outbox(&service).await, before);
    request.send_good_ones = true;
    let invited = grpc.invite_participants(from(&owner, method, request)).await.unwrap().into_inner();
    let given: Vec<_> = invited.refused.iter().map(|refused| refused.given.as_str()).collect();
    assert_eq!((invited.participants.len(), given), (2, vec!["nobody", "eve@b"]));
}

#[tokio::test]
async fn who_takes_part_already_is_not_named_by_somebody_elses_list() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let_guests_invite(&service, &owner, space_id).await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    invite(&service, &owner, space_id, &["gus@buyer.example"]).await.unwrap();
    service.sql("UPDATE people SET display_name = '' WHERE email_address = 'gus@buyer.example'").await;
    let text = InvitationText {
        pasted_list: "Clown <gus@buyer.example>, Ned N <ned@buyer.example>".to_owned(),
        ..InvitationText::default()
    };
    let invitation = Invitation::read(&mut Violations::default(), space_id, &text, None);
    let invited: pb::InviteParticipantsResponse =
        service.participants.invite(&testkit::call(&gina), invitation).await.unwrap();
    let mut names: Vec<_> = invited.participants.into_iter().map(|listed| listed.display_name).collect();
    names.sort();
    assert_eq!(names, ["", "Ned N"]);
    assert!(service.peers.accounts.asked().is_empty(), "identity named Ned as it created the account");
}

fn logged(space_id: SpaceId, addresses: &[&str], send_good_ones: bool) -> Invitation {
    let mut logged = invitation(space_id, addresses);
    logged.log = Some(Log { target: None });
    logged.send_good_ones = send_good_ones;
    logged
}

#[tokio::test]
async fn an_invitation_is_logged_with_ultimate_by_internal_participants_to_known_people_alone() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let_guests_invite(&service, &owner, space_id).await;
    let gina = service.participant(&owner, space_id, "gina@crm.example").await;
    let invite = async |who: &Caller, invitation: Invitation| {
        service.participants.invite::<pb::InviteParticipantsResponse>(&testkit::call(who), invitation).await
    };
    let refused = invite(&gina, logged(space_id, &["gus@crm.example"], false)).await;
    assert!(matches!(refused, Err(ParticipantError::InternalParticipantsOnly)), "{refused:?}");
    assert!(service.peers.crm.asked().is_empty());

    let refused = invite(&owner, logged(space_id, &["gus@crm.example", "eve@else.example"], false)).await;
    let named = tonic::Status::from(refused.unwrap_err());
    assert!(named.message().contains("email_addresses[1]: “eve@else.example” must be a Contact"), "{named}");
    assert!(service.told::<InvitationsSent>().await.is_empty());

    let sent =
        invite(&owner, logged(space_id, &["gus@crm.example", "eve@else.example"], true)).await.unwrap();
    assert_eq!((sent.participants.len(), sent.refused.len()), (1, 1));
    let events = service.told::<InvitationsSent>().await;
    let call_id: uuid::Uuid = events[0].call_id.parse().unwrap();
    assert_eq!(sent.crm_log_id, uuid::Uuid::new_v5(&call_id, b"invitation").to_string());
    assert_eq!((events.len(), events[0].people.len(), events[0].target.is_none()), (1, 1, true));

    let again = invite(&owner, logged(space_id, &["gus@crm.example"], false)).await.unwrap();
    assert_eq!((again.participants.len(), again.crm_log_id.as_str()), (1, ""), "nobody new, nothing to log");
    let plain = invite(&owner, invitation(space_id, &["new@else.example"])).await.unwrap();
    assert_eq!(plain.crm_log_id, "");
    assert_eq!(service.told::<InvitationsSent>().await.len(), 1);

    let poor = service.member_of_new_organization(false).await;
    let poor_space = service.space(&poor, "Room").await;
    let refused = invite(&poor, logged(poor_space, &["gus@crm.example"], false)).await;
    assert!(matches!(refused, Err(ParticipantError::PlanRequired)));
}

#[tokio::test]
async fn what_crm_sync_refuses_is_told_by_its_reason_and_nobody_is_invited() {
    use tonic::Code::{FailedPrecondition, NotFound, Unavailable};
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let before = outbox(&service).await;
    for (code, reason) in [
        (FailedPrecondition, "PLAN_REQUIRED"),
        (FailedPrecondition, "CRM_LOGGING_OFF"),
        (FailedPrecondition, "NO_CRM_TARGET"),
        (FailedPrecondition, "RECONNECT_NEEDED"),
        (FailedPrecondition, "CRM_REFUSED"),
        (NotFound, "CONNECTION_NOT_FOUND"),
        (Unavailable, "CRM_UNAVAILABLE"),
    ] {
        service.peers.crm.refuse(code, reason);
        let invitation = logged(space_id, &["gus@crm.example"], false);
        let refused: Result<pb::InviteParticipantsResponse, _> =
            service.participants.invite(&testkit::call(&owner), invitation).await;
        let status = tonic::Status::from(refused.unwrap_err());
        assert_eq!((status.code(), status.get_details_error_info().unwrap().reason.as_str()), (code, reason));
    }
    assert_eq!(outbox(&service).await, before);
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

async fn let_guests_invite(service: &Service, owner: &Caller, space_id: SpaceId) {
    let change = SpaceChange { sharing: Some(Sharing::ALL), ..SpaceChange::default() };
    let _open: pb::UpdateSpaceResponse =
        service.spaces.update(&testkit::call(owner), space_id, change).await.unwrap();
}

async fn state_of(service: &Service, address: &str) -> (String, uuid::Uuid) {
    sqlx::query_as("SELECT state, participant_id FROM participants WHERE user_id = $1")
        .bind(user_of(address))
        .fetch_one(&service.database.superuser_pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_guest_brings_back_who_left_and_never_who_was_shut_out() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let_guests_invite(&service, &owner, space_id).await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    let gus = service.participant(&owner, space_id, "gus@buyer.example").await;
    let _left: pb::LeaveSpaceResponse =
        service.participants.leave(&testkit::call(&gus), space_id).await.unwrap();
    invite(&service, &gina, space_id, &["gus@buyer.example"]).await.unwrap();
    let (state, participant_id) = state_of(&service, "gus@buyer.example").await;
    assert_eq!(state, "INVITED");
    let _revoked: pb::RevokeParticipantResponse =
        service.participants.revoke(&testkit::call(&owner), space_id, participant_id).await.unwrap();
    let before = outbox(&service).await;
    let refused = invite(&service, &gina, space_id, &["new@buyer.example", "gus@buyer.example"]).await;
    assert!(matches!(refused, Err(ParticipantError::InvitingNotAllowed)));
    assert_eq!(state_of(&service, "gus@buyer.example").await.0, "REVOKED");
    assert_eq!(outbox(&service).await, before, "all or nothing");
    invite(&service, &owner, space_id, &["gus@buyer.example"]).await.unwrap();
    assert_eq!(state_of(&service, "gus@buyer.example").await.0, "INVITED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_acceptance_of_an_earlier_invitation_opens_nothing() {
    let service = std::sync::Arc::new(Service::start().await);
    let owner = service.member_of_new_organization(true).await;
    let (organization_id, space_id) = (owner.organization_id, service.space(&owner, "Room").await);
    invite(&service, &owner, space_id, &["gina@buyer.example"]).await.unwrap();
    let all = service.database.superuser_pool();
    let earlier: uuid::Uuid = sqlx::query_scalar("SELECT invitation_id FROM participants WHERE user_id = $1")
        .bind(user_of("gina@buyer.example"))
        .fetch_one(&all)
        .await
        .unwrap();
    let before = outbox(&service).await;
    let mut other = all.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM spaces WHERE space_id = $1 FOR NO KEY UPDATE")
        .bind(space_id.uuid())
        .execute(&mut *other)
        .await
        .unwrap();
    let accepting = {
        let service = service.clone();
        tokio::spawn(async move {
            service.accept_invitation(organization_id, earlier, "gina@buyer.example").await;
        })
    };
    testkit::eventually("the acceptance waits for the space", async || {
        let waits: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_stat_activity
                             WHERE datname = current_database() AND wait_event_type = 'Lock')",
        )
        .fetch_one(&all)
        .await
        .unwrap();
        waits
    })
    .await;
    // Shut out and invited anew in the meantime.
    sqlx::query("UPDATE participants SET invitation_id = $1 WHERE user_id = $2")
        .bind(super::world::new_id())
        .bind(user_of("gina@buyer.example"))
        .execute(&mut *other)
        .await
        .unwrap();
    other.commit().await.unwrap();
    accepting.await.unwrap();
    assert_eq!(state_of(&service, "gina@buyer.example").await.0, "INVITED");
    assert_eq!(outbox(&service).await, before, "nobody is told that they joined");
}
