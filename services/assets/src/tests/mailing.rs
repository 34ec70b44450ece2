//! The organisation's logo as its mails show it.

use ::image::load_from_memory;
use service_kit::caller::CallerKind;
use sharedspaces_proto::assets::v1 as pb;
use sharedspaces_proto::{Access, find_method_rule};
use tonic::{Code, Status};

use super::pictures;
use super::world::{World, by, fields};

async fn fetch(
    world: &World,
    organization_id: impl ToString,
) -> Result<pb::FetchOrganizationLogoResponse, Status> {
    let request = pb::FetchOrganizationLogoRequest { organization_id: organization_id.to_string() };
    Ok(world.client().fetch_organization_logo(request).await?.into_inner())
}

#[tokio::test]
async fn mails_get_the_organisations_own_logo_small_and_nothing_where_there_is_none() {
    let world = World::new().await;
    let (admin, space_id) = world.editor();
    let none = pb::FetchOrganizationLogoResponse::default();
    assert_eq!(fetch(&world, admin.organization_id).await.unwrap(), none);
    world.upload(&admin, space_id, &pictures::png(40, 20)).await.unwrap();
    assert_eq!(fetch(&world, admin.organization_id).await.unwrap(), none, "a customer's is not our own");
    for (file, content_type) in [
        (pictures::png(900, 300), "image/png"),
        (pictures::webp(900, 300), "image/png"),
        (pictures::jpeg(900, 300), "image/jpeg"),
    ] {
        world.upload_own(&admin, &file).await.unwrap();
        let own = fetch(&world, admin.organization_id).await.unwrap();
        assert_eq!((own.content_type.as_str(), own.width_px, own.height_px), (content_type, 320, 107));
        assert!(own.image.len() <= 131_072);
        let picture = load_from_memory(&own.image).unwrap();
        assert_eq!((picture.width(), picture.height()), (320, 107));
        assert_eq!(fetch(&world, admin.organization_id).await.unwrap(), own, "the same bytes each time");
    }
    let foreigner = testkit::caller(CallerKind::Admin);
    assert_eq!(fetch(&world, foreigner.organization_id).await.unwrap(), none);
    world.client().remove_organization_logo(by(&admin, pb::RemoveOrganizationLogoRequest {})).await.unwrap();
    assert_eq!(fetch(&world, admin.organization_id).await.unwrap(), none);
}

#[tokio::test]
async fn a_logo_from_before_there_were_sizes_goes_into_mails_too() {
    let world = World::new().await;
    let (admin, _) = world.editor();
    world.upload_own(&admin, &pictures::png(900, 450)).await.unwrap();
    world.sql("DELETE FROM logo_renditions").await;
    world.sql("UPDATE logos SET is_rendered = false, can_be_transparent = false").await;
    let own = fetch(&world, admin.organization_id).await.unwrap();
    assert_eq!((own.width_px, own.height_px), (240, 120));
}

#[tokio::test]
async fn only_notifications_fetches_a_logo_for_mails_and_says_whose() {
    let rule = find_method_rule("/sharedspaces.assets.v1.LogoService/FetchOrganizationLogo").unwrap();
    assert_eq!((rule.access, rule.callers), (Access::Service, ["notifications"].as_slice()));
    let world = World::new().await;
    for bad in ["", "x", "00000000-0000"] {
        let refused = fetch(&world, bad).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(fields(&refused)[0].0, "organization_id", "{bad:?}");
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_told_and_not_taken_for_no_logo() {
    let world = World::new().await;
    let (admin, _) = world.editor();
    world.upload_own(&admin, &pictures::png(40, 20)).await.unwrap();
    world.break_s3(r#"{"target":"s3","method":"GET","status":503,"times":9}"#).await;
    let refused = fetch(&world, admin.organization_id).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
}
