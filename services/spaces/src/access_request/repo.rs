//! All SQL of requests for access. Time is the database's.

use chrono::{DateTime, Utc};
use service_kit::db::Database;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::page::PageRequest;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::{AccessRequest, AccessRequestKey, Answer, RequestKey, RequestState, WAITING_MAX};

/// Finds the space in use that has an address.
pub(super) async fn find_space(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    address: &str,
) -> Result<Option<SpaceId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT space_id AS "space_id: SpaceId" FROM spaces
            WHERE organization_id = $1 AND address = $2 AND state = 'ACTIVE'"#,
        organization_id.uuid(),
        address,
    )
    .fetch_optional(tx)
    .await
}

/// Somebody spaces knows of.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) user_id: UserId,
    pub(super) email_address: String,
    pub(super) display_name: String,
    pub(super) is_deactivated: bool,
}

/// Finds somebody by id, or else by address.
pub(super) async fn find_person(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    (user_id, address): (Option<UserId>, Option<&str>),
) -> Result<Option<Known>, sqlx::Error> {
    sqlx::query_as!(
        Known,
        r#"SELECT user_id AS "user_id: UserId", email_address, display_name, is_deactivated FROM people
            WHERE organization_id = $1 AND (user_id = $2 OR ($2::uuid IS NULL AND email_address = $3))
            ORDER BY version DESC LIMIT 1"#,
        organization_id.uuid(),
        user_id.map(UserId::uuid),
        address,
    )
    .fetch_optional(tx)
    .await
}

/// Returns the language of whoever has an address, else the organisation's.
pub(super) async fn locale_of(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    address: &str,
) -> Result<String, sqlx::Error> {
    let locale = sqlx::query_scalar!(
        "SELECT coalesce(e.locale, o.locale) FROM organizations o
           LEFT JOIN people e ON e.organization_id = o.organization_id AND e.email_address = $2
          WHERE o.organization_id = $1 LIMIT 1",
        organization_id.uuid(),
        address,
    )
    .fetch_optional(tx)
    .await?;
    Ok(locale.flatten().unwrap_or_default())
}

/// What somebody asks, once it is known of which space.
pub(super) struct NewRequest<'a> {
    pub(super) access_request_id: Uuid,
    pub(super) organization_id: OrganizationId,
    pub(super) space_id: SpaceId,
    pub(super) email_address: &'a str,
    pub(super) display_name: &'a str,
    pub(super) message: &'a str,
    pub(super) is_verified: bool,
    pub(super) requester_user_id: Option<UserId>,
}

/// Tells whether asking is swallowed: it was declined within seven days, or too many others of its kind wait already: who
/// proved their address is not kept out by those who did not, nor by whom guests proposed. A declined request of an
/// address that nobody had proved does not stand in the way of one that somebody did.
pub(super) async fn is_swallowed(tx: &mut PgConnection, new: &NewRequest<'_>) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(bool_or(state = 'DECLINED' AND email_address = $3 AND (is_verified OR NOT $4)
                                   AND answer_time > now() - interval '7 days'), false)
                  OR count(*) FILTER (WHERE state = 'REQUESTED' AND lapse_time > now() AND email_address <> $3
                                        AND is_verified = $4 AND (is_verified OR proposer_user_id IS NULL)) >= $5
                  AS "swallowed!"
             FROM access_requests WHERE organization_id = $1 AND space_id = $2"#,
        new.organization_id.uuid(),
        new.space_id.uuid(),
        new.email_address,
        new.is_verified,
        WAITING_MAX,
    )
    .fetch_one(tx)
    .await
}

/// A request that waits, after somebody asked.
pub(super) struct Waiting {
    pub(super) access_request_id: Uuid,
    pub(super) display_name: String,
    pub(super) message: String,
    pub(super) version: i64,
    /// Whether the owner is to be told.
    pub(super) is_told: bool,
}

/// Stores that somebody asks, folded with what waits already. What a proved address says is not overwritten by who did not
/// prove it. The owner is told once in 24 hours.
pub(super) async fn put(tx: &mut PgConnection, new: &NewRequest<'_>) -> Result<Waiting, sqlx::Error> {
    sqlx::query_as!(
        Waiting,
        r#"INSERT INTO access_requests AS r (organization_id, access_request_id, space_id, email_address, display_name,
                                             message, is_verified, requester_user_id, state, request_time, lapse_time,
                                             told_time, version, create_time)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'REQUESTED', now(), now() + interval '30 days', now(), 1, now())
           ON CONFLICT (organization_id, space_id, email_address) WHERE state = 'REQUESTED' DO UPDATE
              SET request_time = now(), lapse_time = now() + interval '30 days',
                  display_name = CASE WHEN (excluded.is_verified OR NOT r.is_verified) AND excluded.display_name <> ''
                                      THEN excluded.display_name ELSE r.display_name END,
                  message = CASE WHEN (excluded.is_verified OR NOT r.is_verified) AND excluded.message <> ''
                                 THEN excluded.message ELSE r.message END,
                  is_verified = r.is_verified OR excluded.is_verified,
                  proposer_user_id = CASE WHEN excluded.is_verified THEN NULL ELSE r.proposer_user_id END,
                  requester_user_id = coalesce(excluded.requester_user_id, r.requester_user_id),
                  told_time = CASE WHEN r.told_time > now() - interval '24 hours' THEN r.told_time ELSE now() END,
                  version = r.version + 1
         RETURNING access_request_id, display_name, message, version, told_time = now() AS "is_told!""#,
        new.organization_id.uuid(),
        new.access_request_id,
        new.space_id.uuid(),
        new.email_address,
        new.display_name,
        new.message,
        new.is_verified,
        new.requester_user_id.map(UserId::uuid),
    )
    .fetch_one(tx)
    .await
}

