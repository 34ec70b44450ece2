//! All SQL of people and their credentials.

use service_kit::address::EmailAddress;
use service_kit::ids::{OrganizationId, UserId};
use service_kit::page::PageRequest;
use sqlx::PgConnection;

use super::credentials::StoredPassword;
use super::{MemberKey, Person, PersonKind, Role, Wanted};
use service_kit::locale::Locale;

/// Inserts a person; false where the address belongs to somebody.
pub(super) async fn insert(tx: &mut PgConnection, new: &Person) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "INSERT INTO people (organization_id, user_id, kind, role, email_address, display_name, locale, version,
                             create_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT ON CONSTRAINT people_email_address_key DO NOTHING",
        new.organization_id.uuid(),
        new.user_id.uuid(),
        new.kind.as_str(),
        new.role.map(Role::as_str),
        new.email_address.as_str(),
        new.display_name,
        new.locale.as_str(),
        new.version,
        new.create_time,
    );
    Ok(inserted.execute(tx).await?.rows_affected() == 1)
}

/// Finds a person, whether they have a way in or not.
pub(crate) async fn find(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
) -> Result<Option<Person>, sqlx::Error> {
    sqlx::query_as!(
        Person,
        r#"SELECT organization_id AS "organization_id: OrganizationId", user_id AS "user_id: UserId",
                  kind AS "kind: PersonKind", role AS "role: Role", email_address AS "email_address: EmailAddress",
                  display_name, locale AS "locale: Locale", version, create_time, job_title, company, phone, time_zone,
                  deactivate_time IS NOT NULL AS "is_deactivated!",
                  standing_consent(organization_id, user_id) AS "consent_notice_version!"
             FROM people WHERE organization_id = $1 AND user_id = $2"#,
        organization_id.uuid(),
        user_id.uuid(),
    )
    .fetch_optional(tx)
    .await
}

/// Finds a person, whether they have a way in or not, and holds them until the end of the unit of work. Held first and
/// read in a statement of its own: one that had to wait would still see the consents of before the wait.
pub(crate) async fn find_for_update(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
) -> Result<Option<Person>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT version FROM people WHERE organization_id = $1 AND user_id = $2 FOR NO KEY UPDATE",
        organization_id.uuid(),
        user_id.uuid(),
    )
    .fetch_optional(&mut *tx)
    .await?;
    find(tx, organization_id, user_id).await
}

/// Finds a person who has a way in.
pub(crate) async fn find_active(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
) -> Result<Option<Person>, sqlx::Error> {
    Ok(find(tx, organization_id, user_id).await?.filter(|person| !person.is_deactivated))
}

/// Finds a person who has a way in, by address.
pub(crate) async fn find_active_by_address(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    address: &EmailAddress,
) -> Result<Option<Person>, sqlx::Error> {
    let found = find_by_address(tx, organization_id, address).await?;
    Ok(found.filter(|person| !person.is_deactivated))
}

/// Finds a person by address, whether they have a way in or not.
pub(crate) async fn find_by_address(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    address: &EmailAddress,
) -> Result<Option<Person>, sqlx::Error> {
    sqlx::query_as!(
        Person,
        r#"SELECT organization_id AS "organization_id: OrganizationId", user_id AS "user_id: UserId",
                  kind AS "kind: PersonKind", role AS "role: Role", email_address AS "email_address: EmailAddress",
                  display_name, locale AS "locale: Locale", version, create_time, job_title, company, phone, time_zone,
                  deactivate_time IS NOT NULL AS "is_deactivated!",
                  standing_consent(organization_id, user_id) AS "consent_notice_version!"
             FROM people WHERE organization_id = $1 AND email_address = $2"#,
        organization_id.uuid(),
        address.as_str(),
    )
    .fetch_optional(tx)
    .await
}

/// Finds the password that stands behind an address, of somebody who has a way in.
pub(crate) async fn find_password(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    address: &EmailAddress,
) -> Result<Option<StoredPassword>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT credentials.password_hash, credentials.version
           FROM people JOIN credentials USING (organization_id, user_id)
          WHERE people.organization_id = $1 AND people.email_address = $2 AND people.deactivate_time IS NULL",
        organization_id.uuid(),
        address.as_str(),
    );
    let row = row.fetch_optional(tx).await?;
    Ok(row.map(|row| StoredPassword { hash: row.password_hash.into(), version: row.version }))
}

/// Lists who has one of the wanted addresses or ids.
pub(super) async fn list(tx: &mut PgConnection, wanted: &Wanted) -> Result<Vec<Person>, sqlx::Error> {
    let addresses: Vec<String> = wanted.addresses.iter().map(|address| address.as_str().to_owned()).collect();
    sqlx::query_as!(
        Person,
        r#"SELECT organization_id AS "organization_id: OrganizationId", user_id AS "user_id: UserId",
                  kind AS "kind: PersonKind", role AS "role: Role", email_address AS "email_address: EmailAddress",
                  display_name, locale AS "locale: Locale", version, create_time, job_title, company, phone, time_zone,
                  deactivate_time IS NOT NULL AS "is_deactivated!",
                  standing_consent(organization_id, user_id) AS "consent_notice_version!"
             FROM people
            WHERE organization_id = $1 AND (email_address = ANY($2) OR user_id = ANY($3))
            ORDER BY user_id"#,
        wanted.organization_id.uuid(),
        &addresses,
        &wanted.user_ids,
    )
    .fetch_all(tx)
    .await
}

/// Lists members who have a way in, by name; one more than the page holds.
pub(super) async fn list_members(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    page: &PageRequest<MemberKey>,
) -> Result<Vec<Person>, sqlx::Error> {
    let (after_name, after_id) = match &page.after {
        Some((name, id)) => (Some(name.as_str()), Some(*id)),
        None => (None, None),
    };
    sqlx::query_as!(
        Person,
        r#"SELECT organization_id AS "organization_id: OrganizationId", user_id AS "user_id: UserId",
                  kind AS "kind: PersonKind", role AS "role: Role", email_address AS "email_address: EmailAddress",
                  display_name, locale AS "locale: Locale", version, create_time, job_title, company, phone, time_zone,
                  deactivate_time IS NOT NULL AS "is_deactivated!",
                  standing_consent(organization_id, user_id) AS "consent_notice_version!"
             FROM people
            WHERE organization_id = $1 AND kind = 'MEMBER' AND deactivate_time IS NULL
              AND ($2::text IS NULL OR (lower(display_name) COLLATE "C", user_id) > (lower($2) COLLATE "C", $3::uuid))
            ORDER BY lower(display_name) COLLATE "C", user_id
            LIMIT $4"#,
        organization_id.uuid(),
        after_name,
        after_id,
        page.limit(),
    )
    .fetch_all(tx)
    .await
}
