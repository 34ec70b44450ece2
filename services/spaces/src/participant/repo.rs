//! All SQL of participants.

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::page::PageRequest;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::{Kind, Participant, ParticipantKey, State};
use crate::person::{Person, Profile};
use crate::space::Space;

pub(crate) async fn insert_owner(
    tx: &mut PgConnection,
    participant_id: Uuid,
    space: &Space,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO participants (organization_id, participant_id, space_id, user_id, kind, state, create_time)
         VALUES ($1, $2, $3, $4, 'OWNER', 'ACTIVE', $5)",
        space.organization_id.uuid(),
        participant_id,
        space.space_id.uuid(),
        space.owner_user_id.uuid(),
        space.create_time,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Adds a participant, or puts one who is out back in under a new invitation.
pub(crate) async fn put(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    participant: &Participant,
    invitation_id: Uuid,
    inviter_user_id: UserId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO participants (organization_id, participant_id, space_id, user_id, kind, state,
                                   invitation_id, inviter_user_id, create_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT ON CONSTRAINT participants_user_key DO UPDATE
            SET kind = excluded.kind, state = excluded.state, invitation_id = excluded.invitation_id,
                inviter_user_id = excluded.inviter_user_id, create_time = excluded.create_time,
                remind_time = NULL",
        organization_id.uuid(),
        participant.participant_id,
        participant.space_id.uuid(),
        participant.person.user_id.uuid(),
        participant.kind.as_str(),
        participant.state.as_str(),
        invitation_id,
        inviter_user_id.uuid(),
        participant.create_time,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// An invitation that was not withdrawn by a later one.
pub(super) struct Standing {
    pub(super) space_id: SpaceId,
    pub(super) user_id: UserId,
    pub(super) inviter_user_id: UserId,
}

/// Finds the space, person and inviter of an invitation.
pub(super) async fn find_invitation(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    invitation_id: Uuid,
) -> Result<Option<Standing>, sqlx::Error> {
    sqlx::query_as!(
        Standing,
        r#"SELECT space_id, user_id, inviter_user_id AS "inviter_user_id!"
             FROM participants WHERE organization_id = $1 AND invitation_id = $2"#,
        organization_id.uuid(),
        invitation_id,
    )
    .fetch_optional(tx)
    .await
}

/// Stores where a participant stands. False: somebody was faster, and the participant does not stand at `from` any more.
pub(super) async fn set_state(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    participant_id: Uuid,
    from: State,
    to: State,
) -> Result<bool, sqlx::Error> {
    let changed = sqlx::query!(
        "UPDATE participants SET state = $4 WHERE organization_id = $1 AND participant_id = $2 AND state = $3",
        organization_id.uuid(),
        participant_id,
        from.as_str(),
        to.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// Stores how a participant belongs to the space.
pub(crate) async fn set_kind(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    user_id: UserId,
    kind: Kind,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE participants SET kind = $4 WHERE organization_id = $1 AND space_id = $2 AND user_id = $3",
        organization_id.uuid(),
        space_id.uuid(),
        user_id.uuid(),
        kind.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Counts who takes part, or is invited to.
pub(crate) async fn count(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM participants
            WHERE organization_id = $1 AND space_id = $2 AND state IN ('INVITED', 'ACTIVE')"#,
        organization_id.uuid(),
        space_id.uuid(),
    )
    .fetch_one(tx)
    .await
}

struct Row {
    participant_id: Uuid,
    user_id: Uuid,
    kind: Kind,
    state: State,
    create_time: DateTime<Utc>,
    remind_time: Option<DateTime<Utc>>,
    last_visit_time: Option<DateTime<Utc>>,
    email_address: Option<String>,
    display_name: Option<String>,
    is_deactivated: Option<bool>,
    job_title: Option<String>,
    company: Option<String>,
    phone: Option<String>,
    locale: Option<String>,
    time_zone: Option<String>,
}

impl Row {
    fn into_participant(self, space_id: SpaceId) -> Participant {
        // A member's copy may still be on its way: then they are listed without address and name.
        let person = Person {
            user_id: self.user_id.into(),
            email_address: self.email_address.unwrap_or_default(),
            display_name: self.display_name.unwrap_or_default(),
            is_deactivated: self.is_deactivated.unwrap_or_default(),
            profile: Profile {
                job_title: self.job_title.unwrap_or_default(),
                company: self.company.unwrap_or_default(),
                phone: self.phone.unwrap_or_default(),
                locale: self.locale.unwrap_or_default(),
                time_zone: self.time_zone.unwrap_or_default(),
            },
        };
        Participant {
            participant_id: self.participant_id,
            space_id,
            person,
            kind: self.kind,
            state: self.state,
            create_time: self.create_time,
            remind_time: self.remind_time,
            last_visit_time: self.last_visit_time,
        }
    }
}

pub(crate) async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    states: &[State],
    page: &PageRequest<ParticipantKey>,
) -> Result<Vec<Participant>, sqlx::Error> {
    let states: Vec<String> = states.iter().map(|state| state.as_str().to_owned()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT p.participant_id, p.user_id, p.kind AS "kind: Kind", p.state AS "state: State", p.create_time,
                  p.remind_time, p.last_visit_time, e.email_address AS "email_address?",
                  e.display_name AS "display_name?", e.is_deactivated AS "is_deactivated?",
                  e.job_title AS "job_title?", e.company AS "company?", e.phone AS "phone?", e.locale AS "locale?",
                  e.time_zone AS "time_zone?"
             FROM participants p
             LEFT JOIN people e ON e.organization_id = p.organization_id AND e.user_id = p.user_id
            WHERE p.organization_id = $1 AND p.space_id = $2 AND p.state = ANY($6)
              AND ($3::timestamptz IS NULL OR (p.create_time, p.participant_id) > ($3, $4::uuid))
            ORDER BY p.create_time, p.participant_id
            LIMIT $5"#,
        organization_id.uuid(),
        space_id.uuid(),
        page.after.map(|key| key.create_time),
        page.after.map(|key| key.participant_id),
        page.limit(),
        &states,
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| row.into_participant(space_id)).collect())
}

pub(crate) async fn list_by_user(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    user_ids: &[UserId],
) -> Result<Vec<Participant>, sqlx::Error> {
    let user_ids: Vec<Uuid> = user_ids.iter().map(|user_id| user_id.uuid()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT p.participant_id, p.user_id, p.kind AS "kind: Kind", p.state AS "state: State", p.create_time,
                  p.remind_time, p.last_visit_time, e.email_address AS "email_address?",
                  e.display_name AS "display_name?", e.is_deactivated AS "is_deactivated?",
                  e.job_title AS "job_title?", e.company AS "company?", e.phone AS "phone?", e.locale AS "locale?",
                  e.time_zone AS "time_zone?"
             FROM participants p
             LEFT JOIN people e ON e.organization_id = p.organization_id AND e.user_id = p.user_id
            WHERE p.organization_id = $1 AND p.space_id = $2 AND p.user_id = ANY($3)
            ORDER BY p.create_time, p.participant_id"#,
        organization_id.uuid(),
        space_id.uuid(),
        &user_ids,
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| row.into_participant(space_id)).collect())
}

/// Finds somebody who takes, or took, part in a space.
pub(crate) async fn find_by_user(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    user_id: UserId,
) -> Result<Option<Participant>, sqlx::Error> {
    Ok(list_by_user(tx, organization_id, space_id, &[user_id]).await?.pop())
}

/// Finds a participant by id.
pub(super) async fn find(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    participant_id: Uuid,
) -> Result<Option<Participant>, sqlx::Error> {
    let user_id = sqlx::query_scalar!(
        r#"SELECT user_id FROM participants
            WHERE organization_id = $1 AND space_id = $2 AND participant_id = $3"#,
        organization_id.uuid(),
        space_id.uuid(),
        participant_id,
    )
    .fetch_optional(&mut *tx)
    .await?;
    match user_id {
        Some(user_id) => find_by_user(tx, organization_id, space_id, user_id.into()).await,
        None => Ok(None),
    }
}

/// Finds the invitation that somebody came by, or is asked in by.
pub(super) async fn invitation_of(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    participant_id: Uuid,
) -> Result<Option<Uuid>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "SELECT invitation_id FROM participants WHERE organization_id = $1 AND participant_id = $2",
        organization_id.uuid(),
        participant_id,
    )
    .fetch_optional(tx)
    .await?;
    Ok(found.flatten())
}

