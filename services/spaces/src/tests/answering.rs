//! Answering requests for access: `ListAccessRequests`, `GrantAccess`, `DeclineAccess`, and their lapse.

use std::sync::Arc;

use service_kit::caller::{Caller, CallerKind};
use sharedspaces_proto::spaces::events::v1::{
    AccessDeclined, AccessGranted, AccessRequested, ParticipantInvited,
};
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::AccessRequestState::{Declined, Granted, Lapsed, Requested};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tonic::Code;
use uuid::Uuid;

use super::door::*;

const SAM: &str = "sam@stranger.example";

impl Door {
    /// Somebody asks, and the request they made.
    async fn asked(&self, address: &str) -> pb::AccessRequest {
        let request = pb::RequestAccessRequest {
            display_name: "Sam".to_owned(),
            message: "please".to_owned(),
            ..self.proved(address)
        };
        self.ask(request).await.unwrap();
        let waiting = self.list(&self.room.owner, &[]).await.unwrap();
        waiting.into_iter().find(|request| request.email_address == address).unwrap()
    }

    async fn standing_of(&self, user_id: &str) -> Option<(String, String)> {
        sqlx::query_as("SELECT kind, state FROM participants WHERE user_id = $1::text::uuid")
            .bind(user_id)
            .fetch_optional(&self.room.superuser)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn who_is_granted_access_is_invited_as_a_guest_once() {
    let door = Door::open().await;
    let colleague = &door.room.colleague;
    let request = door.asked(SAM).await;
    let granted = door.grant(colleague, &request.access_request_id).await.unwrap();
    let (answered, participant) =
        (granted.access_request.clone().unwrap(), granted.participant.clone().unwrap());
    assert_eq!(answered.state(), Granted);
    assert_eq!(answered.answerer_user_id, colleague.user_id.to_string());
    assert!(answered.answer_time.is_some());
    assert_eq!(
        (participant.kind(), participant.state()),
        (pb::ParticipantKind::External, pb::ParticipantState::Invited)
    );
    assert_eq!(participant.email_address, SAM);
    let asked = door.identity.resolved.lock().unwrap().clone();
    assert!(asked[0].create_missing_guests);
    assert_eq!(asked[0].guest_names[0].display_name, "Sam", "called as they said");
    let told = door.room.outbox::<AccessGranted>().await;
    let invitation: Uuid =
        sqlx::query_scalar("SELECT invitation_id FROM participants WHERE user_id = $1::text::uuid")
            .bind(&participant.user_id)
            .fetch_one(&door.room.superuser)
            .await
            .unwrap();
    assert_eq!(told[0].invitation_id, invitation.to_string());
    assert_eq!(told[0].person.as_ref().unwrap().email_address, SAM);
    assert_eq!(told[0].granter.as_ref().unwrap().user_id, colleague.user_id.to_string());
    assert_eq!(door.grant(&door.room.owner, &request.access_request_id).await.unwrap(), granted, "repeated");
    assert_eq!(door.room.outbox::<AccessGranted>().await.len(), 1);
    assert!(door.room.outbox::<ParticipantInvited>().await.is_empty(), "one mail is enough");
    assert_eq!(door.identity.resolved.lock().unwrap().len(), 1, "nobody is asked again");
    let timeline = ["Carl granted access to Sam", "The system noted that Sam asks for access"];
    assert_eq!(door.timeline().await, timeline);
    assert!(door.list(colleague, &[]).await.unwrap().is_empty());
    let late = door.decline(colleague, &request.access_request_id).await;
    assert_refused(late, Code::FailedPrecondition, "ACCESS_REQUEST_ENDED");
}

#[tokio::test]
async fn a_colleague_who_is_granted_access_takes_part_at_once() {
    let door = Door::open().await;
    let mia = door.somebody(CallerKind::Member, "Mia").await;
    let request = door.asked(&address_of(&mia)).await;
    let participant =
        door.grant(&door.room.owner, &request.access_request_id).await.unwrap().participant.unwrap();
    assert_eq!(participant.user_id, mia.user_id.to_string());
    assert_eq!(
        (participant.kind(), participant.state()),
        (pb::ParticipantKind::Internal, pb::ParticipantState::Active)
    );
    let told = door.room.outbox::<AccessGranted>().await;
    assert_eq!((told.len(), told[0].invitation_id.as_str()), (1, ""), "nothing to activate");
}

#[tokio::test]
async fn who_came_in_meanwhile_stays_as_they_are_and_who_was_shut_out_gets_a_new_invitation() {
    let door = Door::open().await;
    let request = door.asked(SAM).await;
    let first = door.grant(&door.room.owner, &request.access_request_id).await.unwrap().participant.unwrap();
    door.sql("UPDATE participants SET state = 'REVOKED' WHERE state = 'INVITED'").await;
    let repeated =
        door.grant(&door.room.owner, &request.access_request_id).await.unwrap().participant.unwrap();
    assert_eq!(repeated.state(), pb::ParticipantState::Revoked, "granting again lets nobody back in");
    let again = door.asked(SAM).await;
    assert_ne!(again.access_request_id, request.access_request_id);
    door.sql("UPDATE participants SET state = 'ACTIVE' WHERE state = 'REVOKED'").await;
    let stays = door.grant(&door.room.owner, &again.access_request_id).await.unwrap().participant.unwrap();
    assert_eq!(stays.state(), pb::ParticipantState::Active);
    assert_eq!(stays.participant_id, first.participant_id);
    door.sql("UPDATE participants SET state = 'REVOKED' WHERE user_id = (SELECT requester_user_id FROM access_requests LIMIT 1)").await;
    let third = door.asked(SAM).await;
    let back = door.grant(&door.room.owner, &third.access_request_id).await.unwrap().participant.unwrap();
    assert_eq!(back.state(), pb::ParticipantState::Invited);
    let invitations: Vec<_> =
        door.room.outbox::<AccessGranted>().await.into_iter().map(|event| event.invitation_id).collect();
    assert_eq!((invitations.len(), invitations[1].as_str()), (3, ""));
    assert_ne!(invitations[0], invitations[2], "the old link opens nothing");
}

#[tokio::test]
async fn who_is_declined_is_told_in_their_language_once_and_stays_out() {
    let door = Door::open().await;
    door.sql("UPDATE organizations SET locale = 'fr'").await;
    let mia = door.somebody(CallerKind::Member, "Mia").await;
    for (address, locale) in [(SAM, "fr"), (&address_of(&mia), "de")] {
        let request = door.asked(address).await;
        let declined = door.decline(&door.room.colleague, &request.access_request_id).await.unwrap();
        assert_eq!(declined.state(), Declined);
        assert_eq!(declined.answerer_user_id, door.room.colleague.user_id.to_string());
        assert_eq!(door.decline(&door.room.owner, &request.access_request_id).await.unwrap(), declined);
        let told = door.room.outbox::<AccessDeclined>().await;
        let told: Vec<_> = told.iter().filter(|event| event.email_address == address).collect();
        assert_eq!((told.len(), told[0].locale.as_str(), told[0].display_name.as_str()), (1, locale, "Sam"));
        let late = door.grant(&door.room.owner, &request.access_request_id).await;
        assert_refused(late, Code::FailedPrecondition, "ACCESS_REQUEST_ENDED");
    }
    assert_eq!(door.count("participants").await, 3);
    assert!(door.identity.resolved.lock().unwrap().is_empty(), "nobody got an account");
    assert_eq!(door.timeline().await[0], "Carl declined the request of Sam");
}

#[tokio::test]
async fn a_colleague_whom_a_guest_proposed_is_not_told_of_a_refusal_unless_they_ask_themselves() {
    let door = Door::open().await;
    let mia = door.somebody(CallerKind::Member, "Mia").await;
    for asks in [false, true] {
        door.sql("DELETE FROM access_requests").await;
        let request = door.asked(&address_of(&mia)).await;
        door.sql("UPDATE access_requests SET proposer_user_id = gen_random_uuid(), is_verified = false")
            .await;
        if asks {
            door.asked(&address_of(&mia)).await;
        }
        door.decline(&door.room.owner, &request.access_request_id).await.unwrap();
        assert_eq!(door.room.outbox::<AccessDeclined>().await.len(), usize::from(asks));
    }
}

#[tokio::test]
async fn only_internal_participants_see_and_answer_requests() {
    let door = Door::open().await;
    let id = door.asked(SAM).await.access_request_id;
    let admin = door.somebody(CallerKind::Admin, "Ada").await;
    for (who, code, reason) in [
        (&door.room.guest, Code::PermissionDenied, "INTERNAL_PARTICIPANTS_ONLY"),
        (&admin, Code::PermissionDenied, "INTERNAL_PARTICIPANTS_ONLY"),
        (&door.room.stranger, Code::NotFound, "SPACE_NOT_FOUND"),
        (&testkit::caller(CallerKind::Admin), Code::NotFound, "SPACE_NOT_FOUND"),
    ] {
        assert_refused(door.list(who, &[]).await, code, reason);
        assert_refused(door.grant(who, &id).await, code, reason);
        assert_refused(door.decline(who, &id).await, code, reason);
    }
    // A guest who may invite still lets nobody in.
    door.room.set("allow_invite = true").await;
    assert_refused(
        door.grant(&door.room.guest, &id).await,
        Code::PermissionDenied,
        "INTERNAL_PARTICIPANTS_ONLY",
    );
    assert_eq!(door.waiting().await.access_request_id, id);
    assert!(door.identity.resolved.lock().unwrap().is_empty(), "nobody got an account");
}

#[tokio::test]
async fn a_request_of_another_space_is_none_byte_by_byte_and_a_bad_id_is_named() {
    let door = Door::open().await;
    let other = door.asked(SAM).await.access_request_id;
    let elsewhere = testkit::ids().next();
    door.room.lay_space(&door.room.owner, elsewhere, "Elsewhere").await;
    door.sql(&format!("UPDATE access_requests SET space_id = '{elsewhere}'")).await;
    for id in [other.as_str(), &Uuid::max().to_string()] {
        let granted = assert_refused(
            door.grant(&door.room.owner, id).await,
            Code::NotFound,
            "ACCESS_REQUEST_NOT_FOUND",
        );
        let declined = assert_refused(
            door.decline(&door.room.owner, id).await,
            Code::NotFound,
            "ACCESS_REQUEST_NOT_FOUND",
        );
        assert_eq!(bytes(&granted), bytes(&declined));
    }
    let bad = assert_refused(door.grant(&door.room.owner, "7").await, Code::InvalidArgument, "INVALID_FIELD");
    assert!(bad.message().contains("access_request_id: "));
    assert_refused(door.decline(&door.room.owner, "").await, Code::InvalidArgument, "INVALID_FIELD");
}

#[tokio::test]
async fn nobody_is_let_into_an_archived_space_nor_without_a_way_in() {
    let door = Door::open().await;
    let (sam, gone) = (door.asked(SAM).await, door.asked("gone@stranger.example").await);
    let refused = door.grant(&door.room.owner, &gone.access_request_id).await;
    assert_refused(refused, Code::FailedPrecondition, "REQUESTER_DEACTIVATED");
    door.room.set("state = 'ARCHIVED'").await;
    let refused = door.grant(&door.room.owner, &sam.access_request_id).await;
    assert_refused(refused, Code::FailedPrecondition, "SPACE_ARCHIVED");
    assert_eq!(door.list(&door.room.owner, &[]).await.unwrap().len(), 2, "both wait");
    assert_eq!(door.count("participants").await, 3);
    assert!(door.decline(&door.room.owner, &sam.access_request_id).await.is_ok());
}

#[tokio::test]
async fn what_nobody_answers_lapses_after_thirty_days_by_the_databases_time() {
    let door = Door::open().await;
    let (old, young) = (door.asked(SAM).await, door.asked("young@stranger.example").await);
    door.sql("UPDATE access_requests SET lapse_time = now() - interval '1 second' WHERE email_address LIKE 'sam@%'").await;
    // Whether it is written yet or not.
    let lapsed = door.list(&door.room.owner, &[Lapsed]).await.unwrap();
    assert_eq!(lapsed[0].access_request_id, old.access_request_id);
    for answer in [
        door.grant(&door.room.owner, &old.access_request_id).await.map(|_| ()),
        door.decline(&door.room.owner, &old.access_request_id).await.map(|_| ()),
    ] {
        assert_refused(answer, Code::FailedPrecondition, "ACCESS_REQUEST_ENDED");
    }
    assert!(door.identity.resolved.lock().unwrap().is_empty());
    assert_eq!((door.lapse().await.unwrap(), door.lapse().await.unwrap()), (1, 0));
    assert_eq!(door.list(&door.room.owner, &[Lapsed]).await.unwrap().len(), 1);
    assert_eq!(door.waiting().await.access_request_id, young.access_request_id);
    assert_ne!(door.asked(SAM).await.access_request_id, old.access_request_id, "who asks again asks anew");
    assert_eq!(door.room.outbox::<AccessRequested>().await.len(), 3);
    assert!(door.room.outbox::<AccessDeclined>().await.is_empty(), "a lapse is told to nobody");
}

#[tokio::test]
async fn requests_are_listed_page_by_page_the_newest_first_those_that_wait_unless_asked() {
    let door = Door::open().await;
    for n in 0..5 {
        door.asked(&format!("p{n}@stranger.example")).await;
    }
    let all = door.list(&door.room.owner, &[]).await.unwrap();
    let addresses: Vec<_> = all.iter().map(|request| request.email_address.as_str()).collect();
    assert_eq!(addresses, [4, 3, 2, 1, 0].map(|n| format!("p{n}@stranger.example")));
    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let page = door.page(&door.room.colleague, &[], (2, &token)).await.unwrap();
        seen.extend(page.access_requests);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, all);
    door.grant(&door.room.owner, &all[0].access_request_id).await.unwrap();
    door.decline(&door.room.owner, &all[1].access_request_id).await.unwrap();
    let count = async |states: &[_]| door.list(&door.room.owner, states).await.unwrap().len();
    assert_eq!(
        (count(&[]).await, count(&[Granted]).await, count(&[Granted, Declined, Requested]).await),
        (3, 1, 5)
    );
    let bad = door.page(&door.room.owner, &[pb::AccessRequestState::Unspecified], (0, "")).await;
    assert!(assert_refused(bad, Code::InvalidArgument, "INVALID_FIELD").message().contains("states[0]"));
    for (size, token) in [(101, ""), (-1, ""), (0, "nonsense")] {
        assert_refused(
            door.page(&door.room.owner, &[], (size, token)).await,
            Code::InvalidArgument,
            "INVALID_FIELD",
        );
    }
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Grant,
    Decline,
    Lapse,
    Ask,
    Revoke,
}

/// Makes a move, whatever comes of it.
async fn make(door: &Door, step: Move, (who, request_id, payload): (&Caller, &str, &serde_json::Value)) {
    match step {
        Move::Grant => drop(door.grant(who, request_id).await),
        Move::Decline => drop(door.decline(who, request_id).await),
        Move::Lapse => {
            let due = "UPDATE access_requests SET lapse_time = now() WHERE state = 'REQUESTED'";
            door.sql(due).await;
            door.lapse().await.unwrap();
        }
        Move::Ask => door.work_again(payload).await,
        Move::Revoke => {
            door.sql(
                "UPDATE participants SET state = 'REVOKED' WHERE kind = 'EXTERNAL' AND state = 'INVITED'",
            )
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grant_decline_lapse_revoke_and_asking_again_at_once_end_in_one_legal_state_round_after_round() {
    let door = Arc::new(Door::open().await);
    let moves = [
        Move::Grant,
        Move::Decline,
        Move::Grant,
        Move::Decline,
        Move::Ask,
        Move::Lapse,
        Move::Revoke,
        Move::Grant,
    ];
    let mut ends = std::collections::BTreeMap::<String, usize>::new();
    for round in 0..40 {
        door.sql("TRUNCATE budgets").await;
        door.sql("DELETE FROM outbox").await;
        let address = format!("r{round}@stranger.example");
        let request = door.proved(&address);
        door.call((&service_kit::caller::Principal::Anyone, NOWHERE), (request, None)).await.unwrap();
        let payload = door.work().await.remove(0);
        let request_id = door.waiting().await.access_request_id;
        let barrier = Arc::new(Barrier::new(moves.len()));
        let mut racing = JoinSet::new();
        for (at, step) in moves.into_iter().enumerate() {
            // Lapsing would win too often.
            if matches!(step, Move::Lapse) && round % 4 != 0 {
                racing.spawn({
                    let barrier = barrier.clone();
                    async move {
                        barrier.wait().await;
                    }
                });
                continue;
            }
            let (door, barrier) = (door.clone(), barrier.clone());
            let (request_id, payload) = (request_id.clone(), payload.clone());
            racing.spawn(async move {
                let who = if at % 2 == 0 { door.room.owner.clone() } else { door.room.colleague.clone() };
                barrier.wait().await;
                make(&door, step, (&who, &request_id, &payload)).await;
            });
        }
        racing.join_all().await;
        let state: String =
            sqlx::query_scalar("SELECT state FROM access_requests WHERE access_request_id = $1::text::uuid")
                .bind(&request_id)
                .fetch_one(&door.room.superuser)
                .await
                .unwrap();
        let granted = door.room.outbox::<AccessGranted>().await;
        let granted = granted.iter().filter(|event| event.access_request_id == request_id).count();
        let declined = door.room.outbox::<AccessDeclined>().await.len();
        let standing = door.standing_of(&super::peers::user_of(&address).to_string()).await;
        let standing = standing.map(|(kind, state)| format!("{kind} {state}"));
        match (state.as_str(), granted, declined, standing.as_deref()) {
            ("GRANTED", 1, 0, Some("EXTERNAL INVITED" | "EXTERNAL REVOKED"))
            | ("DECLINED", 0, 1, None)
            | ("LAPSED", 0, 0, None) => {}
            illegal => panic!("round {round}: {illegal:?}"),
        }
        *ends.entry(state).or_default() += 1;
        door.sql("DELETE FROM access_requests").await;
    }
    assert!(ends.len() > 1, "the race is always won by the same: {ends:?}");
}
