//! Rights as calls meet them: policy, consent, preview, explanation, logos.

use prost::Message;
use service_kit::caller::{Caller, CallerKind};
use service_kit::ids::SpaceId;
use sharedspaces_proto::spaces::v1 as pb;
use tonic::Status;

use super::peers::{JPEG_ID, LOGO_ID};
use super::world::{Service, person};
use crate::permission::{Permission, Refusal, Sharing, Viewer};
use crate::policy::{PolicyChange, PolicyError};
use crate::space::{SpaceChange, SpaceError};

async fn allow(service: &Service, admin: &Caller, change: PolicyChange) -> pb::SharingPolicy {
    let answer: pb::UpdateSharingPolicyResponse =
        service.policies.update(&testkit::call(admin), change).await.unwrap();
    answer.sharing_policy.unwrap()
}

async fn open(service: &Service, owner: &Caller, space_id: SpaceId) {
    let change = SpaceChange { sharing: Some(Sharing::ALL), ..SpaceChange::default() };
    let _open: pb::UpdateSpaceResponse =
        service.spaces.update(&testkit::call(owner), space_id, change).await.unwrap();
}

async fn may(service: &Service, who: &Caller, space_id: SpaceId) -> Vec<Permission> {
    service.spaces.check_access(Viewer::from(who), space_id).await.unwrap()
}

#[tokio::test]
async fn a_policy_flip_is_effective_at_the_next_call_and_each_spaces_choice_comes_back() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let admin = testkit::caller_of(owner.organization_id, CallerKind::Admin);
    let (opened, closed) = (service.space(&owner, "Open").await, service.space(&owner, "Closed").await);
    open(&service, &owner, opened).await;
    let gina = service.participant(&owner, opened, "gina@buyer.example").await;
    service.participant(&owner, closed, "gina@buyer.example").await;
    let (by_default, all) = (
        vec![Permission::View, Permission::Download, Permission::Comment],
        vec![
            Permission::View,
            Permission::Invite,
            Permission::Download,
            Permission::Upload,
            Permission::Comment,
        ],
    );
    assert_eq!(may(&service, &gina, opened).await, all);
    let off = PolicyChange {
        download: Some(false),
        invite: Some(false),
        upload: Some(false),
        ..PolicyChange::default()
    };
    allow(&service, &admin, off).await;
    for space_id in [opened, closed] {
        assert_eq!(may(&service, &gina, space_id).await, [Permission::View, Permission::Comment]);
    }
    let shown = pb::Space::from(service.spaces.get(&owner, opened).await.unwrap());
    let (chosen, shown) = (shown.sharing.unwrap(), shown.sharing_shown.unwrap());
    assert!(chosen.download && chosen.invite && chosen.upload, "the space keeps its choice");
    assert!(!shown.download && !shown.invite && !shown.upload, "a client shows no toggle");
    let theirs = pb::Space::from(service.spaces.get(&gina, opened).await.unwrap());
    assert_eq!((theirs.sharing, theirs.sharing_shown, theirs.notification_defaults), (None, None, None));
    let on = PolicyChange {
        download: Some(true),
        invite: Some(true),
        upload: Some(true),
        ..PolicyChange::default()
    };
    allow(&service, &admin, on).await;
    assert_eq!(may(&service, &gina, opened).await, all);
    assert_eq!(may(&service, &gina, closed).await, by_default);
}

#[tokio::test]
async fn two_admins_lose_nothing_of_the_policy_silently() {
    let service = Service::start().await;
    let admin = service.member_of_new_organization(true).await;
    let before = pb::SharingPolicy::from(service.policies.get(&admin).await.unwrap());
    assert_eq!((before.etag.as_str(), before.update_time), ("0", None));
    let change = |etag: &str| PolicyChange {
        upload: Some(false),
        version: etag.parse().ok(),
        ..PolicyChange::default()
    };
    let after = allow(&service, &admin, change("0")).await;
    assert!(!after.allow_upload && after.allow_download && after.allow_invite);
    let stale: Result<pb::UpdateSharingPolicyResponse, _> =
        service.policies.update(&testkit::call(&admin), change("0")).await;
    assert!(matches!(stale, Err(PolicyError::Changed)));
    let other = service.member_of_new_organization(true).await;
    assert!(service.policies.get(&other).await.unwrap().allowed.upload, "a policy is of one organisation");
}

