//! Between messages and the domain, both ways. All violations of a request are told at once.

mod consent;
mod mask;
mod organization;
mod profile;

use secrecy::{ExposeSecret, SecretString};
use service_kit::address::EmailAddress;
use service_kit::validate::Violations;
use sharedspaces_proto::identity::v1 as pb;

use crate::consent::Origin;
use crate::invitation::{Acceptance, Accepted, Invitation, IssuedLink, LandingPage, Opening};
use crate::locale::Locale;
use crate::person::{self, PASSWORD_BYTES_MAX};
use crate::session::{ACCESS_TOKEN_TTL, SignIn, SignedIn, SignedOut, Tokens};

pub(super) use consent::{Agreement, ListConsents, ListNotices, NoticeWanted};
pub(super) use organization::{ListMembers, MemberToCreate, MemberToDeactivate};

impl TryFrom<pb::SignInWithPasswordRequest> for SignIn {
    type Error = Violations;

    fn try_from(request: pb::SignInWithPasswordRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let bytes = request.password.len();
        if bytes == 0 || bytes > PASSWORD_BYTES_MAX {
            check.add("password", format!("must have 1 to {PASSWORD_BYTES_MAX} bytes, has {bytes}"));
        }
        let email_address = EmailAddress::read(&mut check, "email_address", &request.email_address);
        let password = SecretString::from(request.password);
        check.into_result().map(|()| Self { slug: request.organization, email_address, password })
    }
}

impl TryFrom<pb::GetInvitationRequest> for Opening {
    type Error = Violations;

    fn try_from(request: pb::GetInvitationRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let locale = Locale::read_optional(&mut check, "locale", &request.locale);
        check.into_result().map(|()| Self { token: request.token.into(), locale })
    }
}

impl TryFrom<pb::AcceptInvitationRequest> for Acceptance {
    type Error = Violations;

    fn try_from(request: pb::AcceptInvitationRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        if !request.consent_given {
            check.add("consent_given", "must be true: nobody enters without agreeing to the privacy notice");
        }
        let new = Self {
            privacy_notice_id: check.id("privacy_notice_id", &request.privacy_notice_id),
            display_name: check.line("display_name", &request.display_name, 0, person::DISPLAY_NAME_MAX),
            token: request.token.into(),
            origin: Origin::default(),
        };
        check.into_result().map(|()| new)
    }
}

impl TryFrom<pb::IssueInvitationRequest> for Invitation {
    type Error = Violations;

    fn try_from(request: pb::IssueInvitationRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let new = Self {
            organization_id: check.id("organization_id", &request.organization_id),
            invitation_id: check.id("invitation_id", &request.invitation_id),
            space_id: check.id("space_id", &request.space_id),
            user_id: check.id("user_id", &request.user_id),
            inviter_user_id: check.id("inviter_user_id", &request.inviter_user_id),
        };
        check.into_result().map(|()| new)
    }
}

impl From<Tokens> for pb::Tokens {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token.expose_secret().to_owned(),
            access_token_ttl: ACCESS_TOKEN_TTL.try_into().ok(),
            refresh_token: tokens.refresh_token.expose_secret().to_owned(),
            ..Self::default()
        }
    }
}

impl From<SignedIn> for pb::SignInWithPasswordResponse {
    fn from(SignedIn { tokens, user_id }: SignedIn) -> Self {
        Self { tokens: Some(tokens.into()), user_id: user_id.to_string() }
    }
}

impl From<SignedOut> for pb::SignOutResponse {
    fn from(SignedOut: SignedOut) -> Self {
        Self {}
    }
}

impl From<LandingPage> for pb::GetInvitationResponse {
    fn from(page: LandingPage) -> Self {
        Self {
            organization_display_name: page.organization_display_name,
            inviter_display_name: page.inviter_display_name,
            email_address: page.guest.email_address.as_str().to_owned(),
            privacy_notice: Some(page.notice.into()),
            ..Self::default()
        }
    }
}

impl From<Accepted> for pb::AcceptInvitationResponse {
    fn from(accepted: Accepted) -> Self {
        Self {
            tokens: Some(accepted.tokens.into()),
            user_id: accepted.user_id.to_string(),
            space_id: accepted.space_id.to_string(),
        }
    }
}

impl From<IssuedLink> for pb::IssueInvitationResponse {
    fn from(link: IssuedLink) -> Self {
        Self {
            url: link.url.expose_secret().to_owned(),
            email_address: link.guest.email_address.as_str().to_owned(),
            locale: link.guest.locale.as_str().to_owned(),
            organization_display_name: link.organization_display_name,
        }
    }
}
