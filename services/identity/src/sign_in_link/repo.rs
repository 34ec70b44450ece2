//! All SQL of links in mails. Expiry is decided by the database's clock.

use chrono::{DateTime, TimeDelta, Utc};
use service_kit::address::EmailAddress;
use service_kit::db::Database;
use service_kit::ids::{OrganizationId, SpaceId};
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use super::entity::{
    CODE_TRIES, LINK_TTL, LinkKey, LinkWanted, OpenLink, OpenRequestLink, ProvedAddress, Purpose,
    REQUEST_LINK_TTL, SignInLinkId,
};
use crate::token::Token;

/// Inserts a link; returns when it expires.
pub(super) async fn insert(
    tx: &mut PgConnection,
    key: LinkKey,
    wanted: &LinkWanted,
    (token, login_request, request_token): (&Token, Option<&Token>, &Token),
) -> Result<DateTime<Utc>, sqlx::Error> {
    sqlx::query_scalar!(
        "INSERT INTO sign_in_links (organization_id, sign_in_link_id, purpose, email_address, space_id,
                                    token_sha256, login_request_sha256, expire_time, space_address,
                                    request_token_sha256, request_expire_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8, $9, CASE WHEN $9::text IS NOT NULL THEN $10::bytea END,
                 CASE WHEN $9 IS NOT NULL THEN now() + $11::interval END)
         RETURNING expire_time",
        key.organization_id.uuid(),
        key.sign_in_link_id.uuid(),
        wanted.purpose.as_str(),
        wanted.email_address.as_str(),
        wanted.space_id.map(SpaceId::uuid),
        token.sha256(),
        login_request.map(Token::sha256),
        interval(LINK_TTL),
        wanted.space_address,
        request_token.sha256(),
        interval(REQUEST_LINK_TTL),
    )
    .fetch_one(tx)
    .await
}

/// Voids the links of an address: those for one purpose, or all.
pub(crate) async fn void(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    (address, purpose): (&EmailAddress, Option<Purpose>),
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE sign_in_links SET void_time = now()
          WHERE organization_id = $1 AND email_address = $2 AND ($3::text IS NULL OR purpose = $3)
            AND use_time IS NULL AND void_time IS NULL AND greatest(expire_time, request_expire_time) > now()",
        organization_id.uuid(),
        address.as_str(),
        purpose.map(Purpose::as_str),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Finds a link that still works, by its id.
pub(super) async fn find_open(tx: &mut PgConnection, key: LinkKey) -> Result<Option<OpenLink>, sqlx::Error> {
    sqlx::query_as!(
        OpenLink,
        r#"SELECT sign_in_link_id AS "sign_in_link_id: SignInLinkId", purpose AS "purpose: Purpose",
                  email_address AS "email_address: EmailAddress", space_id AS "space_id: SpaceId", expire_time
             FROM sign_in_links
            WHERE organization_id = $1 AND sign_in_link_id = $2
              AND use_time IS NULL AND void_time IS NULL AND expire_time > now()"#,
        key.organization_id.uuid(),
        key.sign_in_link_id.uuid(),
    )
    .fetch_optional(tx)
    .await
}

/// Finds a link that still proves an address and was used for nothing yet, by its id.
pub(super) async fn find_open_request(
    tx: &mut PgConnection,
    key: LinkKey,
) -> Result<Option<OpenRequestLink>, sqlx::Error> {
    sqlx::query_as!(
        OpenRequestLink,
        r#"SELECT email_address AS "email_address: EmailAddress", request_expire_time AS "expire_time!"
             FROM sign_in_links
            WHERE organization_id = $1 AND sign_in_link_id = $2
              AND request_use_id IS NULL AND void_time IS NULL AND request_expire_time > now()"#,
        key.organization_id.uuid(),
        key.sign_in_link_id.uuid(),
    )
    .fetch_optional(tx)
    .await
}

/// Uses up a link that proves an address, in one statement; what it was used for may be asked for again.
pub(super) async fn use_up_request(
    tx: &mut PgConnection,
    token: &Token,
    use_id: Uuid,
) -> Result<Option<ProvedAddress>, sqlx::Error> {
    sqlx::query_as!(
        ProvedAddress,
        r#"UPDATE sign_in_links SET request_use_id = $3
            WHERE organization_id = $1 AND request_token_sha256 = $2
              AND (request_use_id = $3
                   OR request_use_id IS NULL AND void_time IS NULL AND request_expire_time > now())
           RETURNING organization_id AS "organization_id: OrganizationId",
                  email_address AS "email_address: EmailAddress", space_address AS "space_address!""#,
        token.organization_id.uuid(),
        token.sha256(),
        use_id,
    )
    .fetch_optional(tx)
    .await
}

/// Finds a link that still works, by its token, without using it up.
pub(crate) async fn find_open_by_token(
    tx: &mut PgConnection,
    token: &Token,
    purpose: Purpose,
) -> Result<Option<OpenLink>, sqlx::Error> {
    sqlx::query_as!(
        OpenLink,
        r#"SELECT sign_in_link_id AS "sign_in_link_id: SignInLinkId", purpose AS "purpose: Purpose",
                  email_address AS "email_address: EmailAddress", space_id AS "space_id: SpaceId", expire_time
             FROM sign_in_links
            WHERE organization_id = $1 AND token_sha256 = $2 AND purpose = $3
              AND use_time IS NULL AND void_time IS NULL AND expire_time > now()"#,
        token.organization_id.uuid(),
        token.sha256(),
        purpose.as_str(),
    )
    .fetch_optional(tx)
    .await
}

/// Uses a link up in the browser that asked for it, in one statement: of any number of calls at once, one gets it.
pub(super) async fn use_up(
    tx: &mut PgConnection,
    (token, login_request): (&Token, &Token),
) -> Result<Option<OpenLink>, sqlx::Error> {
    sqlx::query_as!(
        OpenLink,
        r#"UPDATE sign_in_links SET use_time = now()
            WHERE organization_id = $1 AND token_sha256 = $2 AND login_request_sha256 = $3 AND purpose = 'SIGN_IN'
              AND use_time IS NULL AND void_time IS NULL AND expire_time > now()
           RETURNING sign_in_link_id AS "sign_in_link_id: SignInLinkId", purpose AS "purpose: Purpose",
                  email_address AS "email_address: EmailAddress", space_id AS "space_id: SpaceId", expire_time"#,
        token.organization_id.uuid(),
        token.sha256(),
        login_request.sha256(),
    )
    .fetch_optional(tx)
    .await
}

/// Uses the link of a password reset up, in one statement.
pub(crate) async fn use_up_reset(
    tx: &mut PgConnection,
    token: &Token,
) -> Result<Option<EmailAddress>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"UPDATE sign_in_links SET use_time = now()
            WHERE organization_id = $1 AND token_sha256 = $2 AND purpose = 'RESET_PASSWORD'
              AND use_time IS NULL AND void_time IS NULL AND expire_time > now()
           RETURNING email_address AS "email_address: EmailAddress""#,
        token.organization_id.uuid(),
        token.sha256(),
    )
    .fetch_optional(tx)
    .await
}

