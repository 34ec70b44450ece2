//! Who gets a logo, and what others get.

use service_kit::caller::CallerKind;
use sharedspaces_proto::spaces::v1::Permission;
use tonic::{Code, Status};
use uuid::Uuid;

use super::pictures;
use super::world::{World, reason, s3_settings};
use crate::config::S3Settings;
use crate::storage::ObjectStore;

fn wire(status: &Status) -> (Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

#[tokio::test]
async fn whoever_sees_the_space_gets_the_logo_until_they_no_longer_do() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let logo = world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    let guest = testkit::caller_of(editor.organization_id, CallerKind::Guest);
    world.spaces.allow(&guest, space_id, &[Permission::View]);
    assert_eq!(world.get(&guest, &logo.logo_id).await.unwrap_err().code(), Code::NotFound, "not shown yet");
    world.spaces.show(&guest, &logo.logo_id);
    assert_eq!(world.get(&guest, &logo.logo_id).await.unwrap().logo, Some(logo.clone()));
    world.spaces.hide(&guest, &logo.logo_id);
    assert_eq!(world.get(&guest, &logo.logo_id).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_logo_one_may_not_see_looks_like_one_that_never_was() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let logo = world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    let never = world.get(&editor, &testkit::ids().next::<Uuid>().to_string()).await.unwrap_err();
    assert_eq!((never.code(), reason(&never).as_str()), (Code::NotFound, "LOGO_NOT_FOUND"));

    let colleague = testkit::caller_of(editor.organization_id, CallerKind::Member);
    let foreigner = testkit::caller(CallerKind::Member);
    world.spaces.allow(&foreigner, space_id, &[Permission::View, Permission::Edit]);
    for other in [colleague, foreigner] {
        let refused = world.get(&other, &logo.logo_id).await.unwrap_err();
        assert_eq!(wire(&refused), wire(&never));
    }
}

#[tokio::test]
async fn an_upload_that_is_not_ready_cannot_be_found() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    world.break_s3(r#"{"target":"s3","method":"PUT","status":503}"#).await;
    world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap_err();
    let pending: Uuid = sqlx::query_scalar("SELECT logo_id FROM logos")
        .fetch_one(&world.database.superuser_pool())
        .await
        .unwrap();
    assert_eq!(world.get(&editor, &pending.to_string()).await.unwrap_err().code(), Code::NotFound);
    let described = world.describe(editor.organization_id, space_id, pending).await;
    assert_eq!(described.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_logo_is_described_for_its_own_organisation_and_space_only() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let logo = world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    let described = world.describe(editor.organization_id, space_id, &logo.logo_id).await;
    assert_eq!(described.unwrap(), logo);

    let other = testkit::ids().next::<Uuid>().to_string();
    for (organization_id, space_id, logo_id) in [
        (other.clone(), space_id.to_string(), logo.logo_id.clone()),
        (editor.organization_id.to_string(), other.clone(), logo.logo_id.clone()),
        (editor.organization_id.to_string(), space_id.to_string(), other),
    ] {
        let refused = world.describe(organization_id, space_id, logo_id).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "LOGO_NOT_FOUND"));
    }
}

#[tokio::test]
async fn an_edited_address_is_refused_by_the_object_store() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let logo = world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    let url = world.get(&editor, &logo.logo_id).await.unwrap().url;
    assert_eq!(world.http.get(&url).send().await.unwrap().status(), 200);
    for (from, to) in [
        ("image%2Fpng", "text%2Fhtml"),
        ("inline", "attachment"),
        ("X-Amz-Expires=60", "X-Amz-Expires=600"),
        (logo.logo_id.as_str(), "00000000-0000-0000-0000-000000000000"),
    ] {
        let edited = url.replace(from, to);
        assert_ne!(edited, url, "{from} is not in the address");
        assert_eq!(world.http.get(edited).send().await.unwrap().status(), 403, "{to}");
    }
}

#[tokio::test]
async fn a_public_endpoint_stands_in_addresses_alone() {
    let world = World::new().await;
    let settings = s3_settings(world.sandbox.s3_addr());
    let public = "https://files.share.example/s3/".parse().unwrap();
    let store = ObjectStore::try_new(&S3Settings { public_endpoint: Some(public), ..settings }).unwrap();
    // Putting and deleting reach the sandbox, which is not at the public endpoint.
    store.put("logos/one", b"content", "image/png").await.unwrap();
    let url = store.link("logos/one", "image/png", "logo.png").await.unwrap();
    let start = format!("https://files.share.example/s3/{}/logos/one?", sandbox::S3_BUCKET);
    assert!(url.starts_with(&start), "{url}");
    store.delete("logos/one").await.unwrap();
}
