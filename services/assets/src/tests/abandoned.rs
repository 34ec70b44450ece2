//! Uploads that never became ready.

use uuid::Uuid;

use super::pictures;
use super::world::World;

/// Makes all rows older.
async fn age(world: &World, interval: &str) {
    sqlx::query("UPDATE logos SET create_time = now() - $1::text::interval")
        .bind(interval)
        .execute(&world.database.superuser_pool())
        .await
        .unwrap();
}

#[tokio::test]
async fn an_abandoned_upload_is_deleted_with_its_object_after_an_hour_and_a_ready_one_stays() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let kept = world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    // Its object is stored, the answer is lost.
    world.break_s3(r#"{"target":"s3","method":"PUT","phase":"after_commit","drop":true}"#).await;
    world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap_err();
    // Of another organisation, without an object.
    let (other, other_space) = world.editor();
    world.break_s3(r#"{"target":"s3","method":"PUT","status":500}"#).await;
    world.upload(&other, other_space, &pictures::png(16, 8)).await.unwrap_err();
    // The kept one in three sizes, and the broken one in full size.
    assert_eq!((world.count_rows("PENDING").await, world.count_objects()), (2, 4));

    age(&world, "59 minutes").await;
    assert_eq!(world.logos.collect().await.unwrap(), 0);
    age(&world, "61 minutes").await;
    assert_eq!(world.logos.collect().await.unwrap(), 2);
    assert_eq!((world.count_rows("PENDING").await, world.count_rows("ABANDONED").await), (0, 0));
    assert_eq!(world.count_objects(), 3);
    assert!(!world.fetch(&editor, &kept.logo_id).await.is_empty());
}

#[tokio::test]
async fn a_row_stays_until_its_object_is_deleted() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    world.break_s3(r#"{"target":"s3","method":"PUT","phase":"after_commit","drop":true}"#).await;
    world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap_err();
    age(&world, "61 minutes").await;
    world.break_s3(r#"{"target":"s3","method":"DELETE","drop":true}"#).await;
    assert!(world.logos.collect().await.is_err());
    assert_eq!((world.count_rows("ABANDONED").await, world.count_objects()), (1, 1));
    assert_eq!(world.logos.collect().await.unwrap(), 1);
    assert_eq!((world.count_rows("ABANDONED").await, world.count_objects()), (0, 0));
}

#[tokio::test]
async fn an_object_that_cannot_be_deleted_does_not_hold_up_those_behind_it() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    for _ in 0..3 {
        world.break_s3(r#"{"target":"s3","method":"PUT","phase":"after_commit","drop":true}"#).await;
        world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap_err();
    }
    age(&world, "61 minutes").await;
    let first: Uuid = sqlx::query_scalar("SELECT logo_id FROM logos ORDER BY logo_id LIMIT 1")
        .fetch_one(&world.database.superuser_pool())
        .await
        .unwrap();
    let fault = format!(r#"{{"target":"s3","method":"DELETE","path":"{first}","status":403,"times":100}}"#);
    world.break_s3(fault).await;
    assert_eq!(world.logos.collect().await.unwrap(), 2);
    assert_eq!((world.count_rows("ABANDONED").await, world.count_objects()), (1, 1));
    assert_eq!(world.logos.collect().await.unwrap(), 0);
}

#[tokio::test]
async fn a_hundred_that_cannot_be_deleted_do_not_hold_up_the_one_behind_them() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    world.break_s3(r#"{"target":"s3","method":"PUT","phase":"after_commit","drop":true}"#).await;
    world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap_err();
    age(&world, "61 minutes").await;
    // Older ones, of an organisation of theirs.
    world
        .sql(
            "INSERT INTO logos (organization_id, logo_id, space_id, uploader_user_id, file_name, format, width_px,
                                height_px, size_bytes, sha256, create_time)
             SELECT 'ffffffff-0000-0000-0000-000000000000', gen_random_uuid(), space_id, uploader_user_id,
                    file_name, format, width_px, height_px, size_bytes, sha256, create_time - interval '1 hour'
               FROM logos, generate_series(1, 100)",
        )
        .await;
    let fault = r#"{"target":"s3","method":"DELETE","path":"ffffffff-0000","status":403,"times":200}"#;
    world.break_s3(fault).await;
    assert_eq!(world.logos.collect().await.unwrap(), 1);
    assert_eq!((world.count_rows("ABANDONED").await, world.count_objects()), (100, 0));
}
