//! All SQL of the copies of organisations.

use service_kit::ids::OrganizationId;
use service_kit::locale::Locale;
use sqlx::PgConnection;

use super::Organization;

/// Keeps what an event of this version told of an organisation, unless something newer is known.
pub(super) async fn keep(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    organization: &Organization,
    version: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO organizations (organization_id, display_name, slug, base_url, locale, version)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT ON CONSTRAINT organizations_pkey DO UPDATE
            SET display_name = excluded.display_name, slug = excluded.slug, base_url = excluded.base_url,
                locale = excluded.locale, version = excluded.version
          WHERE organizations.version <= excluded.version",
        organization_id.uuid(),
        organization.display_name,
        organization.slug,
        organization.base_url,
        organization.locale as Locale,
        version,
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn find(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<Option<Organization>, sqlx::Error> {
    sqlx::query_as!(
        Organization,
        r#"SELECT display_name, slug, base_url, locale AS "locale: Locale"
             FROM organizations WHERE organization_id = $1"#,
        organization_id.uuid(),
    )
    .fetch_optional(tx)
    .await
}
