//! All SQL of files and their previews. What items show is `places`'s.

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::entity::{Asset, AssetId, NewAsset, Preview, PreviewSize, Refusal, State};

/// Makes the uploads that an organisation begins wait for one another until the transaction ends, so that no two take
/// the same last bytes of its quota.
pub(crate) async fn lock_quota(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('assets quota ' || $1::uuid, 0))",
        organization_id.uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns how many bytes are in use or reserved, in how many files.
pub(crate) async fn used(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<(i64, i32), sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT coalesce(sum(size_bytes), 0)::bigint AS "used_bytes!", count(*)::integer AS "count!"
             FROM assets WHERE organization_id = $1 AND state IN ('UPLOADING', 'SCANNING', 'CLEAN')"#,
        organization_id.uuid(),
    )
    .fetch_one(tx)
    .await?;
    Ok((row.used_bytes, row.count))
}

/// Returns how many uploads of a person are under way.
pub(crate) async fn count_uploading(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM assets
            WHERE organization_id = $1 AND uploader_user_id = $2 AND state = 'UPLOADING'"#,
        organization_id.uuid(),
        user_id.uuid(),
    )
    .fetch_one(tx)
    .await
}

/// Inserts a file whose upload is to begin.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
    uploader_user_id: UserId,
    new: &NewAsset,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO assets (organization_id, asset_id, space_id, uploader_user_id, file_name, size_bytes, sha256,
                             is_direct)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        organization_id.uuid(),
        asset_id.uuid(),
        new.space_id.uuid(),
        uploader_user_id.uuid(),
        new.file_name,
        new.size_bytes,
        new.sha256,
        new.is_direct,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes what S3 calls the upload. False: the file was given up meanwhile.
pub(crate) async fn set_upload(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
    upload_id: &str,
) -> Result<bool, sqlx::Error> {
    let set = sqlx::query!(
        "UPDATE assets SET upload_id = $3
          WHERE organization_id = $1 AND asset_id = $2 AND state = 'UPLOADING'",
        organization_id.uuid(),
        asset_id.uuid(),
        upload_id,
    )
    .execute(tx)
    .await?;
    Ok(set.rows_affected() == 1)
}

/// Finds a file, unless it is being deleted.
pub(crate) async fn find(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
) -> Result<Option<Asset>, sqlx::Error> {
    sqlx::query_as!(
        Asset,
        r#"SELECT organization_id AS "organization_id: OrganizationId", asset_id AS "asset_id: AssetId",
                  space_id AS "space_id: SpaceId", uploader_user_id AS "uploader_user_id: UserId", file_name,
                  size_bytes, sha256, is_direct, upload_id, received_bytes, state AS "state: State",
                  refusal AS "refusal: Refusal", content_type, is_shown, create_time,
                  EXISTS (SELECT FROM asset_previews AS preview
                           WHERE preview.organization_id = $1 AND preview.asset_id = $2) AS "has_preview!"
             FROM assets WHERE organization_id = $1 AND asset_id = $2 AND state <> 'ABANDONED'"#,
        organization_id.uuid(),
        asset_id.uuid(),
    )
    .fetch_optional(tx)
    .await
}

/// Finds a file as [`find`] does, and lets nobody else change it until the transaction ends.
pub(crate) async fn lock(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
) -> Result<Option<Asset>, sqlx::Error> {
    sqlx::query!(
        "SELECT asset_id FROM assets WHERE organization_id = $1 AND asset_id = $2 FOR UPDATE",
        organization_id.uuid(),
        asset_id.uuid(),
    )
    .fetch_optional(&mut *tx)
    .await?;
    find(tx, organization_id, asset_id).await
}

