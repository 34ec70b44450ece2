//! How much inviting may send (attack 22), reminders, and who is told of what happens.

use std::time::Duration;

use service_kit::caller::Caller;
use service_kit::ids::SpaceId;
use sharedspaces_proto::spaces::events::v1::{
    CommentAdded, ItemAdded, ParticipantJoined, ParticipantReminded, ParticipantRemoved, SpaceCreated,
};
use sharedspaces_proto::spaces::v1 as pb;
use uuid::Uuid;

use super::peers::user_of;
use super::room::Room;
use super::world::{Service, invitation};
use crate::comment::NewComment;
use crate::item::{NewContent, NewItem};
use crate::participant::{InvitingLimits, ParticipantError, State};
use crate::permission::Sharing;
use crate::space::SpaceChange;

const HOUR: Duration = Duration::from_secs(60 * 60);

async fn invite(
    service: &Service,
    who: &Caller,
    space_id: SpaceId,
    addresses: &[String],
) -> Result<pb::InviteParticipantsResponse, ParticipantError> {
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    service.participants.invite(&testkit::call(who), invitation(space_id, &addresses)).await
}

fn addresses(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{name}{n}@buyer.example")).collect()
}

async fn age(service: &Service, interval: &str) {
    service
        .sql(&format!("UPDATE invitation_mails SET create_time = create_time - interval '{interval}'"))
        .await;
}

fn wait_of(refused: Result<pb::InviteParticipantsResponse, ParticipantError>) -> Duration {
    match refused {
        Err(ParticipantError::TooManyInvitations { wait, .. }) => wait,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_member_invites_100_people_a_day_and_not_one_more() {
    let service = Service::start_with(InvitingLimits::default()).await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    invite(&service, &owner, space_id, &addresses("a", 60)).await.unwrap();
    age(&service, "3 hours").await;
    let refused = invite(&service, &owner, space_id, &addresses("b", 41)).await;
    let wait = wait_of(refused);
    assert!(wait > 20 * HOUR && wait <= 21 * HOUR, "until the first are a day old: {wait:?}");
    invite(&service, &owner, space_id, &addresses("b", 40)).await.unwrap();
    wait_of(invite(&service, &owner, space_id, &addresses("c", 1)).await);
    let known = invite(&service, &owner, space_id, &addresses("a", 60)).await.unwrap();
    assert_eq!(known.participants.len(), 60, "who takes part needs no mail");
    age(&service, "22 hours").await;
    invite(&service, &owner, space_id, &addresses("c", 60)).await.unwrap();
}

#[tokio::test]
async fn a_guest_invites_10_people_a_day_colleagues_among_them_and_not_one_more() {
    let service = Service::start_with(InvitingLimits::default()).await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let change = SpaceChange { sharing: Some(Sharing::ALL), ..SpaceChange::default() };
    let _open: pb::UpdateSpaceResponse =
        service.spaces.update(&testkit::call(&owner), space_id, change).await.unwrap();
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    let mut ten = addresses("a", 9);
    ten.push("noah@acme.example".to_owned());
    let mut eleven = ten.clone();
    eleven.push("b@buyer.example".to_owned());
    assert_eq!(wait_of(invite(&service, &gina, space_id, &eleven).await), 24 * HOUR);
    invite(&service, &gina, space_id, &ten).await.unwrap();
    wait_of(invite(&service, &gina, space_id, &addresses("b", 1)).await);
    invite(&service, &owner, space_id, &addresses("b", 1)).await.unwrap();
}

#[tokio::test]
async fn an_organisation_invites_1000_people_a_day_and_not_one_more() {
    let limits = InvitingLimits { people_per_member: 2_000, ..InvitingLimits::default() };
    assert_eq!(limits.people_per_organization, 1_000);
    let service = Service::start_with(limits).await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    service
        .sql(&format!(
            "INSERT INTO invitation_mails (organization_id, mail_id, space_id, invitation_id, kind, sender_user_id,
                                           recipient_user_id)
             SELECT '{}', id, '{space_id}', id, 'INVITATION', gen_random_uuid(), gen_random_uuid()
               FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, 999)) AS ids",
            owner.organization_id
        ))
        .await;
    wait_of(invite(&service, &owner, space_id, &addresses("a", 2)).await);
    invite(&service, &owner, space_id, &addresses("a", 1)).await.unwrap();
    wait_of(invite(&service, &owner, space_id, &addresses("b", 1)).await);
    let other = service.member_of_new_organization(true).await;
    let elsewhere = service.space(&other, "Room").await;
    invite(&service, &other, elsewhere, &addresses("b", 1)).await.unwrap();
}

