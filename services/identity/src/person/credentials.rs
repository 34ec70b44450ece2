//! All SQL of passwords' hashes.

use secrecy::{ExposeSecret, SecretString};
use service_kit::ids::{OrganizationId, UserId};
use sqlx::PgConnection;

use super::Person;

/// Finds the hash of a person's password.
pub(crate) async fn find(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
) -> Result<Option<SecretString>, sqlx::Error> {
    let hash = sqlx::query_scalar!(
        "SELECT password_hash FROM credentials WHERE organization_id = $1 AND user_id = $2",
        organization_id.uuid(),
        user_id.uuid(),
    );
    Ok(hash.fetch_optional(tx).await?.map(SecretString::from))
}

/// Keeps a person's first password; false where there is one.
pub(crate) async fn insert_first(
    tx: &mut PgConnection,
    person: &Person,
    hash: &SecretString,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "INSERT INTO credentials (organization_id, user_id, password_hash) VALUES ($1, $2, $3)
         ON CONFLICT ON CONSTRAINT credentials_pkey DO NOTHING",
        person.organization_id.uuid(),
        person.user_id.uuid(),
        hash.expose_secret(),
    );
    Ok(inserted.execute(tx).await?.rows_affected() == 1)
}

/// Keeps a new password, whether there was one or not.
pub(crate) async fn set(
    tx: &mut PgConnection,
    person: &Person,
    hash: &SecretString,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO credentials AS c (organization_id, user_id, password_hash) VALUES ($1, $2, $3)
         ON CONFLICT ON CONSTRAINT credentials_pkey DO UPDATE
            SET password_hash = excluded.password_hash, version = c.version + 1, update_time = now()",
        person.organization_id.uuid(),
        person.user_id.uuid(),
        hash.expose_secret(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Keeps a new password in place of the one that `old` is the hash of; false where that is not the password any more.
pub(crate) async fn replace(
    tx: &mut PgConnection,
    person: &Person,
    (old, new): (&SecretString, &SecretString),
) -> Result<bool, sqlx::Error> {
    let replaced = sqlx::query!(
        "UPDATE credentials SET password_hash = $4, version = version + 1, update_time = now()
          WHERE organization_id = $1 AND user_id = $2 AND password_hash = $3",
        person.organization_id.uuid(),
        person.user_id.uuid(),
        old.expose_secret(),
        new.expose_secret(),
    );
    Ok(replaced.execute(tx).await?.rows_affected() == 1)
}

/// Keeps the same password under a stronger hash, unless it was changed meanwhile.
pub(crate) async fn rehash(
    tx: &mut PgConnection,
    person: &Person,
    (old, new): (&SecretString, &SecretString),
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE credentials SET password_hash = $4
          WHERE organization_id = $1 AND user_id = $2 AND password_hash = $3",
        person.organization_id.uuid(),
        person.user_id.uuid(),
        old.expose_secret(),
        new.expose_secret(),
    )
    .execute(tx)
    .await?;
    Ok(())
}
