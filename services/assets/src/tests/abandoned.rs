//! Uploads that never became ready.

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
    assert_eq!((world.count_rows("PENDING").await, world.count_objects()), (2, 2));

    age(&world, "59 minutes").await;
    assert_eq!(world.logos.delete_abandoned().await.unwrap(), 0);
    age(&world, "61 minutes").await;
    assert_eq!(world.logos.delete_abandoned().await.unwrap(), 2);
    assert_eq!((world.count_rows("PENDING").await, world.count_rows("ABANDONED").await), (0, 0));
    assert_eq!(world.count_objects(), 1);
    assert!(!world.fetch(&editor, &kept.logo_id).await.is_empty());
}

#[tokio::test]
async fn a_row_stays_until_its_object_is_deleted() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    world.break_s3(r#"{"target":"s3","method":"PUT","phase":"after_commit","drop":true}"#).await;
    world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap_err();
    age(&world, "61 minutes").await;
    world.break_s3(r#"{"target":"s3","method":"DELETE","status":503}"#).await;
    assert!(world.logos.delete_abandoned().await.is_err());
    assert_eq!((world.count_rows("ABANDONED").await, world.count_objects()), (1, 1));
    assert_eq!(world.logos.delete_abandoned().await.unwrap(), 1);
    assert_eq!((world.count_rows("ABANDONED").await, world.count_objects()), (0, 0));
}
