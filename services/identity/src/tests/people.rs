//! `OrganizationService`: members and guests; `AccountService`.

use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::organization_service_server::OrganizationService;
use tokio::task::JoinSet;
use tonic::Code;

use super::world::*;

fn member(address: &str, name: &str) -> pb::NewMember {
    pb::NewMember {
        email_address: address.to_owned(),
        display_name: name.to_owned(),
        ..pb::NewMember::default()
    }
}

fn wanted(of: &Tenant, addresses: &[&str]) -> pb::ResolveAddressesRequest {
    pb::ResolveAddressesRequest {
        organization_id: of.id.clone(),
        email_addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
        user_ids: Vec::new(),
        create_missing_guests: false,
        guest_names: Vec::new(),
    }
}

#[tokio::test]
async fn create_member_makes_a_member_in_the_organisations_language_unless_another_is_given() {
    let world = World::new().await;
    let french = pb::CreateOrganizationRequest { locale: "fr".to_owned(), ..new_organization("acme") };
    let founded = world.found(french).await.unwrap();
    let acme = Tenant {
        id: founded.organization.unwrap().organization_id,
        admin_id: founded.admin.unwrap().user_id,
    };
    let made = world.create_member(&acme, member(" Mia@ACME.example ", "Mia")).await.unwrap();
    assert_eq!((made.email_address.as_str(), made.locale.as_str()), ("mia@acme.example", "fr"));
    assert_eq!(made.role(), pb::Role::Member);
    let english = pb::NewMember { locale: "en".to_owned(), ..member("max@acme.example", "Max") };
    assert_eq!(world.create_member(&acme, english).await.unwrap().locale, "en");
}

#[tokio::test]
async fn create_member_refuses_an_address_of_a_member_or_a_guest_however_it_is_written() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.guest(&acme, "gus@outside.example").await;
    for taken in ["Ada@Acme.Example", "GUS@outside.example"] {
        let answer = world.create_member(&acme, member(taken, "Other")).await;
        assert_refused(answer, Code::AlreadyExists, "ADDRESS_TAKEN");
    }
    let globex = world.tenant("globex").await;
    assert!(world.create_member(&globex, member(ADMIN_ADDRESS, "Ada too")).await.is_ok());
}

#[tokio::test]
async fn create_member_names_each_field_that_breaks_a_rule() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let with = |password: &str| pb::NewMember {
        password: password.to_owned(),
        ..member("wilhelmina.featherstone@acme.example", "Wilhelmina Featherstone")
    };
    assert_names(world.create_member(&acme, member("nonsense", "Mia")).await, "member.email_address");
    assert_names(world.create_member(&acme, member("mia@acme.example", "")).await, "member.display_name");
    assert_names(world.create_member(&acme, with(&"x".repeat(129))).await, "member.password");
    assert_names(world.create_member(&acme, with("FeatherstoneWilhelmina")).await, "member.password");
    let role = pb::CreateMemberRequest { member: Some(member("mia@acme.example", "Mia")), role: 9 };
    let request = request("OrganizationService/CreateMember", &acme.admin(), role);
    assert_names(world.organization_grpc().create_member(request).await, "role");
    assert_eq!(world.count("people").await, 1);
    assert!(world.create_member(&acme, with(PASSWORD)).await.is_ok());
}

#[tokio::test]
async fn list_members_goes_through_members_by_name_and_leaves_guests_out() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    for (address, name) in
        [("z@a.example", "zoe"), ("b@a.example", "Bob"), ("b2@a.example", "Bob"), ("e@a.example", "Élan")]
    {
        world.create_member(&acme, member(address, name)).await.unwrap();
    }
    world.guest(&acme, "aaa@outside.example").await;
    let (mut names, mut ids, mut page_token) = (Vec::new(), HashSet::new(), String::new());
    loop {
        let message = pb::ListMembersRequest { page_size: 2, page_token };
        let request = request("OrganizationService/ListMembers", &acme.admin(), message);
        let page = world.organization_grpc().list_members(request).await.unwrap().into_inner();
        assert!(page.members.len() <= 2);
        for member in page.members {
            names.push(member.display_name);
            ids.insert(member.user_id);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["Ada Admin", "Bob", "Bob", "zoe", "Élan"]);
    assert_eq!(ids.len(), 5);
    let bad = pb::ListMembersRequest { page_size: 101, page_token: String::new() };
    let request = request("OrganizationService/ListMembers", &acme.admin(), bad);
    assert_names(world.organization_grpc().list_members(request).await, "page_size");
}

