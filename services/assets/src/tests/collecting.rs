//! Logos that nothing shows any more.

use std::collections::BTreeSet;

use messaging::Messaging;
use messaging::jobs::JobError;
use service_kit::ids::SpaceId;
use sharedspaces_proto::assets::v1 as pb;

use super::pictures;
use super::world::{World, by, placed};
use crate::consumers;
use crate::logo::{LogoError, View};

/// Lets time pass for all logos, as far as the collector goes by it.
async fn a_day_passes(world: &World) {
    world
        .sql(
            "UPDATE logos SET create_time = create_time - interval '1441 minutes',
                              use_time = use_time - interval '1441 minutes'",
        )
        .await;
}

/// Returns the keys of all objects that the rows tell of.
async fn expected_objects(world: &World) -> BTreeSet<String> {
    let pool = world.database.superuser_pool();
    let full: Vec<String> = sqlx::query_scalar(
        "SELECT 'logos/' || organization_id || '/' || logo_id FROM logos WHERE state = 'READY'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let small: Vec<String> = sqlx::query_scalar(
        "SELECT 'logos/' || organization_id || '/' || logo_id || '.' || lower(rendition)
                || CASE WHEN transparent THEN '-transparent' ELSE '' END
           FROM logo_renditions JOIN logos USING (organization_id, logo_id) WHERE state = 'READY'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    full.into_iter().chain(small).collect()
}

fn has(world: &World, logo: &pb::Logo) -> bool {
    world.objects().iter().any(|key| key.contains(&logo.logo_id))
}

#[tokio::test]
async fn a_removed_logo_is_gone_a_day_later_and_one_that_another_space_shows_is_not() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let organization_id = editor.organization_id;
    let copy: SpaceId = testkit::ids().next();
    let shared = world.upload(&editor, space_id, &pictures::framed_png(40)).await.unwrap();
    let lone_space: SpaceId = testkit::ids().next();
    world.spaces.allow(&editor, lone_space, &[super::world::EDIT]);
    let lone = world.upload(&editor, lone_space, &pictures::png(16, 8)).await.unwrap();
    world.place(organization_id, space_id, &shared.logo_id, 1).await;
    world.place(organization_id, copy, &shared.logo_id, 1).await;
    world.place(organization_id, lone_space, &lone.logo_id, 1).await;
    a_day_passes(&world).await;
    assert_eq!(world.logos.collect().await.unwrap(), 0);

    world.place(organization_id, space_id, "", 2).await;
    world.place(organization_id, lone_space, "", 2).await;
    assert_eq!(world.logos.collect().await.unwrap(), 0, "links to it are still about");
    a_day_passes(&world).await;
    assert_eq!(world.logos.collect().await.unwrap(), 1);
    assert!(has(&world, &shared) && !has(&world, &lone));

    world.place(organization_id, copy, "", 2).await;
    a_day_passes(&world).await;
    assert_eq!(world.logos.collect().await.unwrap(), 1);
    assert_eq!((world.count_objects(), world.count_rows("READY").await), (0, 0));
}

#[tokio::test]
async fn a_logo_that_was_never_shown_stays_for_24_hours_and_no_longer() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    world.upload_banner(&editor, &pictures::png(16, 8)).await.unwrap();
    let age = "UPDATE logos SET create_time = now() - interval '1439 minutes',
                                use_time = now() - interval '1439 minutes'";
    world.sql(age).await;
    assert_eq!(world.logos.collect().await.unwrap(), 0);
    a_day_passes(&world).await;
    assert_eq!(world.logos.collect().await.unwrap(), 2);
    assert_eq!(world.count_objects(), 0);
}

#[tokio::test]
async fn a_logo_that_its_space_has_asked_for_stays_until_that_one_tells_what_it_shows() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let logo = world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    a_day_passes(&world).await;
    world.describe(editor.organization_id, space_id, &logo.logo_id).await.unwrap();
    assert_eq!(world.logos.collect().await.unwrap(), 0);
    a_day_passes(&world).await;
    assert_eq!(world.logos.collect().await.unwrap(), 0, "what it shows is told late");
    world.place(editor.organization_id, space_id, "", 1).await;
    a_day_passes(&world).await;
    assert_eq!(world.logos.collect().await.unwrap(), 1);
}

