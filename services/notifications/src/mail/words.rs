//! What each mail says, as its templates read it.

use super::moment::{Moment, Span};
use super::text::{Code, Line, Link, Note, Several};
use crate::delivery::{Added, Asked, MailKind, Said, Setback};

/// What a mail says, in any language.
pub(crate) enum Words {
    /// Asks a guest to activate.
    GuestInvitation(GuestInvitation),
    /// Tells a colleague that they take part.
    ColleagueInvitation(ColleagueInvitation),
    /// Tells the inviter, or the owner, that somebody came in.
    InvitationAccepted(InvitationAccepted),
    /// Reminds a guest of an invitation.
    Reminder(Reminder),
    /// Tells the owner who asks to be let in.
    AccessRequested(AccessRequested),
    /// Tells a requester that they are let in.
    AccessGranted(AccessGranted),
    /// Tells a requester that they are not.
    AccessDeclined(AccessDeclined),
    /// Lets somebody sign in by one click or by a code.
    SignInLink(SignInLink),
    /// Lets somebody set a new password.
    PasswordReset(PasswordReset),
    /// Lets somebody prove an address, to ask for access.
    RequestLink(RequestLink),
    /// Tells what a guest did in a visit.
    VisitSummary(VisitSummary),
    /// Tells who joined.
    NewJoiner(NewJoiner),
    /// Tells what was said.
    NewComment(NewComment),
    /// Tells what was added.
    NewContent(NewContent),
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

/// What a reminder says.
pub(crate) struct Reminder {
    pub(super) title: Line,
    pub(super) inviter: Line,
    pub(super) link: Link,
}

/// What the mail about requests says.
pub(crate) struct AccessRequested {
    pub(super) title: Line,
    pub(super) requests: Several<Request>,
    pub(super) link: Link,
}

/// One who asks.
pub(super) struct Request {
    /// The name, or the address where there is none.
    pub(super) who: Line,
    pub(super) is_named: bool,
    pub(super) address: Line,
    pub(super) message: Note,
    pub(super) proposer: Option<Line>,
}

/// What the mail about a granted request says.
pub(crate) struct AccessGranted {
    pub(super) title: Line,
    /// Empty: the requester takes part already.
    pub(super) granter: Line,
    /// The link is a personal one that opens the way in for the first time.
    pub(super) needs_activation: bool,
    pub(super) link: Link,
}

/// What the mail about a declined request says.
pub(crate) struct AccessDeclined {
    pub(super) title: Line,
}

/// What the mail of a sign-in link says.
pub(crate) struct SignInLink {
    pub(super) code: Code,
    pub(super) link: Link,
}

/// What the mail of a password reset says.
pub(crate) struct PasswordReset {
    pub(super) link: Link,
}

/// What the mail says that proves an address.
pub(crate) struct RequestLink {
    pub(super) link: Link,
}

/// What the summary of a visit says.
pub(crate) struct VisitSummary {
    pub(super) title: Line,
    pub(super) visitor: Line,
    pub(super) start: Moment,
    pub(super) span: Span,
    pub(super) opened: Several<Line>,
    pub(super) downloaded: Several<Line>,
    pub(super) link: Link,
}

/// What the mail about new people says.
pub(crate) struct NewJoiner {
    pub(super) title: Line,
    pub(super) people: Several<Line>,
    pub(super) link: Link,
}

/// What the mail about comments says.
pub(crate) struct NewComment {
    pub(super) title: Line,
    pub(super) comments: Several<Comment>,
    /// Whether one of them mentions the recipient.
    pub(super) mentions_recipient: bool,
    pub(super) link: Link,
}

/// One comment.
pub(super) struct Comment {
    pub(super) author: Line,
    pub(super) item_title: Line,
    pub(super) excerpt: Note,
    pub(super) mentions_recipient: bool,
}

/// What the mail about new content says.
pub(crate) struct NewContent {
    pub(super) title: Line,
    pub(super) items: Several<Item>,
    pub(super) link: Link,
}

/// One item.
pub(super) struct Item {
    pub(super) title: Line,
    pub(super) adder: Line,
    pub(super) is_external: bool,
}

/// What a notice about an account says. It has no link: who imitates it gains nothing.
pub(crate) struct SecurityNotice {
    /// Empty: the client said nothing of it.
    pub(super) device: Line,
    pub(super) moment: Moment,
}

impl SecurityNotice {
    fn new(device: &str, moment: Moment) -> Self {
        Self { device: Line::new(device), moment }
    }
}

impl Words {
    /// Returns the words of a guest's invitation; `link` is the personal one that identity issued.
    pub(crate) fn guest_invitation(
        title: &str,
        inviter: &str,
        note: &str,
        link: &str,
    ) -> Result<Self, Setback> {
        let (title, inviter) = (Line::new(title), Line::new(inviter));
        let (note, link) = (Note::new(note), Link::try_new(link)?);
        Ok(Self::GuestInvitation(GuestInvitation { title, inviter, note, link }))
    }

