//! `OrganizationService`: changing members and taking their way in.

use std::sync::Arc;

use service_kit::caller::{CallerKind, Principal};
use sharedspaces_proto::identity::events::v1::PersonUpdated;
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::organization_service_server::OrganizationService;
use tonic::Code;
use uuid::Uuid;

use super::world::*;

fn mask(fields: &[&str]) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: fields.iter().map(|&field| field.to_owned()).collect() })
}

fn role(user_id: &str, role: pb::Role) -> pb::UpdateMemberRequest {
    pb::UpdateMemberRequest {
        user_id: user_id.to_owned(),
        update_mask: mask(&["role"]),
        role: role.into(),
        ..pb::UpdateMemberRequest::default()
    }
}

async fn update(world: &World, by: &Principal, message: pb::UpdateMemberRequest) -> Answer<pb::Member> {
    let request = request("OrganizationService/UpdateMember", by, message);
    Ok(world.organization_grpc().update_member(request).await?.into_inner().member.unwrap())
}

async fn deactivate(world: &World, by: &Principal, user_id: &str) -> Answer<pb::Member> {
    let message = pb::DeactivateMemberRequest { user_id: user_id.to_owned() };
    let request = request("OrganizationService/DeactivateMember", by, message);
    Ok(world.organization_grpc().deactivate_member(request).await?.into_inner().member.unwrap())
}

async fn member(world: &World, of: &Tenant, name: &str) -> pb::Member {
    let new = pb::NewMember {
        email_address: format!("{}@acme.example", name.to_lowercase()),
        display_name: name.to_owned(),
        locale: String::new(),
        password: PASSWORD.to_owned(),
    };
    world.create_member(of, new).await.unwrap()
}

async fn second_admin(world: &World, of: &Tenant) -> (String, Principal) {
    let mia = member(world, of, "Mia").await;
    update(world, &of.admin(), role(&mia.user_id, pb::Role::Admin)).await.unwrap();
    let principal = person(&of.id, &mia.user_id, CallerKind::Admin, Uuid::nil());
    (mia.user_id, principal)
}

#[tokio::test]
async fn update_member_changes_what_the_mask_names_and_tells_the_others_with_a_rising_version() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let mia = member(&world, &acme, "Mia").await;
    let everything = pb::UpdateMemberRequest {
        user_id: mia.user_id.clone(),
        update_mask: mask(&["display_name", "locale", "role"]),
        display_name: "Mia Meyer".to_owned(),
        locale: "de".to_owned(),
        role: pb::Role::Admin.into(),
    };
    let changed = update(&world, &acme.admin(), everything.clone()).await.unwrap();
    assert_eq!((changed.display_name.as_str(), changed.locale.as_str()), ("Mia Meyer", "de"));
    assert_eq!(changed.role(), pb::Role::Admin);
    assert_eq!(update(&world, &acme.admin(), everything.clone()).await.unwrap(), changed);
    let only_name = pb::UpdateMemberRequest {
        update_mask: mask(&["display_name"]),
        display_name: "Mia".to_owned(),
        locale: "fr".to_owned(),
        ..everything
    };
    assert_eq!(update(&world, &acme.admin(), only_name).await.unwrap().locale, "de");
    let events = world.events::<PersonUpdated>().await;
    let versions: Vec<_> = events.iter().map(|(id, version, _)| (id.to_string(), *version)).collect();
    assert_eq!(versions, [(mia.user_id.clone(), 2), (mia.user_id.clone(), 3)]);
    let person = events[0].2.person.clone().unwrap();
    assert_eq!((person.display_name.as_str(), person.locale.as_str()), ("Mia Meyer", "de"));
    assert_eq!(events[0].2.organization_id, acme.id);
}

#[tokio::test]
async fn update_member_and_deactivate_member_know_only_members_of_the_callers_organisation() {
    let world = World::new().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    let guest = world.guest(&acme, "gus@outside.example").await;
    for unknown in [Uuid::nil().to_string(), guest.user_id, globex.admin_id.clone()] {
        let answer = update(&world, &acme.admin(), role(&unknown, pb::Role::Admin)).await;
        assert_refused(answer, Code::NotFound, "MEMBER_NOT_FOUND");
        assert_refused(deactivate(&world, &acme.admin(), &unknown).await, Code::NotFound, "MEMBER_NOT_FOUND");
    }
    assert!(world.events::<PersonUpdated>().await.is_empty());
}

