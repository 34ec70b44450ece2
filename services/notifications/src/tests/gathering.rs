//! What is gathered into one mail, and what is not.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use sharedspaces_proto::identity::v1::Person;

use super::room::{Happening, Room, person};

fn excerpts(mails: &[super::room::Row]) -> Vec<String> {
    let said = mails.iter().flat_map(|mail| mail.list("comments"));
    said.map(|said| said["excerpt"].as_str().unwrap().to_owned()).collect()
}

async fn comment(room: &Room, author: &Person, excerpt: &str, audience: &[&Person]) {
    room.happens(Happening::Commented(room.commented(author, excerpt, audience))).await;
}

#[tokio::test]
async fn comments_of_five_minutes_go_into_one_mail_and_the_window_is_not_moved_by_later_ones() {
    let room = Room::new().await;
    let [ann, bea, cid] = ["Ann", "Bea", "Cid"].map(|name| person(name, "en"));
    comment(&room, &ann, "1", &[&bea]).await;
    room.sql("UPDATE deliveries SET due_time = due_time - interval '299 seconds'").await;
    comment(&room, &ann, "2", &[&bea, &cid]).await;
    let mails = room.mails_to(&bea, "NEW_COMMENT").await;
    assert_eq!(mails.len(), 1);
    assert_eq!(excerpts(&mails), ["1", "2"]);
    assert!(mails[0].is_open && (mails[0].wait - 300.0).abs() < 1.0, "{}", mails[0].wait);
    let left: f64 = sqlx::query_scalar(
        "SELECT extract(epoch FROM due_time - now())::float8 FROM deliveries WHERE delivery_id = $1",
    )
    .bind(mails[0].delivery_id)
    .fetch_one(&room.all)
    .await
    .unwrap();
    assert!(left < 1.0, "{left}");
    assert_eq!(excerpts(&room.mails_to(&cid, "NEW_COMMENT").await), ["2"], "each has a window of their own");
    let jobs: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs").fetch_one(&room.all).await.unwrap();
    assert_eq!(jobs, 2, "one per mail");

    // As the job does that sends it.
    room.sql("UPDATE deliveries SET is_open = false").await;
    comment(&room, &ann, "3", &[&bea]).await;
    let mails = room.mails_to(&bea, "NEW_COMMENT").await;
    assert_eq!(mails.iter().map(|mail| mail.is_open).collect::<Vec<_>>(), [false, true]);
    assert_eq!(excerpts(&mails), ["1", "2", "3"]);
}

#[tokio::test]
async fn each_kind_and_space_is_gathered_by_itself() {
    let room = Room::new().await;
    let [ann, bea, gil] = ["Ann", "Bea", "Gil"].map(|name| person(name, "en"));
    let other = Room { space: super::world::space("Other"), ..room.again().await };
    for n in ["1", "2"] {
        comment(&room, &ann, n, &[&bea]).await;
        room.happens(Happening::Commented(other.commented(&ann, n, &[&bea]))).await;
        room.happens(Happening::Added(room.item(&ann, n, &[&bea]))).await;
        room.happens(Happening::Joined(room.joined(&gil, &ann, &[&bea]))).await;
    }
    let all = room.mails().await;
    let mut to_bea: Vec<_> =
        all.iter().filter(|mail| mail.is_open).map(|mail| (mail.kind.as_str(), mail.space_id)).collect();
    to_bea.sort();
    to_bea.dedup();
    assert_eq!(to_bea.len(), 4);
    assert_eq!(all.iter().filter(|mail| mail.is_open).count(), 4);
    assert_eq!(room.mails_to(&bea, "NEW_CONTENT").await[0].list("items").len(), 2);
    assert_eq!(room.mails_to(&bea, "NEW_JOINER").await[0].list("people"), [json!("Gil"), json!("Gil")]);
}

#[tokio::test]
async fn one_mail_names_fifty_and_counts_the_others() {
    let room = Room::new().await;
    let [ann, bea] = ["Ann", "Bea"].map(|name| person(name, "en"));
    for n in 1..=52_usize {
        comment(&room, &ann, &n.to_string(), &[&bea]).await;
        let mail = room.mails_to(&bea, "NEW_COMMENT").await.remove(0);
        assert_eq!(
            (mail.list("comments").len(), &mail.mail["more"]),
            (n.min(50), &json!(n.saturating_sub(50)))
        );
    }
    let mail = room.mails_to(&bea, "NEW_COMMENT").await.remove(0);
    assert_eq!(mail.list("comments")[49]["excerpt"], "50");
    let read: crate::delivery::Mail = serde_json::from_value(mail.mail).unwrap();
    assert!(matches!(read, crate::delivery::Mail::NewComment { more: 2, .. }));
}

