//! All SQL of the copies of people.

use service_kit::ids::OrganizationId;
use sqlx::PgConnection;

use super::Person;

/// Keeps the newest that is known; an older event must not take a name away.
pub(crate) async fn upsert(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    person: &Person,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO people (organization_id, user_id, email_address, display_name) VALUES ($1, $2, $3, $4)
         ON CONFLICT (organization_id, user_id) DO UPDATE
            SET email_address = excluded.email_address,
                display_name = coalesce(nullif(excluded.display_name, ''), people.display_name)",
        organization_id.uuid(),
        person.user_id.uuid(),
        person.email_address,
        person.display_name,
    )
    .execute(tx)
    .await?;
    Ok(())
}
