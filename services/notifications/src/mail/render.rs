//! The templates, compiled in: for each mail and language a subject, a text and an HTML page.
//!
//! HTML templates escape by themselves (askama, by the file's ending); text templates have nothing to escape.

use askama::Template;

use super::words::{ColleagueInvitation, GuestInvitation, InvitationAccepted, Words};

/// A language that mails are written in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Locale {
    /// English.
    En,
    /// French.
    Fr,
}

impl Locale {
    /// Returns the language for a BCP 47 tag; English where there is none of ours.
    pub(crate) fn of(tag: &str) -> Self {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("fr") { Self::Fr } else { Self::En }
    }
}

/// A mail's three texts.
pub(super) struct Rendered {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// Declares the templates of one mail in one language.
macro_rules! templates {
    ($name:ident, $mail:ty, $subject:tt, $text:tt, $html:tt) => {
        mod $name {
            use super::*;

            #[derive(Template)]
            #[template(path = $subject)]
            struct Subject<'a> {
                mail: &'a $mail,
            }

            #[derive(Template)]
            #[template(path = $text)]
            struct Text<'a> {
                mail: &'a $mail,
            }

            #[derive(Template)]
            #[template(path = $html)]
            struct Html<'a> {
                mail: &'a $mail,
            }

            pub(super) fn render(mail: &$mail) -> Result<Rendered, askama::Error> {
                Ok(Rendered {
                    subject: Subject { mail }.render()?,
                    text: Text { mail }.render()?,
                    html: Html { mail }.render()?,
                })
            }
        }
    };
}

templates!(
    guest_invitation_en,
    GuestInvitation,
    "guest_invitation/en/subject.txt",
    "guest_invitation/en/text.txt",
    "guest_invitation/en/page.html"
);
templates!(
    guest_invitation_fr,
    GuestInvitation,
    "guest_invitation/fr/subject.txt",
    "guest_invitation/fr/text.txt",
    "guest_invitation/fr/page.html"
);
templates!(
    colleague_invitation_en,
    ColleagueInvitation,
    "colleague_invitation/en/subject.txt",
    "colleague_invitation/en/text.txt",
    "colleague_invitation/en/page.html"
);
templates!(
    colleague_invitation_fr,
    ColleagueInvitation,
    "colleague_invitation/fr/subject.txt",
    "colleague_invitation/fr/text.txt",
    "colleague_invitation/fr/page.html"
);
templates!(
    invitation_accepted_en,
    InvitationAccepted,
    "invitation_accepted/en/subject.txt",
    "invitation_accepted/en/text.txt",
    "invitation_accepted/en/page.html"
);
templates!(
    invitation_accepted_fr,
    InvitationAccepted,
    "invitation_accepted/fr/subject.txt",
    "invitation_accepted/fr/text.txt",
    "invitation_accepted/fr/page.html"
);

/// Writes a mail in a language.
pub(super) fn render(words: &Words, locale: Locale) -> Result<Rendered, askama::Error> {
    match (words, locale) {
        (Words::GuestInvitation(mail), Locale::En) => guest_invitation_en::render(mail),
        (Words::GuestInvitation(mail), Locale::Fr) => guest_invitation_fr::render(mail),
        (Words::ColleagueInvitation(mail), Locale::En) => colleague_invitation_en::render(mail),
        (Words::ColleagueInvitation(mail), Locale::Fr) => colleague_invitation_fr::render(mail),
        (Words::InvitationAccepted(mail), Locale::En) => invitation_accepted_en::render(mail),
        (Words::InvitationAccepted(mail), Locale::Fr) => invitation_accepted_fr::render(mail),
    }
}
