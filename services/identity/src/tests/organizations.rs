//! `OrganizationService`: organisations.

use prost::Message;
use ring::digest::{SHA256, digest};
use sharedspaces_proto::identity::events::v1::{MemberCreated, OrganizationCreated, OrganizationUpdated};
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

fn update(fields: &[&str]) -> pb::UpdateOrganizationRequest {
    pb::UpdateOrganizationRequest {
        update_mask: Some(prost_types::FieldMask {
            paths: fields.iter().map(|&field| field.to_owned()).collect(),
        }),
        display_name: "New".to_owned(),
        locale: "de".to_owned(),
        sign_in_mode: pb::SignInMode::Guided.into(),
        password_min_length: 12,
        etag: String::new(),
    }
}

async fn change(
    world: &World,
    of: &Tenant,
    message: pb::UpdateOrganizationRequest,
) -> Answer<pb::Organization> {
    let request = request("OrganizationService/UpdateOrganization", &of.admin(), message);
    Ok(world.organization_grpc().update_organization(request).await?.into_inner().organization.unwrap())
}

#[tokio::test]
async fn update_organization_changes_what_the_mask_names_and_tells_the_others_with_a_rising_version() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let globex = world.tenant("globex").await;
    world.clock.advance(std::time::Duration::from_secs(60));
    let first = change(&world, &acme, update(&["locale", "password_min_length"])).await.unwrap();
    assert_eq!((first.display_name.as_str(), first.locale.as_str()), ("acme Inc.", "de"));
    assert_eq!((first.sign_in_mode(), first.password_min_length), (pb::SignInMode::VerifyFirst, 12));
    assert!(first.update_time.unwrap().seconds > first.create_time.unwrap().seconds);
    let second = change(&world, &acme, update(&["display_name", "sign_in_mode"])).await.unwrap();
    assert_eq!((second.display_name.as_str(), second.sign_in_mode()), ("New", pb::SignInMode::Guided));
    let same = change(&world, &acme, update(&["display_name"])).await.unwrap();
    assert_eq!(same, second, "what is as wanted already stays as it is");

    let events = world.events::<OrganizationUpdated>().await;
    let versions: Vec<_> = events.iter().map(|(id, version, _)| (id.to_string(), *version)).collect();
    assert_eq!(versions, [(acme.id.clone(), 2), (acme.id.clone(), 3)]);
    assert_eq!(events[1].2.organization, Some(second));
    let get = request("OrganizationService/GetOrganization", &globex.admin(), pb::GetOrganizationRequest {});
    let other = world.organization_grpc().get_organization(get).await.unwrap().into_inner();
    assert_eq!(other.organization.unwrap().display_name, "globex Inc.");
}

#[tokio::test]
async fn update_organization_refuses_an_etag_that_is_not_the_newest() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let named = |etag: &str, name: &str| pb::UpdateOrganizationRequest {
        etag: etag.to_owned(),
        display_name: name.to_owned(),
        ..update(&["display_name"])
    };
    let first = change(&world, &acme, named("", "One")).await.unwrap();
    let second = change(&world, &acme, named(&first.etag, "Two")).await.unwrap();
    assert_ne!(first.etag, second.etag);
    for stale in [first.etag.as_str(), "nonsense"] {
        let answer = change(&world, &acme, named(stale, "Three")).await;
        assert_refused(answer, Code::Aborted, "ORGANIZATION_CHANGED");
    }
    assert_eq!(world.count("organizations WHERE display_name = 'Two'").await, 1);
}

#[tokio::test]
async fn update_organization_names_each_field_that_breaks_a_rule_and_takes_each_at_its_limit() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let with = |field: &str, spoil: fn(&mut pb::UpdateOrganizationRequest)| {
        let mut message = update(&[field]);
        spoil(&mut message);
        message
    };
    for (field, message) in [
        ("update_mask", update(&[])),
        ("update_mask", update(&["plan"])),
        ("update_mask", update(&["display_name", "slug"])),
        ("display_name", with("display_name", |new| new.display_name = String::new())),
        ("display_name", with("display_name", |new| new.display_name = "x".repeat(256))),
        ("locale", with("locale", |new| new.locale = "it".to_owned())),
        ("sign_in_mode", with("sign_in_mode", |new| new.sign_in_mode = 0)),
        ("password_min_length", with("password_min_length", |new| new.password_min_length = 11)),
        ("password_min_length", with("password_min_length", |new| new.password_min_length = 65)),
    ] {
        assert_names(change(&world, &acme, message).await, field);
    }
    assert!(world.events::<OrganizationUpdated>().await.is_empty());
    for length in [12, 64] {
        let mut message = update(&["password_min_length", "display_name"]);
        message.password_min_length = length;
        message.display_name = "é".repeat(255);
        assert_eq!(change(&world, &acme, message).await.unwrap().password_min_length, length);
    }
}

#[tokio::test]
async fn links_of_an_organisation_lead_to_its_own_address_where_it_has_one() {
    let world = World::new().await;
    let own = pb::CreateOrganizationRequest {
        base_url: "https://rooms.acme.example".to_owned(),
        ..new_organization("acme")
    };
    let founded = world.found(own).await.unwrap();
    assert_eq!(founded.organization.unwrap().base_url, "https://rooms.acme.example");
    let bad = pb::CreateOrganizationRequest {
        base_url: "http://rooms.acme.example".to_owned(),
        ..new_organization("globex")
    };
    assert_names(world.found(bad).await, "base_url");
}

#[tokio::test]
async fn the_built_in_notice_is_there_in_each_language() {
    let world = World::new().await;
    let german = pb::CreateOrganizationRequest { locale: "de".to_owned(), ..new_organization("acme") };
    world.found(german).await.unwrap();
    for (asked, expected) in [("", "de"), ("de", "de"), ("en", "en"), ("fr", "fr")] {
        let notice = world.notice("acme", asked).await.unwrap();
        assert_eq!(notice.locale, expected);
        assert!(notice.text.contains("acme Inc."));
    }
    assert!(world.notice("acme", "de").await.unwrap().text.starts_with("Datenschutzhinweis von acme Inc."));
}
