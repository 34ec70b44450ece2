//! What each mail says, as its templates read it.

use super::moment::Moment;
use super::text::{Code, Line, Link, Note};
use crate::delivery::Setback;

/// What a mail says, in any language.
pub(crate) enum Words {
    /// Asks a guest to activate.
    GuestInvitation(GuestInvitation),
    /// Tells a colleague that they take part.
    ColleagueInvitation(ColleagueInvitation),
    /// Tells the inviter, or the owner, that somebody came in.
    InvitationAccepted(InvitationAccepted),
    /// Lets somebody sign in by one click or by a code.
    SignInLink(SignInLink),
    /// Lets somebody set a new password.
    PasswordReset(PasswordReset),
    /// Tells of a sign-in on a device that was not known.
    NewDevice(SecurityNotice),
    /// Tells of a password that was set, changed or reset.
    PasswordChanged(SecurityNotice),
    /// Tells of a session that was ended because its refresh token was used twice.
    SessionReused(SecurityNotice),
}

/// What the invitation of a guest says.
pub(crate) struct GuestInvitation {
    pub(super) title: Line,
    pub(super) inviter: Line,
    pub(super) organization: Line,
    pub(super) note: Note,
    pub(super) link: Link,
}

/// What the invitation of a colleague says.
pub(crate) struct ColleagueInvitation {
    pub(super) title: Line,
    pub(super) inviter: Line,
    pub(super) note: Note,
    pub(super) link: Link,
}

/// What the mail about an accepted invitation says.
pub(crate) struct InvitationAccepted {
    pub(super) title: Line,
    pub(super) person: Line,
    /// Absent: whoever gets the mail.
    pub(super) inviter: Option<Line>,
    pub(super) link: Link,
}

/// What the mail of a sign-in link says.
pub(crate) struct SignInLink {
    pub(super) organization: Line,
    pub(super) code: Code,
    pub(super) link: Link,
}

/// What the mail of a password reset says.
pub(crate) struct PasswordReset {
    pub(super) organization: Line,
    pub(super) link: Link,
}

/// What a notice about an account says. It has no link: who imitates it gains nothing.
pub(crate) struct SecurityNotice {
    pub(super) organization: Line,
    /// Empty: the client said nothing of it.
    pub(super) device: Line,
    pub(super) moment: Moment,
}

impl SecurityNotice {
    fn new(organization: &str, device: &str, moment: Moment) -> Self {
        Self { organization: Line::new(organization), device: Line::new(device), moment }
    }
}

impl Words {
    /// Returns the words of a guest's invitation; `link` is the personal one that identity issued.
    pub(crate) fn guest_invitation(
        title: &str,
        inviter: &str,
        organization: &str,
        note: &str,
        link: &str,
    ) -> Result<Self, Setback> {
        Ok(Self::GuestInvitation(GuestInvitation {
            title: Line::new(title),
            inviter: Line::new(inviter),
            organization: Line::new(organization),
            note: Note::new(note),
            link: Link::try_new(link)?,
        }))
    }

    /// Returns the words of a colleague's invitation; `link` is the space's own address.
    pub(crate) fn colleague_invitation(
        title: &str,
        inviter: &str,
        note: &str,
        link: &str,
    ) -> Result<Self, Setback> {
        Ok(Self::ColleagueInvitation(ColleagueInvitation {
            title: Line::new(title),
            inviter: Line::new(inviter),
            note: Note::new(note),
            link: Link::try_new(link)?,
        }))
    }

    /// Returns the words about an accepted invitation; `link` is the space's own address.
    /// `inviter` is absent where the recipient had invited.
    pub(crate) fn invitation_accepted(
        title: &str,
        person: &str,
        inviter: Option<&str>,
        link: &str,
    ) -> Result<Self, Setback> {
        Ok(Self::InvitationAccepted(InvitationAccepted {
            title: Line::new(title),
            person: Line::new(person),
            inviter: inviter.map(Line::new),
            link: Link::try_new(link)?,
        }))
    }

    /// Returns the words of a sign-in mail; `code` are six digits, `link` is the one that identity issued.
    pub(crate) fn sign_in_link(organization: &str, code: &str, link: &str) -> Result<Self, Setback> {
        let (code, link) = (Code::try_new(code)?, Link::try_new(link)?);
        Ok(Self::SignInLink(SignInLink { organization: Line::new(organization), code, link }))
    }

    /// Returns the words of a password reset; `link` is the one that identity issued.
    pub(crate) fn password_reset(organization: &str, link: &str) -> Result<Self, Setback> {
        let link = Link::try_new(link)?;
        Ok(Self::PasswordReset(PasswordReset { organization: Line::new(organization), link }))
    }

    /// Returns the words about a sign-in on a device that was not known; `device` may be empty.
    pub(crate) fn new_device(organization: &str, device: &str, moment: Moment) -> Self {
        Self::NewDevice(SecurityNotice::new(organization, device, moment))
    }

    /// Returns the words about a password that was set, changed or reset; `device` may be empty.
    pub(crate) fn password_changed(organization: &str, device: &str, moment: Moment) -> Self {
        Self::PasswordChanged(SecurityNotice::new(organization, device, moment))
    }

    /// Returns the words about a session that was ended; `device` may be empty.
    pub(crate) fn session_reused(organization: &str, device: &str, moment: Moment) -> Self {
        Self::SessionReused(SecurityNotice::new(organization, device, moment))
    }
}