/// Finds the link that a browser asked for where it still works, and holds it until the end of the unit of work.
pub(super) async fn find_open_for_update(
    tx: &mut PgConnection,
    login_request: &Token,
) -> Result<Option<OpenLink>, sqlx::Error> {
    sqlx::query_as!(
        OpenLink,
        r#"SELECT sign_in_link_id AS "sign_in_link_id: SignInLinkId", purpose AS "purpose: Purpose",
                  email_address AS "email_address: EmailAddress", space_id AS "space_id: SpaceId", expire_time
             FROM sign_in_links
            WHERE organization_id = $1 AND login_request_sha256 = $2 AND purpose = 'SIGN_IN'
              AND use_time IS NULL AND void_time IS NULL AND expire_time > now()
              FOR UPDATE"#,
        login_request.organization_id.uuid(),
        login_request.sha256(),
    )
    .fetch_optional(tx)
    .await
}

/// Counts the wrong codes that an address took within a day.
pub(super) async fn count_wrong_codes(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    address: &EmailAddress,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(sum(code_failures), 0) AS "count!" FROM sign_in_links
            WHERE organization_id = $1 AND email_address = $2 AND create_time > now() - interval '1 day'"#,
        organization_id.uuid(),
        address.as_str(),
    )
    .fetch_one(tx)
    .await
}

/// Counts a wrong code; the last that is allowed voids the link.
pub(super) async fn fail(tx: &mut PgConnection, key: LinkKey) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE sign_in_links
            SET code_failures = code_failures + 1,
                void_time = CASE WHEN code_failures + 1 >= $3 THEN now() ELSE void_time END
          WHERE organization_id = $1 AND sign_in_link_id = $2",
        key.organization_id.uuid(),
        key.sign_in_link_id.uuid(),
        CODE_TRIES,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Marks a link as used that the unit of work holds.
pub(super) async fn mark_used(tx: &mut PgConnection, key: LinkKey) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE sign_in_links SET use_time = now() WHERE organization_id = $1 AND sign_in_link_id = $2",
        key.organization_id.uuid(),
        key.sign_in_link_id.uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Deletes links that expired a day ago, of every organisation, at most 1,000; returns how many.
pub(crate) async fn delete_stale(database: &Database) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query_scalar!(r#"SELECT delete_stale_sign_in_links() AS "deleted!""#)
        .fetch_one(database.pool())
        .await?;
    Ok(u64::try_from(deleted).unwrap_or_default())
}

fn interval(length: TimeDelta) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: length.num_microseconds().unwrap_or(i64::MAX) }
}