#[tokio::test]
async fn the_organisations_logo_stays_and_the_one_before_goes() {
    let world = World::new().await;
    let (admin, _) = world.editor();
    let before = world.upload_own(&admin, &pictures::png(16, 8)).await.unwrap();
    let own = world.upload_own(&admin, &pictures::png(16, 8)).await.unwrap();
    a_day_passes(&world).await;
    assert_eq!(world.logos.collect().await.unwrap(), 1);
    assert!(!has(&world, &before) && has(&world, &own));
    let request = by(&admin, pb::RemoveOrganizationLogoRequest {});
    world.client().remove_organization_logo(request).await.unwrap();
    a_day_passes(&world).await;
    assert_eq!(world.logos.collect().await.unwrap(), 1);
    assert_eq!(world.count_objects(), 0);
}

#[tokio::test]
async fn two_organisation_logos_uploaded_at_once_leave_one() {
    let world = World::new().await;
    let (admin, _) = world.editor();
    let file = pictures::png(16, 8);
    let (one, two) = tokio::join!(world.upload_own(&admin, &file), world.upload_own(&admin, &file));
    one.unwrap();
    two.unwrap();
    a_day_passes(&world).await;
    assert_eq!(world.logos.collect().await.unwrap(), 1);
    assert!(world.get_own(&admin).await.is_ok());
}

#[tokio::test]
async fn an_older_event_about_a_place_changes_nothing() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let organization_id = editor.organization_id;
    let first = world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    let second = world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    world.place(organization_id, space_id, &second.logo_id, 7).await;
    world.place(organization_id, space_id, &first.logo_id, 6).await;
    world.place(organization_id, space_id, "", 7).await;
    a_day_passes(&world).await;
    assert_eq!(world.logos.collect().await.unwrap(), 1);
    assert!(!has(&world, &first) && has(&world, &second));
}

#[tokio::test]
async fn another_organisations_event_keeps_no_logo() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let logo = world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    let (stranger, _) = world.editor();
    world.place(stranger.organization_id, space_id, &logo.logo_id, 1).await;
    a_day_passes(&world).await;
    assert_eq!(world.logos.collect().await.unwrap(), 1);
}

#[tokio::test]
async fn a_logo_from_before_places_were_told_of_stays_until_its_space_tells_what_it_shows() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let organization_id = editor.organization_id;
    let old = world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    world.sql("UPDATE logos SET awaits_place = true, is_shown = true").await;
    let copy: SpaceId = testkit::ids().next();
    world.place(organization_id, copy, &old.logo_id, 1).await;
    world.place(organization_id, copy, "", 2).await;
    a_day_passes(&world).await;
    assert_eq!(world.logos.collect().await.unwrap(), 0);
    world.place(organization_id, space_id, "", 9).await;
    a_day_passes(&world).await;
    assert_eq!(world.logos.collect().await.unwrap(), 1);
}

#[tokio::test]
async fn a_place_that_ceases_to_show_a_logo_while_another_begins_to_leaves_it_shown() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let organization_id = editor.organization_id;
    let logo = world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    world.place(organization_id, space_id, &logo.logo_id, 1).await;
    let mut beginning = world.database.database.pool().begin().await.unwrap();
    sqlx::query("SELECT set_config('app.organization_id', $1, true)")
        .bind(organization_id.to_string())
        .execute(&mut *beginning)
        .await
        .unwrap();
    let copy = placed(organization_id, testkit::ids().next(), &logo.logo_id, 1);
    consumers::spaces::logo_placed(&mut beginning, copy).await.unwrap();
    let ceasing = tokio::spawn({
        let (database, ceased) = (world.database.database.clone(), placed(organization_id, space_id, "", 2));
        async move {
            let work = database.transaction(organization_id, move |tx| {
                Box::pin(async move {
                    consumers::spaces::logo_placed(tx, ceased).await.expect("an event to apply");
                    Ok::<_, LogoError>(())
                })
            });
            work.await
        }
    });
    testkit::eventually("the other to wait", async || {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(&world.database.superuser_pool())
        .await
        .unwrap();
        waiting == 1
    })
    .await;
    beginning.commit().await.unwrap();
    ceasing.await.unwrap().unwrap();
    a_day_passes(&world).await;
    assert_eq!(world.logos.collect().await.unwrap(), 0);
}

