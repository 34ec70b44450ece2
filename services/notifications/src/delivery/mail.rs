//! What a mail says, as its event told it. Never a link, token or password: those are asked for when it is sent.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::ids::{SpaceId, UserId};
use uuid::Uuid;

use super::MailKind;

/// A space, as its event told it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Space {
    /// The space.
    pub(crate) space_id: SpaceId,
    /// Shown to customers.
    pub(crate) title: String,
    /// The whole address.
    pub(crate) url: String,
    /// The colours of its look; absent: the built-in ones.
    #[serde(default)]
    pub(crate) colors: Option<Colors>,
}

/// Colours of a look, each `#rrggbb`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Colors {
    /// Behind everything.
    pub(crate) background: String,
    /// Text on the background.
    pub(crate) text: String,
    /// Behind header and banner.
    pub(crate) header: String,
    /// Text on the header.
    pub(crate) header_text: String,
    /// Buttons and links.
    pub(crate) accent: String,
    /// Text on buttons.
    pub(crate) accent_text: String,
}

/// What a mail says, as its event told it; never a link, token or password.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Mail {
    /// Asks somebody from outside in (R8.5).
    GuestInvitation {
        /// Where to.
        space: Space,
        /// What identity issues the link for.
        invitation_id: Uuid,
        /// Who invites.
        inviter_user_id: UserId,
        /// Their name.
        inviter: String,
        /// The guest's name; empty where it is not known yet.
        recipient: String,
        /// The personal note; may be empty.
        note: String,
    },
    /// Tells a member that they take part (R8.4).
    ColleagueInvitation {
        /// Where to.
        space: Space,
        /// Who invites.
        inviter: String,
        /// The personal note; may be empty.
        note: String,
    },
    /// Tells the inviter that an invitation was accepted, or the owner where a guest had invited (R8.6).
    InvitationAccepted {
        /// Where to.
        space: Space,
        /// Who came in.
        person: String,
        /// Who had invited; absent: whoever gets the mail.
        #[serde(default)]
        inviter: Option<String>,
    },
    /// Carries a link that somebody asked for, if identity says that there is one to send.
    AccountLink {
        /// What identity issues the link for.
        sign_in_link_id: Uuid,
        /// Until when it works. Never sent after that.
        expire_time: DateTime<Utc>,
    },
    /// Reminds somebody of their invitation.
    Reminder {
        /// Where to.
        space: Space,
        /// What identity issues the link for.
        invitation_id: Uuid,
        /// Who reminds.
        inviter_user_id: UserId,
        /// Their name.
        inviter: String,
        /// The guest's name; may be empty.
        recipient: String,
    },
    /// Tells the owner who asks to be let in (R10.4); later requests are gathered.
    AccessRequested {
        /// Where to.
        space: Space,
        /// Who asks, in the order they asked.
        requests: Vec<Asked>,
        /// How many more there were than are kept.
        #[serde(default)]
        more: u32,
    },
    /// Tells a requester that they are let in (R10.5), or take part already.
    AccessGranted {
        /// Where to.
        space: Space,
        /// What identity issues the link for, and who granted; absent: a colleague, or somebody who takes part already.
        invitation: Option<GrantedInvitation>,
        /// Who granted; empty: takes part already.
        granter: String,
        /// The requester's name; may be empty.
        recipient: String,
    },
    /// Tells a requester that they are not let in.
    AccessDeclined {
        /// Where to.
        space: Space,
        /// The requester's address: there may be no account.
        email_address: String,
        /// The requester's name; may be empty.
        recipient: String,
        /// BCP 47 language.
        locale: String,
    },
    /// Tells a member what a guest did in a visit.
    VisitSummary {
        /// Where.
        space: Space,
        /// Who visited.
        visitor: String,
        /// When it began.
        start_time: DateTime<Utc>,
        /// When it was last heard of.
        end_time: DateTime<Utc>,
        /// Titles of what was opened.
        opened: Vec<String>,
        /// Titles of what was downloaded.
        downloaded: Vec<String>,
    },
    /// Tells who joined.
    NewJoiner {
        /// Where.
        space: Space,
        /// Their names, in the order they came.
        people: Vec<String>,
        /// How many more there were than are kept.
        #[serde(default)]
        more: u32,
    },
    /// Tells what was said.
    NewComment {
        /// Where.
        space: Space,
        /// What was said, in its order.
        comments: Vec<Said>,
        /// How many more there were than are kept.
        #[serde(default)]
        more: u32,
    },
    /// Tells what was added.
    NewContent {
        /// Where.
        space: Space,
        /// What was added, in its order.
        items: Vec<Added>,
        /// How many more there were than are kept.
        #[serde(default)]
        more: u32,
    },
    /// Tells somebody what happened to their account.
    SecurityNotice {
        /// What happened.
        notice: Notice,
        /// The organisation's name.
        organization: String,
        /// What the client said of the device; may be empty.
        device: String,
        /// When it happened.
        event_time: DateTime<Utc>,
    },
}

