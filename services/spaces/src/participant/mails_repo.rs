//! All SQL of the mails that inviting has sent.

use std::time::Duration;

use service_kit::ids::{OrganizationId, SpaceId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::limits::DAY;

service_kit::text_enum! {
    /// Why a mail was sent.
    pub(super) enum MailKind {
        /// Somebody was invited.
        Invitation = "INVITATION",
        /// Somebody was reminded of their invitation.
        Reminder = "REMINDER",
        /// A guest gave the address of a colleague, about whom the owner was asked.
        Proposal = "PROPOSAL",
    }
}

/// A mail that is sent now.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewMail {
    pub(super) mail_id: Uuid,
    pub(super) organization_id: OrganizationId,
    pub(super) space_id: SpaceId,
    pub(super) invitation_id: Option<Uuid>,
    pub(super) kind: MailKind,
    pub(super) sender_user_id: UserId,
    pub(super) recipient_user_id: UserId,
}

/// Lets one transaction of the organisation count and send at a time, so that two do not each take what is left for one.
pub(super) async fn lock(tx: &mut PgConnection, organization_id: OrganizationId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('inviting ' || $1::text, 0))",
        organization_id.to_string(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn insert(tx: &mut PgConnection, mail: &NewMail) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO invitation_mails (organization_id, mail_id, space_id, invitation_id, kind, sender_user_id,
                                       recipient_user_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        mail.organization_id.uuid(),
        mail.mail_id,
        mail.space_id.uuid(),
        mail.invitation_id,
        mail.kind.as_str(),
        mail.sender_user_id.uuid(),
        mail.recipient_user_id.uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns how long until `wanted` more mails are within `most` of a day: of one sender, or of all.
pub(super) async fn wait_of_sender(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    sender: Option<UserId>,
    most: u32,
    wanted: usize,
) -> Result<Option<Duration>, sqlx::Error> {
    let Some(room) = i64::from(most).checked_sub_unsigned(wanted as u64).filter(|room| *room >= 0) else {
        return Ok(Some(DAY));
    };
    // The newest `room` may stay: the one before them is the last that has to be a day old.
    let wait = sqlx::query_scalar!(
        r#"SELECT extract(epoch FROM create_time + interval '24 hours' - now())::float8 AS "wait!"
             FROM invitation_mails
            WHERE organization_id = $1 AND ($2::uuid IS NULL OR sender_user_id = $2)
              AND create_time > now() - interval '24 hours'
            ORDER BY create_time DESC OFFSET $3 LIMIT 1"#,
        organization_id.uuid(),
        sender.map(UserId::uuid),
        room,
    )
    .fetch_optional(tx)
    .await?;
    Ok(wait.filter(|_| wanted > 0).map(seconds))
}

/// Returns how long until each of the people may get one more mail: of one space, or of all.
pub(super) async fn wait_of_recipients(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: Option<SpaceId>,
    recipients: &[UserId],
    most: u32,
) -> Result<Option<Duration>, sqlx::Error> {
    let recipients: Vec<Uuid> = recipients.iter().map(|user_id| user_id.uuid()).collect();
    let wait = sqlx::query_scalar!(
        r#"SELECT max(wait)::float8
             FROM (SELECT extract(epoch FROM create_time + interval '24 hours' - now()) AS wait,
                          row_number() OVER (PARTITION BY recipient_user_id ORDER BY create_time DESC) AS place
                     FROM invitation_mails
                    WHERE organization_id = $1 AND ($2::uuid IS NULL OR space_id = $2) AND kind <> 'PROPOSAL'
                      AND recipient_user_id = ANY($3) AND create_time > now() - interval '24 hours') AS lately
            WHERE place = $4"#,
        organization_id.uuid(),
        space_id.map(SpaceId::uuid),
        &recipients,
        i64::from(most),
    )
    .fetch_one(tx)
    .await?;
    Ok(wait.map(seconds))
}

/// Counts how often somebody was reminded of an invitation.
pub(super) async fn count_reminders(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    invitation_id: Uuid,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM invitation_mails
            WHERE organization_id = $1 AND invitation_id = $2 AND kind = 'REMINDER'"#,
        organization_id.uuid(),
        invitation_id,
    )
    .fetch_one(tx)
    .await
}

/// Of what is left of a day, at least a second: who waits that long is through.
fn seconds(wait: f64) -> Duration {
    Duration::try_from_secs_f64(wait.ceil().max(1.0)).unwrap_or(DAY)
}
