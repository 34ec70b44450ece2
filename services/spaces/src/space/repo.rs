//! All SQL of one space.

use chrono::{DateTime, Utc};
use service_kit::db::violated_constraint;
use service_kit::ids::{OrganizationId, SpaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::address::Address;
use super::entity::{CustomerLogo, Lifecycle, LogoDisplay, LogoFormat, Notifications, Space, SpaceView};
use super::error::SpaceError;
use crate::participant::Kind;
use crate::permission::{Sharing, SpaceState, Standing, Viewer};

/// Stores a new space; its address is remembered for good by the database itself.
pub(crate) async fn insert(tx: &mut PgConnection, space: &Space) -> Result<(), SpaceError> {
    let inserted = sqlx::query!(
        "INSERT INTO spaces (organization_id, space_id, title, title_folded, address, description, allow_download,
                             allow_invite, allow_upload, owner_user_id, theme_id, notify_visit_summaries,
                             notify_new_joiners, notify_comments, customer_logo_height_px,
                             organization_logo_height_px, transparent_background, logo_id, logo_width_px,
                             logo_height_px, logo_format, version, last_activity_time, create_time, update_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                 $22, $23, $24, $25)",
        space.organization_id.uuid(),
        space.space_id.uuid(),
        space.title,
        space.title_folded(),
        space.address.as_str(),
        space.description,
        space.sharing.download,
        space.sharing.invite,
        space.sharing.upload,
        space.owner_user_id.uuid(),
        space.theme_id,
        space.notifications.visit_summaries,
        space.notifications.new_joiners,
        space.notifications.comments,
        space.logo_display.customer_height_px,
        space.logo_display.organization_height_px,
        space.logo_display.transparent_background,
        space.logo.map(|logo| logo.logo_id),
        space.logo.map(|logo| logo.width_px),
        space.logo.map(|logo| logo.height_px),
        space.logo.and_then(|logo| logo.format).map(LogoFormat::as_str),
        space.version,
        space.last_activity_time,
        space.create_time,
        space.update_time,
    )
    .execute(tx)
    .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(error) => Err(match violated_constraint(&error) {
            Some("spaces_address_key" | "space_addresses_pkey") => SpaceError::AddressTaken,
            _ => error.into(),
        }),
    }
}

/// Waits until nobody else changes the space. Whether it exists, or may be seen, is told by reading it afterwards.
pub(crate) async fn lock(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "SELECT 1 AS one FROM spaces WHERE organization_id = $1 AND space_id = $2 FOR NO KEY UPDATE",
        organization_id.uuid(),
        space_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(())
}

/// Stores what may change of a space, but for its state.
pub(crate) async fn update(tx: &mut PgConnection, space: &Space) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE spaces
            SET title = $3, title_folded = $4, description = $5, allow_download = $6, allow_invite = $7,
                allow_upload = $8, owner_user_id = $9, theme_id = $10, notify_visit_summaries = $11,
                notify_new_joiners = $12, notify_comments = $13, customer_logo_height_px = $14,
                organization_logo_height_px = $15, transparent_background = $16, logo_id = $17,
                logo_width_px = $18, logo_height_px = $19, logo_format = $20, version = $21, update_time = $22
          WHERE organization_id = $1 AND space_id = $2",
        space.organization_id.uuid(),
        space.space_id.uuid(),
        space.title,
        space.title_folded(),
        space.description,
        space.sharing.download,
        space.sharing.invite,
        space.sharing.upload,
        space.owner_user_id.uuid(),
        space.theme_id,
        space.notifications.visit_summaries,
        space.notifications.new_joiners,
        space.notifications.comments,
        space.logo_display.customer_height_px,
        space.logo_display.organization_height_px,
        space.logo_display.transparent_background,
        space.logo.map(|logo| logo.logo_id),
        space.logo.map(|logo| logo.width_px),
        space.logo.map(|logo| logo.height_px),
        space.logo.and_then(|logo| logo.format).map(LogoFormat::as_str),
        space.version,
        space.update_time,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Stores the state of a space, and returns when it is purged: thirty days from now by the database's clock, which the
