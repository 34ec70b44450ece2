//! All SQL of notices and consents. The service's role may neither change nor delete a row of either table.

use service_kit::db::Database;
use service_kit::ids::{OrganizationId, UserId};
use service_kit::page::PageRequest;
use sqlx::PgConnection;
use uuid::Uuid;

use super::NoticeKey;
use super::entity::{Action, Deed, Entry, Notice, Verdict, Via};
use crate::locale::Locale;
use crate::person::Person;

/// Inserts a notice.
pub(super) async fn insert_notice(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    notice: &Notice,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO privacy_notices
                (organization_id, privacy_notice_id, version, locale, text, sha256, publish_time, is_material)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        organization_id.uuid(),
        notice.privacy_notice_id,
        notice.version,
        notice.locale.as_str(),
        notice.text,
        notice.sha256,
        notice.publish_time,
        notice.is_material,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns the notice in force: the highest version, in the language asked for, else in the organisation's own.
pub(crate) async fn get_in_force(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    locale: Locale,
) -> Result<Notice, sqlx::Error> {
    sqlx::query_as!(
        Notice,
        r#"SELECT privacy_notice_id, version, locale AS "locale: Locale", text, sha256, publish_time,
                  is_material
             FROM privacy_notices
            WHERE organization_id = $1
            ORDER BY version DESC, locale = $2 DESC,
                  locale = (SELECT locale FROM organizations WHERE organization_id = $1) DESC, locale
            LIMIT 1"#,
        organization_id.uuid(),
        locale.as_str(),
    )
    .fetch_one(tx)
    .await
}

/// Finds a notice by its id, where it is in force: of the highest version, in whichever language.
pub(crate) async fn find_in_force(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    privacy_notice_id: Uuid,
) -> Result<Option<Notice>, sqlx::Error> {
    sqlx::query_as!(
        Notice,
        r#"SELECT privacy_notice_id, version, locale AS "locale: Locale", text, sha256, publish_time,
                  is_material
             FROM privacy_notices
            WHERE organization_id = $1 AND privacy_notice_id = $2
              AND version = (SELECT max(version) FROM privacy_notices WHERE organization_id = $1)"#,
        organization_id.uuid(),
        privacy_notice_id,
    )
    .fetch_optional(tx)
    .await
}

/// Returns the highest version of the notice there is.
pub(super) async fn newest_version(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(max(version), 0) AS "version!" FROM privacy_notices WHERE organization_id = $1"#,
        organization_id.uuid()
    )
    .fetch_one(tx)
    .await
}

/// Returns the oldest version whose consent still stands.
pub(super) async fn required_version(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT required_notice_version($1) AS "version!""#, organization_id.uuid())
        .fetch_one(tx)
        .await
}

/// Lists all notices, the newest version first; one more than the page holds.
pub(super) async fn list_notices(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    page: &PageRequest<NoticeKey>,
) -> Result<Vec<Notice>, sqlx::Error> {
    let (version, locale) = match &page.after {
        Some((version, locale)) => (Some(*version), Some(locale.as_str())),
        None => (None, None),
    };
    sqlx::query_as!(
        Notice,
        r#"SELECT privacy_notice_id, version, locale AS "locale: Locale", text, sha256, publish_time,
                  is_material
             FROM privacy_notices
            WHERE organization_id = $1
              AND ($2::integer IS NULL OR version < $2 OR (version = $2 AND locale > $3))
            ORDER BY version DESC, locale
            LIMIT $4"#,
        organization_id.uuid(),
        version,
        locale,
        page.limit(),
    )
    .fetch_all(tx)
    .await
}