#[tokio::test]
async fn update_member_names_each_field_that_breaks_a_rule() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let base = role(&acme.admin_id, pb::Role::Admin);
    for (field, message) in [
        ("user_id", pb::UpdateMemberRequest { user_id: "7".to_owned(), ..base.clone() }),
        ("update_mask", pb::UpdateMemberRequest { update_mask: None, ..base.clone() }),
        ("update_mask", pb::UpdateMemberRequest { update_mask: mask(&["email_address"]), ..base.clone() }),
        ("role", role(&acme.admin_id, pb::Role::Unspecified)),
        ("display_name", pb::UpdateMemberRequest { update_mask: mask(&["display_name"]), ..base.clone() }),
        (
            "display_name",
            pb::UpdateMemberRequest {
                update_mask: mask(&["display_name"]),
                display_name: "x".repeat(256),
                ..base.clone()
            },
        ),
        ("locale", pb::UpdateMemberRequest { update_mask: mask(&["locale"]), ..base.clone() }),
    ] {
        assert_names(update(&world, &acme.admin(), message).await, field);
    }
    let longest = pb::UpdateMemberRequest {
        update_mask: mask(&["display_name"]),
        display_name: "é".repeat(255),
        ..base
    };
    assert!(update(&world, &acme.admin(), longest).await.is_ok());
}

#[tokio::test]
async fn the_last_admin_keeps_the_role_and_the_way_in() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    member(&world, &acme, "Max").await;
    let own = acme.admin_id.as_str();
    let step_back = update(&world, &acme.admin(), role(own, pb::Role::Member)).await;
    assert_refused(step_back, Code::FailedPrecondition, "LAST_ADMIN");
    let leave = deactivate(&world, &acme.admin(), own).await;
    assert_refused(leave, Code::FailedPrecondition, "LAST_ADMIN");
    let (mia, _) = second_admin(&world, &acme).await;
    deactivate(&world, &acme.admin(), &mia).await.unwrap();
    let step_back = update(&world, &acme.admin(), role(own, pb::Role::Member)).await;
    assert_refused(step_back, Code::FailedPrecondition, "LAST_ADMIN");
    assert_eq!(world.count("people WHERE role = 'ADMIN' AND deactivate_time IS NULL").await, 1);
}

#[tokio::test]
async fn two_admins_who_step_back_or_demote_each_other_at_once_leave_one() {
    let world = Arc::new(World::new().await);
    let acme = world.tenant("acme").await;
    let (mia, mia_principal) = second_admin(&world, &acme).await;
    let ada = acme.admin_id.clone();
    let cases = [(ada.clone(), mia.clone()), (mia.clone(), ada.clone())];
    for round in 0..8 {
        let (by_ada, by_mia) = cases[round % 2].clone();
        let start = |by: Principal, of: String| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { update(&world, &by, role(&of, pb::Role::Member)).await })
        };
        let (one, other) = (start(acme.admin(), by_ada), start(mia_principal.clone(), by_mia));
        let answers = [one.await.unwrap(), other.await.unwrap()];
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        assert_eq!(world.count("people WHERE role = 'ADMIN'").await, 1);
        world.sql("UPDATE people SET role = 'ADMIN'").await;
    }
}

#[tokio::test]
async fn an_admin_whose_role_was_taken_cannot_use_a_token_that_is_still_alive_to_get_it_back() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (mia, mia_principal) = second_admin(&world, &acme).await;
    update(&world, &acme.admin(), role(&mia, pb::Role::Member)).await.unwrap();
    let again = update(&world, &mia_principal, role(&mia, pb::Role::Admin)).await;
    assert_refused(again, Code::PermissionDenied, "ADMINS_ONLY");
    let revenge = deactivate(&world, &mia_principal, &acme.admin_id).await;
    assert_refused(revenge, Code::PermissionDenied, "ADMINS_ONLY");
}

#[tokio::test]
async fn deactivation_ends_sessions_at_once_closes_every_way_in_and_is_told_once() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let mia = member(&world, &acme, "Mia").await;
    let sign_in = ("acme", "mia@acme.example", PASSWORD);
    let tokens = world.sign_in(sign_in).await.unwrap().tokens.unwrap();
    let others = world.signed_in().await;
    let gone = deactivate(&world, &acme.admin(), &mia.user_id).await.unwrap();
    assert!(gone.is_deactivated);
    assert_eq!(deactivate(&world, &acme.admin(), &mia.user_id).await.unwrap(), gone);
    assert_eq!(world.count("sessions WHERE revoke_time IS NOT NULL").await, 1);
    let refresh = world.refresh(&tokens.refresh_token).await;
    assert_refused(refresh, Code::Unauthenticated, "REFRESH_TOKEN_REFUSED");
    assert_refused(world.sign_in(sign_in).await, Code::Unauthenticated, "CREDENTIALS_REFUSED");
    assert!(world.refresh(&others.refresh_token).await.is_ok());
    let who = person(&acme.id, &mia.user_id, CallerKind::Member, Uuid::nil());
    assert_refused(world.profile(&who).await, Code::NotFound, "PERSON_NOT_FOUND");
    let events = world.events::<PersonUpdated>().await;
    assert_eq!(events.len(), 1);
    let (id, version, event) = &events[0];
    assert_eq!((id.to_string(), *version), (mia.user_id.clone(), 2));
    assert!(event.person.as_ref().unwrap().is_deactivated);
    let wanted = pb::ResolveAddressesRequest {
        organization_id: acme.id.clone(),
        user_ids: vec![mia.user_id],
        ..pb::ResolveAddressesRequest::default()
    };
    assert!(world.resolve(wanted).await.unwrap()[0].is_deactivated);
}