/// Who asks to be let in.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Asked {
    /// The requester's address.
    pub(crate) email_address: String,
    /// The requester's name; may be empty.
    pub(crate) name: String,
    /// What the requester says; may be empty.
    pub(crate) message: String,
    /// Name of the guest who gave the address; absent: the requester asked.
    pub(crate) proposer: Option<String>,
}

/// What the link of a granted guest is issued for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct GrantedInvitation {
    /// The invitation.
    pub(crate) invitation_id: Uuid,
    /// Who granted.
    pub(crate) granter_user_id: UserId,
}

/// What somebody said of an item.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Said {
    /// Name of who said it.
    pub(crate) author: String,
    /// The item's title.
    pub(crate) item_title: String,
    /// The beginning of what was said.
    pub(crate) excerpt: String,
    /// Whether it mentions the recipient.
    pub(crate) mentions_recipient: bool,
}

/// Content that was added.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Added {
    /// Name of who added it.
    pub(crate) adder: String,
    /// Its title.
    pub(crate) title: String,
    /// Whether a guest added it.
    pub(crate) is_external: bool,
}

/// What can happen to an account that its person is told.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Notice {
    /// A sign-in on a device that was not known.
    NewDevice,
    /// The password was set, changed or reset.
    PasswordChanged,
    /// A refresh token was used twice: the session was ended.
    SessionReused,
}

impl Mail {
    /// Tells which mail it is.
    pub(crate) fn kind(&self) -> MailKind {
        match self {
            Self::GuestInvitation { .. } => MailKind::GuestInvitation,
            Self::ColleagueInvitation { .. } => MailKind::ColleagueInvitation,
            Self::InvitationAccepted { .. } => MailKind::InvitationAccepted,
            Self::AccountLink { .. } => MailKind::AccountLink,
            Self::Reminder { .. } => MailKind::Reminder,
            Self::AccessRequested { .. } => MailKind::AccessRequested,
            Self::AccessGranted { .. } => MailKind::AccessGranted,
            Self::AccessDeclined { .. } => MailKind::AccessDeclined,
            Self::VisitSummary { .. } => MailKind::VisitSummary,
            Self::NewJoiner { .. } => MailKind::NewJoiner,
            Self::NewComment { .. } => MailKind::NewComment,
            Self::NewContent { .. } => MailKind::NewContent,
            Self::SecurityNotice { notice: Notice::NewDevice, .. } => MailKind::NewDevice,
            Self::SecurityNotice { notice: Notice::PasswordChanged, .. } => MailKind::PasswordChanged,
            Self::SecurityNotice { notice: Notice::SessionReused, .. } => MailKind::SessionReused,
        }
    }

    /// Returns until when it may be sent; absent: however late.
    pub(crate) fn expire_time(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::AccountLink { expire_time, .. } => Some(*expire_time),
            Self::GuestInvitation { .. }
            | Self::ColleagueInvitation { .. }
            | Self::InvitationAccepted { .. }
            | Self::Reminder { .. }
            | Self::AccessRequested { .. }
            | Self::AccessGranted { .. }
            | Self::AccessDeclined { .. }
            | Self::VisitSummary { .. }
            | Self::NewJoiner { .. }
            | Self::NewComment { .. }
            | Self::NewContent { .. }
            | Self::SecurityNotice { .. } => None,
        }
    }

    /// Returns the space it is about; absent: it is about an account.
    pub(crate) fn space(&self) -> Option<&Space> {
        match self {
            Self::GuestInvitation { space, .. }
            | Self::ColleagueInvitation { space, .. }
            | Self::InvitationAccepted { space, .. }
            | Self::Reminder { space, .. }
            | Self::AccessRequested { space, .. }
            | Self::AccessGranted { space, .. }
            | Self::AccessDeclined { space, .. }
            | Self::VisitSummary { space, .. }
            | Self::NewJoiner { space, .. }
            | Self::NewComment { space, .. }
            | Self::NewContent { space, .. } => Some(space),
            Self::AccountLink { .. } | Self::SecurityNotice { .. } => None,
        }
    }
}