#[tokio::test]
async fn a_person_gets_one_mail_of_a_space_and_five_of_all_a_day_and_a_refusal_invites_nobody() {
    let service = Service::start_with(InvitingLimits::default()).await;
    let owner = service.member_of_new_organization(true).await;
    let gina = ["gina@buyer.example".to_owned()];
    let first = service.space(&owner, "Room").await;
    invite(&service, &owner, first, &gina).await.unwrap();
    let (participant_id, _) = service.participant_of(first, user_of(&gina[0])).await;
    let _revoked: pb::RevokeParticipantResponse =
        service.participants.revoke(&testkit::call(&owner), first, participant_id).await.unwrap();
    let both = [gina[0].clone(), "gus@buyer.example".to_owned()];
    wait_of(invite(&service, &owner, first, &both).await);
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM participants WHERE state = 'INVITED'")
        .fetch_one(&service.database.superuser_pool())
        .await
        .unwrap();
    assert_eq!(count, 0, "all or nothing");
    for _ in 0..4 {
        let space_id = service.space(&owner, "Room").await;
        invite(&service, &owner, space_id, &gina).await.unwrap();
    }
    let sixth = service.space(&owner, "Room").await;
    wait_of(invite(&service, &owner, sixth, &gina).await);
    age(&service, "24 hours").await;
    invite(&service, &owner, sixth, &gina).await.unwrap();
    invite(&service, &owner, first, &gina).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_once_take_no_more_together_than_is_left() {
    let limits = InvitingLimits { people_per_member: 5, ..InvitingLimits::default() };
    let service = Service::start_with(limits).await;
    let owner = service.member_of_new_organization(true).await;
    let mut calls = Vec::new();
    for n in 0..10 {
        let space_id = service.space(&owner, "Room").await;
        let (participants, call) = (service.participants.clone(), testkit::call(&owner));
        let invitation = invitation(space_id, &[&format!("g{n}@buyer.example")]);
        calls.push(tokio::spawn(async move {
            participants.invite::<pb::InviteParticipantsResponse>(&call, invitation).await.is_ok()
        }));
    }
    let mut granted = 0;
    for call in calls {
        granted += usize::from(call.await.unwrap());
    }
    assert_eq!(granted, 5);
}

async fn remind(
    service: &Service,
    who: &Caller,
    space_id: SpaceId,
    participant_id: Uuid,
) -> Result<pb::RemindParticipantResponse, ParticipantError> {
    service.participants.remind(&testkit::call(who), space_id, participant_id).await
}

#[tokio::test]
async fn who_is_invited_is_reminded_once_a_day_and_three_times_by_internal_participants() {
    let service = Service::start_with(InvitingLimits::default()).await;
    let owner = service.member_of_new_organization(true).await;
    service.know_member(&owner, "olga").await;
    let space_id = service.space(&owner, "Room").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    invite(&service, &owner, space_id, &["gus@buyer.example".to_owned()]).await.unwrap();
    let (gus, _) = service.participant_of(space_id, user_of("gus@buyer.example")).await;
    let (joined, _) = service.participant_of(space_id, gina.user_id.uuid()).await;
    assert!(matches!(remind(&service, &owner, space_id, joined).await, Err(ParticipantError::NotInvited)));
    let unknown = remind(&service, &owner, space_id, super::world::new_id()).await;
    assert!(matches!(unknown, Err(ParticipantError::ParticipantNotFound)));
    let refused = remind(&service, &gina, space_id, gus).await;
    assert!(matches!(refused, Err(ParticipantError::InternalParticipantsOnly)));
    let lately = remind(&service, &owner, space_id, gus).await;
    assert!(matches!(lately, Err(ParticipantError::RemindedLately { wait }) if wait > 23 * HOUR));
    for _ in 0..3 {
        age(&service, "24 hours").await;
        let reminded = remind(&service, &owner, space_id, gus).await.unwrap().participant.unwrap();
        assert_eq!(reminded.state(), pb::ParticipantState::Invited, "a mark, not a state");
        assert!(reminded.remind_time.is_some());
        let lately = remind(&service, &owner, space_id, gus).await;
        assert!(matches!(
            lately,
            Err(ParticipantError::RemindedLately { .. } | ParticipantError::RemindedEnough { .. })
        ));
    }
    age(&service, "24 hours").await;
    assert!(matches!(
        remind(&service, &owner, space_id, gus).await,
        Err(ParticipantError::RemindedEnough { .. })
    ));
    let events = service.told::<ParticipantReminded>().await;
    let ids: std::collections::HashSet<_> = events.iter().map(|event| event.reminder_id.clone()).collect();
    assert_eq!((events.len(), ids.len()), (3, 3), "one mail per reminder");
    assert_eq!(events[0].invitation_id, events[2].invitation_id, "the link stays good");
    assert_eq!(events[0].person.clone().unwrap().email_address, "gus@buyer.example");
    assert_eq!(events[0].reminder.clone().unwrap().display_name, "olga");

    let page = |check: &mut _| service_kit::page::PageRequest::read(check, 0, "");
    let states = vec![State::Invited, State::Active];
    let list = async |who: &Caller| {
        let page = page(&mut service_kit::validate::Violations::default());
        service.participants.list(who, space_id, states.clone(), page).await.unwrap().items
    };
    assert!(list(&owner).await.iter().any(|participant| participant.remind_time.is_some()));
    assert!(list(&gina).await.iter().all(|participant| participant.remind_time.is_none()));
}

#[tokio::test]
async fn who_is_out_is_told_once_to_those_who_keep_things_for_them() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    let gus = service.participant(&owner, space_id, "gus@buyer.example").await;
    let (participant_id, _) = service.participant_of(space_id, gina.user_id.uuid()).await;
    for _ in 0..2 {
        let _revoked: pb::RevokeParticipantResponse =
            service.participants.revoke(&testkit::call(&owner), space_id, participant_id).await.unwrap();
    }
    let _left: pb::LeaveSpaceResponse =
        service.participants.leave(&testkit::call(&gus), space_id).await.unwrap();
    let told = service.told::<ParticipantRemoved>().await;
    let told: Vec<_> = told.iter().map(|event| (event.user_id.clone(), event.state())).collect();
    assert_eq!(
        told,
        [
            (gina.user_id.to_string(), pb::ParticipantState::Revoked),
            (gus.user_id.to_string(), pb::ParticipantState::Left)
        ]
    );
}