#[tokio::test]
async fn resolve_addresses_finds_by_address_and_id_and_leaves_out_the_unknown() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let guest = world.guest(&acme, "gus@outside.example").await;
    let mut both = wanted(&acme, &["ADA@acme.example", "nobody@outside.example"]);
    both.user_ids = vec![guest.user_id.clone(), Uuid::nil().to_string()];
    let found = world.resolve(both).await.unwrap();
    let found: Vec<_> = found.iter().map(|person| (person.user_id.as_str(), person.kind())).collect();
    assert_eq!(found.len(), 2);
    assert!(found.contains(&(acme.admin_id.as_str(), pb::PersonKind::Member)));
    assert!(found.contains(&(guest.user_id.as_str(), pb::PersonKind::Guest)));
    assert_eq!(world.count("people").await, 2);
}

#[tokio::test]
async fn resolve_addresses_gives_each_unknown_address_one_guest_however_many_ask_at_once() {
    let world = Arc::new(World::new().await);
    let acme = world.tenant("acme").await;
    let mut calls = JoinSet::new();
    for turn in 0..16 {
        let mut addresses = ["a@o.example", "b@o.example", "A@O.example", ADMIN_ADDRESS];
        addresses.rotate_left(turn % 4);
        let mut wanted = wanted(&acme, &addresses);
        wanted.create_missing_guests = true;
        let world = Arc::clone(&world);
        calls.spawn(async move { world.resolve(wanted).await.unwrap() });
    }
    let mut ids = HashSet::new();
    for people in calls.join_all().await {
        assert_eq!(people.len(), 3);
        ids.extend(people.into_iter().map(|person| person.user_id));
    }
    assert_eq!(ids.len(), 3);
    assert_eq!(world.count("people").await, 3);
    assert_eq!(world.count("outbox WHERE routing_key = 'identity.guest.created.v1'").await, 2);
}

#[tokio::test]
async fn resolve_addresses_takes_200_of_each_and_names_what_is_beyond_or_bad() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let many = |count: usize| pb::ResolveAddressesRequest {
        email_addresses: (0..count).map(|at| format!("g{at}@outside.example")).collect(),
        user_ids: (0..count).map(|_| Uuid::nil().to_string()).collect(),
        create_missing_guests: true,
        guest_names: Vec::new(),
        ..wanted(&acme, &[])
    };
    assert_eq!(world.resolve(many(200)).await.unwrap().len(), 200);
    assert_names(world.resolve(many(201)).await, "email_addresses");
    assert_names(world.resolve(many(201)).await, "user_ids");
    let mut bad = wanted(&acme, &["new@outside.example", "nonsense"]);
    bad.create_missing_guests = true;
    assert_names(world.resolve(bad).await, "email_addresses[1]");
    let bad = pb::ResolveAddressesRequest { user_ids: vec!["7".to_owned()], ..wanted(&acme, &[]) };
    assert_names(world.resolve(bad).await, "user_ids[0]");
    let bad = pb::ResolveAddressesRequest { organization_id: String::new(), ..wanted(&acme, &[]) };
    assert_names(world.resolve(bad).await, "organization_id");
    assert_eq!(world.count("people").await, 201);
    let nowhere =
        pb::ResolveAddressesRequest { organization_id: Uuid::max().to_string(), ..wanted(&acme, &[]) };
    assert_refused(world.resolve(nowhere).await, Code::NotFound, "ORGANIZATION_NOT_FOUND");
}

#[tokio::test]
async fn get_profile_returns_the_caller_until_they_are_deactivated() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let profile = world.profile(&acme.admin()).await.unwrap();
    assert_eq!((profile.user_id, profile.display_name.as_str()), (acme.admin_id.clone(), "Ada Admin"));
    world.sql("UPDATE people SET deactivate_time = now()").await;
    assert_refused(world.profile(&acme.admin()).await, Code::NotFound, "PERSON_NOT_FOUND");
}
