//! Invitations, both ways.

use secrecy::ExposeSecret;
use service_kit::validate::Violations;
use sharedspaces_proto::identity::v1 as pb;

use super::sign_in::read_device;
use crate::consent::Origin;
use crate::invitation::{Acceptance, Accepted, Invitation, IssuedLink, LandingPage, Opening};
use crate::locale::Locale;
use crate::person::{
    DISPLAY_NAME_MAX, PROFILE_FIELD_MAX, ProfileChange, TIME_ZONE_MAX, read_new_password, read_phone,
};

impl TryFrom<pb::AcceptInvitationRequest> for Acceptance {
    type Error = Violations;

    fn try_from(request: pb::AcceptInvitationRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        if !request.consent_given {
            check.add("consent_given", "must be true: nobody enters without agreeing to the privacy notice");
        }
        let given = |value: String| Some(value).filter(|value| !value.is_empty());
        let profile = ProfileChange {
            display_name: given(check.line("display_name", &request.display_name, 0, DISPLAY_NAME_MAX)),
            job_title: given(check.line("job_title", &request.job_title, 0, PROFILE_FIELD_MAX)),
            company: given(check.line("company", &request.company, 0, PROFILE_FIELD_MAX)),
            phone: given(read_phone(&mut check, "phone", &request.phone)),
            locale: Locale::read_optional(&mut check, "locale", &request.locale),
            time_zone: given(check.line("time_zone", &request.time_zone, 0, TIME_ZONE_MAX)),
        };
        let new = Self {
            privacy_notice_id: check.id("privacy_notice_id", &request.privacy_notice_id),
            profile,
            password: read_new_password(&mut check, "password", &request.password),
            device: read_device(&mut check, request.device),
            token: request.token.into(),
            origin: Origin::default(),
        };
        check.into_result().map(|()| new)
    }
}

impl From<LandingPage> for pb::GetInvitationResponse {
    fn from(page: LandingPage) -> Self {
        Self {
            organization_display_name: page.organization_display_name,
            inviter_display_name: page.inviter_display_name,
            email_address: page.guest.email_address.as_str().to_owned(),
            privacy_notice: Some(page.notice.into()),
            password_min_length: page.password_min_length,
        }
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
