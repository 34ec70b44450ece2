//! `AccountService`: profiles.

use service_kit::caller::{CallerKind, Principal};
use sharedspaces_proto::identity::events::v1::PersonUpdated;
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::account_service_server::AccountService;
use tonic::Code;
use uuid::Uuid;

use super::world::*;

fn full(fields: &[&str]) -> pb::UpdateProfileRequest {
    pb::UpdateProfileRequest {
        update_mask: Some(prost_types::FieldMask {
            paths: fields.iter().map(|&field| field.to_owned()).collect(),
        }),
        display_name: "Gus Guest".to_owned(),
        job_title: "Head of \u{1f6d2} buying".to_owned(),
        company: "Outside Ltd".to_owned(),
        phone: "+41 (0)44 123.45-67/8".to_owned(),
        locale: "de".to_owned(),
        time_zone: "Europe/Zurich".to_owned(),
    }
}

const ALL: &[&str] = &["display_name", "job_title", "company", "phone", "locale", "time_zone"];

async fn update(world: &World, who: &Principal, message: pb::UpdateProfileRequest) -> Answer<pb::Person> {
    let request = request("AccountService/UpdateProfile", who, message);
    Ok(world.account_grpc().update_profile(request).await?.into_inner().person.unwrap())
}

async fn guest_of(world: &World, acme: &Tenant) -> Principal {
    let guest = world.guest(acme, "gus@outside.example").await;
    person(&acme.id, &guest.user_id, CallerKind::Guest, Uuid::nil())
}

#[tokio::test]
async fn people_fill_in_and_correct_their_profile_and_the_others_are_told() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let gus = guest_of(&world, &acme).await;
    let filled = update(&world, &gus, full(ALL)).await.unwrap();
    assert_eq!(filled.job_title, "Head of \u{1f6d2} buying");
    assert_eq!((filled.company.as_str(), filled.time_zone.as_str()), ("Outside Ltd", "Europe/Zurich"));
    assert_eq!((filled.phone.as_str(), filled.locale.as_str()), ("+41 (0)44 123.45-67/8", "de"));
    assert_eq!(world.profile(&gus).await.unwrap(), filled);
    assert_eq!(update(&world, &gus, full(ALL)).await.unwrap(), filled, "the same again changes nothing");
    let emptied = pb::UpdateProfileRequest { phone: String::new(), ..full(&["phone"]) };
    let emptied = update(&world, &gus, emptied).await.unwrap();
    assert_eq!((emptied.phone.as_str(), emptied.company.as_str()), ("", "Outside Ltd"));
    let events = world.events::<PersonUpdated>().await;
    assert_eq!(events.iter().map(|(_, version, _)| *version).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(events[0].2.person, Some(filled));
    let wanted = pb::ResolveAddressesRequest {
        organization_id: acme.id.clone(),
        email_addresses: vec!["gus@outside.example".to_owned()],
        ..pb::ResolveAddressesRequest::default()
    };
    assert_eq!(world.resolve(wanted).await.unwrap(), [emptied]);
}

#[tokio::test]
async fn each_field_of_a_profile_is_taken_at_its_limit_and_refused_beyond() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let admin = acme.admin();
    let with = |field: &str, value: &str| {
        let mut message = full(&[field]);
        let place = match field {
            "display_name" => &mut message.display_name,
            "job_title" => &mut message.job_title,
            "company" => &mut message.company,
            "phone" => &mut message.phone,
            "locale" => &mut message.locale,
            _ => &mut message.time_zone,
        };
        value.clone_into(place);
        message
    };
    for field in ["display_name", "job_title", "company"] {
        assert!(update(&world, &admin, with(field, &"é".repeat(255))).await.is_ok(), "{field}");
        assert_names(update(&world, &admin, with(field, &"é".repeat(256))).await, field);
        assert_names(update(&world, &admin, with(field, "a\nb")).await, field);
    }
    assert!(update(&world, &admin, with("phone", &"1".repeat(255))).await.is_ok());
    for bad in ["1".repeat(256), "ext 5".to_owned()] {
        assert_names(update(&world, &admin, with("phone", &bad)).await, "phone");
    }
    for good in ["", "UTC", "America/Argentina/Buenos_Aires", "Europe/Zurich"] {
        assert!(update(&world, &admin, with("time_zone", good)).await.is_ok(), "{good}");
    }
    let long = "x".repeat(256);
    for bad in ["Europe/Nowhere", "FOO+3", "posix/UTC", "localtime", "Europe/Zurich'", long.as_str()] {
        assert_names(update(&world, &admin, with("time_zone", bad)).await, "time_zone");
    }
    assert_names(update(&world, &admin, with("display_name", "")).await, "display_name");
    assert_names(update(&world, &admin, with("locale", "")).await, "locale");
    assert_names(update(&world, &admin, full(&[])).await, "update_mask");
    assert_names(update(&world, &admin, full(&["email_address"])).await, "update_mask");
}

#[tokio::test]
async fn a_profile_tells_whether_there_is_a_password_and_nothing_once_the_way_in_is_taken() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let gus = guest_of(&world, &acme).await;
    for (who, expected) in [(acme.admin(), true), (gus.clone(), false)] {
        let request = request("AccountService/GetProfile", &who, pb::GetProfileRequest {});
        let profile = world.account_grpc().get_profile(request).await.unwrap().into_inner();
        assert_eq!(profile.has_password, expected);
    }
    world.sql("UPDATE people SET deactivate_time = now() WHERE kind = 'GUEST'").await;
    assert_refused(update(&world, &gus, full(ALL)).await, Code::NotFound, "PERSON_NOT_FOUND");
}
