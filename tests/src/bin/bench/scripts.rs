//! The statements of calls, as pgbench sends them.
//!
//! Owns their text, which must be what the service sends; the benchmark is worth what this is true. `:organization`,
//! `:user` and `:space` are given by [`crate::pgbench`].

use std::fmt::Write;

use sharedspaces_proto::spaces::v1::SpaceOrder;

/// What one call sends between BEGIN and COMMIT.
pub(crate) enum Script<'a> {
    /// CreateSpace.
    Create(&'a Event),
    /// GetSpace.
    Get,
    /// The first page of ListSpaces in an order, of what contains a text.
    List(SpaceOrder, Option<&'a str>),
}

/// The event that the service appended in its own run: type, body and trace context go into the script as they are.
#[derive(sqlx::FromRow)]
pub(crate) struct Event {
    /// In hexadecimal.
    pub(crate) body: String,
    pub(crate) traceparent: Option<String>,
}

impl Script<'_> {
    /// Returns the statements.
    pub(crate) fn statements(&self) -> anyhow::Result<String> {
        Ok(match self {
            Self::Get => format!("{}{LOOK}", visible(":space")),
            Self::List(order, text) => format!("{}{LOOKS}", list(*order, *text)),
            Self::Create(event) => {
                let mut text = CREATE.to_owned();
                let traceparent =
                    event.traceparent.as_ref().map_or("NULL".to_owned(), |text| format!("'{text}'"));
                writeln!(
                    text,
                    "WITH appended AS (INSERT INTO outbox (event_id, routing_key, type, organization_id, \
                     aggregate_id, aggregate_version, body, traceparent) \
                     VALUES (gen_random_uuid(), 'spaces.space.created.v1', \
                     'sharedspaces.spaces.events.v1.SpaceCreated', :organization, :new_space, 1, \
                     '\\x{}', {traceparent}) RETURNING id) SELECT pg_notify('outbox', '') FROM appended;",
                    event.body
                )?;
                text + &visible(":new_space") + NOTE + LOOK
            }
        })
    }
}

fn visible(space: &str) -> String {
    VISIBLE.replace(":which", space)
}

/// As a member who asks for nothing but an order and a text.
fn list(order: SpaceOrder, text: Option<&str>) -> String {
    let order = match order {
        SpaceOrder::Unspecified | SpaceOrder::LastActivity => "last_activity_time DESC, space_id DESC",
        SpaceOrder::CreateTime => "create_time DESC, space_id DESC",
        SpaceOrder::Title => "folded, space_id",
    };
    let pattern = text.map_or("NULL".to_owned(), |text| format!("'%{text}%'"));
    LIST.replace(":pattern", &pattern).replace(":order", order)
}

const VISIBLE: &str = "\
SELECT s.title, s.address, s.description, s.allow_download, s.allow_invite, s.allow_upload, s.owner_user_id, \
s.theme_id, s.notify_visit_summaries, s.notify_new_joiners, s.notify_comments, s.logo_id, s.logo_width_px, \
s.logo_height_px, s.logo_format, s.customer_logo_height_px, s.organization_logo_height_px, \
s.transparent_background, s.state, s.state_before_delete, s.purge_time, s.version, s.last_activity_time, \
s.create_time, s.update_time, o.base_url || '/' || o.slug || '/' || s.address AS url, p.kind, \
(e.consent_withdraw_time IS NULL AND greatest(coalesce(e.consent_notice_version, 0), 0) >= \
o.required_notice_version) AS has_consent, coalesce(y.allow_download, true) AS policy_download, \
coalesce(y.allow_invite, true) AS policy_invite, coalesce(y.allow_upload, true) AS policy_upload, \
coalesce(e.display_name, '') AS viewer_name \
FROM spaces s \
JOIN organizations o ON o.organization_id = s.organization_id \
LEFT JOIN sharing_policies y ON y.organization_id = s.organization_id \
LEFT JOIN participants p ON p.organization_id = s.organization_id AND p.space_id = s.space_id \
AND p.user_id = :user AND p.state IN ('INVITED', 'ACTIVE') \
LEFT JOIN people e ON e.organization_id = s.organization_id AND e.user_id = :user \
WHERE s.organization_id = :organization AND s.space_id = :which AND (p.participant_id IS NOT NULL OR false) \
AND NOT coalesce(e.is_deactivated, false);
";

const LOOK: &str = "\
SELECT theme_id, name, background, text_color, header, header_text, accent, accent_text, font, banner_logo_id \
FROM themes WHERE organization_id = :organization AND (theme_id = NULL::uuid OR is_default) \
ORDER BY is_default LIMIT 1;
";

const LOOKS: &str = "\
SELECT theme_id, name, background, text_color, header, header_text, accent, accent_text, font, banner_logo_id, \
is_default FROM themes WHERE organization_id = :organization;
";