/// purge goes by.
pub(super) async fn update_state(
    tx: &mut PgConnection,
    space: &Space,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar!(
        "UPDATE spaces
            SET state = $3, state_before_delete = $4, version = $5, update_time = $6,
                archive_time = CASE WHEN $3 = 'ARCHIVED' THEN coalesce(archive_time, now()) END,
                delete_time = CASE WHEN $3 = 'DELETED' THEN coalesce(delete_time, now()) END,
                purge_time = CASE WHEN $3 = 'DELETED' THEN coalesce(purge_time, now() + interval '30 days') END
          WHERE organization_id = $1 AND space_id = $2
        RETURNING purge_time",
        space.organization_id.uuid(),
        space.space_id.uuid(),
        space.lifecycle.state().as_str(),
        space.lifecycle.before_delete().map(SpaceState::as_str),
        space.version,
        space.update_time,
    )
    .fetch_one(tx)
    .await
}

struct Row {
    title: String,
    address: String,
    description: String,
    allow_download: bool,
    allow_invite: bool,
    allow_upload: bool,
    owner_user_id: Uuid,
    theme_id: Option<Uuid>,
    notify_visit_summaries: bool,
    notify_new_joiners: bool,
    notify_comments: bool,
    logo_id: Option<Uuid>,
    logo_width_px: Option<i32>,
    logo_height_px: Option<i32>,
    logo_format: Option<LogoFormat>,
    customer_logo_height_px: i32,
    organization_logo_height_px: i32,
    transparent_background: bool,
    state: SpaceState,
    state_before_delete: Option<SpaceState>,
    purge_time: Option<DateTime<Utc>>,
    version: i64,
    last_activity_time: DateTime<Utc>,
    create_time: DateTime<Utc>,
    update_time: DateTime<Utc>,
    url: String,
    kind: Option<Kind>,
    has_consent: bool,
    policy_download: bool,
    policy_invite: bool,
    policy_upload: bool,
    viewer_name: String,
}

/// Finds a space with how a person stands to it: part, consent, and what the organisation allows, in one query. Nothing
/// for somebody who is deactivated, or takes no part and is no admin. Who is invited and holds a session takes part.
pub(crate) async fn find_visible(
    tx: &mut PgConnection,
    viewer: &Viewer,
    space_id: SpaceId,
) -> Result<Option<SpaceView>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT s.title, s.address, s.description, s.allow_download, s.allow_invite, s.allow_upload,
                  s.owner_user_id, s.theme_id, s.notify_visit_summaries, s.notify_new_joiners, s.notify_comments,
                  s.logo_id, s.logo_width_px, s.logo_height_px, s.logo_format AS "logo_format: LogoFormat",
                  s.customer_logo_height_px, s.organization_logo_height_px, s.transparent_background,
                  s.state AS "state: SpaceState", s.state_before_delete AS "state_before_delete: SpaceState",
                  s.purge_time, s.version, s.last_activity_time, s.create_time, s.update_time,
                  o.base_url || '/' || o.slug || '/' || s.address AS "url!", p.kind AS "kind?: Kind",
                  (e.consent_withdraw_time IS NULL
                      AND greatest(coalesce(e.consent_notice_version, 0), $4) >= o.required_notice_version)
                      AS "has_consent!",
                  coalesce(y.allow_download, true) AS "policy_download!",
                  coalesce(y.allow_invite, true) AS "policy_invite!",
                  coalesce(y.allow_upload, true) AS "policy_upload!",
                  coalesce(e.display_name, '') AS "viewer_name!"
             FROM spaces s
             JOIN organizations o ON o.organization_id = s.organization_id
             LEFT JOIN sharing_policies y ON y.organization_id = s.organization_id
             LEFT JOIN participants p
               ON p.organization_id = s.organization_id AND p.space_id = s.space_id AND p.user_id = $3
              AND p.state IN ('INVITED', 'ACTIVE')
             LEFT JOIN people e ON e.organization_id = s.organization_id AND e.user_id = $3
            WHERE s.organization_id = $1 AND s.space_id = $2
              AND (p.participant_id IS NOT NULL OR $5)
              AND NOT coalesce(e.is_deactivated, false)"#,
        viewer.organization_id.uuid(),
        space_id.uuid(),
        viewer.user_id.uuid(),
        viewer.consent_notice_version,
        viewer.is_admin,
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| row.into_view(viewer, space_id)))
}

