//! Logos, how they are shown, themes and defaults of a space.

use prost::Message;
use service_kit::caller::Caller;
use service_kit::ids::SpaceId;
use sharedspaces_proto::spaces::events::v1::LogoPlaced;
use sharedspaces_proto::spaces::v1 as pb;
use uuid::Uuid;

use super::peers::{JPEG_ID, LOGO_ID};
use super::world::Service;
use crate::space::{LogoDisplayChange, Notifications, SpaceChange, SpaceError};

async fn set(service: &Service, owner: &Caller, space_id: SpaceId, logo_id: Uuid) -> pb::Space {
    let set: pb::SetCustomerLogoResponse =
        service.spaces.set_logo(&testkit::call(owner), space_id, logo_id).await.unwrap();
    set.space.unwrap()
}

async fn show(
    service: &Service,
    owner: &Caller,
    space_id: SpaceId,
    change: LogoDisplayChange,
) -> Result<pb::LogoDisplay, SpaceError> {
    let answer: pb::UpdateLogoDisplayResponse =
        service.spaces.update_logo_display(&testkit::call(owner), space_id, change).await?;
    Ok(answer.space.unwrap().logo_display.unwrap())
}

/// What assets was told of the logo that a space shows, in order.
async fn told(service: &Service) -> Vec<(i64, String)> {
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT aggregate_version, body FROM outbox WHERE routing_key = 'spaces.logo.placed.v1' ORDER BY id",
    )
    .fetch_all(&service.database.superuser_pool())
    .await
    .unwrap();
    rows.into_iter()
        .map(|(version, body)| (version, LogoPlaced::decode(body.as_slice()).unwrap().logo_id))
        .collect()
}

#[tokio::test]
async fn assets_is_told_of_every_change_of_the_logo_and_of_nothing_else() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Logo").await;
    set(&service, &owner, space_id, LOGO_ID).await;
    set(&service, &owner, space_id, LOGO_ID).await;
    set(&service, &owner, space_id, JPEG_ID).await;
    for _ in 0..2 {
        let removed: pb::RemoveCustomerLogoResponse =
            service.spaces.remove_logo(&testkit::call(&owner), space_id).await.unwrap();
        assert_eq!(removed.space.unwrap().customer_logo, None);
    }
    let expected = [(2, LOGO_ID.to_string()), (3, JPEG_ID.to_string()), (4, String::new())];
    assert_eq!(told(&service).await, expected);
}

#[tokio::test]
async fn only_the_background_of_a_png_is_removed() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Logo").await;
    let transparent = LogoDisplayChange { transparent_background: Some(true), ..Default::default() };
    let refused = show(&service, &owner, space_id, transparent).await;
    assert!(matches!(refused, Err(SpaceError::NoCustomerLogo)));
    set(&service, &owner, space_id, JPEG_ID).await;
    let refused = show(&service, &owner, space_id, transparent).await;
    assert!(matches!(refused, Err(SpaceError::TransparencyNeedsPng)));
    set(&service, &owner, space_id, LOGO_ID).await;
    assert!(show(&service, &owner, space_id, transparent).await.unwrap().transparent_background);
    let replaced = set(&service, &owner, space_id, JPEG_ID).await;
    assert!(!replaced.logo_display.unwrap().transparent_background);
    let heights = LogoDisplayChange {
        customer_height_px: Some(24),
        organization_height_px: Some(400),
        ..Default::default()
    };
    let shown = show(&service, &owner, space_id, heights).await.unwrap();
    assert_eq!((shown.customer_logo_height_px, shown.organization_logo_height_px), (24, 400));
}

#[tokio::test]
async fn guests_change_nothing_of_the_look() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Logo").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    let call = testkit::call(&gina);
    let set: Result<pb::SetCustomerLogoResponse, _> = service.spaces.set_logo(&call, space_id, LOGO_ID).await;
    assert!(matches!(set, Err(SpaceError::InternalParticipantsOnly)));
    let removed: Result<pb::RemoveCustomerLogoResponse, _> =
        service.spaces.remove_logo(&call, space_id).await;
    assert!(matches!(removed, Err(SpaceError::InternalParticipantsOnly)));
    let shown = show(&service, &gina, space_id, LogoDisplayChange::default()).await;
    assert!(matches!(shown, Err(SpaceError::InternalParticipantsOnly)));
}

#[tokio::test]
async fn a_theme_of_another_organisation_is_none() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let other = service.member_of_new_organization(true).await;
    let theme_id = super::world::new_id();
    sqlx::query(
        "INSERT INTO themes (organization_id, theme_id, name, name_folded, background, text_color, header,
                             header_text, accent, accent_text, font, is_default, version, create_time, update_time)
         VALUES ($1, $2, 'Blue', 'blue', '#ffffff', '#000000', '#0000ff', '#ffffff', '#0000ff', '#ffffff',
                 'SERIF', false, 1, now(), now())",
    )
    .bind(other.organization_id)
    .bind(theme_id)
    .execute(&service.database.superuser_pool())
    .await
    .unwrap();
    let mut new = super::world::new_space("Themed");
    new.space.theme_id = Some(theme_id);
    let refused: Result<pb::CreateSpaceResponse, _> =
        service.spaces.create(&testkit::call(&owner), new.clone()).await;
    assert!(matches!(refused, Err(SpaceError::ThemeNotFound)));
    let created: pb::CreateSpaceResponse = service.spaces.create(&testkit::call(&other), new).await.unwrap();
    let space = created.space.unwrap();
    assert_eq!((space.theme_id, space.theme.unwrap().name), (theme_id.to_string(), "Blue".to_owned()));
    let space_id = service.space(&owner, "Plain").await;
    let change = SpaceChange { theme_id: Some(Some(theme_id)), ..SpaceChange::default() };
    let refused: Result<pb::UpdateSpaceResponse, _> =
        service.spaces.update(&testkit::call(&owner), space_id, change).await;
    assert!(matches!(refused, Err(SpaceError::ThemeNotFound)));
}

#[tokio::test]
async fn a_new_space_has_every_default_and_each_part_is_changed_alone() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Plain").await;
    let space = pb::Space::from(service.spaces.get(&owner, space_id).await.unwrap());
    assert_eq!(space.state(), pb::SpaceState::Active);
    assert_eq!(space.sharing, Some(pb::SharingToggles { download: true, invite: false, upload: false }));
    let all = pb::NotificationDefaults { visit_summaries: true, new_joiners: true, comments: true };
    assert_eq!(space.notification_defaults, Some(all));
    let display = space.logo_display.unwrap();
    assert_eq!((display.customer_logo_height_px, display.organization_logo_height_px), (64, 64));
    assert_eq!(space.theme.clone().unwrap().theme_id, "");
    let quiet = Notifications { visit_summaries: false, new_joiners: true, comments: false };
    let change = SpaceChange { notifications: Some(quiet), ..SpaceChange::default() };
    let changed: pb::UpdateSpaceResponse =
        service.spaces.update(&testkit::call(&owner), space_id, change).await.unwrap();
    let changed = changed.space.unwrap();
    assert_eq!(changed.notification_defaults, Some(quiet.into()));
    assert_eq!((changed.title, changed.sharing, changed.theme), (space.title, space.sharing, space.theme));
}
