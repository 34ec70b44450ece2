//! All SQL of participants.

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::page::PageRequest;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::{Kind, Participant, ParticipantKey, State};
use crate::person::Person;
use crate::space::Space;

/// Somebody whose invitation was accepted just now.
pub(crate) struct Joined {
    pub(crate) space_id: SpaceId,
    pub(crate) user_id: UserId,
    pub(crate) participant_id: Uuid,
    pub(crate) invitation_id: Uuid,
    pub(crate) inviter_user_id: UserId,
}

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

/// Adds a participant. False: the person takes part already, and stays as they are.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    participant: &Participant,
    invitation_id: Uuid,
    inviter_user_id: UserId,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "INSERT INTO participants (organization_id, participant_id, space_id, user_id, kind, state,
                                   invitation_id, inviter_user_id, create_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT ON CONSTRAINT participants_user_key DO NOTHING",
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
    Ok(inserted.rows_affected() == 1)
}

/// Lets an invited participant take part. Nothing: no such invitation, or accepted before.
pub(crate) async fn activate(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    invitation_id: Uuid,
) -> Result<Option<Joined>, sqlx::Error> {
    sqlx::query_as!(
        Joined,
        r#"UPDATE participants SET state = 'ACTIVE'
            WHERE organization_id = $1 AND invitation_id = $2 AND state = 'INVITED'
        RETURNING space_id, user_id, participant_id, invitation_id AS "invitation_id!",
                  inviter_user_id AS "inviter_user_id!""#,
        organization_id.uuid(),
        invitation_id,
    )
    .fetch_optional(tx)
    .await
}

pub(crate) async fn count(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM participants WHERE organization_id = $1 AND space_id = $2"#,
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
    email_address: Option<String>,
    display_name: Option<String>,
}

impl Row {
    fn into_participant(self, space_id: SpaceId) -> Participant {
        // A member's copy may still be on its way: then they are listed without address and name.
        let person = Person {
            user_id: self.user_id.into(),
            email_address: self.email_address.unwrap_or_default(),
            display_name: self.display_name.unwrap_or_default(),
        };
        Participant {
            participant_id: self.participant_id,
            space_id,
            person,
            kind: self.kind,
            state: self.state,
            create_time: self.create_time,
        }
    }
}

pub(crate) async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    page: &PageRequest<ParticipantKey>,
) -> Result<Vec<Participant>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT p.participant_id, p.user_id, p.kind AS "kind: Kind", p.state AS "state: State", p.create_time,
                  e.email_address AS "email_address?", e.display_name AS "display_name?"
             FROM participants p
             LEFT JOIN people e ON e.organization_id = p.organization_id AND e.user_id = p.user_id
            WHERE p.organization_id = $1 AND p.space_id = $2
              AND ($3::timestamptz IS NULL OR (p.create_time, p.participant_id) > ($3, $4::uuid))
            ORDER BY p.create_time, p.participant_id
            LIMIT $5"#,
        organization_id.uuid(),
        space_id.uuid(),
        page.after.map(|key| key.create_time),
        page.after.map(|key| key.participant_id),
        page.limit(),
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
                  e.email_address AS "email_address?", e.display_name AS "display_name?"
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