impl Row {
    fn into_view(self, viewer: &Viewer, space_id: SpaceId) -> SpaceView {
        let logo = logo(self.logo_id, self.logo_width_px, self.logo_height_px, self.logo_format);
        let lifecycle = match self.state {
            SpaceState::Active => Lifecycle::Active,
            SpaceState::Archived => Lifecycle::Archived,
            SpaceState::Deleted => Lifecycle::Deleted {
                was_archived: self.state_before_delete == Some(SpaceState::Archived),
                purge_time: self.purge_time,
            },
        };
        let space = Space {
            organization_id: viewer.organization_id,
            space_id,
            title: self.title,
            address: Address::stored(self.address),
            description: self.description,
            sharing: Sharing {
                download: self.allow_download,
                invite: self.allow_invite,
                upload: self.allow_upload,
            },
            owner_user_id: self.owner_user_id.into(),
            logo,
            logo_display: LogoDisplay {
                customer_height_px: self.customer_logo_height_px,
                organization_height_px: self.organization_logo_height_px,
                transparent_background: self.transparent_background,
            },
            theme_id: self.theme_id,
            notifications: Notifications {
                visit_summaries: self.notify_visit_summaries,
                new_joiners: self.notify_new_joiners,
                comments: self.notify_comments,
            },
            lifecycle,
            version: self.version,
            last_activity_time: self.last_activity_time,
            create_time: self.create_time,
            update_time: self.update_time,
        };
        let policy = Sharing {
            download: self.policy_download,
            invite: self.policy_invite,
            upload: self.policy_upload,
        };
        let standing = Standing { kind: self.kind, is_admin: viewer.is_admin, has_consent: self.has_consent };
        SpaceView {
            space,
            url: self.url,
            standing,
            policy,
            viewer_user_id: viewer.user_id,
            viewer_name: self.viewer_name,
        }
    }
}

/// Returns the logo that the columns tell of.
pub(super) fn logo(
    logo_id: Option<Uuid>,
    width_px: Option<i32>,
    height_px: Option<i32>,
    format: Option<LogoFormat>,
) -> Option<CustomerLogo> {
    let (logo_id, width_px, height_px) = (logo_id?, width_px?, height_px?);
    Some(CustomerLogo { logo_id, width_px, height_px, format })
}

/// A logo that a space shows, and how somebody stands to that space.
pub(super) struct ShownLogo {
    pub(super) logo_id: Uuid,
    pub(super) state: SpaceState,
    pub(super) kind: Option<Kind>,
    pub(super) has_consent: bool,
}

/// Finds which of these logos and banners spaces show, once for each way in which the viewer stands to such a space.
pub(super) async fn find_shown_logos(
    tx: &mut PgConnection,
    viewer: &Viewer,
    logo_ids: &[Uuid],
) -> Result<Vec<ShownLogo>, sqlx::Error> {
    sqlx::query_as!(
        ShownLogo,
        r#"SELECT DISTINCT shown.logo_id AS "logo_id!", s.state AS "state!: SpaceState", p.kind AS "kind?: Kind",
                  (e.consent_withdraw_time IS NULL
                      AND greatest(coalesce(e.consent_notice_version, 0), $4) >= o.required_notice_version)
                      AS "has_consent!"
             FROM (SELECT space_id, logo_id FROM spaces WHERE organization_id = $1 AND logo_id = ANY($3)
                    UNION ALL
                   SELECT b.space_id, t.banner_logo_id
                     FROM themes t
                     JOIN spaces b ON b.organization_id = t.organization_id
                      AND (b.theme_id = t.theme_id OR (b.theme_id IS NULL AND t.is_default))
                    WHERE t.organization_id = $1 AND t.banner_logo_id = ANY($3)) shown
             JOIN spaces s ON s.organization_id = $1 AND s.space_id = shown.space_id
             JOIN organizations o ON o.organization_id = s.organization_id
             LEFT JOIN participants p
               ON p.organization_id = s.organization_id AND p.space_id = s.space_id AND p.user_id = $2
              AND p.state IN ('INVITED', 'ACTIVE')
             LEFT JOIN people e ON e.organization_id = s.organization_id AND e.user_id = $2
            WHERE (p.participant_id IS NOT NULL OR $5) AND NOT coalesce(e.is_deactivated, false)"#,
        viewer.organization_id.uuid(),
        viewer.user_id.uuid(),
        logo_ids,
        viewer.consent_notice_version,
        viewer.is_admin,
    )
    .fetch_all(tx)
    .await
}
