//! The rules of a notice. No I/O.

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::locale::Locale;
use service_kit::{text_enum, typed_id};
use uuid::{Builder, Uuid};

typed_id! {
    /// One notice for one person.
    NoticeId
}

impl NoticeId {
    /// Returns the id of what an event tells somebody: a UUIDv7 of the event's time, and the same for the same event.
    pub(crate) fn of(event_id: Uuid, event_time: DateTime<Utc>, user_id: UserId, kind: NoticeKind) -> Self {
        let told =
            Uuid::new_v5(&Uuid::new_v5(&event_id, user_id.uuid().as_bytes()), kind.as_str().as_bytes());
        let mut random = [0; 10];
        for (place, byte) in random.iter_mut().zip(told.as_bytes()) {
            *place = *byte;
        }
        let millis = u64::try_from(event_time.timestamp_millis()).unwrap_or_default();
        Self::from(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

text_enum! {
    /// What a notice tells.
    pub(crate) enum NoticeKind {
        /// The person was added to a space.
        AddedToSpace = "ADDED_TO_SPACE",
        /// Somebody joined.
        NewJoiner = "NEW_JOINER",
        /// Somebody asked for access.
        AccessRequested = "ACCESS_REQUESTED",
        /// Somebody commented.
        NewComment = "NEW_COMMENT",
        /// Somebody mentioned the person in a comment.
        Mentioned = "MENTIONED",
        /// Content was added.
        NewContent = "NEW_CONTENT",
        /// A guest visited.
        Visit = "VISIT",
    }
}

impl NoticeKind {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 7] = [
        Self::AddedToSpace,
        Self::NewJoiner,
        Self::AccessRequested,
        Self::NewComment,
        Self::Mentioned,
        Self::NewContent,
        Self::Visit,
    ];
}

/// What an event tells, to whomever.
#[derive(Clone, Debug)]
pub(crate) struct News {
    /// The organisation.
    pub(crate) organization_id: OrganizationId,
    /// The event.
    pub(crate) event_id: Uuid,
    /// When it happened.
    pub(crate) event_time: DateTime<Utc>,
    /// The space.
    pub(crate) space_id: SpaceId,
    /// Its title.
    pub(crate) space_title: String,
    /// Who did it; absent: nobody who is known.
    pub(crate) actor_user_id: Option<UserId>,
    /// Their name.
    pub(crate) actor_display_name: String,
    /// What it is about; absent: the space itself.
    pub(crate) object_id: Option<Uuid>,
    /// Its name.
    pub(crate) object_name: String,
}

/// Who is told, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hearer {
    /// The person.
    pub(crate) user_id: UserId,
    /// Their language.
    pub(crate) locale: Locale,
    /// What they are told.
    pub(crate) kind: NoticeKind,
}

/// A notice, as one person sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Notice {
    /// The notice.
    pub(crate) notice_id: NoticeId,
    /// Where it stands among the person's.
    pub(crate) position: i64,
    /// What it tells.
    pub(crate) kind: NoticeKind,
    /// The space.
    pub(crate) space_id: SpaceId,
    /// Its title, as it was then.
    pub(crate) space_title: String,
    /// Who did it; absent: nobody who is known.
    pub(crate) actor_user_id: Option<UserId>,
    /// Their name, as it was then.
    pub(crate) actor_display_name: String,
    /// What it is about; absent: the space itself.
    pub(crate) object_id: Option<Uuid>,
    /// Its name, as it was then.
    pub(crate) object_name: String,
    /// The person's language then.
    pub(crate) locale: Locale,
    /// Whether it was marked read.
    pub(crate) is_read: bool,
    /// When it happened.
    pub(crate) create_time: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_gives_each_person_and_kind_one_id_that_sorts_by_time() {
        let at = |millis| DateTime::from_timestamp_millis(millis).unwrap();
        let [event, anna, bert] = [1, 2, 3].map(Uuid::from_u128);
        let id = |time, who: Uuid, kind| NoticeId::of(event, at(time), who.into(), kind);
        let first = id(1_000, anna, NoticeKind::NewComment);
        assert_eq!(first, id(1_000, anna, NoticeKind::NewComment));
        assert_ne!(first, id(1_000, bert, NoticeKind::NewComment));
        assert_ne!(first, id(1_000, anna, NoticeKind::Mentioned));
        assert!(first < id(1_001, bert, NoticeKind::NewComment));
        assert_eq!(first.uuid().get_version_num(), 7);
    }
}