/// Makes a stream the latest one.
pub(crate) async fn begin_stream(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
    stream_id: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE assets SET stream_id = $3, use_time = now() WHERE organization_id = $1 AND asset_id = $2",
        organization_id.uuid(),
        asset_id.uuid(),
        stream_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes how many bytes have arrived by a stream. False: the upload has ended, or another stream has taken over.
pub(crate) async fn advance(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
    stream_id: Uuid,
    received_bytes: i64,
) -> Result<bool, sqlx::Error> {
    let advanced = sqlx::query!(
        "UPDATE assets SET received_bytes = $4, use_time = now()
          WHERE organization_id = $1 AND asset_id = $2 AND stream_id = $3 AND state = 'UPLOADING'",
        organization_id.uuid(),
        asset_id.uuid(),
        stream_id,
        received_bytes,
    )
    .execute(tx)
    .await?;
    Ok(advanced.rows_affected() == 1)
}

/// Notes how many bytes have arrived at the store.
pub(crate) async fn set_received(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
    received_bytes: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE assets SET received_bytes = $3, use_time = now()
          WHERE organization_id = $1 AND asset_id = $2 AND state = 'UPLOADING'",
        organization_id.uuid(),
        asset_id.uuid(),
        received_bytes,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes that all bytes have arrived and are to be checked.
pub(crate) async fn mark_scanning(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE assets SET state = 'SCANNING', received_bytes = size_bytes, use_time = now()
          WHERE organization_id = $1 AND asset_id = $2 AND state = 'UPLOADING'",
        organization_id.uuid(),
        asset_id.uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes that a file passed, with its type by content. False: it was given up meanwhile.
pub(crate) async fn mark_clean(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
    content_type: &str,
) -> Result<bool, sqlx::Error> {
    let marked = sqlx::query!(
        "UPDATE assets SET state = 'CLEAN', content_type = $3, upload_id = NULL, use_time = now()
          WHERE organization_id = $1 AND asset_id = $2 AND state = 'SCANNING'",
        organization_id.uuid(),
        asset_id.uuid(),
        content_type,
    )
    .execute(tx)
    .await?;
    Ok(marked.rows_affected() == 1)
}

/// Notes why a file is refused, while its object is still there.
pub(crate) async fn set_refusal(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
    refusal: Refusal,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE assets SET refusal = $3 WHERE organization_id = $1 AND asset_id = $2 AND state = 'SCANNING'",
        organization_id.uuid(),
        asset_id.uuid(),
        refusal.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes that a refused file's object is gone.
pub(crate) async fn mark_refused(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE assets SET state = 'REFUSED', upload_id = NULL, use_time = now()
          WHERE organization_id = $1 AND asset_id = $2 AND state = 'SCANNING'",
        organization_id.uuid(),
        asset_id.uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Counts a file as used from now on, so that it is there when an item shows it.
pub(crate) async fn touch(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE assets SET use_time = now() WHERE organization_id = $1 AND asset_id = $2",
        organization_id.uuid(),
        asset_id.uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Gives a file up: nobody finds it from then on.
pub(crate) async fn abandon(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE assets SET state = 'ABANDONED' WHERE organization_id = $1 AND asset_id = $2",
        organization_id.uuid(),
        asset_id.uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Inserts a preview; one that is there stays as it is.
pub(crate) async fn insert_preview(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
    preview: &Preview,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO asset_previews (organization_id, asset_id, size, content_type, width_px, height_px, size_bytes)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        organization_id.uuid(),
        asset_id.uuid(),
        preview.size.as_str(),
        preview.content_type,
        preview.width_px,
        preview.height_px,
        preview.size_bytes,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Finds a preview.
pub(crate) async fn find_preview(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
    size: PreviewSize,
) -> Result<Option<Preview>, sqlx::Error> {
    sqlx::query_as!(
        Preview,
        r#"SELECT size AS "size: PreviewSize", content_type, width_px, height_px, size_bytes
             FROM asset_previews WHERE organization_id = $1 AND asset_id = $2 AND size = $3"#,
        organization_id.uuid(),
        asset_id.uuid(),
        size.as_str(),
    )
    .fetch_optional(tx)
    .await
}

/// Marks what is due for deletion of any organisation, at most 100; returns how many. Acts through a function of that
/// name.
pub(crate) async fn abandon_due(pool: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT abandon_assets() AS "count!""#).fetch_one(pool).await
}

/// How many uploads have not ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenUploads {
    /// Whose bytes are arriving.
    pub(crate) uploading: f64,
    /// Whose bytes are checked.
    pub(crate) scanning: f64,
}

/// Counts the uploads of all organisations that have not ended. Acts through a function of that name.
pub(crate) async fn count_uploads(pool: &PgPool) -> Result<OpenUploads, sqlx::Error> {
    sqlx::query_as!(
        OpenUploads,
        r#"SELECT uploading::float8 AS "uploading!", scanning::float8 AS "scanning!" FROM count_uploads()"#,
    )
    .fetch_one(pool)
    .await
}

/// Returns the database's time, by which the rounds below are told apart.
pub(crate) async fn begin_round(pool: &PgPool) -> Result<DateTime<Utc>, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(pool).await
}

/// What is being deleted.
#[derive(Clone, Debug)]
pub(crate) struct Abandoned {
    pub(crate) organization_id: OrganizationId,
    pub(crate) asset_id: AssetId,
    pub(crate) upload_id: Option<String>,
}

/// Claims what is abandoned of any organisation and was not claimed in this round, at most 100. Acts through a function
/// of that name.
pub(crate) async fn claim_abandoned(
    pool: &PgPool,
    round: DateTime<Utc>,
) -> Result<Vec<Abandoned>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT organization_id AS "organization_id!", asset_id AS "asset_id!", upload_id
             FROM claim_abandoned_assets($1)"#,
        round,
    )
    .fetch_all(pool)
    .await?;
    let all = rows.into_iter().map(|row| Abandoned {
        organization_id: row.organization_id.into(),
        asset_id: row.asset_id.into(),
        upload_id: row.upload_id,
    });
    Ok(all.collect())
}

/// Deletes the row of an abandoned file, and those of its previews.
pub(crate) async fn delete_abandoned(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM assets WHERE organization_id = $1 AND asset_id = $2 AND state = 'ABANDONED'",
        organization_id.uuid(),
        asset_id.uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Tells whether a person has given up a file that is still being deleted.
pub(crate) async fn is_abandoned_by(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
    user_id: UserId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM assets WHERE organization_id = $1 AND asset_id = $2
                             AND uploader_user_id = $3 AND state = 'ABANDONED') AS "is_abandoned!""#,
        organization_id.uuid(),
        asset_id.uuid(),
        user_id.uuid(),
    )
    .fetch_one(tx)
    .await
}
