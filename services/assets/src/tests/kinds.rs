//! What each kind of logo is for, and who sees it.

use service_kit::caller::{Caller, CallerKind};
use service_kit::ids::SpaceId;
use sharedspaces_proto::assets::v1 as pb;
use sharedspaces_proto::assets::v1::LogoRendition::{Full, Gallery};
use sharedspaces_proto::spaces::v1::Permission;
use sharedspaces_proto::{Access, find_method_rule};
use tonic::{Code, Status};
use uuid::Uuid;

use super::pictures;
use super::world::{World, by, fields, reason};

fn colleague_of(caller: &Caller) -> Caller {
    testkit::caller_of(caller.organization_id, CallerKind::Guest)
}

fn wire(status: &Status) -> (Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

#[tokio::test]
async fn a_logo_that_no_place_shows_is_seen_by_the_editors_of_its_space_alone() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let logo = world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    let viewer = colleague_of(&editor);
    world.spaces.allow(&viewer, space_id, &[Permission::View]);
    let never = world.get(&viewer, &testkit::ids().next::<Uuid>().to_string()).await.unwrap_err();
    assert!(world.get(&editor, &logo.logo_id).await.is_ok());
    assert_eq!(wire(&world.get(&viewer, &logo.logo_id).await.unwrap_err()), wire(&never));

    // Shown in another space: spaces alone says who sees it.
    world.place(editor.organization_id, testkit::ids().next(), &logo.logo_id, 1).await;
    assert_eq!(wire(&world.get(&editor, &logo.logo_id).await.unwrap_err()), wire(&never));
    world.spaces.show(&viewer, &logo.logo_id);
    assert!(world.get(&viewer, &logo.logo_id).await.is_ok());
}

#[tokio::test]
async fn a_banner_and_the_organisations_logo_are_seen_by_all_of_the_organisation_and_nobody_else() {
    let world = World::new().await;
    let (admin, _) = world.editor();
    let banner = world.upload_banner(&admin, &pictures::png(16, 8)).await.unwrap();
    let own = world.upload_own(&admin, &pictures::jpeg(16, 8)).await.unwrap();
    assert_eq!((banner.kind(), banner.space_id.as_str()), (pb::LogoKind::Banner, ""));
    assert_eq!((own.kind(), own.space_id.as_str()), (pb::LogoKind::Organization, ""));
    let (guest, foreigner) = (colleague_of(&admin), testkit::caller(CallerKind::Admin));
    let never = world.get(&foreigner, &testkit::ids().next::<Uuid>().to_string()).await.unwrap_err();
    for logo in [banner, own] {
        assert_eq!(world.get(&guest, &logo.logo_id).await.unwrap().logo, Some(logo.clone()));
        assert_eq!(wire(&world.get(&foreigner, &logo.logo_id).await.unwrap_err()), wire(&never));
    }
    assert_eq!(wire(&world.get_own(&foreigner).await.unwrap_err()), wire(&never));
}

#[tokio::test]
async fn the_last_logo_uploaded_is_the_organisations_until_it_is_removed() {
    let world = World::new().await;
    let (admin, _) = world.editor();
    let guest = colleague_of(&admin);
    assert_eq!(reason(&world.get_own(&guest).await.unwrap_err()), "LOGO_NOT_FOUND");
    let first = world.upload_own(&admin, &pictures::png(16, 8)).await.unwrap();
    assert_eq!(world.get_own(&guest).await.unwrap().logo, Some(first));
    let second = world.upload_own(&admin, &pictures::png(40, 20)).await.unwrap();
    let link = world.get_own(&guest).await.unwrap();
    assert_eq!((link.rendition(), link.width_px, link.height_px), (Full, 40, 20));
    assert_eq!(link.logo, Some(second));
    assert!(!world.fetch_from(&link.url).await.is_empty());
    for _ in 0..2 {
        let request = by(&admin, pb::RemoveOrganizationLogoRequest {});
        world.client().remove_organization_logo(request).await.unwrap();
        assert_eq!(reason(&world.get_own(&guest).await.unwrap_err()), "LOGO_NOT_FOUND");
    }
}