#[tokio::test]
async fn what_the_store_holds_after_collecting_is_what_the_rows_tell_of() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let organization_id = editor.organization_id;
    let shown = world.upload(&editor, space_id, &pictures::framed_png(40)).await.unwrap();
    world.place(organization_id, space_id, &shown.logo_id, 1).await;
    for file in [pictures::png(16, 8), pictures::jpeg(16, 8), pictures::transparent_png(16)] {
        world.upload_own(&editor, &file).await.unwrap();
        world.upload_banner(&editor, &file).await.unwrap();
    }
    for fault in [
        r#"{"target":"s3","method":"PUT","status":500}"#,
        r#"{"target":"s3","method":"PUT","phase":"after_commit","drop":true}"#,
        r#"{"target":"s3","method":"PUT","path":".header","phase":"after_commit","drop":true}"#,
        r#"{"target":"s3","method":"PUT","path":".gallery","status":500}"#,
        r#"{"target":"s3","method":"HEAD","path":".gallery","status":404}"#,
    ] {
        world.break_s3(fault).await;
        world.upload(&editor, space_id, &pictures::framed_png(40)).await.unwrap_err();
    }
    assert_ne!(world.objects(), expected_objects(&world).await);
    a_day_passes(&world).await;
    let fresh = world.upload(&editor, space_id, &pictures::webp(16, 8)).await.unwrap();
    // Five uploads that broke off, two replaced logos and three banners that no theme shows.
    assert_eq!(world.logos.collect().await.unwrap(), 10);
    assert_eq!(world.objects(), expected_objects(&world).await);
    assert_eq!(world.count_rows("READY").await, 3);
    assert!(has(&world, &fresh) && has(&world, &shown));
    let keys = world.objects();
    for view in View::ALL {
        let key = view.object_key(organization_id, shown.logo_id.parse::<uuid::Uuid>().unwrap().into());
        assert!(keys.contains(&key), "{key}");
    }
}

#[tokio::test]
async fn a_logo_whose_sizes_are_being_made_is_not_collected_until_that_is_over() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    a_day_passes(&world).await;
    world.sql("UPDATE logos SET is_rendered = false, render_after = now() + interval '5 minutes'").await;
    assert_eq!(world.logos.collect().await.unwrap(), 0);
    world.sql("UPDATE logos SET render_after = now() - interval '1 second'").await;
    assert_eq!(world.logos.collect().await.unwrap(), 1);
}

#[tokio::test]
async fn what_a_process_from_before_writes_is_kept_and_its_collector_finds_nothing() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    world.break_s3(r#"{"target":"s3","method":"PUT","status":500}"#).await;
    world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap_err();
    world
        .sql(
            "INSERT INTO logos (organization_id, logo_id, space_id, uploader_user_id, file_name, format, width_px,
                                height_px, size_bytes, sha256)
             SELECT organization_id, gen_random_uuid(), space_id, uploader_user_id, file_name, format, width_px,
                    height_px, size_bytes, sha256 FROM logos",
        )
        .await;
    world.sql("UPDATE logos SET state = 'READY' WHERE awaits_place AND state = 'PENDING'").await;
    a_day_passes(&world).await;
    let claimed: Vec<(uuid::Uuid, uuid::Uuid)> = sqlx::query_as("SELECT * FROM claim_abandoned_logos()")
        .fetch_all(&world.database.owner_pool())
        .await
        .unwrap();
    assert_eq!(claimed, []);
    assert_eq!(world.logos.collect().await.unwrap(), 1, "the upload that broke off");
    assert_eq!(world.count_rows("READY").await, 1);
}

#[tokio::test]
async fn an_event_without_a_place_is_dead_at_once() {
    let world = World::new().await;
    let mut received = placed(testkit::ids().next(), testkit::ids().next(), "nonsense", 1);
    received.event.place_id = String::new();
    let mut connection = world.database.database.pool().acquire().await.unwrap();
    let refused = consumers::spaces::logo_placed(&mut connection, received).await.unwrap_err();
    assert!(matches!(refused, JobError::Dead { .. }), "{refused:?}");
}

#[tokio::test]
async fn all_that_the_topology_sends_here_is_applied_and_no_more() {
    let world = World::new().await;
    let messaging = Messaging::over("assets", world.database.database.clone(), testkit::broker_config());
    assert!(consumers::spaces::subscribe(messaging).workers().is_ok());
}
