//! What other services ask: `CheckSessions`, `UpdateGuestProfile`, and the names of guests.

use service_kit::caller::Principal;
use sharedspaces_proto::identity::events::v1::{GuestCreated, PersonUpdated};
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::account_service_server::AccountService;
use sharedspaces_proto::identity::v1::sign_in_service_server::SignInService;
use tonic::Code;
use uuid::Uuid;

use super::world::*;

impl World {
    async fn check(&self, sessions: Vec<pb::SessionKey>) -> Answer<Vec<pb::SessionKey>> {
        let notifications = Principal::Service("notifications".to_owned());
        let message = pb::CheckSessionsRequest { sessions };
        let request = request("SignInService/CheckSessions", &notifications, message);
        Ok(self.sign_in_grpc().check_sessions(request).await?.into_inner().alive)
    }

    /// The sessions there are, the oldest first.
    async fn session_keys(&self) -> Vec<pb::SessionKey> {
        let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "SELECT organization_id, session_id FROM sessions ORDER BY create_time, session_id",
        )
        .fetch_all(&self.all)
        .await
        .unwrap();
        rows.into_iter().map(|(organization, session)| key(organization, session)).collect()
    }

    async fn update_guest(&self, message: pb::UpdateGuestProfileRequest) -> Answer<pb::Person> {
        let spaces = Principal::Service("spaces".to_owned());
        let request = request("AccountService/UpdateGuestProfile", &spaces, message);
        Ok(self.account_grpc().update_guest_profile(request).await?.into_inner().person.unwrap())
    }
}

fn key(organization_id: Uuid, session_id: Uuid) -> pb::SessionKey {
    pb::SessionKey { organization_id: organization_id.to_string(), session_id: session_id.to_string() }
}

#[tokio::test]
async fn sessions_of_any_organisation_are_alive_until_they_end_expire_or_lose_their_person() {
    let world = World::new().await;
    world.tenant("acme").await;
    world.tenant("globex").await;
    world.signed_in().await;
    world.sign_in(("globex", "ada@globex.example", PASSWORD)).await.unwrap();
    world.signed_in().await;
    let all = world.session_keys().await;
    assert_eq!(all.len(), 3);
    let mut alive = world.check(all.clone()).await.unwrap();
    alive.sort_by_key(|key| all.iter().position(|other| other == key));
    assert_eq!(alive, all);
    let elsewhere = pb::SessionKey { organization_id: all[1].organization_id.clone(), ..all[0].clone() };
    let unknown = key(Uuid::max(), Uuid::max());
    assert!(world.check(vec![elsewhere, unknown]).await.unwrap().is_empty());
    for (end, back) in [
        ("UPDATE sessions SET revoke_time = now()", "UPDATE sessions SET revoke_time = NULL"),
        (
            "UPDATE sessions SET expire_time = now()",
            "UPDATE sessions SET expire_time = now() + interval '1 hour'",
        ),
        (
            "UPDATE sessions SET last_use_time = now() - interval '90 days'",
            "UPDATE sessions SET last_use_time = now()",
        ),
        ("UPDATE people SET deactivate_time = now()", "UPDATE people SET deactivate_time = NULL"),
    ] {
        world.sql(end).await;
        assert!(world.check(all.clone()).await.unwrap().is_empty(), "{end}");
        world.sql(back).await;
        assert_eq!(world.check(all.clone()).await.unwrap().len(), 3, "{back}");
    }
}

#[tokio::test]
async fn a_thousand_sessions_are_checked_at_once_and_no_more() {
    let world = World::new().await;
    let many = |count: u128| (0..count).map(|n| key(Uuid::from_u128(n % 100), Uuid::from_u128(n))).collect();
    assert!(world.check(many(1_000)).await.unwrap().is_empty());
    assert_names(world.check(many(1_001)).await, "sessions");
    let bad = pb::SessionKey { organization_id: "7".to_owned(), session_id: String::new() };
    assert_names(world.check(vec![bad.clone()]).await, "sessions[0].organization_id");
    assert_names(world.check(vec![bad]).await, "sessions[0].session_id");
}

fn change(of: &Tenant, user_id: &str) -> pb::UpdateGuestProfileRequest {
    pb::UpdateGuestProfileRequest {
        organization_id: of.id.clone(),
        user_id: user_id.to_owned(),
        update_mask: Some(prost_types::FieldMask {
            paths: ["display_name", "company", "time_zone"].map(str::to_owned).to_vec(),
        }),
        display_name: "Gus Guest".to_owned(),
        company: "Outside Ltd".to_owned(),
        time_zone: "Europe/Zurich".to_owned(),
        job_title: "not named in the mask".to_owned(),
        ..pb::UpdateGuestProfileRequest::default()
    }
}