    /// Returns the words of a colleague's invitation; `link` is the space's own address.
    pub(crate) fn colleague_invitation(
        title: &str,
        inviter: &str,
        note: &str,
        link: &str,
    ) -> Result<Self, Setback> {
        let (title, inviter) = (Line::new(title), Line::new(inviter));
        let (note, link) = (Note::new(note), Link::try_new(link)?);
        Ok(Self::ColleagueInvitation(ColleagueInvitation { title, inviter, note, link }))
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

    /// Returns the words of a reminder; `link` is the personal one that identity issued.
    pub(crate) fn reminder(title: &str, inviter: &str, link: &str) -> Result<Self, Setback> {
        let (title, inviter) = (Line::new(title), Line::new(inviter));
        Ok(Self::Reminder(Reminder { title, inviter, link: Link::try_new(link)? }))
    }

    /// Returns the words about requests; `link` leads to the people of the space.
    pub(crate) fn access_requested(title: &str, requests: &[Asked], link: &str) -> Result<Self, Setback> {
        let request = |asked: &Asked| {
            let (name, address) = (Line::new(&asked.name), Line::new(&asked.email_address));
            Request {
                is_named: !name.is_empty(),
                who: if name.is_empty() { address.clone() } else { name },
                address,
                message: Note::new(&asked.message),
                proposer: asked.proposer.as_deref().map(Line::new),
            }
        };
        Ok(Self::AccessRequested(AccessRequested {
            title: Line::new(title),
            requests: Several::of(requests, request),
            link: Link::try_new(link)?,
        }))
    }

    /// Returns the words about a granted request; `granter` is empty for who takes part already, `link` is personal where
    /// access needs to be activated, the space's own address otherwise.
    pub(crate) fn access_granted(
        title: &str,
        granter: &str,
        needs_activation: bool,
        link: &str,
    ) -> Result<Self, Setback> {
        let (title, granter) = (Line::new(title), Line::new(granter));
        let link = Link::try_new(link)?;
        Ok(Self::AccessGranted(AccessGranted { title, granter, needs_activation, link }))
    }

    /// Returns the words about a declined request.
    pub(crate) fn access_declined(title: &str) -> Self {
        Self::AccessDeclined(AccessDeclined { title: Line::new(title) })
    }

    /// Returns the words of a sign-in mail; `code` are six digits, `link` is the one that identity issued.
    pub(crate) fn sign_in_link(code: &str, link: &str) -> Result<Self, Setback> {
        Ok(Self::SignInLink(SignInLink { code: Code::try_new(code)?, link: Link::try_new(link)? }))
    }

    /// Returns the words of a password reset; `link` is the one that identity issued.
    pub(crate) fn password_reset(link: &str) -> Result<Self, Setback> {
        Ok(Self::PasswordReset(PasswordReset { link: Link::try_new(link)? }))
    }

    /// Returns the words that go with a link to prove an address.
    pub(crate) fn request_link(link: &str) -> Result<Self, Setback> {
        Ok(Self::RequestLink(RequestLink { link: Link::try_new(link)? }))
    }

    /// Returns the words about a visit; `link` is the space's own address.
    pub(crate) fn visit_summary(visit: &Visit<'_>, link: &str) -> Result<Self, Setback> {
        let lines = |titles: &[String]| Several::of(titles, |title: &String| Line::new(title));
        Ok(Self::VisitSummary(VisitSummary {
            title: Line::new(visit.title),
            visitor: Line::new(visit.visitor),
            start: visit.start.clone(),
            span: visit.span,
            opened: lines(visit.opened),
            downloaded: lines(visit.downloaded),
            link: Link::try_new(link)?,
        }))
    }

    /// Returns the words about as many more of the same, which are counted and not named.
    pub(crate) fn and_more(mut self, count: u32) -> Self {
        // Counts of 32 bits fit into memory on every platform there is.
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        match &mut self {
            Self::AccessRequested(mail) => mail.requests.more += count,
            Self::NewJoiner(mail) => mail.people.more += count,
            Self::NewComment(mail) => mail.comments.more += count,
            Self::NewContent(mail) => mail.items.more += count,
            _ => {}
        }
        self
    }

    /// Returns the words about new people; `link` is the space's own address.
    pub(crate) fn new_joiner(title: &str, people: &[String], link: &str) -> Result<Self, Setback> {
        let people = Several::of(people, |person: &String| Line::new(person));
        Ok(Self::NewJoiner(NewJoiner { title: Line::new(title), people, link: Link::try_new(link)? }))
    }

    /// Returns the words about comments; `link` is the space's own address.
    pub(crate) fn new_comment(title: &str, comments: &[Said], link: &str) -> Result<Self, Setback> {
        let comment = |said: &Said| Comment {
            author: Line::new(&said.author),
            item_title: Line::new(&said.item_title),
            excerpt: Note::new(&said.excerpt),
            mentions_recipient: said.mentions_recipient,
        };
        Ok(Self::NewComment(NewComment {
            title: Line::new(title),
            comments: Several::of(comments, comment),
            mentions_recipient: comments.iter().any(|said| said.mentions_recipient),
            link: Link::try_new(link)?,
        }))
    }

    /// Returns the words about new content; `link` is the space's own address.
    pub(crate) fn new_content(title: &str, items: &[Added], link: &str) -> Result<Self, Setback> {
        let item = |added: &Added| Item {
            title: Line::new(&added.title),
            adder: Line::new(&added.adder),
            is_external: added.is_external,
        };
        let items = Several::of(items, item);
        Ok(Self::NewContent(NewContent { title: Line::new(title), items, link: Link::try_new(link)? }))
    }

    /// Returns the words about a sign-in on a device that was not known; `device` may be empty.
    pub(crate) fn new_device(device: &str, moment: Moment) -> Self {
        Self::NewDevice(SecurityNotice::new(device, moment))
    }

    /// Returns the words about a password that was set, changed or reset; `device` may be empty.
    pub(crate) fn password_changed(device: &str, moment: Moment) -> Self {
        Self::PasswordChanged(SecurityNotice::new(device, moment))
    }

    /// Returns the words about a session that was ended; `device` may be empty.
    pub(crate) fn session_reused(device: &str, moment: Moment) -> Self {
        Self::SessionReused(SecurityNotice::new(device, moment))
    }

    /// Tells which mail they are for.
    pub(crate) fn kind(&self) -> MailKind {
        match self {
            Self::GuestInvitation(_) => MailKind::GuestInvitation,
            Self::ColleagueInvitation(_) => MailKind::ColleagueInvitation,
            Self::InvitationAccepted(_) => MailKind::InvitationAccepted,
            Self::Reminder(_) => MailKind::Reminder,
            Self::AccessRequested(_) => MailKind::AccessRequested,
            Self::AccessGranted(_) => MailKind::AccessGranted,
            Self::AccessDeclined(_) => MailKind::AccessDeclined,
            Self::SignInLink(_) => MailKind::SignInLink,
            Self::PasswordReset(_) => MailKind::PasswordReset,
            Self::RequestLink(_) => MailKind::RequestLink,
            Self::VisitSummary(_) => MailKind::VisitSummary,
            Self::NewJoiner(_) => MailKind::NewJoiner,
            Self::NewComment(_) => MailKind::NewComment,
            Self::NewContent(_) => MailKind::NewContent,
            Self::NewDevice(_) => MailKind::NewDevice,
            Self::PasswordChanged(_) => MailKind::PasswordChanged,
            Self::SessionReused(_) => MailKind::SessionReused,
        }
    }
}

/// A guest's visit.
pub(crate) struct Visit<'a> {
    /// The space's title.
    pub(crate) title: &'a str,
    /// Who visited.
    pub(crate) visitor: &'a str,
    /// When it began.
    pub(crate) start: Moment,
    /// How long it took.
    pub(crate) span: Span,
    /// Titles of what was opened.
    pub(crate) opened: &'a [String],
    /// Titles of what was downloaded.
    pub(crate) downloaded: &'a [String],
}
