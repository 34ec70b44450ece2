//! The rules of a delivery. No I/O.

use std::time::Duration;

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::{text_enum, typed_id};
use sharedspaces_proto::spaces::v1::MuteableMail;
use uuid::Uuid;

use super::mail::Mail;
use super::{DeliveryError, SEND_ACCOUNT_MAIL, SEND_MAIL, SEND_SPACE_MAIL};

/// How often a mail is tried before it counts as failed: for about a day, as a mail server may be away or ask for patience.
pub(crate) const MAX_ATTEMPTS: i32 = 33;
/// How often its job is run: more often, so that a try in which the process ended is made up for, and the last one still
/// marks the mail as failed.
const MAX_JOB_ATTEMPTS: i32 = MAX_ATTEMPTS + 8;

/// How often the job of a mail is run whose link lives for minutes: more often than fits into its life, which ends it.
const MAX_LINK_JOB_ATTEMPTS: i32 = 200;

const FIRST_DELAY: Duration = Duration::from_secs(5);
const MAX_DELAY: Duration = Duration::from_secs(3600);
const FIRST_LINK_DELAY: Duration = Duration::from_secs(1);
const MAX_LINK_DELAY: Duration = Duration::from_secs(8);

typed_id! {
    /// One mail to one recipient.
    DeliveryId
}

impl DeliveryId {
    /// Returns the id of what `event_id` sends to a recipient: the same event always gives the same id.
    pub(crate) fn of(event_id: Uuid, recipient: UserId) -> Self {
        Self::from(Uuid::new_v5(&event_id, recipient.uuid().as_bytes()))
    }

    /// Returns the id of the mail of a link that somebody asked for: one per link, whoever it is for.
    pub(crate) fn of_link(sign_in_link_id: Uuid) -> Self {
        Self::from(Uuid::new_v5(&sign_in_link_id, b"link"))
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
        /// A link somebody asked for, before identity has said what for.
        AccountLink = "ACCOUNT_LINK",
        /// A one-click link with a code.
        SignInLink = "SIGN_IN_LINK",
        /// A link to set a new password.
        PasswordReset = "PASSWORD_RESET",
        /// Somebody signed in on a device that was not known.
        NewDevice = "NEW_DEVICE",
        /// A password was set, changed or reset.
        PasswordChanged = "PASSWORD_CHANGED",
        /// A session was ended because its refresh token was used twice.
        SessionReused = "SESSION_REUSED",
        /// Reminder of an invitation.
        Reminder = "REMINDER",
        /// Somebody asked for access.
        AccessRequested = "ACCESS_REQUESTED",
        /// Access was granted.
        AccessGranted = "ACCESS_GRANTED",
        /// Access was declined.
        AccessDeclined = "ACCESS_DECLINED",
        /// A link that proves an address, to request access.
        RequestLink = "REQUEST_LINK",
        /// A guest's visit.
        VisitSummary = "VISIT_SUMMARY",
        /// Somebody joined.
        NewJoiner = "NEW_JOINER",
        /// Comments were made.
        NewComment = "NEW_COMMENT",
        /// Content was added.
        NewContent = "NEW_CONTENT",
    }
}

impl MailKind {
    /// Tells whether the mail carries a link that lives for minutes: it is tried again within seconds or not at all.
    pub(crate) fn has_short_life(self) -> bool {
        matches!(self, Self::AccountLink | Self::SignInLink | Self::PasswordReset | Self::RequestLink)
    }

    /// Tells whether whoever gets it asked for it just now: it goes to addresses, too, that get no others any more.
    pub(crate) fn is_asked_for(self) -> bool {
        self.has_short_life()
    }

    /// Tells which setting of a space mutes it; nothing where it cannot be muted (R12.2).
    pub(crate) fn muted_by(self) -> Option<MuteableMail> {
        match self {
            Self::VisitSummary => Some(MuteableMail::VisitSummaries),
            Self::NewJoiner => Some(MuteableMail::NewJoiners),
            Self::NewComment => Some(MuteableMail::Comments),
            Self::NewContent => Some(MuteableMail::NewContent),
            Self::GuestInvitation
            | Self::ColleagueInvitation
            | Self::InvitationAccepted
            | Self::AccountLink
            | Self::SignInLink
            | Self::PasswordReset
            | Self::NewDevice
            | Self::PasswordChanged
            | Self::SessionReused
            | Self::Reminder
            | Self::AccessRequested
            | Self::AccessGranted
            | Self::AccessDeclined
            | Self::RequestLink => None,
        }
    }

    /// Returns which mail a setting of a space mutes; nothing for none.
    pub(crate) fn of_muteable(mail: MuteableMail) -> Option<Self> {
        match mail {
            MuteableMail::VisitSummaries => Some(Self::VisitSummary),
            MuteableMail::NewJoiners => Some(Self::NewJoiner),
            MuteableMail::Comments => Some(Self::NewComment),
            MuteableMail::NewContent => Some(Self::NewContent),
            MuteableMail::Unspecified => None,
        }
    }

