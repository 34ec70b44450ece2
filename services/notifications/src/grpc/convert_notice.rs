//! Between the wire and notices.

use chrono::{DateTime, Utc};
use service_kit::caller::Caller;
use service_kit::clock::timestamp;
use service_kit::ids::UserId;
use service_kit::locale::Locale;
use service_kit::page::{self, PageRequest};
use service_kit::validate::Violations;
use sharedspaces_proto::notifications::v1 as pb;
use uuid::Uuid;

use crate::notice::{Listed, Marks, Notice, NoticeKind, Seen, Unread, Watcher, words};

/// How many notices are marked read by name at once.
const MOST_NAMED: usize = 100;

/// What is asked for of the list.
pub(super) struct Wanted {
    pub(super) page: PageRequest<i64>,
    pub(super) unread_only: bool,
    pub(super) locale: Option<Locale>,
}

impl TryFrom<pb::ListNotificationsRequest> for Wanted {
    type Error = Violations;

    fn try_from(request: pb::ListNotificationsRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
        let locale = Locale::read_optional(&mut check, "locale", &request.locale);
        check.into_result().map(|()| Self { page, unread_only: request.unread_only, locale })
    }
}

pub(super) fn list_response(listed: Listed, locale: Option<Locale>) -> pb::ListNotificationsResponse {
    pb::ListNotificationsResponse {
        notifications: listed.page.items.into_iter().map(|notice| told(notice, locale)).collect(),
        next_page_token: listed.page.next_page_token,
        unread_count: count(listed.unread),
    }
}

impl TryFrom<pb::MarkReadRequest> for Marks {
    type Error = Violations;

    fn try_from(request: pb::MarkReadRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let (ids, up_to) = (&request.notification_ids, &request.up_to_notification_id);
        if ids.is_empty() && up_to.is_empty() {
            check.add("notification_ids", "must name a notice, or up_to_notification_id must");
        }
        if ids.len() > MOST_NAMED {
            check.add("notification_ids", format!("must be at most {MOST_NAMED}"));
        }
        let named = ids.iter().take(MOST_NAMED).enumerate();
        let named = named.map(|(index, id)| check.id(&format!("notification_ids[{index}]"), id)).collect();
        let up_to = (!up_to.is_empty()).then(|| check.id("up_to_notification_id", up_to));
        check.into_result().map(|()| Self { named, up_to })
    }
}

impl From<Unread> for pb::MarkReadResponse {
    fn from(unread: Unread) -> Self {
        Self { unread_count: count(unread.0) }
    }
}

/// Reads who watches from where, and in which language they are told.
pub(super) fn watcher(
    caller: Caller,
    expire_time: DateTime<Utc>,
    request: &pb::WatchNotificationsRequest,
) -> Result<(Watcher, Option<Locale>), Violations> {
    let mut check = Violations::default();
    let after: Option<i64> = page::read_token(&request.after).filter(|position| *position >= 0);
    if after.is_none() && !request.after.is_empty() {
        check.add("after", "must be the cursor of a message of this stream");
    }
    let locale = Locale::read_optional(&mut check, "locale", &request.locale);
    check.into_result().map(|()| (Watcher { caller, expire_time, after }, locale))
}

pub(super) fn watch_response(seen: Seen, locale: Option<Locale>) -> pb::WatchNotificationsResponse {
    pb::WatchNotificationsResponse {
        notification: seen.notice.map(|notice| told(notice, locale)),
        cursor: page::token(&seen.position),
        unread_count: count(seen.unread),
    }
}

fn told(notice: Notice, locale: Option<Locale>) -> pb::Notification {
    let summary = words::summary(&notice, locale.unwrap_or(notice.locale));
    pb::Notification {
        notification_id: notice.notice_id.to_string(),
        kind: pb::NotificationKind::from(notice.kind).into(),
        space_id: notice.space_id.to_string(),
        space_title: notice.space_title,
        actor_user_id: notice.actor_user_id.map(|id: UserId| id.to_string()).unwrap_or_default(),
        actor_display_name: notice.actor_display_name,
        object_id: notice.object_id.map(|id: Uuid| id.to_string()).unwrap_or_default(),
        object_name: notice.object_name,
        summary,
        is_read: notice.is_read,
        create_time: Some(timestamp(notice.create_time)),
    }
}

impl From<NoticeKind> for pb::NotificationKind {
    fn from(kind: NoticeKind) -> Self {
        match kind {
            NoticeKind::AddedToSpace => Self::AddedToSpace,
            NoticeKind::NewJoiner => Self::NewJoiner,
            NoticeKind::AccessRequested => Self::AccessRequested,
            NoticeKind::NewComment => Self::NewComment,
            NoticeKind::Mentioned => Self::Mentioned,
            NoticeKind::NewContent => Self::NewContent,
            NoticeKind::Visit => Self::Visit,
        }
    }
}

/// Counts end at 1,000.
fn count(unread: i64) -> i32 {
    i32::try_from(unread).unwrap_or(i32::MAX)
}