/// Stores that somebody was reminded now, and returns when that is.
pub(super) async fn set_reminded(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    participant_id: Uuid,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar!(
        "UPDATE participants SET remind_time = now()
          WHERE organization_id = $1 AND participant_id = $2 RETURNING remind_time",
        organization_id.uuid(),
        participant_id,
    )
    .fetch_one(tx)
    .await
}

/// Counts which of these addresses are of people who take part, or are invited to.
pub(super) async fn count_addresses(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    addresses: &[String],
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(DISTINCT e.email_address) AS "count!"
             FROM participants p
             JOIN people e ON e.organization_id = p.organization_id AND e.user_id = p.user_id
            WHERE p.organization_id = $1 AND p.space_id = $2 AND p.state IN ('INVITED', 'ACTIVE')
              AND e.email_address = ANY($3)"#,
        organization_id.uuid(),
        space_id.uuid(),
        addresses,
    )
    .fetch_one(tx)
    .await
}

/// Lists who takes part or is invited, in the order they came, at most `most`.
pub(crate) async fn list_taking_part(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    most: i64,
) -> Result<Vec<Participant>, sqlx::Error> {
    let user_ids = sqlx::query_scalar!(
        "SELECT user_id FROM participants
          WHERE organization_id = $1 AND space_id = $2 AND state IN ('INVITED', 'ACTIVE')
          ORDER BY create_time, participant_id LIMIT $3",
        organization_id.uuid(),
        space_id.uuid(),
        most,
    )
    .fetch_all(&mut *tx)
    .await?;
    let user_ids: Vec<UserId> = user_ids.into_iter().map(UserId::from).collect();
    list_by_user(tx, organization_id, space_id, &user_ids).await
}
