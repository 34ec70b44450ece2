//! The pictures of people.

use service_kit::caller::{Caller, CallerKind};
use sharedspaces_proto::assets::v1 as pb;
use tonic::Code;
use uuid::Uuid;

use super::pictures;
use super::world::{World, by, fields, reason};

fn guest_of(caller: &Caller) -> Caller {
    testkit::caller_of(caller.organization_id, CallerKind::Guest)
}

fn id(caller: &Caller) -> String {
    caller.user_id.to_string()
}

#[tokio::test]
async fn the_last_picture_uploaded_is_the_persons_for_all_of_the_organisation_until_it_is_removed() {
    let world = World::new().await;
    let (member, _) = world.editor();
    let (guest, foreigner) = (guest_of(&member), testkit::caller(CallerKind::Admin));
    world.upload_picture(&member, &pictures::png(16, 8)).await.unwrap();
    let second = world.upload_picture(&member, &pictures::jpeg(400, 400)).await.unwrap();
    assert_eq!((second.kind(), second.space_id.as_str()), (pb::LogoKind::Person, ""));
    let of_guest = world.upload_picture(&guest, &pictures::png(20, 20)).await.unwrap();

    let nobody = testkit::ids().next::<Uuid>().to_string();
    let asked = vec![id(&guest), nobody, id(&member)];
    let shown = world.pictures_of(&guest, asked.clone()).await.unwrap();
    let told: Vec<_> = shown
        .iter()
        .map(|of| (of.user_id.clone(), of.logo_link.clone().unwrap().logo.unwrap().logo_id))
        .collect();
    assert_eq!(told, [(id(&guest), of_guest.logo_id), (id(&member), second.logo_id)]);
    let link = shown[1].logo_link.clone().unwrap();
    assert_eq!((link.rendition(), link.width_px, link.height_px), (pb::LogoRendition::Gallery, 160, 160));
    assert!(!world.fetch_from(&link.url).await.is_empty());
    assert!(world.pictures_of(&foreigner, asked.clone()).await.unwrap().is_empty());

    for _ in 0..2 {
        let request = by(&member, pb::RemoveProfilePictureRequest {});
        world.client().remove_profile_picture(request).await.unwrap();
        let left = world.pictures_of(&guest, asked.clone()).await.unwrap();
        assert_eq!(left.iter().map(|of| of.user_id.clone()).collect::<Vec<_>>(), [id(&guest)]);
    }
}

#[tokio::test]
async fn a_picture_that_was_replaced_or_removed_is_collected_and_the_one_of_now_is_not() {
    let world = World::new().await;
    let (member, _) = world.editor();
    let guest = guest_of(&member);
    let first = world.upload_picture(&member, &pictures::png(16, 8)).await.unwrap();
    let second = world.upload_picture(&member, &pictures::png(16, 16)).await.unwrap();
    let removed = world.upload_picture(&guest, &pictures::png(8, 8)).await.unwrap();
    world.client().remove_profile_picture(by(&guest, pb::RemoveProfilePictureRequest {})).await.unwrap();
    world.sql("UPDATE logos SET use_time = now() - interval '25 hours', create_time = now() - interval '2 hours'").await;
    world.logos.collect().await.unwrap();
    let objects = world.objects();
    let is_kept = |logo: &pb::Logo| objects.iter().any(|object| object.contains(&logo.logo_id));
    assert_eq!([&first, &second, &removed].map(is_kept), [false, true, false]);
}

#[tokio::test]
async fn pictures_are_taken_under_the_rules_of_logos_and_one_to_a_hundred_are_asked_for_at_once() {
    let world = World::new().await;
    let (member, _) = world.editor();
    let refused = world.upload_picture(&member, &pictures::gif()).await.unwrap_err();
    assert_eq!(reason(&refused), "LOGO_FORMAT_REFUSED");
    let refused = world.upload_picture(&member, &pictures::png_of_size(5_242_881)).await.unwrap_err();
    assert_eq!(reason(&refused), "LOGO_TOO_LARGE");

    let many = |count| (0..count).map(|_| testkit::ids().next::<Uuid>().to_string()).collect::<Vec<_>>();
    assert!(world.pictures_of(&member, many(100)).await.unwrap().is_empty());
    for (asked, field) in
        [(vec![], "user_ids"), (many(101), "user_ids"), (vec!["me".to_owned()], "user_ids[0]")]
    {
        let refused = world.pictures_of(&member, asked).await.unwrap_err();
        assert_eq!((refused.code(), fields(&refused)[0].0.as_str()), (Code::InvalidArgument, field));
    }
}

#[tokio::test]
async fn a_persons_picture_is_no_banner_and_no_organisations_logo() {
    let world = World::new().await;
    let (member, _) = world.editor();
    let picture = world.upload_picture(&member, &pictures::png(16, 8)).await.unwrap();
    let refused = world.describe(member.organization_id, "", &picture.logo_id).await.unwrap_err();
    assert_eq!(reason(&refused), "LOGO_NOT_FOUND");
    assert_eq!(reason(&world.get_own(&member).await.unwrap_err()), "LOGO_NOT_FOUND");
}