#[tokio::test]
async fn a_guests_profile_is_filled_in_for_them_and_the_others_are_told() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let gus = world.guest(&acme, "gus@outside.example").await;
    let changed = world.update_guest(change(&acme, &gus.user_id)).await.unwrap();
    let expected = pb::Person {
        display_name: "Gus Guest".to_owned(),
        company: "Outside Ltd".to_owned(),
        time_zone: "Europe/Zurich".to_owned(),
        ..gus.clone()
    };
    assert_eq!(changed, expected);
    world.update_guest(change(&acme, &gus.user_id)).await.unwrap();
    let events = world.events::<PersonUpdated>().await;
    assert_eq!(events.len(), 1, "the same again changes nothing");
    assert_eq!(events[0].2.person, Some(expected));
}

#[tokio::test]
async fn only_the_profile_of_a_guest_who_has_a_way_in_is_changed_by_others() {
    let world = World::new().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    let gus = world.guest(&acme, "gus@outside.example").await;
    let member = world.update_guest(change(&acme, &acme.admin_id)).await;
    assert_refused(member, Code::FailedPrecondition, "NOT_A_GUEST");
    for nobody in [change(&globex, &gus.user_id), change(&acme, &Uuid::max().to_string())] {
        assert_refused(world.update_guest(nobody).await, Code::NotFound, "PERSON_NOT_FOUND");
    }
    let bad = |edit: fn(&mut pb::UpdateGuestProfileRequest)| {
        let mut message = change(&acme, &gus.user_id);
        edit(&mut message);
        world.update_guest(message)
    };
    assert_names(bad(|message| message.display_name = "é".repeat(256)).await, "display_name");
    assert_names(bad(|message| message.display_name = String::new()).await, "display_name");
    assert_names(bad(|message| message.company = "a\u{202e}b".to_owned()).await, "company");
    assert_names(bad(|message| message.time_zone = "Europe/Nowhere".to_owned()).await, "time_zone");
    assert_names(bad(|message| message.user_id = "7".to_owned()).await, "user_id");
    assert_names(bad(|message| message.update_mask = None).await, "update_mask");
    assert!(world.events::<PersonUpdated>().await.is_empty());
    world.sql("UPDATE people SET deactivate_time = now() WHERE kind = 'GUEST'").await;
    assert_refused(world.update_guest(change(&acme, &gus.user_id)).await, Code::NotFound, "PERSON_NOT_FOUND");
}

fn named(of: &Tenant, addresses: &[&str], names: &[(&str, &str)]) -> pb::ResolveAddressesRequest {
    let name = |(address, name): &(&str, &str)| pb::GuestName {
        email_address: (*address).to_owned(),
        display_name: (*name).to_owned(),
    };
    pb::ResolveAddressesRequest {
        organization_id: of.id.clone(),
        email_addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
        user_ids: Vec::new(),
        create_missing_guests: true,
        guest_names: names.iter().map(name).collect(),
    }
}

#[tokio::test]
async fn guests_who_are_created_are_called_what_the_inviter_says_and_the_others_keep_their_names() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.resolve(named(&acme, &["old@o.example"], &[])).await.unwrap();
    let addresses = ["new@o.example", "old@o.example", "none@o.example", ADMIN_ADDRESS];
    let names =
        [("NEW@o.example", "New \u{1f6d2} Guest"), ("old@o.example", "Mallory"), (ADMIN_ADDRESS, "Mallory")];
    let people = world.resolve(named(&acme, &addresses, &names)).await.unwrap();
    let name_of = |address: &str| {
        people.iter().find(|person| person.email_address == address).unwrap().display_name.clone()
    };
    assert_eq!(addresses.map(name_of), ["New \u{1f6d2} Guest", "", "", "Ada Admin"]);
    let told: Vec<_> = world.events::<GuestCreated>().await;
    let names: Vec<_> = told.into_iter().map(|(_, _, event)| event.person.unwrap().display_name).collect();
    assert_eq!(names.len(), 3);
    assert!(names.contains(&"New \u{1f6d2} Guest".to_owned()));
}

#[tokio::test]
async fn names_of_guests_are_taken_within_their_limits_and_named_beyond() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let resolve = |names: &[(&str, &str)]| world.resolve(named(&acme, &["a@o.example"], names));
    assert!(resolve(&[("a@o.example", &"é".repeat(255))]).await.is_ok());
    for bad in ["é".repeat(256), String::new(), "a\r\nBcc: b".to_owned()] {
        assert_names(resolve(&[("a@o.example", &bad)]).await, "guest_names[0].display_name");
    }
    assert_names(resolve(&[("b@o.example", "B")]).await, "guest_names[0].email_address");
    assert_names(resolve(&[("nonsense", "B")]).await, "guest_names[0].email_address");
    let twice = [("a@o.example", "A"), ("A@o.example", "B")];
    assert_names(resolve(&twice).await, "guest_names[1].email_address");
    let many = [("a@o.example", "A"); 201];
    assert_names(resolve(&many).await, "guest_names");
}
