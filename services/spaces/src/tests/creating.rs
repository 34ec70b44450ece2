//! Creating, reading and changing spaces.

use crate::permission::Viewer;
use crate::space::{Address, CrmTarget, SpaceChange, SpaceError};
use service_kit::caller::{Call, Caller, CallerKind};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use uuid::Uuid;

use super::peers::LOGO_ID;
use super::world::{Service, new_space};

async fn create(service: &Service, call: &Call, title: &str) -> Result<pb::Space, SpaceError> {
    let created: pb::CreateSpaceResponse = service.spaces.create(call, new_space(title)).await?;
    Ok(created.space.unwrap())
}

fn id_of(space: &pb::Space) -> service_kit::ids::SpaceId {
    Uuid::parse_str(&space.space_id).unwrap().into()
}

#[tokio::test]
async fn a_space_is_read_as_it_was_created_and_its_event_waits_in_the_outbox() {
    let service = Service::start().await;
    let member = service.member_of_new_organization(true).await;
    let space = create(&service, &testkit::call(&member), "Contoso").await.unwrap();
    let view = service.spaces.get(&member, id_of(&space)).await.unwrap();
    assert_eq!(pb::Space::from(view), space);
    assert!(space.url.starts_with("https://rooms.example/acme/"), "{}", space.url);
    assert_eq!(messaging::backlog(service.database.database.pool()).await.unwrap().outbox, 1);
}

#[tokio::test]
async fn create_space_refuses_a_taken_address_and_leaves_nothing() {
    let service = Service::start().await;
    let member = service.member_of_new_organization(true).await;
    let mut taken = new_space("First");
    taken.space.address = Some(Address::chosen(&mut Violations::default(), "address", "deal"));
    let call = testkit::call(&member);
    let _first: pb::CreateSpaceResponse = service.spaces.create(&call, taken.clone()).await.unwrap();
    let refused = service.spaces.create::<pb::CreateSpaceResponse>(&call, taken.clone()).await.unwrap_err();
    assert!(matches!(refused, SpaceError::AddressTaken));
    assert_eq!(messaging::backlog(service.database.database.pool()).await.unwrap().outbox, 1);
    let other = service.member_of_new_organization(true).await;
    let elsewhere: Result<pb::CreateSpaceResponse, _> =
        service.spaces.create(&testkit::call(&other), taken).await;
    elsewhere.expect("an address is taken within its organisation only");
}

#[tokio::test]
async fn a_crm_log_needs_the_plan_and_the_organisation_must_be_known() {
    let service = Service::start().await;
    let plus = service.member_of_new_organization(false).await;
    let mut logged = new_space("Logged");
    logged.crm_target = Some(CrmTarget {
        connection_id: Uuid::nil(),
        is_opportunity: false,
        record_id: "001".to_owned(),
        record_name: String::new(),
    });
    let refused = service.spaces.create::<pb::CreateSpaceResponse>(&testkit::call(&plus), logged).await;
    assert!(matches!(refused, Err(SpaceError::PlanRequired)));
    let unknown = testkit::caller(CallerKind::Member);
    let refused = create(&service, &testkit::call(&unknown), "Early").await.unwrap_err();
    assert!(matches!(refused, SpaceError::OrganizationNotReady));
}

#[tokio::test]
async fn nobody_sees_a_space_they_take_no_part_in_not_even_with_the_query_for_all() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space = create(&service, &testkit::call(&owner), "Secret").await.unwrap();
    let colleague = testkit::caller_of(owner.organization_id, CallerKind::Member);
    let foreign = service.member_of_new_organization(true).await;
    for stranger in [&colleague, &foreign] {
        let refused = service.spaces.get(stranger, id_of(&space)).await.unwrap_err();
        assert!(matches!(refused, SpaceError::NotFound));
        let access = service.spaces.check_access(Viewer::from(stranger), id_of(&space)).await.unwrap();
        assert!(access.is_empty());
    }
    let seen: i64 = service
        .database
        .database
        .read(foreign.organization_id, |tx| {
            Box::pin(async move {
                let seen = sqlx::query_scalar("SELECT count(*) FROM spaces").fetch_one(tx).await?;
                Ok::<_, service_kit::error::CommonError>(seen)
            })
        })
        .await
        .unwrap();
    assert_eq!(seen, 0, "row-level security holds where a query forgets the tenant");
}

#[tokio::test]
async fn two_editors_lose_nothing_silently() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let call = testkit::call(&owner);
    let space = create(&service, &call, "Before").await.unwrap();
    let change = |title: &str| SpaceChange {
        title: Some(title.to_owned()),
        version: space.etag.parse().ok(),
        ..SpaceChange::default()
    };
    let first: pb::UpdateSpaceResponse =
        service.spaces.update(&call, id_of(&space), change("First")).await.unwrap();
    let second =
        service.spaces.update::<pb::UpdateSpaceResponse>(&call, id_of(&space), change("Second")).await;
    assert!(matches!(second, Err(SpaceError::Changed)));
    assert_eq!(service.spaces.get(&owner, id_of(&space)).await.unwrap().view.space.title, "First");
    assert_ne!(first.space.unwrap().etag, space.etag);
}

#[tokio::test]
async fn a_logo_is_shown_only_if_assets_has_it_for_the_space() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let call = testkit::call(&owner);
    let space = create(&service, &call, "Logo").await.unwrap();
    let unknown =
        service.spaces.set_logo::<pb::SetCustomerLogoResponse>(&call, id_of(&space), Uuid::nil()).await;
    assert!(matches!(unknown, Err(SpaceError::LogoNotFound)));
    let set: pb::SetCustomerLogoResponse =
        service.spaces.set_logo(&call, id_of(&space), LOGO_ID).await.unwrap();
    let logo = set.space.unwrap().customer_logo.unwrap();
    assert_eq!((logo.width_px, logo.height_px), (30, 20));
}

/// A call as it comes over the wire with an idempotency key.
fn keyed(caller: &Caller, key: &str, title: &str) -> Call {
    let mut request = tonic::Request::new(pb::CreateSpaceRequest {
        title: title.to_owned(),
        ..pb::CreateSpaceRequest::default()
    });
    request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
    request.extensions_mut().insert(service_kit::caller::Principal::Person(caller.clone()));
    let path = "/sharedspaces.spaces.v1.SpaceService/CreateSpace";
    request.extensions_mut().insert(sharedspaces_proto::find_method_rule(path).unwrap());
    Call::of(&request).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_calls_with_one_key_have_one_effect_and_one_answer() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (spaces, call) = (service.spaces.clone(), keyed(&owner, "key-1", "Once"));
        calls.spawn(async move {
            let answer: pb::CreateSpaceResponse = spaces.create(&call, new_space("Once")).await.unwrap();
            prost::Message::encode_to_vec(&answer)
        });
    }
    let answers: std::collections::HashSet<_> = calls.join_all().await.into_iter().collect();
    assert_eq!(answers.len(), 1);
    assert_eq!(messaging::backlog(service.database.database.pool()).await.unwrap().outbox, 1);

    let other = keyed(&owner, "key-1", "Another");
    let refused = service.spaces.create::<pb::CreateSpaceResponse>(&other, new_space("Another")).await;
    let status = tonic::Status::from(refused.unwrap_err());
    assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status}");
    let another = testkit::caller_of(owner.organization_id, CallerKind::Member);
    let theirs = keyed(&another, "key-1", "Theirs");
    let theirs: Result<pb::CreateSpaceResponse, _> =
        service.spaces.create(&theirs, new_space("Theirs")).await;
    theirs.expect("a key belongs to its caller");
}
