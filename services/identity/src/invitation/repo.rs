//! All SQL of invitation links. Expiry is decided by the database's clock.

use chrono::{DateTime, Utc};
use service_kit::ids::{SpaceId, UserId};
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;

use super::entity::{Invitation, InvitationId, LINK_TTL, StoredLink};
use crate::token::Token;

/// Inserts the first version of a link, unless the invitation has one.
pub(super) async fn insert_if_absent(
    tx: &mut PgConnection,
    invitation: &Invitation,
    token: &Token,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO invitation_links (organization_id, invitation_id, space_id, user_id, inviter_user_id, version,
                                       secret_sha256, expire_time)
         VALUES ($1, $2, $3, $4, $5, 1, $6, now() + $7)
         ON CONFLICT ON CONSTRAINT invitation_links_pkey DO NOTHING",
        invitation.organization_id.uuid(),
        invitation.invitation_id.uuid(),
        invitation.space_id.uuid(),
        invitation.user_id.uuid(),
        invitation.inviter_user_id.uuid(),
        token.sha256(),
        ttl(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns the link of an invitation and holds it until the end of the unit of work.
pub(super) async fn get_for_update(
    tx: &mut PgConnection,
    invitation: &Invitation,
) -> Result<StoredLink, sqlx::Error> {
    sqlx::query_as!(
        StoredLink,
        r#"SELECT invitation_id AS "invitation_id: InvitationId", space_id AS "space_id: SpaceId",
                  user_id AS "user_id: UserId", inviter_user_id AS "inviter_user_id: UserId", version,
                  use_time IS NOT NULL AS "is_used!", expire_time <= now() AS "is_expired!"
             FROM invitation_links WHERE organization_id = $1 AND invitation_id = $2
              FOR UPDATE"#,
        invitation.organization_id.uuid(),
        invitation.invitation_id.uuid(),
    )
    .fetch_one(tx)
    .await
}

/// Replaces a link by its next version, which voids the one before.
pub(super) async fn replace(
    tx: &mut PgConnection,
    invitation: &Invitation,
    (version, token): (i32, &Token),
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE invitation_links SET version = $3, secret_sha256 = $4, expire_time = now() + $5
          WHERE organization_id = $1 AND invitation_id = $2",
        invitation.organization_id.uuid(),
        invitation.invitation_id.uuid(),
        version,
        token.sha256(),
        ttl(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Finds the link of a token, where it still works.
pub(super) async fn find_usable(
    tx: &mut PgConnection,
    token: &Token,
) -> Result<Option<StoredLink>, sqlx::Error> {
    sqlx::query_as!(
        StoredLink,
        r#"SELECT invitation_id AS "invitation_id: InvitationId", space_id AS "space_id: SpaceId",
                  user_id AS "user_id: UserId", inviter_user_id AS "inviter_user_id: UserId", version,
                  false AS "is_used!", false AS "is_expired!"
             FROM invitation_links
            WHERE organization_id = $1 AND secret_sha256 = $2 AND use_time IS NULL AND expire_time > now()"#,
        token.organization_id.uuid(),
        token.sha256(),
    )
    .fetch_optional(tx)
    .await
}

/// Uses a link up, in one statement: of any number of calls at once, one gets it.
pub(super) async fn use_up(
    tx: &mut PgConnection,
    token: &Token,
) -> Result<Option<(StoredLink, DateTime<Utc>)>, sqlx::Error> {
    let used = sqlx::query!(
        r#"UPDATE invitation_links SET use_time = now()
            WHERE organization_id = $1 AND secret_sha256 = $2 AND use_time IS NULL AND expire_time > now()
           RETURNING invitation_id AS "invitation_id: InvitationId", space_id AS "space_id: SpaceId",
                  user_id AS "user_id: UserId", inviter_user_id AS "inviter_user_id: UserId", version,
                  now() AS "use_time!""#,
        token.organization_id.uuid(),
        token.sha256(),
    );
    let used = used.fetch_optional(tx).await?.map(|row| {
        let link = StoredLink {
            invitation_id: row.invitation_id,
            space_id: row.space_id,
            user_id: row.user_id,
            inviter_user_id: row.inviter_user_id,
            version: row.version,
            is_used: true,
            is_expired: false,
        };
        (link, row.use_time)
    });
    Ok(used)
}

fn ttl() -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: LINK_TTL.num_microseconds().unwrap_or(i64::MAX) }
}
