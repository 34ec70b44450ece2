//! The templates, compiled in: for each mail and language a subject, a text and an HTML page.
//!
//! One folder each under `templates`; what they share is in `layout` and `parts.html`. HTML templates escape by themselves (askama, by the file's ending); text templates have nothing to escape.

use askama::Template;
use service_kit::locale::Locale;

use super::look::Frame;
use super::words::{
    AccessDeclined, AccessGranted, AccessRequested, ColleagueInvitation, GuestInvitation, InvitationAccepted,
    NewComment, NewContent, NewJoiner, PasswordReset, Reminder, RequestLink, SecurityNotice, SignInLink,
    VisitSummary, Words,
};

/// A mail's three texts.
pub(super) struct Rendered {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// Declares the templates of one mail: subject, text and page in each language.
macro_rules! templates {
    ($name:ident: $mail:ty, $($locale:ident $variant:ident $subject:tt $text:tt $html:tt,)+) => {
        mod $name {
            use super::*;

            $(mod $locale {
                use super::*;

                #[derive(Template)]
                #[template(path = $subject)]
                struct Subject<'a> {
                    mail: &'a $mail,
                    frame: &'a Frame<'a>,
                }

                #[derive(Template)]
                #[template(path = $text)]
                struct Text<'a> {
                    mail: &'a $mail,
                    frame: &'a Frame<'a>,
                }

                #[derive(Template)]
                #[template(path = $html)]
                struct Html<'a> {
                    mail: &'a $mail,
                    frame: &'a Frame<'a>,
                }

                pub(super) fn render(mail: &$mail, frame: &Frame<'_>) -> Result<Rendered, askama::Error> {
                    let subject = Subject { mail, frame };
                    let text = Text { mail: subject.mail, frame: subject.frame };
                    let html = Html { mail: text.mail, frame: text.frame };
                    Ok(Rendered { subject: subject.render()?, text: text.render()?, html: html.render()? })
                }
            })+

            pub(super) fn render(
                mail: &$mail,
                frame: &Frame<'_>,
                locale: Locale,
            ) -> Result<Rendered, askama::Error> {
                match locale {
                    $(Locale::$variant => $locale::render(mail, frame),)+
                }
            }
        }
    };
}

