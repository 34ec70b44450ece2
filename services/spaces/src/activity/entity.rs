//! What can happen in a space. No I/O.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use uuid::Uuid;

service_kit::text_enum! {
    /// What happened.
    pub(crate) enum ActivityKind {
        /// The space was created.
        SpaceCreated = "SPACE_CREATED",
        /// The title was changed; the object's name is the new one.
        SpaceRenamed = "SPACE_RENAMED",
        /// The description was changed.
        DescriptionChanged = "DESCRIPTION_CHANGED",
        /// The toggles for guests were changed.
        SharingChanged = "SHARING_CHANGED",
        /// The theme, or how the logos are shown, was changed.
        LookChanged = "LOOK_CHANGED",
        /// A customer's logo was set.
        LogoSet = "LOGO_SET",
        /// The customer's logo was removed.
        LogoRemoved = "LOGO_REMOVED",
        /// Somebody was invited; the object is the person.
        ParticipantInvited = "PARTICIPANT_INVITED",
        /// The actor joined.
        ParticipantJoined = "PARTICIPANT_JOINED",
        /// The actor left.
        ParticipantLeft = "PARTICIPANT_LEFT",
        /// Somebody was shut out; the object is the person.
        ParticipantRevoked = "PARTICIPANT_REVOKED",
        /// Somebody else owns the space now; the object is the person.
        OwnershipTransferred = "OWNERSHIP_TRANSFERRED",
        /// A folder, link or file was added; the object is the item.
        ItemAdded = "ITEM_ADDED",
        /// A folder, link or file was changed; the object is the item.
        ItemChanged = "ITEM_CHANGED",
        /// A folder, link or file was removed; the object is the item.
        ItemRemoved = "ITEM_REMOVED",
        /// A link or file was opened; the object is the item.
        ItemOpened = "ITEM_OPENED",
        /// A file was downloaded; the object is the item.
        ItemDownloaded = "ITEM_DOWNLOADED",
        /// Somebody commented; the object is the item.
        CommentAdded = "COMMENT_ADDED",
        /// A comment was deleted; the object is the item.
        CommentDeleted = "COMMENT_DELETED",
        /// The space was archived.
        SpaceArchived = "SPACE_ARCHIVED",
        /// The space was opened again.
        SpaceReactivated = "SPACE_REACTIVATED",
        /// The space was deleted.
        SpaceDeleted = "SPACE_DELETED",
        /// Something was logged to the CRM; the object is the log, its name the record's.
        CrmLogged = "CRM_LOGGED",
        /// The notification defaults were changed.
        NotificationDefaultsChanged = "NOTIFICATION_DEFAULTS_CHANGED",
        /// Somebody was reminded of their invitation; the object is the person.
        ParticipantReminded = "PARTICIPANT_REMINDED",
        /// Somebody asked for access; the object is the request, its name the requester's.
        AccessRequested = "ACCESS_REQUESTED",
        /// A request for access was granted; the object is the request, its name the requester's.
        AccessGranted = "ACCESS_GRANTED",
        /// A request for access was declined; the object is the request, its name the requester's.
        AccessDeclined = "ACCESS_DECLINED",
        /// A guest's profile was changed; the object is the guest.
        ProfileChanged = "PROFILE_CHANGED",
        /// A guest began a visit.
        SpaceVisited = "SPACE_VISITED",
    }
}

