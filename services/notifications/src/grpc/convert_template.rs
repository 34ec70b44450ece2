//! Between the wire and previews.

use service_kit::locale::Locale;
use service_kit::validate::Violations;
use sharedspaces_proto::notifications::v1 as pb;

use crate::delivery::MailKind;
use crate::mail::Preview;
use crate::preview::Wanted;

impl TryFrom<pb::PreviewTemplateRequest> for Wanted {
    type Error = Violations;

    fn try_from(request: pb::PreviewTemplateRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let locale = Locale::read_optional(&mut check, "locale", &request.locale);
        let kind = kind_of(request.kind()).unwrap_or_else(|| {
            check.add("kind", "must be a mail");
            MailKind::AccountLink
        });
        check.into_result().map(|()| Self { kind, locale })
    }
}

fn kind_of(kind: pb::MailKind) -> Option<MailKind> {
    Some(match kind {
        pb::MailKind::Unspecified => return None,
        pb::MailKind::AccountLink => MailKind::AccountLink,
        pb::MailKind::GuestInvitation => MailKind::GuestInvitation,
        pb::MailKind::ColleagueInvitation => MailKind::ColleagueInvitation,
        pb::MailKind::InvitationAccepted => MailKind::InvitationAccepted,
        pb::MailKind::SignInLink => MailKind::SignInLink,
        pb::MailKind::PasswordReset => MailKind::PasswordReset,
        pb::MailKind::NewDevice => MailKind::NewDevice,
        pb::MailKind::PasswordChanged => MailKind::PasswordChanged,
        pb::MailKind::SessionReused => MailKind::SessionReused,
        pb::MailKind::Reminder => MailKind::Reminder,
        pb::MailKind::AccessRequested => MailKind::AccessRequested,
        pb::MailKind::AccessGranted => MailKind::AccessGranted,
        pb::MailKind::AccessDeclined => MailKind::AccessDeclined,
        pb::MailKind::RequestLink => MailKind::RequestLink,
        pb::MailKind::VisitSummary => MailKind::VisitSummary,
        pb::MailKind::NewJoiner => MailKind::NewJoiner,
        pb::MailKind::NewComment => MailKind::NewComment,
        pb::MailKind::NewContent => MailKind::NewContent,
    })
}

impl From<Preview> for pb::PreviewTemplateResponse {
    fn from(preview: Preview) -> Self {
        Self { subject: preview.subject, text: preview.text, html: preview.html }
    }
}
