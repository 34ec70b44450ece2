//! All SQL of who is told of what happens in a space.

use service_kit::ids::{OrganizationId, UserId};
use sharedspaces_proto::identity::v1 as identity;
use sqlx::PgConnection;
use uuid::Uuid;

use super::audience::{MuteableMail, RecipientQuestion};
use super::entity::Kind;
use crate::space::Space;

struct Row {
    user_id: Uuid,
    kind: Kind,
    email_address: String,
    display_name: String,
    locale: String,
    time_zone: String,
}

impl From<Row> for identity::Person {
    fn from(row: Row) -> Self {
        Self {
            user_id: row.user_id.to_string(),
            kind: kind_of_person(row.kind).into(),
            email_address: row.email_address,
            display_name: row.display_name,
            locale: row.locale,
            time_zone: row.time_zone,
            ..Self::default()
        }
    }
}

fn kind_of_person(kind: Kind) -> identity::PersonKind {
    if kind.is_internal() { identity::PersonKind::Member } else { identity::PersonKind::Guest }
}

fn uuids(user_ids: &[UserId]) -> Vec<Uuid> {
    user_ids.iter().map(|user_id| user_id.uuid()).collect()
}

/// Lists who gets a mail that can be muted. Who was invited and has not come in hears nothing yet.
pub(super) async fn list_audience(
    tx: &mut PgConnection,
    space: &Space,
    mail: MuteableMail,
    without: &[UserId],
) -> Result<Vec<identity::Person>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT p.user_id, p.kind AS "kind: Kind", e.email_address, e.display_name, e.locale, e.time_zone
             FROM participants p
             JOIN people e ON e.organization_id = p.organization_id AND e.user_id = p.user_id
             JOIN spaces s ON s.organization_id = p.organization_id AND s.space_id = p.space_id
             JOIN organizations o ON o.organization_id = p.organization_id
            WHERE p.organization_id = $1 AND p.space_id = $2 AND p.state = 'ACTIVE' AND s.state = 'ACTIVE'
              AND p.user_id <> ALL($4) AND NOT e.is_deactivated
              AND (p.kind <> 'EXTERNAL'
                   OR e.consent_withdraw_time IS NULL AND e.consent_notice_version >= o.required_notice_version)
              AND CASE $3::text
                  WHEN 'VISIT_SUMMARIES' THEN
                      p.kind <> 'EXTERNAL' AND coalesce(p.notify_visit_summaries, s.notify_visit_summaries)
                  WHEN 'NEW_JOINERS' THEN coalesce(p.notify_new_joiners, s.notify_new_joiners)
                  WHEN 'COMMENTS' THEN coalesce(p.notify_comments, s.notify_comments)
                  WHEN 'NEW_CONTENT' THEN coalesce(p.notify_new_content, true)
                  ELSE false END
            ORDER BY p.create_time, p.participant_id"#,
        space.organization_id.uuid(),
        space.space_id.uuid(),
        mail.as_str(),
        &uuids(without),
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(identity::Person::from).collect())
}

pub(super) async fn list_internal(
    tx: &mut PgConnection,
    space: &Space,
    without: &[UserId],
) -> Result<Vec<identity::Person>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT p.user_id, p.kind AS "kind: Kind", e.email_address, e.display_name, e.locale, e.time_zone
             FROM participants p
             JOIN people e ON e.organization_id = p.organization_id AND e.user_id = p.user_id
            WHERE p.organization_id = $1 AND p.space_id = $2 AND p.state = 'ACTIVE' AND p.kind <> 'EXTERNAL'
              AND p.user_id <> ALL($3) AND NOT e.is_deactivated
            ORDER BY p.create_time, p.participant_id"#,
        space.organization_id.uuid(),
        space.space_id.uuid(),
        &uuids(without),
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(identity::Person::from).collect())
}

pub(super) async fn person(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
    kind: Kind,
) -> Result<identity::Person, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT email_address, display_name, locale, time_zone FROM people
          WHERE organization_id = $1 AND user_id = $2",
        organization_id.uuid(),
        user_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    let mut person = identity::Person {
        user_id: user_id.to_string(),
        kind: kind_of_person(kind).into(),
        ..identity::Person::default()
    };
    if let Some(row) = row {
        person.email_address = row.email_address;
        person.display_name = row.display_name;
        person.locale = row.locale;
        person.time_zone = row.time_zone;
    }
    Ok(person)
}

/// Lists who of the people still gets a mail. A guest who was invited needs no consent for a mail that cannot be muted:
/// giving it is what an invitation asks for.
pub(super) async fn list_recipients(
    tx: &mut PgConnection,
    question: &RecipientQuestion,
) -> Result<Vec<UserId>, sqlx::Error> {
    let rows = sqlx::query_scalar!(
        "SELECT p.user_id
           FROM participants p
           JOIN spaces s ON s.organization_id = p.organization_id AND s.space_id = p.space_id
           JOIN organizations o ON o.organization_id = p.organization_id
           LEFT JOIN people e ON e.organization_id = p.organization_id AND e.user_id = p.user_id
          WHERE p.organization_id = $1 AND p.space_id = $2 AND p.user_id = ANY($3) AND s.state = 'ACTIVE'
            AND NOT coalesce(e.is_deactivated, false)
            AND (p.state = 'ACTIVE' OR p.state = 'INVITED' AND $4::text IS NULL)
            AND (p.kind <> 'EXTERNAL' OR p.state = 'INVITED'
                 OR e.consent_withdraw_time IS NULL AND e.consent_notice_version >= o.required_notice_version)
            AND CASE $4::text
                WHEN 'VISIT_SUMMARIES' THEN
                    p.kind <> 'EXTERNAL' AND coalesce(p.notify_visit_summaries, s.notify_visit_summaries)
                WHEN 'NEW_JOINERS' THEN coalesce(p.notify_new_joiners, s.notify_new_joiners)
                WHEN 'COMMENTS' THEN coalesce(p.notify_comments, s.notify_comments)
                WHEN 'NEW_CONTENT' THEN coalesce(p.notify_new_content, true)
                ELSE $4 IS NULL END
          ORDER BY p.create_time, p.participant_id",
        question.organization_id.uuid(),
        question.space_id.uuid(),
        &uuids(&question.user_ids),
        question.mail.map(MuteableMail::as_str),
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(UserId::from).collect())
}