/// Appends an entry to the ledger of a person's organisation; the database gives it its place in the chain.
pub(super) async fn append(
    tx: &mut PgConnection,
    (consent_id, person): (Uuid, &Person),
    deed: Deed,
    (client_mac, user_agent): (Option<Vec<u8>>, &str),
) -> Result<Entry, sqlx::Error> {
    sqlx::query_as!(
        Entry,
        r#"INSERT INTO consents (organization_id, consent_id, user_id, privacy_notice_id, notice_version,
                                 notice_locale, notice_sha256, action, via, client_mac, user_agent)
           SELECT organization_id, $3, $4, privacy_notice_id, version, locale, sha256, $5, $6, $7, $8
             FROM privacy_notices WHERE organization_id = $1 AND privacy_notice_id = $2
           RETURNING consent_id, sequence, user_id AS "user_id: UserId", action AS "action: Action",
                  privacy_notice_id, notice_version, notice_locale AS "notice_locale: Locale", notice_sha256,
                  via AS "via: Via", create_time, hash"#,
        person.organization_id.uuid(),
        deed.privacy_notice_id,
        consent_id,
        person.user_id.uuid(),
        deed.action.as_str(),
        deed.via.as_str(),
        client_mac,
        user_agent,
    )
    .fetch_one(tx)
    .await
}

/// Finds the newest entry of a person.
pub(super) async fn find_newest(
    tx: &mut PgConnection,
    person: &Person,
) -> Result<Option<Entry>, sqlx::Error> {
    sqlx::query_as!(
        Entry,
        r#"SELECT consent_id, sequence, user_id AS "user_id: UserId", action AS "action: Action",
                  privacy_notice_id, notice_version, notice_locale AS "notice_locale: Locale", notice_sha256,
                  via AS "via: Via", create_time, hash
             FROM consents WHERE organization_id = $1 AND user_id = $2
            ORDER BY sequence DESC
            LIMIT 1"#,
        person.organization_id.uuid(),
        person.user_id.uuid(),
    )
    .fetch_optional(tx)
    .await
}

/// Lists entries of one person or of everybody, the newest first; one more than the page holds.
pub(super) async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: Option<UserId>,
    page: &PageRequest<i64>,
) -> Result<Vec<Entry>, sqlx::Error> {
    sqlx::query_as!(
        Entry,
        r#"SELECT consent_id, sequence, user_id AS "user_id: UserId", action AS "action: Action",
                  privacy_notice_id, notice_version, notice_locale AS "notice_locale: Locale", notice_sha256,
                  via AS "via: Via", create_time, hash
             FROM consents
            WHERE organization_id = $1
              AND ($2::uuid IS NULL OR user_id = $2)
              AND ($3::bigint IS NULL OR sequence < $3)
            ORDER BY sequence DESC
            LIMIT $4"#,
        organization_id.uuid(),
        user_id.map(UserId::uuid),
        page.after,
        page.limit(),
    )
    .fetch_all(tx)
    .await
}

/// Recomputes the chain of an organisation.
pub(super) async fn verify(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<Verdict, sqlx::Error> {
    // Hashing a long ledger takes longer than a call's statements may.
    sqlx::query!("SET LOCAL statement_timeout = '60s'").execute(&mut *tx).await?;
    sqlx::query_as!(
        Verdict,
        r#"SELECT entry_count AS "entry_count!", head_hash, first_broken_sequence AS "first_broken_sequence!"
             FROM verify_consents($1)"#,
        organization_id.uuid()
    )
    .fetch_one(tx)
    .await
}

/// Where each organisation's ledger ends.
pub(crate) struct Head {
    pub(crate) organization_id: OrganizationId,
    pub(crate) sequence: i64,
    pub(crate) hash: Vec<u8>,
}

/// Lists the heads of all ledgers, of every organisation.
pub(crate) async fn list_heads(database: &Database) -> Result<Vec<Head>, sqlx::Error> {
    sqlx::query_as!(
        Head,
        r#"SELECT organization_id AS "organization_id!: OrganizationId", sequence AS "sequence!", hash AS "hash!"
             FROM list_consent_heads()"#
    )
    .fetch_all(database.pool())
    .await
}