const CREATE: &str = "\
SELECT organization_id, slug, base_url, plan = 'ULTIMATE' AS has_crm FROM organizations \
WHERE organization_id = :organization;
INSERT INTO spaces (organization_id, space_id, title, title_folded, address, description, allow_download, \
allow_invite, allow_upload, owner_user_id, theme_id, notify_visit_summaries, notify_new_joiners, notify_comments, \
customer_logo_height_px, organization_logo_height_px, transparent_background, logo_id, logo_width_px, \
logo_height_px, logo_format, version, last_activity_time, create_time, update_time) \
VALUES (:organization, gen_random_uuid(), 'Contoso 2027 renewal', 'contoso 2027 renewal', \
'r-' || gen_random_uuid(), 'Welcome! Here you find **everything** about the offer.', true, false, false, :user, \
NULL, true, true, true, 64, 64, false, NULL, NULL, NULL, NULL, 1, now(), now(), now()) \
RETURNING space_id AS new_space \\gset
INSERT INTO participants (organization_id, participant_id, space_id, user_id, kind, state, create_time) \
VALUES (:organization, gen_random_uuid(), :new_space, :user, 'OWNER', 'ACTIVE', now());
";

const NOTE: &str = "\
WITH added AS (INSERT INTO activities (organization_id, space_id, activity_id, kind, is_internal, actor_user_id, \
actor_display_name, object_id, object_name, create_time) \
SELECT organization_id, space_id, gen_random_uuid(), 'SPACE_CREATED', false, :user, 'Mia Meyer', NULL::uuid, '', \
now() FROM spaces WHERE organization_id = :organization AND space_id = :new_space \
ON CONFLICT (organization_id, space_id, object_id) WHERE kind = 'CRM_LOGGED' DO NOTHING RETURNING 1) \
UPDATE spaces SET last_activity_time = greatest(last_activity_time, now()) \
WHERE organization_id = :organization AND space_id = :new_space AND EXISTS (SELECT FROM added);
";

const LIST: &str = "\
SELECT s.space_id, s.title, s.folded AS title_folded, o.base_url || '/' || o.slug || '/' || s.address AS url, \
s.state, s.owner_user_id, coalesce(w.display_name, '') AS owner_name, s.theme_id, s.logo_id, s.logo_width_px, \
s.logo_height_px, s.logo_format, s.transparent_background, s.allow_download, s.allow_invite, s.allow_upload, \
coalesce(y.allow_download, true) AS policy_download, coalesce(y.allow_invite, true) AS policy_invite, \
coalesce(y.allow_upload, true) AS policy_upload, \
(SELECT p.kind FROM participants p WHERE p.organization_id = :organization AND p.space_id = s.space_id \
AND p.user_id = :user AND p.state IN ('INVITED', 'ACTIVE')) AS kind, \
(SELECT count(*) FROM participants c WHERE c.organization_id = :organization AND c.space_id = s.space_id \
AND c.state IN ('INVITED', 'ACTIVE')) AS participant_count, \
(SELECT count(*) FROM items i WHERE i.organization_id = :organization AND i.space_id = s.space_id \
AND i.kind <> 'FOLDER') AS item_count, s.last_activity_time, s.create_time, s.purge_time \
FROM (SELECT b.*, coalesce(b.title_folded, lower(b.title)) COLLATE \"C\" AS folded FROM spaces b \
WHERE (b.space_id IN (SELECT m.space_id FROM participants m WHERE m.organization_id = :organization \
AND m.user_id = :user AND m.state IN ('INVITED', 'ACTIVE'))) IS TRUE \
AND (b.state = 'ACTIVE' OR b.space_id IN (SELECT m.space_id FROM participants m \
WHERE m.organization_id = :organization AND m.user_id = :user AND m.state IN ('INVITED', 'ACTIVE') \
AND m.kind <> 'EXTERNAL')) \
AND b.organization_id = :organization AND b.state = ANY('{ACTIVE,ARCHIVED}') \
AND NOT EXISTS (SELECT FROM people v WHERE v.organization_id = :organization AND v.user_id = :user \
AND v.is_deactivated) \
AND (:pattern::text IS NULL OR coalesce(b.title_folded, lower(b.title)) LIKE :pattern \
OR b.space_id IN (SELECT q.space_id FROM people n JOIN participants q \
ON q.organization_id = n.organization_id AND q.user_id = n.user_id AND q.state IN ('INVITED', 'ACTIVE') \
WHERE n.organization_id = :organization AND coalesce(n.name_folded, lower(n.display_name)) LIKE :pattern)) \
ORDER BY :order LIMIT 51) s \
JOIN organizations o ON o.organization_id = :organization \
LEFT JOIN sharing_policies y ON y.organization_id = :organization \
LEFT JOIN people w ON w.organization_id = :organization AND w.user_id = s.owner_user_id \
ORDER BY :order;
";