#[tokio::test]
async fn an_explanation_names_everybody_who_says_no_to_those_who_may_ask() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let admin = testkit::caller_of(owner.organization_id, CallerKind::Admin);
    let space_id = service.space(&owner, "Room").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    allow(&service, &admin, PolicyChange { upload: Some(false), ..PolicyChange::default() }).await;
    let explained = service.spaces.explain(&owner, space_id, Some(gina.user_id)).await.unwrap();
    assert_eq!(explained.len(), Permission::ALL.len());
    assert_eq!(service.spaces.explain(&gina, space_id, None).await.unwrap(), explained);
    let of =
        |permission| explained.iter().find(|line| line.permission == permission).unwrap().refused_by.clone();
    assert_eq!(of(Permission::Upload), [Refusal::Policy, Refusal::Space]);
    assert_eq!(of(Permission::Invite), [Refusal::Space]);
    assert_eq!(of(Permission::Download), []);
    assert_eq!(of(Permission::Edit), [Refusal::Kind]);
    let refused = service.spaces.explain(&gina, space_id, Some(owner.user_id)).await;
    assert!(matches!(refused, Err(SpaceError::InternalParticipantsOnly)));
    let unknown = service.spaces.explain(&owner, space_id, Some(admin.user_id)).await;
    assert!(matches!(unknown, Err(SpaceError::ParticipantNotFound)));
}

#[tokio::test]
async fn a_preview_is_byte_for_byte_what_a_guest_gets_and_leaves_no_trace() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    let _set: pb::SetCustomerLogoResponse =
        service.spaces.set_logo(&testkit::call(&owner), space_id, LOGO_ID).await.unwrap();
    for sharing in [Sharing::default(), Sharing::ALL] {
        let change = SpaceChange { sharing: Some(sharing), ..SpaceChange::default() };
        let _changed: pb::UpdateSpaceResponse =
            service.spaces.update(&testkit::call(&owner), space_id, change).await.unwrap();
        let before = pb::Space::from(service.spaces.get(&owner, space_id).await.unwrap());
        let preview = pb::Space::from(service.spaces.preview(&owner, space_id).await.unwrap());
        let real = pb::Space::from(service.spaces.get(&gina, space_id).await.unwrap());
        assert_eq!(preview.encode_to_vec(), real.encode_to_vec());
        let after = pb::Space::from(service.spaces.get(&owner, space_id).await.unwrap());
        assert_eq!(before, after, "no visit, no activity");
    }
    let refused = service.spaces.preview(&gina, space_id).await;
    assert!(matches!(refused, Err(SpaceError::InternalParticipantsOnly)));
}

