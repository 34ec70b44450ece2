//! Who gets which mail and notice of what happens in a space.

use serde_json::json;
use service_kit::locale::Locale;
use sharedspaces_proto::identity::v1::Person;
use sharedspaces_proto::spaces::events::v1::{
    AccessDeclined, AccessGranted, CommentAdded, ItemAdded, ParticipantReminded, ParticipantRemoved,
    VisitEnded,
};
use sharedspaces_proto::spaces::v1::ParticipantKind;
use uuid::Uuid;

use super::room::{Happening, Room, id_of, person, told};
use crate::notice::{NoticeKind, words};

async fn seen(room: &Room, who: &Person) -> Vec<(NoticeKind, String)> {
    let notices = room.notices_of(who).await;
    notices.iter().map(|notice| (notice.kind, words::summary(notice, notice.locale))).collect()
}

fn one(kind: NoticeKind, told: &str) -> Vec<(NoticeKind, String)> {
    vec![(kind, told.to_owned())]
}

#[tokio::test]
async fn a_comment_reaches_its_audience_by_one_mail_and_one_notice_each_and_nobody_else() {
    let room = Room::new().await;
    let [ann, bea, cid, dan] = [("Ann", "en"), ("Bea", "fr"), ("Cid", "de"), ("Dan", "en")]
        .map(|(name, locale)| person(name, locale));
    let event = CommentAdded {
        mentioned_user_ids: vec![cid.user_id.clone()],
        ..room.commented(&ann, "Look, @Cid", &[&bea, &cid, &bea])
    };
    let event_id = room.happens(Happening::Commented(event.clone())).await;

    assert_eq!(room.mails().await.len(), 2, "each is told once");
    for (who, mentioned) in [(&bea, false), (&cid, true)] {
        let mail = &room.mails_to(who, "NEW_COMMENT").await[0];
        assert_eq!(mail.delivery_id, Uuid::new_v5(&event_id, id_of(who).as_bytes()));
        assert_eq!(mail.space_id.unwrap().to_string(), room.space.space_id);
        let said = json!({"author": "Ann", "item_title": "Plan", "excerpt": "Look, @Cid",
                          "mentions_recipient": mentioned});
        assert_eq!(mail.list("comments"), [said]);
    }
    let told = "Ann a commenté « Plan » dans « Big deal »";
    assert_eq!(seen(&room, &bea).await, one(NoticeKind::NewComment, told));
    let told = "Ann hat Sie in einem Kommentar zu „Plan“ in „Big deal“ erwähnt";
    assert_eq!(seen(&room, &cid).await, one(NoticeKind::Mentioned, told));
    let notice = room.notices_of(&bea).await.remove(0);
    assert_eq!(notice.object_id.unwrap().to_string(), event.item_id);
    assert_eq!(notice.actor_user_id.unwrap().uuid(), id_of(&ann));
    assert_eq!(notice.locale, Locale::French);
    for nobody in [&ann, &dan] {
        assert!(room.notices_of(nobody).await.is_empty());
    }
}

#[tokio::test]
async fn new_content_reaches_its_audience_by_mail_and_in_the_app() {
    let room = Room::new().await;
    let [ann, bea] = ["Ann", "Bea"].map(|name| person(name, "en"));
    room.happens(Happening::Added(room.item(&ann, "Offer", &[&bea]))).await;
    let mail = room.mails().await.remove(0);
    assert_eq!((mail.recipient_user_id, mail.kind.as_str()), (Some(id_of(&bea)), "NEW_CONTENT"));
    assert_eq!(mail.list("items"), [json!({"adder": "Ann", "title": "Offer", "is_external": true})]);
    assert_eq!(seen(&room, &bea).await, one(NoticeKind::NewContent, "Ann added “Offer” to “Big deal”"));
    assert!(room.notices_of(&ann).await.is_empty());
}