templates!(
    guest_invitation: GuestInvitation,
    en English "guest_invitation/en/subject.txt" "guest_invitation/en/text.txt" "guest_invitation/en/page.html",
    fr French "guest_invitation/fr/subject.txt" "guest_invitation/fr/text.txt" "guest_invitation/fr/page.html",
    de German "guest_invitation/de/subject.txt" "guest_invitation/de/text.txt" "guest_invitation/de/page.html",
);
templates!(
    reminder: Reminder,
    en English "reminder/en/subject.txt" "reminder/en/text.txt" "reminder/en/page.html",
    fr French "reminder/fr/subject.txt" "reminder/fr/text.txt" "reminder/fr/page.html",
    de German "reminder/de/subject.txt" "reminder/de/text.txt" "reminder/de/page.html",
);
templates!(
    colleague_invitation: ColleagueInvitation,
    en English "colleague_invitation/en/subject.txt" "colleague_invitation/en/text.txt" "colleague_invitation/en/page.html",
    fr French "colleague_invitation/fr/subject.txt" "colleague_invitation/fr/text.txt" "colleague_invitation/fr/page.html",
    de German "colleague_invitation/de/subject.txt" "colleague_invitation/de/text.txt" "colleague_invitation/de/page.html",
);
templates!(
    invitation_accepted: InvitationAccepted,
    en English "invitation_accepted/en/subject.txt" "invitation_accepted/en/text.txt" "invitation_accepted/en/page.html",
    fr French "invitation_accepted/fr/subject.txt" "invitation_accepted/fr/text.txt" "invitation_accepted/fr/page.html",
    de German "invitation_accepted/de/subject.txt" "invitation_accepted/de/text.txt" "invitation_accepted/de/page.html",
);
templates!(
    access_requested: AccessRequested,
    en English "access_requested/en/subject.txt" "access_requested/en/text.txt" "access_requested/en/page.html",
    fr French "access_requested/fr/subject.txt" "access_requested/fr/text.txt" "access_requested/fr/page.html",
    de German "access_requested/de/subject.txt" "access_requested/de/text.txt" "access_requested/de/page.html",
);
templates!(
    access_granted: AccessGranted,
    en English "access_granted/en/subject.txt" "access_granted/en/text.txt" "access_granted/en/page.html",
    fr French "access_granted/fr/subject.txt" "access_granted/fr/text.txt" "access_granted/fr/page.html",
    de German "access_granted/de/subject.txt" "access_granted/de/text.txt" "access_granted/de/page.html",
);
templates!(
    access_declined: AccessDeclined,
    en English "access_declined/en/subject.txt" "access_declined/en/text.txt" "access_declined/en/page.html",
    fr French "access_declined/fr/subject.txt" "access_declined/fr/text.txt" "access_declined/fr/page.html",
    de German "access_declined/de/subject.txt" "access_declined/de/text.txt" "access_declined/de/page.html",
);
templates!(
    sign_in_link: SignInLink,
    en English "sign_in_link/en/subject.txt" "sign_in_link/en/text.txt" "sign_in_link/en/page.html",
    fr French "sign_in_link/fr/subject.txt" "sign_in_link/fr/text.txt" "sign_in_link/fr/page.html",
    de German "sign_in_link/de/subject.txt" "sign_in_link/de/text.txt" "sign_in_link/de/page.html",
);
templates!(
    password_reset: PasswordReset,
    en English "password_reset/en/subject.txt" "password_reset/en/text.txt" "password_reset/en/page.html",
    fr French "password_reset/fr/subject.txt" "password_reset/fr/text.txt" "password_reset/fr/page.html",
    de German "password_reset/de/subject.txt" "password_reset/de/text.txt" "password_reset/de/page.html",
);
templates!(
    request_link: RequestLink,
    en English "request_link/en/subject.txt" "request_link/en/text.txt" "request_link/en/page.html",
    fr French "request_link/fr/subject.txt" "request_link/fr/text.txt" "request_link/fr/page.html",
    de German "request_link/de/subject.txt" "request_link/de/text.txt" "request_link/de/page.html",
);
templates!(
    new_device: SecurityNotice,
    en English "new_device/en/subject.txt" "new_device/en/text.txt" "new_device/en/page.html",
    fr French "new_device/fr/subject.txt" "new_device/fr/text.txt" "new_device/fr/page.html",
    de German "new_device/de/subject.txt" "new_device/de/text.txt" "new_device/de/page.html",
);
templates!(
    password_changed: SecurityNotice,
    en English "password_changed/en/subject.txt" "password_changed/en/text.txt" "password_changed/en/page.html",
    fr French "password_changed/fr/subject.txt" "password_changed/fr/text.txt" "password_changed/fr/page.html",
    de German "password_changed/de/subject.txt" "password_changed/de/text.txt" "password_changed/de/page.html",
);
templates!(
    session_reused: SecurityNotice,
    en English "session_reused/en/subject.txt" "session_reused/en/text.txt" "session_reused/en/page.html",
    fr French "session_reused/fr/subject.txt" "session_reused/fr/text.txt" "session_reused/fr/page.html",
    de German "session_reused/de/subject.txt" "session_reused/de/text.txt" "session_reused/de/page.html",
);
templates!(
    visit_summary: VisitSummary,
    en English "visit_summary/en/subject.txt" "visit_summary/en/text.txt" "visit_summary/en/page.html",
    fr French "visit_summary/fr/subject.txt" "visit_summary/fr/text.txt" "visit_summary/fr/page.html",
    de German "visit_summary/de/subject.txt" "visit_summary/de/text.txt" "visit_summary/de/page.html",
);
templates!(
    new_joiner: NewJoiner,
    en English "new_joiner/en/subject.txt" "new_joiner/en/text.txt" "new_joiner/en/page.html",
    fr French "new_joiner/fr/subject.txt" "new_joiner/fr/text.txt" "new_joiner/fr/page.html",
    de German "new_joiner/de/subject.txt" "new_joiner/de/text.txt" "new_joiner/de/page.html",
);
templates!(
    new_comment: NewComment,
    en English "new_comment/en/subject.txt" "new_comment/en/text.txt" "new_comment/en/page.html",
    fr French "new_comment/fr/subject.txt" "new_comment/fr/text.txt" "new_comment/fr/page.html",
    de German "new_comment/de/subject.txt" "new_comment/de/text.txt" "new_comment/de/page.html",
);
templates!(
    new_content: NewContent,
    en English "new_content/en/subject.txt" "new_content/en/text.txt" "new_content/en/page.html",
    fr French "new_content/fr/subject.txt" "new_content/fr/text.txt" "new_content/fr/page.html",
    de German "new_content/de/subject.txt" "new_content/de/text.txt" "new_content/de/page.html",
);

/// Writes a mail in a language.
pub(super) fn render(words: &Words, frame: &Frame<'_>, locale: Locale) -> Result<Rendered, askama::Error> {
    match words {
        Words::GuestInvitation(mail) => guest_invitation::render(mail, frame, locale),
        Words::ColleagueInvitation(mail) => colleague_invitation::render(mail, frame, locale),
        Words::InvitationAccepted(mail) => invitation_accepted::render(mail, frame, locale),
        Words::Reminder(mail) => reminder::render(mail, frame, locale),
        Words::AccessRequested(mail) => access_requested::render(mail, frame, locale),
        Words::AccessGranted(mail) => access_granted::render(mail, frame, locale),
        Words::AccessDeclined(mail) => access_declined::render(mail, frame, locale),
        Words::SignInLink(mail) => sign_in_link::render(mail, frame, locale),
        Words::PasswordReset(mail) => password_reset::render(mail, frame, locale),
        Words::RequestLink(mail) => request_link::render(mail, frame, locale),
        Words::VisitSummary(mail) => visit_summary::render(mail, frame, locale),
        Words::NewJoiner(mail) => new_joiner::render(mail, frame, locale),
        Words::NewComment(mail) => new_comment::render(mail, frame, locale),
        Words::NewContent(mail) => new_content::render(mail, frame, locale),
        Words::NewDevice(mail) => new_device::render(mail, frame, locale),
        Words::PasswordChanged(mail) => password_changed::render(mail, frame, locale),
        Words::SessionReused(mail) => session_reused::render(mail, frame, locale),
    }
}