#[tokio::test]
async fn a_guest_without_standing_consent_is_told_so_and_a_stranger_learns_nothing() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let organization_id = owner.organization_id;
    let space_id = service.space(&owner, "Room").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    service
        .work(organization_id, move |tx| {
            Box::pin(async move {
                assert!(crate::organization::require_notice(tx, organization_id, 2).await.unwrap());
            })
        })
        .await;
    assert!(matches!(service.spaces.get(&gina, space_id).await, Err(SpaceError::ConsentRequired)));
    assert!(may(&service, &gina, space_id).await.is_empty());
    assert!(service.spaces.get(&owner, space_id).await.is_ok(), "members need none");
    let renewed = Caller { consent_notice_version: 2, ..gina.clone() };
    service.spaces.get(&renewed, space_id).await.expect("the token bridges until the event is here");
    let stranger = Caller { consent_notice_version: 0, ..testkit::caller_of(organization_id, gina.kind) };
    let refused = Status::from(service.spaces.get(&stranger, space_id).await.unwrap_err());
    let random =
        Status::from(service.spaces.get(&stranger, super::world::new_id().into()).await.unwrap_err());
    assert_eq!((refused.message(), refused.details()), (random.message(), random.details()));
    service
        .work(organization_id, move |tx| {
            Box::pin(async move {
                let told = crate::person::repo::Told {
                    person: &person("gina@buyer.example", 0),
                    version: 3,
                    event_time: super::world::now(),
                    is_withdrawal: true,
                };
                crate::person::repo::keep(tx, organization_id, &told).await.unwrap();
            })
        })
        .await;
    let refused = service.spaces.get(&renewed, space_id).await;
    assert!(matches!(refused, Err(SpaceError::ConsentRequired)), "a withdrawal outweighs any token");
}

#[tokio::test]
async fn a_share_link_is_for_those_who_may_invite() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    let refused = service.spaces.share_link(&gina, space_id).await;
    assert!(matches!(refused, Err(SpaceError::InvitingNotAllowed)));
    open(&service, &owner, space_id).await;
    let link = service.spaces.share_link(&gina, space_id).await.unwrap();
    assert_eq!(link, service.spaces.get(&owner, space_id).await.unwrap().view.url);
}

#[tokio::test]
async fn a_logo_is_seen_by_those_who_are_let_into_a_space_that_shows_it() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    let _set: pb::SetCustomerLogoResponse =
        service.spaces.set_logo(&testkit::call(&owner), space_id, LOGO_ID).await.unwrap();
    let sees = async |who: &Caller| {
        service.spaces.check_logo_access(Viewer::from(who), vec![LOGO_ID, JPEG_ID]).await.unwrap()
    };
    let admin = testkit::caller_of(owner.organization_id, CallerKind::Admin);
    for who in [&owner, &gina, &admin] {
        assert_eq!(sees(who).await, [LOGO_ID]);
    }
    let colleague = testkit::caller_of(owner.organization_id, CallerKind::Member);
    let foreign = service.member_of_new_organization(true).await;
    let foreign_admin = Caller { kind: CallerKind::Admin, ..foreign };
    for who in [&colleague, &foreign_admin] {
        assert!(sees(who).await.is_empty());
    }
    let archive = crate::space::Step::Archive;
    let _archived: pb::ArchiveSpaceResponse =
        service.spaces.step(&testkit::call(&owner), space_id, archive).await.unwrap();
    assert!(sees(&gina).await.is_empty());
    assert_eq!(sees(&owner).await, [LOGO_ID]);
}

#[tokio::test]
async fn somebody_deactivated_sees_nothing_from_the_event_on() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let organization_id = owner.organization_id;
    let space_id = service.space(&owner, "Room").await;
    let noah = service.participant(&owner, space_id, "noah@acme.example").await;
    let admin = Caller { kind: CallerKind::Admin, ..noah.clone() };
    service
        .work(organization_id, move |tx| {
            Box::pin(async move {
                let gone = sharedspaces_proto::identity::v1::Person {
                    is_deactivated: true,
                    ..person("noah@acme.example", 0)
                };
                let told = crate::person::repo::Told {
                    person: &gone,
                    version: 2,
                    event_time: super::world::now(),
                    is_withdrawal: false,
                };
                crate::person::repo::keep(tx, organization_id, &told).await.unwrap();
            })
        })
        .await;
    for who in [&noah, &admin] {
        assert!(matches!(service.spaces.get(who, space_id).await, Err(SpaceError::NotFound)));
        assert!(may(&service, who, space_id).await.is_empty());
    }
    let refused: Result<pb::TransferOwnershipResponse, _> =
        service.spaces.transfer(&testkit::call(&owner), space_id, noah.user_id).await;
    assert!(matches!(refused, Err(SpaceError::NewOwnerNotInternal)));
}