impl ActivityKind {
    /// Every kind there is.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 30] = [
        Self::SpaceCreated,
        Self::SpaceRenamed,
        Self::DescriptionChanged,
        Self::SharingChanged,
        Self::LookChanged,
        Self::LogoSet,
        Self::LogoRemoved,
        Self::ParticipantInvited,
        Self::ParticipantJoined,
        Self::ParticipantLeft,
        Self::ParticipantRevoked,
        Self::OwnershipTransferred,
        Self::ItemAdded,
        Self::ItemChanged,
        Self::ItemRemoved,
        Self::ItemOpened,
        Self::ItemDownloaded,
        Self::CommentAdded,
        Self::CommentDeleted,
        Self::SpaceArchived,
        Self::SpaceReactivated,
        Self::SpaceDeleted,
        Self::CrmLogged,
        Self::NotificationDefaultsChanged,
        Self::ParticipantReminded,
        Self::AccessRequested,
        Self::AccessGranted,
        Self::AccessDeclined,
        Self::ProfileChanged,
        Self::SpaceVisited,
    ];

    /// Tells whether guests must not see it.
    pub(crate) fn is_internal(self) -> bool {
        match self {
            Self::SharingChanged
            | Self::LookChanged
            | Self::ParticipantInvited
            | Self::ParticipantRevoked
            | Self::ItemOpened
            | Self::ItemDownloaded
            | Self::CommentDeleted
            | Self::SpaceArchived
            | Self::SpaceReactivated
            | Self::SpaceDeleted
            | Self::CrmLogged
            | Self::NotificationDefaultsChanged
            | Self::ParticipantReminded
            | Self::AccessRequested
            | Self::AccessGranted
            | Self::AccessDeclined
            | Self::ProfileChanged
            | Self::SpaceVisited => true,
            Self::SpaceCreated
            | Self::SpaceRenamed
            | Self::DescriptionChanged
            | Self::LogoSet
            | Self::LogoRemoved
            | Self::ParticipantJoined
            | Self::ParticipantLeft
            | Self::OwnershipTransferred
            | Self::ItemAdded
            | Self::ItemChanged
            | Self::ItemRemoved
            | Self::CommentAdded => false,
        }
    }

    /// Tells whether what it was done to is a person.
    pub(super) fn is_about_a_person(self) -> bool {
        matches!(
            self,
            Self::ParticipantInvited
                | Self::ParticipantRevoked
                | Self::ParticipantReminded
                | Self::OwnershipTransferred
                | Self::AccessRequested
                | Self::AccessGranted
                | Self::AccessDeclined
                | Self::ProfileChanged
        )
    }
}

/// Something that happened just now.
#[derive(Clone, Debug)]
pub(crate) struct NewActivity {
    /// A new id.
    pub(crate) activity_id: Uuid,
    /// The tenant.
    pub(crate) organization_id: OrganizationId,
    /// The space.
    pub(crate) space_id: SpaceId,
    /// What happened.
    pub(crate) kind: ActivityKind,
    /// Who did it, and their name now; absent: the system. [`super::by`] finds the name.
    pub(crate) actor: Option<(UserId, String)>,
    /// What it was done to, and its name now; absent: the space itself.
    pub(crate) object: Option<(Uuid, String)>,
    /// When.
    pub(crate) create_time: DateTime<Utc>,
}

/// Something that happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Activity {
    /// Its id.
    pub(crate) activity_id: Uuid,
    /// What happened.
    pub(crate) kind: ActivityKind,
    /// Who did it; absent: the system.
    pub(crate) actor_user_id: Option<Uuid>,
    /// The actor's name as it was then.
    pub(crate) actor_display_name: String,
    /// What it was done to; absent: the space itself.
    pub(crate) object_id: Option<Uuid>,
    /// The object's name as it was then.
    pub(crate) object_name: String,
    /// When it happened.
    pub(crate) create_time: DateTime<Utc>,
}

impl Activity {
    /// Returns where the activity stands in the timeline.
    pub(crate) fn key(&self) -> ActivityKey {
        ActivityKey { create_time: self.create_time, activity_id: self.activity_id }
    }
}

/// Where an activity stands in the timeline.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct ActivityKey {
    /// When it happened.
    pub(crate) create_time: DateTime<Utc>,
    /// Tells apart what happened at once.
    pub(crate) activity_id: Uuid,
}

/// Returns a person's name as the timeline may show it: a name that holds an address is none, because the timeline
/// is read by people who need not know each other's.
pub(super) fn shown_name(name: &str) -> &str {
    if name.contains('@') { "" } else { name }
}