#[tokio::test]
async fn repeating_an_older_upload_does_not_bring_its_logo_back() {
    let world = World::new().await;
    let (admin, _) = world.editor();
    let first = world.upload_own_with_key(&admin, &pictures::png(16, 8), "one").await.unwrap();
    let second = world.upload_own_with_key(&admin, &pictures::png(40, 20), "two").await.unwrap();
    assert_eq!(world.upload_own_with_key(&admin, &pictures::png(16, 8), "one").await.unwrap(), first);
    assert_eq!(world.get_own(&admin).await.unwrap().logo, Some(second));
}

#[test]
fn only_admins_change_what_belongs_to_no_space() {
    for method in ["UploadOrganizationLogo", "RemoveOrganizationLogo", "UploadThemeBanner"] {
        let path = format!("/sharedspaces.assets.v1.LogoService/{method}");
        assert_eq!(find_method_rule(&path).unwrap().access, Access::Admin, "{method}");
    }
}

#[tokio::test]
async fn spaces_is_told_what_it_needs_to_know_of_the_caller_and_believed_only_in_what_it_was_asked() {
    let world = World::new().await;
    let logo_id = testkit::ids().next::<Uuid>();
    let mut guest = testkit::caller(CallerKind::Guest);
    guest.consent_notice_version = 3;
    world.spaces.show(&guest, &logo_id.to_string());
    assert_eq!(world.access.visible_logos(&guest, &[logo_id]).await.unwrap(), [logo_id].into());
    let asked = world.spaces.last_asked();
    assert_eq!((asked.consent_notice_version, asked.is_admin), (3, false));
    assert_eq!(
        (asked.user_id, asked.organization_id),
        (guest.user_id.to_string(), guest.organization_id.to_string())
    );

    let admin = testkit::caller(CallerKind::Admin);
    assert_eq!(world.access.visible_logos(&admin, &[logo_id]).await.unwrap(), [].into());
    assert!(world.spaces.last_asked().is_admin);
    let calls = world.spaces.calls();
    assert_eq!(world.access.visible_logos(&admin, &[]).await.unwrap(), [].into());
    assert_eq!(world.spaces.calls(), calls, "nothing is asked about nothing");
}

#[tokio::test]
async fn what_belongs_to_no_space_is_uploaded_under_the_same_rules() {
    let world = World::new().await;
    let (admin, _) = world.editor();
    for (file, expected) in [
        (pictures::gif(), "LOGO_FORMAT_REFUSED"),
        (pictures::svg(), "LOGO_FORMAT_REFUSED"),
        (pictures::png_claiming(4_097, 1), "LOGO_DIMENSIONS_REFUSED"),
        (pictures::png(64, 64)[..200].to_vec(), "LOGO_DAMAGED"),
        (pictures::png_of_size(5_242_881), "LOGO_TOO_LARGE"),
    ] {
        let refused = world.upload_own(&admin, &file).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, expected));
        assert_eq!(reason(&world.upload_banner(&admin, &file).await.unwrap_err()), expected);
    }
    for header in [None, Some("n".repeat(256))] {
        use pb::upload_theme_banner_request::Part;
        let part = header.map(|file_name| Part::Header(pb::ImageHeader { file_name }));
        let parts = futures_util::stream::iter([pb::UploadThemeBannerRequest { part }]);
        let refused = world.client().upload_theme_banner(by(&admin, parts)).await.unwrap_err();
        assert!(fields(&refused)[0].0.starts_with("header"), "{refused:?}");
    }
    assert_eq!((world.count_rows("READY").await, world.count_objects()), (0, 0));
    let largest = pictures::png_of_size(5_242_880);
    assert!(world.upload_banner(&admin, &largest).await.is_ok());
    assert!(world.upload_own(&admin, &largest).await.is_ok());
}