#[tokio::test]
async fn who_joins_is_told_to_the_inviter_at_once_to_others_by_a_gathered_mail_and_to_all_internal_in_the_app()
 {
    let room = Room::new().await;
    let [gil, ines, bea, cid] = ["Gil", "Ines", "Bea", "Cid"].map(|name| person(name, "en"));
    let mut event = room.joined(&gil, &ines, &[&bea]);
    event.internal_audience = vec![ines.clone(), bea.clone(), cid.clone()];
    room.happens(Happening::Joined(event)).await;
    let mails = room.mails().await;
    let mut kinds: Vec<_> = mails.iter().map(|mail| (mail.recipient_user_id, mail.kind.as_str())).collect();
    kinds.sort();
    let mut expected = vec![(Some(id_of(&ines)), "INVITATION_ACCEPTED"), (Some(id_of(&bea)), "NEW_JOINER")];
    expected.sort();
    assert_eq!(kinds, expected);
    assert_eq!(room.mails_to(&bea, "NEW_JOINER").await[0].list("people"), [json!("Gil")]);
    for who in [&ines, &bea, &cid] {
        assert_eq!(seen(&room, who).await, one(NoticeKind::NewJoiner, "Gil joined “Big deal”"));
    }
    assert!(room.notices_of(&gil).await.is_empty());
}

#[tokio::test]
async fn a_colleague_who_is_added_or_granted_access_sees_it_in_the_app_and_a_guest_does_not() {
    let room = Room::new().await;
    let [ines, cleo, gil, noa, gus, pat] =
        ["Ines", "Cleo", "Gil", "Noa", "Gus", "Pat"].map(|name| person(name, "en"));
    room.happens(Happening::Invited(room.invited(&cleo, &ines, ParticipantKind::Internal))).await;
    room.happens(Happening::Invited(room.invited(&gil, &ines, ParticipantKind::External))).await;
    let granted = |who: &Person, invitation: &str, granter: Option<&Person>| {
        Happening::Granted(AccessGranted {
            space: Some(room.space.clone()),
            access_request_id: Uuid::from_u128(1).to_string(),
            invitation_id: invitation.to_owned(),
            person: Some(who.clone()),
            granter: granter.cloned(),
        })
    };
    let invitation = Uuid::from_u128(7).to_string();
    room.happens(granted(&noa, "", Some(&ines))).await;
    room.happens(granted(&gus, &invitation, Some(&ines))).await;
    room.happens(granted(&pat, "", None)).await;
    for (who, sees) in [(&cleo, true), (&gil, false), (&noa, true), (&gus, false), (&pat, false)] {
        let expected =
            if sees { one(NoticeKind::AddedToSpace, "Ines added you to “Big deal”") } else { Vec::new() };
        assert_eq!(seen(&room, who).await, expected, "{}", who.display_name);
    }
    for (who, invitation, granter) in [
        (&noa, json!(null), "Ines"),
        (&gus, json!({"invitation_id": invitation, "granter_user_id": ines.user_id}), "Ines"),
        (&pat, json!(null), ""),
    ] {
        let mails = room.mails_to(who, "ACCESS_GRANTED").await;
        assert_eq!(mails.len(), 1);
        assert_eq!((&mails[0].mail["invitation"], &mails[0].mail["granter"]), (&invitation, &json!(granter)));
    }
}

