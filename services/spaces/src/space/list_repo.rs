//! The SQL of the list of spaces: one statement per order, alike but for the order (docs/plans/list-spaces.md).

use chrono::{DateTime, Utc};
use service_kit::page::PageRequest;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::LogoFormat;
use super::list::{Found, ListKey, ListQuery, Order, Place, Summary};
use super::repo::logo;
use crate::participant::Kind;
use crate::permission::{Rules, Sharing, SpaceState, Standing, Viewer};
use crate::theme::Look;

struct Row {
    space_id: Uuid,
    title: String,
    title_folded: String,
    url: String,
    state: SpaceState,
    owner_user_id: Uuid,
    owner_name: String,
    theme_id: Option<Uuid>,
    logo_id: Option<Uuid>,
    logo_width_px: Option<i32>,
    logo_height_px: Option<i32>,
    logo_format: Option<LogoFormat>,
    transparent_background: bool,
    allow_download: bool,
    allow_invite: bool,
    allow_upload: bool,
    policy_download: bool,
    policy_invite: bool,
    policy_upload: bool,
    kind: Option<Kind>,
    participant_count: i64,
    item_count: i64,
    last_activity_time: DateTime<Utc>,
    create_time: DateTime<Utc>,
    purge_time: Option<DateTime<Utc>>,
}

/// Tells whether a guest's consent stands, and the guest may come in.
pub(super) async fn has_consent(tx: &mut PgConnection, viewer: &Viewer) -> Result<bool, sqlx::Error> {
    let stands = sqlx::query_scalar!(
        r#"SELECT (e.consent_withdraw_time IS NULL
                   AND greatest(coalesce(e.consent_notice_version, 0), $3) >= o.required_notice_version) AS "stands!"
             FROM organizations o
             LEFT JOIN people e ON e.organization_id = o.organization_id AND e.user_id = $2
            WHERE o.organization_id = $1"#,
        viewer.organization_id.uuid(),
        viewer.user_id.uuid(),
        viewer.consent_notice_version,
    )
    .fetch_optional(tx)
    .await?;
    Ok(stands.unwrap_or_default())
}

