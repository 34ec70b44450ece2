//! `OrganizationService`: organisations.

use prost::Message;
use ring::digest::{SHA256, digest};
use sharedspaces_proto::identity::events::v1::{MemberCreated, OrganizationCreated};
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::organization_service_server::OrganizationService;
use tonic::Code;
use uuid::Uuid;

use super::world::*;

#[tokio::test]
async fn create_organization_makes_the_organisation_its_admin_its_notices_and_both_events() {
    let world = World::new().await;
    let founded = world.found(new_organization("acme")).await.unwrap();
    let (organization, admin) = (founded.organization.unwrap(), founded.admin.unwrap());
    assert_eq!(organization.slug, "acme");
    assert_eq!(organization.plan(), pb::Plan::Ultimate);
    assert_eq!(organization.base_url, "https://share.example");
    assert_eq!((admin.role(), admin.locale.as_str()), (pb::Role::Admin, "en"));
    assert_eq!(admin.email_address, ADMIN_ADDRESS);
    assert_eq!(world.count("privacy_notices").await, 3);

    let events: Vec<(String, Uuid, i64, Vec<u8>)> =
        sqlx::query_as("SELECT routing_key, aggregate_id, aggregate_version, body FROM outbox ORDER BY id")
            .fetch_all(&world.all)
            .await
            .unwrap();
    assert_eq!(events.len(), 2);
    let (key, aggregate, version, body) = &events[0];
    assert_eq!((key.as_str(), *version), ("identity.organization.created.v1", 1));
    assert_eq!(aggregate.to_string(), organization.organization_id);
    assert_eq!(
        OrganizationCreated::decode(body.as_slice()).unwrap().organization,
        Some(organization.clone())
    );
    let (key, aggregate, version, body) = &events[1];
    assert_eq!((key.as_str(), *version), ("identity.member.created.v1", 1));
    assert_eq!(aggregate.to_string(), admin.user_id);
    let event = MemberCreated::decode(body.as_slice()).unwrap();
    assert_eq!(event.organization_id, organization.organization_id);
    assert_eq!(event.person.unwrap().kind(), pb::PersonKind::Member);
}

#[tokio::test]
async fn create_organization_refuses_a_taken_slug_and_changes_nothing() {
    let world = World::new().await;
    world.tenant("acme").await;
    let again =
        pb::CreateOrganizationRequest { display_name: "Other".to_owned(), ..new_organization("acme") };
    assert_refused(world.found(again).await, Code::AlreadyExists, "SLUG_TAKEN");
    assert_eq!(world.count("organizations").await, 1);
    assert_eq!(world.count("outbox").await, 2);
}

#[tokio::test]
async fn create_organization_gives_the_same_bytes_for_the_same_key_and_refuses_another_request_under_it() {
    let world = World::new().await;
    let grpc = world.organization_grpc();
    let create = async |new: pb::CreateOrganizationRequest| {
        let request = request("OrganizationService/CreateOrganization", &operator(), new);
        Ok(grpc.create_organization(keyed(request, "k1")).await?.into_inner())
    };
    let first = create(new_organization("acme")).await.unwrap();
    let second = create(new_organization("acme")).await.unwrap();
    assert_eq!(first.encode_to_vec(), second.encode_to_vec());
    assert_eq!(world.count("organizations").await, 1);
    assert_eq!(world.count("outbox").await, 2);

    let mut other_password = new_organization("acme");
    other_password.admin.as_mut().unwrap().password = "another-Walrus-in-March".to_owned();
    for other in [new_organization("globex"), other_password] {
        assert_refused(create(other).await, Code::InvalidArgument, "IDEMPOTENCY_KEY_REUSED");
    }
}

#[tokio::test]
async fn an_idempotency_key_keeps_no_hash_from_which_a_password_could_be_guessed() {
    let world = World::new().await;
    let new = new_organization("acme");
    let guessed = digest(&SHA256, &new.encode_to_vec()).as_ref().to_vec();
    let request = keyed(request("OrganizationService/CreateOrganization", &operator(), new), "k1");
    world.organization_grpc().create_organization(request).await.unwrap();
    let kept: Vec<u8> = sqlx::query_scalar("SELECT request_sha256 FROM idempotency_keys")
        .fetch_one(&world.all)
        .await
        .unwrap();
    assert_ne!(kept, guessed);
}

#[tokio::test]
async fn create_organization_names_each_field_that_breaks_a_rule() {
    let world = World::new().await;
    let change = |change: fn(&mut pb::CreateOrganizationRequest)| {
        let mut new = new_organization("acme");
        change(&mut new);
        new
    };
    let bad = [
        ("slug", change(|new| new.slug = "A".to_owned())),
        ("slug", change(|new| new.slug = "admin".to_owned())),
        ("display_name", change(|new| new.display_name = String::new())),
        ("display_name", change(|new| new.display_name = "x".repeat(256))),
        ("display_name", change(|new| new.display_name = "a\r\nb".to_owned())),
        ("plan", change(|new| new.plan = 0)),
        ("plan", change(|new| new.plan = 99)),
        ("locale", change(|new| new.locale = "it".to_owned())),
        ("admin", change(|new| new.admin = None)),
        ("admin.email_address", change(|new| new.admin.as_mut().unwrap().email_address = "a@b".to_owned())),
        ("admin.display_name", change(|new| new.admin.as_mut().unwrap().display_name = "x".repeat(256))),
        ("admin.locale", change(|new| new.admin.as_mut().unwrap().locale = "xx".to_owned())),
        ("admin.password", change(|new| new.admin.as_mut().unwrap().password = "x".repeat(14))),
        (
            "admin.password",
            change(|new| new.admin.as_mut().unwrap().password = "ada@acme.example".to_owned()),
        ),
    ];
    for (field, new) in bad {
        assert_names(world.found(new).await, field);
    }
    assert_eq!(world.count("organization_slugs").await, 0);
    let all = pb::CreateOrganizationRequest::default();
    let status = world.found(all).await.unwrap_err();
    for field in ["slug", "display_name", "plan", "locale", "admin", "admin.email_address"] {
        assert!(status.message().contains(&format!("{field}: ")), "{field} is not in {:?}", status.message());
    }
    let longest = change(|new| new.display_name = "é".repeat(255));
    assert!(world.found(longest).await.is_ok());
}

#[tokio::test]
async fn get_organization_returns_the_callers_own() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.tenant("globex").await;
    let request =
        request("OrganizationService/GetOrganization", &acme.admin(), pb::GetOrganizationRequest {});
    let answer = world.organization_grpc().get_organization(request).await.unwrap().into_inner();
    assert_eq!(answer.organization.unwrap().organization_id, acme.id);
}
