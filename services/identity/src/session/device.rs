//! Devices: where somebody has signed in before.
//!
//! Owns all SQL of devices. A token is known for one person only, and one that is not known is never taken over: it may
//! have been planted. Must not decide what somebody is told.

use service_kit::db::Database;
use service_kit::error::CommonError;
use sqlx::PgConnection;
use uuid::Uuid;

use super::TokenMint;
use crate::person::Person;
use crate::token::Token;

/// What became of the device that somebody signs in on.
pub(super) struct Recognised {
    /// What the browser keeps.
    pub(super) token: Token,
    /// The person has signed in before, but not on this device.
    pub(super) is_news: bool,
}

/// Finds the device by what the browser kept, or makes it a known one. To be called before the session begins.
pub(super) async fn recognise(
    tx: &mut PgConnection,
    mint: &TokenMint,
    (person, kept): (&Person, Option<Token>),
) -> Result<Recognised, CommonError> {
    let kept = kept.filter(|token| token.organization_id == person.organization_id);
    if let Some(token) = kept
        && use_known(tx, person, &token).await?
    {
        return Ok(Recognised { token, is_news: false });
    }
    let is_news = has_signed_in_before(tx, person).await?;
    let token = mint.opaque_token(person.organization_id)?;
    insert(tx, mint.id(), (person, &token)).await?;
    Ok(Recognised { token, is_news })
}

async fn use_known(tx: &mut PgConnection, person: &Person, token: &Token) -> Result<bool, sqlx::Error> {
    let used = sqlx::query!(
        "UPDATE devices SET last_use_time = now()
          WHERE organization_id = $1 AND user_id = $2 AND token_sha256 = $3",
        person.organization_id.uuid(),
        person.user_id.uuid(),
        token.sha256(),
    );
    Ok(used.execute(tx).await?.rows_affected() == 1)
}

async fn has_signed_in_before(tx: &mut PgConnection, person: &Person) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT (EXISTS (SELECT FROM sessions WHERE organization_id = $1 AND user_id = $2)
                OR EXISTS (SELECT FROM devices WHERE organization_id = $1 AND user_id = $2)) AS "has!""#,
        person.organization_id.uuid(),
        person.user_id.uuid(),
    )
    .fetch_one(tx)
    .await
}

async fn insert(
    tx: &mut PgConnection,
    device_id: Uuid,
    (person, token): (&Person, &Token),
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO devices (organization_id, device_id, user_id, token_sha256) VALUES ($1, $2, $3, $4)",
        person.organization_id.uuid(),
        device_id,
        person.user_id.uuid(),
        token.sha256(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Deletes devices that were not used for 180 days, of every organisation, at most 1,000; returns how many.
pub(crate) async fn delete_forgotten(database: &Database) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query_scalar!(r#"SELECT delete_forgotten_devices() AS "deleted!""#)
        .fetch_one(database.pool())
        .await?;
    Ok(u64::try_from(deleted).unwrap_or_default())
}