#[tokio::test]
async fn a_reminder_and_a_refusal_go_to_one_person_at_once() {
    let room = Room::new().await;
    let [ines, gil] = ["Ines", "Gil"].map(|name| person(name, "en"));
    let reminded = ParticipantReminded {
        space: Some(room.space.clone()),
        invitation_id: Uuid::from_u128(7).to_string(),
        reminder_id: Uuid::from_u128(8).to_string(),
        person: Some(gil.clone()),
        reminder: Some(ines.clone()),
    };
    room.happens(Happening::Reminded(reminded)).await;
    let declined = AccessDeclined {
        space: Some(room.space.clone()),
        access_request_id: Uuid::from_u128(9).to_string(),
        email_address: "eva@globex.test".to_owned(),
        display_name: "Eva".to_owned(),
        locale: "de".to_owned(),
    };
    let event_id = room.happens(Happening::Declined(declined)).await;
    let mails = room.mails().await;
    assert_eq!(mails.len(), 2);
    assert_eq!((mails[0].kind.as_str(), mails[0].recipient_user_id), ("REMINDER", Some(id_of(&gil))));
    assert_eq!(mails[0].mail["inviter"], "Ines");
    assert_eq!((mails[1].kind.as_str(), mails[1].recipient_user_id), ("ACCESS_DECLINED", None));
    assert_eq!(mails[1].mail["email_address"], "eva@globex.test");
    assert_eq!(mails[1].delivery_id, Uuid::new_v5(&event_id, Uuid::from_u128(9).as_bytes()));
    assert!(mails.iter().all(|mail| mail.wait < 1.0 && !mail.is_open));
    assert!(room.notices_of(&gil).await.is_empty());
}

#[tokio::test]
async fn a_visit_is_told_by_one_mail_of_its_own_and_in_the_app() {
    let room = Room::new().await;
    let [gil, bea] = ["Gil", "Bea"].map(|name| person(name, "en"));
    for _ in 0..2 {
        room.happens(Happening::Visited(room.visited(&gil, &[&bea]))).await;
    }
    let mails = room.mails_to(&bea, "VISIT_SUMMARY").await;
    assert_eq!(mails.len(), 2, "one per visit");
    assert!(mails.iter().all(|mail| mail.wait < 1.0 && mail.mail["opened"] == json!(["Plan"])));
    let told = seen(&room, &bea).await;
    assert_eq!(told, vec![(NoticeKind::Visit, "Gil visited “Big deal”".to_owned()); 2]);
}

#[tokio::test]
async fn who_asks_for_access_is_told_to_all_internal_in_the_app_with_who_proposed_them() {
    let room = Room::new().await;
    let [olga, ivo, gus] = ["Olga", "Ivo", "Gus"].map(|name| person(name, "en"));
    let asked = room.requested("eva@globex.test", &olga, &[&olga, &ivo]);
    let mut proposed = room.requested("cid@acme.test", &olga, &[&ivo]);
    proposed.proposer = Some(gus.clone());
    proposed.display_name = "Cid".to_owned();
    room.happens(Happening::Requested(asked)).await;
    assert_eq!(
        seen(&room, &olga).await,
        one(NoticeKind::AccessRequested, "eva@globex.test asks for access to “Big deal”")
    );
    room.happens(Happening::Requested(proposed)).await;
    let told = seen(&room, &ivo).await;
    assert_eq!(told[0].1, "Gus asks you to let Cid into “Big deal”");
    assert_eq!(told.len(), 2);
    assert!(room.mails().await.iter().all(|mail| mail.recipient_user_id == Some(id_of(&olga))));
}

