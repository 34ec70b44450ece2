//! What each mail says, as its templates read it.

use super::text::{Line, Link, Note};
use crate::delivery::Setback;

/// What a mail says, in any language.
pub(crate) enum Words {
    /// Asks a guest to activate.
    GuestInvitation(GuestInvitation),
    /// Tells a colleague that they take part.
    ColleagueInvitation(ColleagueInvitation),
    /// Tells the inviter, or the owner, that somebody came in.
    InvitationAccepted(InvitationAccepted),
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
}