#[tokio::test]
async fn several_logos_come_in_the_order_they_were_asked_for_without_those_one_may_not_see() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let framed = world.upload(&editor, space_id, &pictures::framed_png(500)).await.unwrap().logo_id;
    let jpeg = world.upload(&editor, space_id, &pictures::jpeg(40, 20)).await.unwrap().logo_id;
    let hidden = world.upload(&editor, space_id, &pictures::png(40, 20)).await.unwrap().logo_id;
    let banner = world.upload_banner(&editor, &pictures::png(40, 20)).await.unwrap().logo_id;
    let (stranger, other_space) = world.editor();
    let foreign = world.upload(&stranger, other_space, &pictures::png(40, 20)).await.unwrap().logo_id;
    let never = testkit::ids().next::<Uuid>().to_string();
    let guest = colleague_of(&editor);
    for logo_id in [&framed, &jpeg, &foreign] {
        world.spaces.show(&guest, logo_id);
    }
    let asked = [
        (banner.as_str(), true),
        (&jpeg, true),
        (&hidden, false),
        (&framed, true),
        (&never, false),
        (&foreign, false),
        (&framed, false),
    ];
    let calls = world.spaces.calls();
    let links = world.batch_get(&guest, &asked, Gallery).await.unwrap();
    assert_eq!(world.spaces.calls(), calls + 1);
    let got: Vec<_> = links.iter().map(|link| link.logo.as_ref().unwrap().logo_id.as_str()).collect();
    assert_eq!(got, [banner.as_str(), &jpeg, &framed, &framed]);
    let sides: Vec<_> = links.iter().map(|link| (link.width_px, link.height_px)).collect();
    assert_eq!(sides, [(40, 20), (40, 20), (160, 160), (160, 160)]);
    assert!(links[2].url.contains("gallery-transparent") && !links[3].url.contains("transparent"));
    for link in &links {
        assert!(!world.fetch_from(&link.url).await.is_empty());
    }
}

#[tokio::test]
async fn a_hundred_logos_are_asked_for_at_once_and_neither_none_nor_one_more() {
    let world = World::new().await;
    let (editor, _) = world.editor();
    let never = testkit::ids().next::<Uuid>().to_string();
    for (count, is_taken) in [(0, false), (1, true), (100, true), (101, false)] {
        let answer = world.batch_get(&editor, &vec![(never.as_str(), false); count], Gallery).await;
        match answer {
            Ok(links) => assert!(is_taken && links.is_empty(), "{count}"),
            Err(refused) => {
                assert!(!is_taken, "{count}");
                assert_eq!(fields(&refused)[0].0, "logos");
            }
        }
    }
    let refused = world.batch_get(&editor, &[(&never, false), ("x", false)], Gallery).await.unwrap_err();
    assert_eq!(fields(&refused)[0].0, "logos[1].logo_id");
}

#[tokio::test]
async fn a_logo_is_described_for_the_space_it_was_uploaded_for_or_is_shown_in_and_others_for_none() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let organization_id = editor.organization_id;
    let logo = world.upload(&editor, space_id, &pictures::framed_png(40)).await.unwrap();
    let banner = world.upload_banner(&editor, &pictures::png(16, 8)).await.unwrap();
    let own = world.upload_own(&editor, &pictures::png(16, 8)).await.unwrap();
    let copy: SpaceId = testkit::ids().next();
    let describe = async |space_id: &str, logo: &pb::Logo| {
        world.describe(organization_id, space_id, &logo.logo_id).await.map_err(|refused| reason(&refused))
    };
    let (space, copy_name) = (space_id.to_string(), copy.to_string());
    assert_eq!(describe(&space, &logo).await, Ok(logo.clone()));
    assert_eq!(describe("", &banner).await, Ok(banner.clone()));
    assert_eq!(describe("", &own).await, Ok(own));
    let not_found = Err("LOGO_NOT_FOUND".to_owned());
    assert_eq!(describe("", &logo).await, not_found);
    assert_eq!(describe(&space, &banner).await, not_found);
    assert_eq!(describe(&copy_name, &logo).await, not_found);
    world.place(organization_id, copy, &logo.logo_id, 1).await;
    assert_eq!(describe(&copy_name, &logo).await, Ok(logo.clone()));
    world.place(organization_id, copy, "", 2).await;
    assert_eq!(describe(&copy_name, &logo).await, not_found);
}