#[tokio::test]
async fn an_owner_is_told_of_the_first_request_at_once_and_of_others_at_most_every_fifteen_minutes() {
    let room = Room::new().await;
    let owner = person("Olga", "en");
    let ask = async |n: usize| {
        let request = room.requested(&format!("p{n}@globex.test"), &owner, &[]);
        room.happens(Happening::Requested(request)).await;
        room.mails_to(&owner, "ACCESS_REQUESTED").await
    };
    let mails = ask(1).await;
    assert!(!mails[0].is_open && mails[0].wait < 1.0);
    assert_eq!(mails[0].list("requests")[0]["email_address"], "p1@globex.test");
    for n in 2..=30 {
        ask(n).await;
    }
    let mails = ask(31).await;
    assert_eq!(mails.len(), 2, "500 or 30: one at once, one at the end");
    assert!(mails[1].is_open && (mails[1].wait - 900.0).abs() < 2.0, "{}", mails[1].wait);
    assert_eq!(mails[1].list("requests").len(), 30);

    // The second is sent; a third is due 15 minutes after it.
    room.sql("UPDATE deliveries SET is_open = false, due_time = due_time - interval '899 seconds'").await;
    let mails = ask(32).await;
    assert_eq!(mails.len(), 3);
    assert!(mails[2].is_open && mails[2].wait > 800.0, "{}", mails[2].wait);

    room.sql("UPDATE deliveries SET is_open = false, due_time = due_time - interval '2701 seconds'").await;
    let mails = ask(33).await;
    assert!(!mails[3].is_open && mails[3].wait < 1.0, "the window is over");
}

