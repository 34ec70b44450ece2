//! All SQL of organisations.

use service_kit::ids::OrganizationId;
use sqlx::PgConnection;

use super::{Organization, Plan, SignInMode};
use crate::locale::Locale;

/// Takes the slug in the public directory; false where it is taken.
pub(super) async fn take_slug(tx: &mut PgConnection, new: &Organization) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query!(
        "INSERT INTO organization_slugs (slug, organization_id) VALUES ($1, $2) ON CONFLICT (slug) DO NOTHING",
        new.slug,
        new.organization_id.uuid(),
    );
    Ok(taken.execute(tx).await?.rows_affected() == 1)
}

/// Finds which organisation a slug leads to.
pub(crate) async fn find_by_slug(
    tx: &mut PgConnection,
    slug: &str,
) -> Result<Option<OrganizationId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT organization_id AS "organization_id: OrganizationId" FROM organization_slugs WHERE slug = $1"#,
        slug
    )
    .fetch_optional(tx)
    .await
}

/// Lists the slugs of all organisations.
pub(crate) async fn list_slugs(tx: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!("SELECT slug FROM organization_slugs ORDER BY slug").fetch_all(tx).await
}

/// Inserts an organisation.
pub(super) async fn insert(tx: &mut PgConnection, new: &Organization) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO organizations (organization_id, slug, display_name, plan, locale, base_url, create_time,
                                    sign_in_mode, password_min_length, version, update_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        new.organization_id.uuid(),
        new.slug,
        new.display_name,
        new.plan.as_str(),
        new.locale.as_str(),
        new.base_url,
        new.create_time,
        new.sign_in_mode.as_str(),
        new.password_min_length,
        new.version,
        new.update_time,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Finds an organisation.
pub(crate) async fn find(
    tx: &mut PgConnection,
    id: OrganizationId,
) -> Result<Option<Organization>, sqlx::Error> {
    sqlx::query_as!(
        Organization,
        r#"SELECT organization_id AS "organization_id: OrganizationId", slug, display_name, plan AS "plan: Plan",
                  locale AS "locale: Locale", base_url, create_time, sign_in_mode AS "sign_in_mode: SignInMode",
                  password_min_length, version, update_time
             FROM organizations WHERE organization_id = $1"#,
        id.uuid()
    )
    .fetch_optional(tx)
    .await
}

/// Finds an organisation and holds it until the end of the unit of work.
pub(crate) async fn find_for_update(
    tx: &mut PgConnection,
    id: OrganizationId,
) -> Result<Option<Organization>, sqlx::Error> {
    sqlx::query_as!(
        Organization,
        r#"SELECT organization_id AS "organization_id: OrganizationId", slug, display_name, plan AS "plan: Plan",
                  locale AS "locale: Locale", base_url, create_time, sign_in_mode AS "sign_in_mode: SignInMode",
                  password_min_length, version, update_time
             FROM organizations WHERE organization_id = $1
              FOR NO KEY UPDATE"#,
        id.uuid()
    )
    .fetch_optional(tx)
    .await
}

/// Writes what can change of an organisation.
pub(super) async fn update(tx: &mut PgConnection, organization: &Organization) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE organizations
            SET display_name = $2, plan = $3, locale = $4, sign_in_mode = $5, password_min_length = $6, version = $7,
                update_time = $8
          WHERE organization_id = $1",
        organization.organization_id.uuid(),
        organization.display_name,
        organization.plan.as_str(),
        organization.locale.as_str(),
        organization.sign_in_mode.as_str(),
        organization.password_min_length,
        organization.version,
        organization.update_time,
    )
    .execute(tx)
    .await?;
    Ok(())
}