/// Finds a request of a space.
pub(super) async fn find(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    key: RequestKey,
) -> Result<Option<AccessRequest>, sqlx::Error> {
    sqlx::query_as!(
        AccessRequest,
        r#"SELECT access_request_id, space_id AS "space_id: SpaceId", email_address, display_name, message, is_verified,
                  proposer_user_id AS "proposer_user_id: UserId", requester_user_id AS "requester_user_id: UserId",
                  CASE WHEN state = 'REQUESTED' AND lapse_time <= now() THEN 'LAPSED' ELSE state END
                      AS "state!: RequestState",
                  request_time, lapse_time, answerer_user_id AS "answerer_user_id: UserId", answer_time, version
             FROM access_requests
            WHERE organization_id = $1 AND space_id = $2 AND access_request_id = $3"#,
        organization_id.uuid(),
        key.space_id.uuid(),
        key.access_request_id,
    )
    .fetch_optional(tx)
    .await
}

/// Lists the requests of a space that stand at one of `states`, the newest first; one more than the page holds.
pub(super) async fn list(
    tx: &mut PgConnection,
    (organization_id, space_id): (OrganizationId, SpaceId),
    states: &[RequestState],
    page: &PageRequest<AccessRequestKey>,
) -> Result<Vec<AccessRequest>, sqlx::Error> {
    let states: Vec<String> = states.iter().map(|state| state.as_str().to_owned()).collect();
    sqlx::query_as!(
        AccessRequest,
        r#"SELECT access_request_id, space_id AS "space_id: SpaceId", email_address, display_name, message, is_verified,
                  proposer_user_id AS "proposer_user_id: UserId", requester_user_id AS "requester_user_id: UserId",
                  CASE WHEN state = 'REQUESTED' AND lapse_time <= now() THEN 'LAPSED' ELSE state END
                      AS "state!: RequestState",
                  request_time, lapse_time, answerer_user_id AS "answerer_user_id: UserId", answer_time, version
             FROM access_requests
            WHERE organization_id = $1 AND space_id = $2
              AND CASE WHEN state = 'REQUESTED' AND lapse_time <= now() THEN 'LAPSED' ELSE state END = ANY($3)
              AND ($4::timestamptz IS NULL OR (request_time, access_request_id) < ($4, $5::uuid))
            ORDER BY request_time DESC, access_request_id DESC
            LIMIT $6"#,
        organization_id.uuid(),
        space_id.uuid(),
        &states,
        page.after.map(|key| key.request_time),
        page.after.map(|key| key.access_request_id),
        page.limit(),
    )
    .fetch_all(tx)
    .await
}

/// Who answers a request, and how.
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) answerer_user_id: UserId,
    pub(super) requester_user_id: Option<UserId>,
}

/// Answers a request that waits, in one statement; nothing where somebody or the time was faster.
pub(super) async fn answer(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    request: &AccessRequest,
    answered: Answered,
) -> Result<Option<(DateTime<Utc>, i64)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"UPDATE access_requests
              SET state = $3, answerer_user_id = $4, answer_time = now(), version = version + 1,
                  requester_user_id = coalesce($5, requester_user_id)
            WHERE organization_id = $1 AND access_request_id = $2 AND state = 'REQUESTED' AND lapse_time > now()
        RETURNING answer_time AS "answer_time!", version"#,
        organization_id.uuid(),
        request.access_request_id,
        answered.answer.state().as_str(),
        answered.answerer_user_id.uuid(),
        answered.requester_user_id.map(UserId::uuid),
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| (row.answer_time, row.version)))
}

/// Lists requests of all organisations whose time is up, at most 100.
pub(crate) async fn list_due(database: &Database) -> Result<Vec<(OrganizationId, Uuid)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT organization_id AS "organization_id!", access_request_id AS "access_request_id!"
             FROM list_access_requests_to_lapse()"#
    )
    .fetch_all(database.pool())
    .await?;
    Ok(rows.into_iter().map(|row| (row.organization_id.into(), row.access_request_id)).collect())
}

/// Lets a request lapse whose time is up; false: somebody answered or renewed it meanwhile.
pub(crate) async fn lapse(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    access_request_id: Uuid,
) -> Result<bool, sqlx::Error> {
    let lapsed = sqlx::query!(
        "UPDATE access_requests SET state = 'LAPSED', version = version + 1
          WHERE organization_id = $1 AND access_request_id = $2 AND state = 'REQUESTED' AND lapse_time <= now()",
        organization_id.uuid(),
        access_request_id,
    )
    .execute(tx)
    .await?;
    Ok(lapsed.rows_affected() == 1)
}
