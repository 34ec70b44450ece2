//! How many may ask: who keeps whom out, and what is counted.

use service_kit::caller::Principal;
use sharedspaces_proto::spaces::v1 as pb;

use super::door::*;

const SAM: &str = "sam@stranger.example";

#[tokio::test]
async fn fifty_who_proved_nothing_do_not_keep_out_who_did_and_the_other_way_round() {
    let door = Door::guided().await;
    let rows = async |rows: &str| door.count(&format!("access_requests WHERE {rows}")).await;
    for n in 0..51 {
        let request = door.by(&format!("p{n}@flood.example"));
        door.ask_as((&Principal::Anyone, network(n)), request).await.unwrap();
    }
    assert_eq!(rows("NOT is_verified").await, 50);
    for n in 0..51 {
        let request = door.proved(&format!("v{n}@buyer.example"));
        door.ask_as((&Principal::Anyone, network(100 + n)), request).await.unwrap();
    }
    assert_eq!((rows("is_verified").await, rows("NOT is_verified").await), (50, 50));
    // One whose time is up takes no place, before it is said to have lapsed.
    door.sql("UPDATE access_requests SET lapse_time = now() WHERE email_address = 'p0@flood.example'").await;
    door.ask(door.by("new@flood.example")).await.unwrap();
    assert_eq!(rows("email_address = 'new@flood.example'").await, 1);
    door.ask(door.proved("new@buyer.example")).await.unwrap();
    assert_eq!(rows("email_address = 'new@buyer.example'").await, 0);
}

#[tokio::test]
async fn counters_whose_window_has_ended_are_deleted_however_many_there_are() {
    let door = Door::open().await;
    door.sql(
        "INSERT INTO budgets (bucket, count, window_start, window_end)
         SELECT decode(md5(n::text), 'hex'), 1, now() - interval '1 hour', now() - interval '1 second' FROM generate_series(1, 2500) n",
    )
    .await;
    door.ask(door.proved(SAM)).await.unwrap();
    let live = door.count("budgets WHERE window_end > now()").await;
    crate::jobs::lapse_access_requests::delete_counters(&door.room.database.database).await.unwrap();
    assert!(live > 0);
    assert_eq!(door.count("budgets").await, live);
}

#[tokio::test]
async fn who_proves_an_address_without_naming_an_organisation_spends_no_budget_that_all_share() {
    let door = Door::open().await;
    let alone = || {
        let request = door.proved(SAM);
        pb::RequestAccessRequest { request_token: request.request_token, ..Default::default() }
    };
    door.call((&Principal::Anyone, network(0)), (alone(), None)).await.unwrap();
    door.sql("UPDATE budgets SET count = 1000").await;
    for n in 1..3 {
        door.call((&Principal::Anyone, network(n)), (alone(), None)).await.unwrap();
    }
}