/// Runs the statement over the spaces that `from` begins with, after `place`, in an order.
macro_rules! page_of {
    ($tx:expr, $viewer:expr, $query:expr, $page:expr, $after:expr, $from:literal, $place:literal, $order:literal) => {
        sqlx::query_as!(
            Row,
            r#"SELECT s.space_id AS "space_id!", s.title AS "title!", s.folded AS "title_folded!",
                      o.base_url || '/' || o.slug || '/' || s.address AS "url!", s.state AS "state!: SpaceState",
                      s.owner_user_id AS "owner_user_id!", coalesce(w.display_name, '') AS "owner_name!",
                      s.theme_id, s.logo_id, s.logo_width_px, s.logo_height_px,
                      s.logo_format AS "logo_format: LogoFormat",
                      s.transparent_background AS "transparent_background!", s.allow_download AS "allow_download!",
                      s.allow_invite AS "allow_invite!", s.allow_upload AS "allow_upload!",
                      coalesce(y.allow_download, true) AS "policy_download!",
                      coalesce(y.allow_invite, true) AS "policy_invite!",
                      coalesce(y.allow_upload, true) AS "policy_upload!",
                      (SELECT p.kind FROM participants p
                        WHERE p.organization_id = $1 AND p.space_id = s.space_id AND p.user_id = $2
                          AND p.state IN ('INVITED', 'ACTIVE')) AS "kind?: Kind",
                      (SELECT count(*) FROM participants c
                        WHERE c.organization_id = $1 AND c.space_id = s.space_id
                          AND c.state IN ('INVITED', 'ACTIVE')) AS "participant_count!",
                      (SELECT count(*) FROM items i
                        WHERE i.organization_id = $1 AND i.space_id = s.space_id AND i.kind <> 'FOLDER')
                          AS "item_count!",
                      s.last_activity_time AS "last_activity_time!", s.create_time AS "create_time!", s.purge_time
                 FROM (SELECT b.*, coalesce(b.title_folded, lower(b.title)) COLLATE "C" AS folded
                         FROM "#
                + $from
                + r#" b.organization_id = $1 AND b.state = ANY($3)
                          AND NOT EXISTS (SELECT FROM people v
                                           WHERE v.organization_id = $1 AND v.user_id = $2 AND v.is_deactivated)
                          AND ($4::uuid IS NULL OR b.owner_user_id = $4)
                          AND ($5::timestamptz IS NULL OR b.last_activity_time >= $5)
                          AND ($6::text IS NULL OR coalesce(b.title_folded, lower(b.title)) LIKE $6
                               OR b.space_id IN (
                                  SELECT q.space_id FROM people n
                                    JOIN participants q
                                      ON q.organization_id = n.organization_id AND q.user_id = n.user_id
                                     AND q.state IN ('INVITED', 'ACTIVE')
                                   WHERE n.organization_id = $1
                                     AND coalesce(n.name_folded, lower(n.display_name)) LIKE $6))
                          AND "#
                + $place
                + " ORDER BY "
                + $order
                + r#" LIMIT $8) s
                 JOIN organizations o ON o.organization_id = $1
                 LEFT JOIN sharing_policies y ON y.organization_id = $1
                 LEFT JOIN people w ON w.organization_id = $1 AND w.user_id = s.owner_user_id
                ORDER BY "#
                + $order,
            $viewer.organization_id.uuid(),
            $viewer.user_id.uuid(),
            &$query.states_for($viewer),
            $query.owner_user_id.map(|user_id| user_id.uuid()),
            $query.active_since,
            $query.pattern(),
            $page.after.as_ref().map(|key| key.space_id),
            $page.limit(),
            $after,
        )
        .fetch_all($tx)
        .await?
    };
}

/// Runs the statement for an admin, or for anybody else over the spaces they take part in: those are collected once. IS
/// TRUE keeps the planner from making a join of it, which it would plan badly: it takes the filters for rarer than they
/// are, and would compare every space with every part.
macro_rules! page_in {
    ($tx:expr, $viewer:expr, $query:expr, $page:expr, $after:expr, $place:literal, $order:literal) => {
        if $viewer.is_admin {
            page_of!($tx, $viewer, $query, $page, $after, "spaces b WHERE", $place, $order)
        } else {
            page_of!(
                $tx,
                $viewer,
                $query,
                $page,
                $after,
                "spaces b
                        WHERE (b.space_id IN (
                               SELECT m.space_id FROM participants m
                                WHERE m.organization_id = $1 AND m.user_id = $2
                                  AND m.state IN ('INVITED', 'ACTIVE'))) IS TRUE
                          AND (b.state = 'ACTIVE' OR b.space_id IN (
                               SELECT m.space_id FROM participants m
                                WHERE m.organization_id = $1 AND m.user_id = $2
                                  AND m.state IN ('INVITED', 'ACTIVE') AND m.kind <> 'EXTERNAL')) AND",
                $place,
                $order
            )
        }
    };
}

/// Finds a page of the spaces that the viewer is let into.
pub(super) async fn list(
    tx: &mut PgConnection,
    viewer: &Viewer,
    query: &ListQuery,
    page: &PageRequest<ListKey>,
) -> Result<Vec<Found>, sqlx::Error> {
    let (mut time, mut title) = (None, None);
    match page.after.as_ref().map(|key| &key.place) {
        Some(Place::Time(after)) => time = Some(*after),
        Some(Place::Title(after)) => title = Some(after.as_str()),
        None => {}
    }
    let rows = match query.order {
        Order::LastActivity => page_in!(
            tx,
            viewer,
            query,
            page,
            time,
            "($7::uuid IS NULL OR (b.last_activity_time, b.space_id) < ($9::timestamptz, $7))",
            "last_activity_time DESC, space_id DESC"
        ),
        Order::CreateTime => page_in!(
            tx,
            viewer,
            query,
            page,
            time,
            "($7::uuid IS NULL OR (b.create_time, b.space_id) < ($9::timestamptz, $7))",
            "create_time DESC, space_id DESC"
        ),
        Order::Title => page_in!(
            tx,
            viewer,
            query,
            page,
            title,
            r#"($7::uuid IS NULL
                OR (coalesce(b.title_folded, lower(b.title)) COLLATE "C", b.space_id) > ($9::text, $7))"#,
            "folded, space_id"
        ),
    };
    Ok(rows.into_iter().map(|row| row.into_found(viewer)).collect())
}

impl Row {
    fn into_found(self, viewer: &Viewer) -> Found {
        let logo = logo(self.logo_id, self.logo_width_px, self.logo_height_px, self.logo_format);
        let sharing =
            Sharing { download: self.allow_download, invite: self.allow_invite, upload: self.allow_upload };
        let policy = Sharing {
            download: self.policy_download,
            invite: self.policy_invite,
            upload: self.policy_upload,
        };
        let summary = Summary {
            space_id: self.space_id.into(),
            title: self.title,
            url: self.url,
            state: self.state,
            owner_user_id: self.owner_user_id.into(),
            owner_name: self.owner_name,
            logo,
            transparent_background: self.transparent_background,
            look: Look::built_in(),
            participant_count: self.participant_count,
            item_count: self.item_count,
            last_activity_time: self.last_activity_time,
            create_time: self.create_time,
            purge_time: self.purge_time,
            permissions: Vec::new(),
        };
        Found {
            summary,
            theme_id: self.theme_id,
            title_folded: self.title_folded,
            standing: Standing { kind: self.kind, is_admin: viewer.is_admin, has_consent: true },
            rules: Rules { policy, sharing, state: self.state },
        }
    }
}
