//! The rules of a delivery. No I/O.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::{text_enum, typed_id};
use uuid::Uuid;

use super::DeliveryError;

/// How often a mail is tried before it counts as failed: for about two and a half hours.
pub(crate) const MAX_ATTEMPTS: i32 = 12;
/// How often its job is run: more often, so that a try in which the process ended is made up for, and the last one still
/// marks the mail as failed.
pub(super) const MAX_JOB_ATTEMPTS: i32 = MAX_ATTEMPTS + 8;

const FIRST_DELAY: Duration = Duration::from_secs(5);
const MAX_DELAY: Duration = Duration::from_secs(3600);

typed_id! {
    /// One mail to one recipient.
    DeliveryId
}

impl DeliveryId {
    /// Returns the id of what `event_id` sends to a recipient: the same event always gives the same id.
    pub(crate) fn of(event_id: Uuid, recipient: UserId) -> Self {
        Self::from(Uuid::new_v5(&event_id, recipient.uuid().as_bytes()))
    }
}

text_enum! {
    /// Which mail.
    pub(crate) enum MailKind {
        /// Invitation of a guest.
        GuestInvitation = "GUEST_INVITATION",
        /// Invitation of a colleague.
        ColleagueInvitation = "COLLEAGUE_INVITATION",
        /// An invitation was accepted.
        InvitationAccepted = "INVITATION_ACCEPTED",
    }
}

text_enum! {
    /// How a mail fares.
    pub(crate) enum State {
        /// Waiting for its first or next try.
        Pending = "PENDING",
        /// Taken by the mail server.
        Sent = "SENT",
        /// Refused for good, or tried too often.
        Failed = "FAILED",
    }
}

/// A space, as its event told it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Space {
    /// The space.
    pub(crate) space_id: SpaceId,
    /// Shown to customers.
    pub(crate) title: String,
    /// The whole address.
    pub(crate) url: String,
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
}

impl Mail {
    /// Tells which mail it is.
    pub(crate) fn kind(&self) -> MailKind {
        match self {
            Self::GuestInvitation { .. } => MailKind::GuestInvitation,
            Self::ColleagueInvitation { .. } => MailKind::ColleagueInvitation,
            Self::InvitationAccepted { .. } => MailKind::InvitationAccepted,
        }
    }
}

/// A mail to send.
#[derive(Clone, Debug)]
pub(crate) struct NewDelivery {
    /// Whose mail it is.
    pub(crate) organization_id: OrganizationId,
    /// The event that asks for it.
    pub(crate) event_id: Uuid,
    /// When that happened.
    pub(crate) event_time: DateTime<Utc>,
    /// Who gets it.
    pub(crate) recipient_user_id: UserId,
    /// What it says.
    pub(crate) mail: Mail,
}

impl NewDelivery {
    /// Returns the id it has, however often its event arrives.
    pub(crate) fn delivery_id(&self) -> DeliveryId {
        DeliveryId::of(self.event_id, self.recipient_user_id)
    }
}

/// One mail to one recipient, as listed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Delivery {
    /// The delivery.
    pub(crate) delivery_id: DeliveryId,
    /// Which mail.
    pub(crate) kind: MailKind,
    /// Who gets it.
    pub(crate) recipient_user_id: UserId,
    /// Where it was last sent to; empty before the first try.
    pub(crate) email_address: String,
    /// How it fares.
    pub(crate) state: State,
    /// Why it waits or failed, in words; empty otherwise.
    pub(crate) reason: String,
    /// How often it was tried.
    pub(crate) attempts: i32,
    /// When its event happened.
    pub(crate) create_time: DateTime<Utc>,
    /// When the mail server took it.
    pub(crate) sent_time: Option<DateTime<Utc>>,
}

impl Delivery {
    /// Makes a mail wait again that failed, or whose job died before it could tell. One that was sent stays sent.
    pub(crate) fn retry(&mut self, had_dead_job: bool) -> Result<(), DeliveryError> {
        let has_failed = match self.state {
            State::Failed => true,
            State::Pending => had_dead_job,
            State::Sent => false,
        };
        if !has_failed {
            return Err(DeliveryError::NotFailed);
        }
        self.state = State::Pending;
        self.reason.clear();
        Ok(())
    }
}

/// How one try ended that did not get the mail sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Setback {
    /// Why, in words an admin can act on; never an address, a name or what a server said.
    pub(crate) reason: String,
    /// Trying again changes nothing.
    pub(crate) is_permanent: bool,
}

impl Setback {
    /// Returns a setback that trying again does not mend.
    pub(crate) fn permanent(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_permanent: true }
    }

    /// Returns a setback that may pass.
    pub(crate) fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_permanent: false }
    }
}

/// Returns how long to wait after a try: 5 s after the first, doubled each time up to an hour. `attempt` counts from 1.
/// The job runner adds the ±20 %.
pub(crate) fn delay_after(attempt: i32) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or_default().min(16);
    FIRST_DELAY.saturating_mul(1 << doublings).min(MAX_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_from_five_seconds_to_an_hour() {
        let delays = [0, 1, 2, 3, 10, 11, i32::MAX].map(|attempt| delay_after(attempt).as_secs());
        assert_eq!(delays, [5, 5, 10, 20, 2560, 3600, 3600]);
    }

    #[test]
    fn one_event_gives_each_recipient_one_id_and_another_event_another() {
        let [event, other, anna, bert] = [1, 2, 3, 4].map(Uuid::from_u128);
        let id = DeliveryId::of(event, anna.into());
        assert_eq!(id, DeliveryId::of(event, anna.into()));
        assert_ne!(id, DeliveryId::of(event, bert.into()));
        assert_ne!(id, DeliveryId::of(other, anna.into()));
        assert_eq!(id.uuid().get_version_num(), 5);
    }
}