#[tokio::test]
async fn the_window_of_requests_ends_after_fifteen_minutes_and_not_before() {
    for (ago, mails) in [("895 seconds", 1), ("901 seconds", 2)] {
        let room = Room::new().await;
        let owner = person("Olga", "en");
        room.happens(Happening::Requested(room.requested("a@globex.test", &owner, &[]))).await;
        sqlx::query("UPDATE deliveries SET due_time = now() - $1::text::interval")
            .bind(ago)
            .execute(&room.all)
            .await
            .unwrap();
        room.happens(Happening::Requested(room.requested("b@globex.test", &owner, &[]))).await;
        let at_once = room.mails().await.iter().filter(|mail| !mail.is_open).count();
        assert_eq!(at_once, mails, "{ago}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_requests_at_the_same_time_one_is_the_first() {
    let room = std::sync::Arc::new(Room::new().await);
    let owner = person("Olga", "en");
    let asking = (0..12).map(|n| {
        let (room, owner) = (std::sync::Arc::clone(&room), owner.clone());
        tokio::spawn(async move {
            let request = room.requested(&format!("p{n}@globex.test"), &owner, &[&owner]);
            room.happens(Happening::Requested(request)).await;
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
    let mails = room.mails_to(&owner, "ACCESS_REQUESTED").await;
    assert_eq!(mails.iter().filter(|mail| !mail.is_open).count(), 1);
    assert_eq!(mails.iter().map(|mail| mail.list("requests").len()).sum::<usize>(), 12);
    assert_eq!(mails.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_while_a_mail_is_being_closed_goes_into_the_next_and_nothing_is_lost() {
    let room = std::sync::Arc::new(Room::new().await);
    let [ann, bea] = ["Ann", "Bea"].map(|name| person(name, "en"));
    comment(&room, &ann, "before", &[&bea]).await;
    let mut closing = room.all.begin().await.unwrap();
    sqlx::query("UPDATE deliveries SET is_open = false WHERE is_open").execute(&mut *closing).await.unwrap();
    let late = {
        let (room, ann, bea) = (std::sync::Arc::clone(&room), ann.clone(), bea.clone());
        tokio::spawn(async move { comment(&room, &ann, "meanwhile", &[&bea]).await })
    };
    testkit::eventually("the event waits for the row", async || {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
        )
        .fetch_one(&room.all)
        .await
        .unwrap();
        waiting > 0
    })
    .await;
    closing.commit().await.unwrap();
    late.await.unwrap();
    let mails = room.mails_to(&bea, "NEW_COMMENT").await;
    assert_eq!(mails.iter().map(|mail| mail.is_open).collect::<Vec<_>>(), [false, true]);
    assert_eq!(excerpts(&mails), ["before", "meanwhile"]);
    assert!(mails.iter().all(|mail| mail.wait > 0.0), "each has a job of its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_many_events_and_closings_at_once_each_comment_is_in_one_mail() {
    const WRITERS: usize = 4;
    const EACH: usize = 25;
    let room = std::sync::Arc::new(Room::new().await);
    let [ann, bea] = ["Ann", "Bea"].map(|name| person(name, "en"));
    let closer = {
        let all = room.all.clone();
        tokio::spawn(async move {
            loop {
                sqlx::query("UPDATE deliveries SET is_open = false WHERE is_open")
                    .execute(&all)
                    .await
                    .unwrap();
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        })
    };
    let writers = (0..WRITERS).map(|writer| {
        let (room, ann, bea) = (std::sync::Arc::clone(&room), ann.clone(), bea.clone());
        tokio::spawn(async move {
            for n in 0..EACH {
                comment(&room, &ann, &format!("{writer}-{n}"), &[&bea]).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    closer.abort();
    let said = excerpts(&room.mails_to(&bea, "NEW_COMMENT").await);
    assert_eq!(said.len(), WRITERS * EACH);
    assert_eq!(said.iter().collect::<BTreeSet<_>>().len(), WRITERS * EACH);
}

#[tokio::test]
async fn a_gathered_mail_that_would_be_due_in_quiet_hours_waits_for_their_end_and_gathers_until_then() {
    let room = Room::new().await;
    let [ann, mut bea, cid] = ["Ann", "Bea", "Cid"].map(|name| person(name, "en"));
    bea.time_zone = "Europe/Zurich".to_owned();
    // They began three hours ago where Bea lives, and end in two.
    sqlx::query(
        "INSERT INTO preferences (organization_id, user_id, quiet_start, quiet_end)
         SELECT $1, $2, date_trunc('minute', here - interval '3 hours')::time,
                date_trunc('minute', here + interval '2 hours')::time
           FROM (SELECT now() AT TIME ZONE 'Europe/Zurich' AS here) AS clock",
    )
    .bind(room.organization_id.uuid())
    .bind(super::room::id_of(&bea))
    .execute(&room.all)
    .await
    .unwrap();
    comment(&room, &ann, "1", &[&bea, &cid]).await;
    room.happens(Happening::Visited(room.visited(&ann, &[&bea, &cid]))).await;
    for (who, kind, least, most) in [
        (&bea, "NEW_COMMENT", 7_000.0, 7_201.0),
        (&cid, "NEW_COMMENT", 299.0, 301.0),
        (&bea, "VISIT_SUMMARY", 7_000.0, 7_201.0),
        (&cid, "VISIT_SUMMARY", -1.0, 1.0),
    ] {
        let wait = room.mails_to(who, kind).await[0].wait;
        assert!((least..=most).contains(&wait), "{kind} to {}: {wait}", who.display_name);
    }
    comment(&room, &ann, "2", &[&bea]).await;
    assert_eq!(excerpts(&room.mails_to(&bea, "NEW_COMMENT").await), ["1", "2"]);
}

#[tokio::test]
async fn each_of_an_audience_waits_for_the_end_of_their_own_quiet_hours() {
    let room = Room::new().await;
    let [ann, mut bea, mut cid, dee] = ["Ann", "Bea", "Cid", "Dee"].map(|name| person(name, "en"));
    bea.time_zone = "Asia/Tokyo".to_owned();
    cid.time_zone = "Mars/Olympus".to_owned();
    for (who, zone, hours) in [(&bea, "Asia/Tokyo", 2), (&cid, "UTC", 4)] {
        sqlx::query(
            "INSERT INTO preferences (organization_id, user_id, quiet_start, quiet_end)
             SELECT $1, $2, date_trunc('minute', here - interval '3 hours')::time,
                    date_trunc('minute', here + make_interval(hours => $4))::time
               FROM (SELECT now() AT TIME ZONE $3 AS here) AS clock",
        )
        .bind(room.organization_id.uuid())
        .bind(super::room::id_of(who))
        .bind(zone)
        .bind(hours)
        .execute(&room.all)
        .await
        .unwrap();
    }
    comment(&room, &ann, "1", &[&bea, &cid, &dee]).await;
    for (who, most) in [(&bea, 7_200.0), (&cid, 14_400.0), (&dee, 300.0)] {
        let wait = room.mails_to(who, "NEW_COMMENT").await[0].wait;
        assert!((most - 65.0..=most + 1.0).contains(&wait), "to {}: {wait}", who.display_name);
    }
}
