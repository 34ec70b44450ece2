//! The templates, compiled in: for each mail and language a subject, a text and an HTML page.
//!
//! HTML templates escape by themselves (askama, by the file's ending); text templates have nothing to escape.

use askama::Template;
use service_kit::locale::Locale;

use super::words::{
    ColleagueInvitation, GuestInvitation, InvitationAccepted, PasswordReset, SecurityNotice, SignInLink,
    Words,
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
            })+

            pub(super) fn render(mail: &$mail, locale: Locale) -> Result<Rendered, askama::Error> {
                match locale {
                    $(Locale::$variant => $locale::render(mail),)+
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

/// Writes a mail in a language.
pub(super) fn render(words: &Words, locale: Locale) -> Result<Rendered, askama::Error> {
    match words {
        Words::GuestInvitation(mail) => guest_invitation::render(mail, locale),
        Words::ColleagueInvitation(mail) => colleague_invitation::render(mail, locale),
        Words::InvitationAccepted(mail) => invitation_accepted::render(mail, locale),
        Words::SignInLink(mail) => sign_in_link::render(mail, locale),
        Words::PasswordReset(mail) => password_reset::render(mail, locale),
        Words::NewDevice(mail) => new_device::render(mail, locale),
        Words::PasswordChanged(mail) => password_changed::render(mail, locale),
        Words::SessionReused(mail) => session_reused::render(mail, locale),
    }
}