#[tokio::test]
async fn nothing_of_a_space_reaches_who_was_shut_out_neither_what_waits_nor_what_is_told_late() {
    let room = Room::new().await;
    let [ann, bea, cid] = ["Ann", "Bea", "Cid"].map(|name| person(name, "en"));
    let late = told(Happening::Commented(room.commented(&ann, "late", &[&bea, &cid])));
    room.happens(Happening::Commented(room.commented(&ann, "early", &[&bea, &cid]))).await;
    room.happens(Happening::Invited(room.invited(&bea, &ann, ParticipantKind::External))).await;
    let elsewhere = Room { space: super::world::space("Other"), ..room.again().await };
    let other = ItemAdded { space: Some(elsewhere.space.clone()), ..room.item(&ann, "Other", &[&bea]) };
    room.happens(Happening::Added(other)).await;

    room.happens(Happening::Removed(room.removed(&bea))).await;
    room.apply(late).await.unwrap();
    assert!(
        room.mails_to(&bea, "NEW_COMMENT").await.iter().all(|mail| mail.state == "NOT_DUE" && !mail.is_open)
    );
    assert_eq!(room.mails_to(&bea, "GUEST_INVITATION").await[0].state, "NOT_DUE");
    let left: Vec<String> =
        room.notices_of(&bea).await.into_iter().map(|notice| notice.object_name).collect();
    assert_eq!(left, ["Other"], "another space is not touched");
    assert_eq!(room.mails_to(&bea, "NEW_CONTENT").await[0].state, "PENDING");
    assert_eq!(room.notices_of(&cid).await.len(), 2, "others are not touched");
    assert_eq!(room.mails_to(&cid, "NEW_COMMENT").await[0].list("comments").len(), 2);

    room.happens(Happening::Commented(room.commented(&ann, "back", &[&bea]))).await;
    let waiting = room.mails_to(&bea, "NEW_COMMENT").await;
    let waiting: Vec<_> = waiting.iter().filter(|mail| mail.state == "PENDING").collect();
    assert_eq!(waiting.len(), 1, "who is in again is told again");
    assert_eq!(waiting[0].list("comments")[0]["excerpt"], "back");
    assert_eq!(room.notices_of(&bea).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_while_somebody_is_being_shut_out_does_not_stay_with_them() {
    let room = std::sync::Arc::new(Room::new().await);
    let [ann, bea] = ["Ann", "Bea"].map(|name| person(name, "en"));
    for round in 0..20 {
        let mut applying: Vec<_> = (0..4)
            .map(|n| told(Happening::Commented(room.commented(&ann, &format!("{round}-{n}"), &[&bea]))))
            .collect();
        applying.push(told(Happening::Removed(room.removed(&bea))));
        applying.swap(round % 4, 4);
        // It happened last, whenever it is applied.
        let last = applying.iter().map(|told| told.event_time).max().unwrap();
        applying[round % 4].event_time = last;
        let applied = applying.into_iter().map(|told| {
            let room = std::sync::Arc::clone(&room);
            tokio::spawn(async move { room.apply(told).await.unwrap() })
        });
        for one in applied.collect::<Vec<_>>() {
            one.await.unwrap();
        }
        assert!(room.notices_of(&bea).await.is_empty(), "round {round}");
        assert!(room.mails().await.iter().all(|mail| mail.state == "NOT_DUE"), "round {round}");
    }
}

#[tokio::test]
async fn an_event_that_lacks_something_tells_nobody_and_is_not_tried_again() {
    let room = Room::new().await;
    let [ann, bea] = ["Ann", "Bea"].map(|name| person(name, "en"));
    let nobody = Person { user_id: "x".to_owned(), ..bea.clone() };
    let comment = room.commented(&ann, "x", &[&bea]);
    let item = room.item(&ann, "x", &[&bea]);
    let request = room.requested("eva@globex.test", &ann, &[&bea]);
    let bad = [
        Happening::Commented(CommentAdded { space: None, ..comment.clone() }),
        Happening::Commented(CommentAdded { author: None, ..comment.clone() }),
        Happening::Commented(CommentAdded { item_id: "x".to_owned(), ..comment.clone() }),
        Happening::Commented(CommentAdded { mentioned_user_ids: vec!["x".to_owned()], ..comment.clone() }),
        Happening::Commented(CommentAdded { audience: vec![bea.clone(), nobody.clone()], ..comment }),
        Happening::Added(ItemAdded { adder: None, ..item }),
        Happening::Visited(VisitEnded { start_time: None, ..room.visited(&ann, &[&bea]) }),
        Happening::Removed(ParticipantRemoved { user_id: "x".to_owned(), ..room.removed(&bea) }),
        Happening::Requested(sharedspaces_proto::spaces::events::v1::AccessRequested {
            owner: None,
            ..request
        }),
        Happening::Granted(AccessGranted::default()),
        Happening::Declined(AccessDeclined::default()),
        Happening::Reminded(ParticipantReminded::default()),
    ];
    for happening in bad {
        let applied = room.apply(told(happening.clone())).await;
        assert!(applied.is_err_and(|error| error.starts_with("Dead")), "{happening:?}");
    }
}