#[tokio::test]
async fn a_new_joiner_is_told_to_those_who_want_it_and_not_twice_to_the_inviter() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    service.know_member(&owner, "olga").await;
    let space_id = service.space(&owner, "Room").await;
    let change = SpaceChange { sharing: Some(Sharing::ALL), ..SpaceChange::default() };
    let _open: pb::UpdateSpaceResponse =
        service.spaces.update(&testkit::call(&owner), space_id, change).await.unwrap();
    let noah = service.participant(&owner, space_id, "noah@acme.example").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    invite(&service, &gina, space_id, &["gus@buyer.example".to_owned()]).await.unwrap();
    service.accept(owner.organization_id, space_id, "gus@buyer.example").await;
    let joined = service.told::<ParticipantJoined>().await;
    let ids = |people: &[sharedspaces_proto::identity::v1::Person]| -> Vec<String> {
        people.iter().map(|person| person.user_id.clone()).collect()
    };
    let [owner_id, noah_id] = [&owner, &noah].map(|caller| caller.user_id.to_string());
    assert_eq!(joined.len(), 2);
    assert_eq!(
        ids(&joined[0].audience),
        std::slice::from_ref(&noah_id),
        "the owner invited, and is told of the acceptance"
    );
    assert_eq!(ids(&joined[0].internal_audience), [owner_id.clone(), noah_id.clone()]);
    assert_eq!(ids(&joined[1].audience), [noah_id], "the guest who invited is told, and so is the owner");
    let colors = joined[0].space.clone().unwrap().colors.unwrap();
    assert!(colors.accent.starts_with('#') && colors.accent.len() == 7, "{colors:?}");
    assert!(service.told::<SpaceCreated>().await[0].space.clone().unwrap().colors.is_some());
}

fn comment(room: &Room, item_id: Uuid, text: &str) -> NewComment {
    NewComment { space_id: room.space_id, item_id, text: text.to_owned(), mentioned_user_ids: Vec::new() }
}

#[tokio::test]
async fn comments_and_content_are_told_to_all_who_want_it_but_whoever_added_them() {
    let room = Room::open().await;
    let link = |content| NewItem {
        space_id: room.space_id,
        folder_id: None,
        title: "Offer".to_owned(),
        description: String::new(),
        content,
    };
    let _folder: pb::CreateFolderResponse =
        room.items().add(&Room::call(&room.owner), link(NewContent::Folder)).await.unwrap();
    assert!(room.outbox::<ItemAdded>().await.is_empty(), "folders are not told");
    let content = NewContent::Link("https://a.example/".to_owned());
    let added: pb::AddItemResponse = room.items().add(&Room::call(&room.guest), link(content)).await.unwrap();
    let item_id: Uuid = added.item.unwrap().item_id.parse().unwrap();
    let told = room.outbox::<ItemAdded>().await;
    let ids = |people: &[sharedspaces_proto::identity::v1::Person]| -> Vec<String> {
        people.iter().map(|person| person.user_id.clone()).collect()
    };
    let [owner, colleague, guest] =
        [&room.owner, &room.colleague, &room.guest].map(|caller| caller.user_id.to_string());
    assert_eq!((told.len(), told[0].is_external, told[0].title.as_str()), (1, true, "Offer"));
    assert_eq!(ids(&told[0].audience), [owner.clone(), colleague.clone()]);
    assert_eq!(told[0].adder.clone().unwrap().user_id, guest);

    sqlx::query("UPDATE participants SET notify_comments = false WHERE user_id = $1")
        .bind(room.colleague.user_id)
        .execute(&room.superuser)
        .await
        .unwrap();
    let long = "é".repeat(501);
    let _said: pb::AddCommentResponse =
        room.comments().add(&Room::call(&room.owner), comment(&room, item_id, &long)).await.unwrap();
    let told = room.outbox::<CommentAdded>().await;
    assert_eq!((told.len(), told[0].excerpt.chars().count()), (1, 500));
    assert_eq!(ids(&told[0].audience), [guest], "the colleague muted comments");
    let _copy: pb::DuplicateSpaceResponse =
        room.duplications().duplicate(&Room::call(&room.owner), room.space_id, None).await.unwrap();
    assert_eq!(room.outbox::<ItemAdded>().await.len(), 1, "what is copied is no news");
}