    /// Returns the job that sends it, and how often that is run. Mails about accounts, and later ones
    /// about spaces, have jobs of their own, which no process takes that does not know them.
    pub(super) fn job(self) -> (&'static str, i32) {
        match self {
            Self::GuestInvitation | Self::ColleagueInvitation | Self::InvitationAccepted => {
                (SEND_MAIL, MAX_JOB_ATTEMPTS)
            }
            Self::Reminder
            | Self::AccessRequested
            | Self::AccessGranted
            | Self::AccessDeclined
            | Self::VisitSummary
            | Self::NewJoiner
            | Self::NewComment
            | Self::NewContent => (SEND_SPACE_MAIL, MAX_JOB_ATTEMPTS),
            Self::AccountLink | Self::SignInLink | Self::PasswordReset | Self::RequestLink => {
                (SEND_ACCOUNT_MAIL, MAX_LINK_JOB_ATTEMPTS)
            }
            Self::NewDevice | Self::PasswordChanged | Self::SessionReused => {
                (SEND_ACCOUNT_MAIL, MAX_JOB_ATTEMPTS)
            }
        }
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
        /// Ended without a mail: there was nothing to send, or it was too late.
        NotDue = "NOT_DUE",
    }
}

/// A mail to send.
#[derive(Clone, Debug)]
pub(crate) struct NewDelivery {
    /// The same for the same mail, however often its event arrives.
    pub(crate) delivery_id: DeliveryId,
    /// Whose mail it is.
    pub(crate) organization_id: OrganizationId,
    /// When that happened which asks for it.
    pub(crate) event_time: DateTime<Utc>,
    /// Who gets it; absent: identity says so when it is sent.
    pub(crate) recipient_user_id: Option<UserId>,
    /// Not to be sent before; absent: at once.
    pub(crate) due_time: Option<DateTime<Utc>>,
    /// What it says.
    pub(crate) mail: Mail,
}

/// What was learnt about a mail while it was tried; nothing where the try did not get that far.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Told {
    /// Which mail it is.
    pub(crate) kind: Option<MailKind>,
    /// Who gets it.
    pub(crate) recipient_user_id: Option<UserId>,
    /// Where it goes.
    pub(crate) email_address: Option<String>,
    /// The codes with which the mail server refused the address for good.
    pub(crate) refusal: Option<String>,
    /// This try or one before it has offered the mail to the server, and nothing says that it was not taken.
    pub(crate) may_have_arrived: bool,
}

/// One mail to one recipient, as listed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Delivery {
    /// The delivery.
    pub(crate) delivery_id: DeliveryId,
    /// Which mail.
    pub(crate) kind: MailKind,
    /// Who gets it; absent: identity has not said yet.
    pub(crate) recipient_user_id: Option<UserId>,
    /// Where it was last sent to; empty before the first try.
    pub(crate) email_address: String,
    /// How it fares.
    pub(crate) state: State,
    /// Why it waits, failed, was not due or is not known for certain to have arrived, in words; empty otherwise.
    pub(crate) reason: String,
    /// How often it was tried since it was planned, or an admin had it sent once more.
    pub(crate) attempts: i32,
    /// When its event happened.
    pub(crate) create_time: DateTime<Utc>,
    /// When the mail server took it.
    pub(crate) sent_time: Option<DateTime<Utc>>,
    /// The space it is about.
    pub(crate) space_id: Option<SpaceId>,
    /// Not to be sent before; absent: at once.
    pub(crate) due_time: Option<DateTime<Utc>>,
}

/// Which deliveries to list.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Filter {
    /// In one of these states; empty: in any.
    pub(crate) states: Vec<State>,
    /// To this address, normalised.
    pub(crate) email_address: Option<String>,
    /// About this space.
    pub(crate) space_id: Option<SpaceId>,
}

impl Delivery {
    /// Makes a mail wait again that failed, or whose job died before it could tell. One that was sent stays sent.
    pub(crate) fn retry(&mut self, had_dead_job: bool) -> Result<(), DeliveryError> {
        let has_failed = match self.state {
            State::Failed => true,
            State::Pending => had_dead_job,
            State::Sent | State::NotDue => false,
        };
        if !has_failed {
            return Err(DeliveryError::NotFailed);
        }
        self.state = State::Pending;
        self.reason.clear();
        self.attempts = 0;
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

/// Returns how long to wait after a try: 5 s after the first, doubled each time up to an hour; for a mail whose link
/// lives for minutes, 1 s up to 8 s. `attempt` counts from 1. The job runner adds the ±20 %.
pub(crate) fn delay_after(attempt: i32, has_short_life: bool) -> Duration {
    let (first, longest) =
        if has_short_life { (FIRST_LINK_DELAY, MAX_LINK_DELAY) } else { (FIRST_DELAY, MAX_DELAY) };
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or_default().min(16);
    first.saturating_mul(1 << doublings).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_from_five_seconds_to_an_hour() {
        let delays = [0, 1, 2, 3, 10, 11, i32::MAX].map(|attempt| delay_after(attempt, false).as_secs());
        assert_eq!(delays, [5, 5, 10, 20, 2560, 3600, 3600]);
    }

    #[test]
    fn a_mail_that_is_put_off_is_tried_for_about_a_day() {
        let seconds =
            |tries: i32| (1..tries).map(|attempt| delay_after(attempt, false).as_secs()).sum::<u64>();
        assert!((22 * 3600..=24 * 3600).contains(&seconds(MAX_ATTEMPTS)), "{}", seconds(MAX_ATTEMPTS));
    }

    #[test]
    fn a_link_that_lives_ten_minutes_is_tried_within_seconds_until_it_ends() {
        let delays = [1, 2, 3, 4, 5, i32::MAX].map(|attempt| delay_after(attempt, true).as_secs());
        assert_eq!(delays, [1, 2, 4, 8, 8, 8]);
        let (_, tries) = MailKind::AccountLink.job();
        let least: u64 = (1..tries).map(|attempt| delay_after(attempt, true).as_secs() * 8 / 10).sum();
        assert!(least > 600, "{least} s of tries end before the link does");
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
