//! Row-level security, by itself.

use sqlx::AssertSqlSafe;

use super::pictures;
use super::world::World;

const TABLES: [&str; 5] =
    ["logos", "logo_renditions", "organization_logos", "logo_places", "profile_pictures"];

/// Counts the rows of a table that the service's role sees when it acts for an organisation, or for none.
async fn seen(world: &World, table: &str, organization_id: &str) -> i64 {
    let mut tx = world.database.database.pool().begin().await.unwrap();
    sqlx::query("SELECT set_config('app.organization_id', $1, true)")
        .bind(organization_id)
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
        .fetch_one(&mut *tx)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_role_of_the_service_sees_no_row_without_saying_whose() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let logo = world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    world.upload_own(&editor, &pictures::png(16, 8)).await.unwrap();
    world.upload_picture(&editor, &pictures::png(16, 8)).await.unwrap();
    world.place(editor.organization_id, space_id, &logo.logo_id, 1).await;
    let (stranger, _) = world.editor();
    for (table, own) in TABLES.into_iter().zip([3, 6, 1, 1, 1]) {
        assert_eq!(seen(&world, table, "").await, 0, "{table}");
        assert_eq!(seen(&world, table, &stranger.organization_id.to_string()).await, 0, "{table}");
        assert_eq!(seen(&world, table, &editor.organization_id.to_string()).await, own, "{table}");
    }
}

#[tokio::test]
async fn no_row_can_be_written_for_another_organisation() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let logo = world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    let (organization_id, logo_id) = (editor.organization_id, &logo.logo_id);
    let (stranger, _) = world.editor();
    for statement in [
        format!("INSERT INTO organization_logos VALUES ('{organization_id}', '{logo_id}')"),
        format!(
            "INSERT INTO profile_pictures VALUES ('{organization_id}', '{}', '{logo_id}')",
            editor.user_id
        ),
        format!("INSERT INTO logo_places VALUES ('{organization_id}', '{space_id}', '{logo_id}', 1)"),
        format!(
            "INSERT INTO logo_renditions VALUES ('{organization_id}', '{logo_id}', 'HEADER', true, 1, 1, 1)"
        ),
    ] {
        let mut tx = world.database.database.pool().begin().await.unwrap();
        let acting = format!("SET LOCAL app.organization_id = '{}'", stranger.organization_id);
        sqlx::query(AssertSqlSafe(acting)).execute(&mut *tx).await.unwrap();
        let refused = sqlx::query(AssertSqlSafe(statement.clone())).execute(&mut *tx).await.unwrap_err();
        assert!(refused.to_string().contains("row-level security"), "{statement}: {refused}");
    }
}
