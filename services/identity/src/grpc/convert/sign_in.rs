//! Signing in, sessions and the links in mails, both ways.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use service_kit::address::EmailAddress;
use service_kit::clock::timestamp;
use service_kit::ids::SpaceId;
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::identity::v1 as pb;
use uuid::Uuid;

use crate::person::PASSWORD_BYTES_MAX;
use crate::session::{
    ACCESS_TOKEN_TTL, DEVICE_LABEL_MAX, Device, Method, OwnSessions, SESSIONS_TO_CHECK_MAX, Session,
    SessionKey, SessionPageKey, SessionsAlive, SessionsToCheck, SignIn, SignInOption, SignInOptions,
    SignedIn, SignedOut, Start, Tokens,
};
use crate::sign_in_link::{
    Addressee, CodeRedemption, LINK_TTL, LinkKey, LinkRedemption, LinkRequested, LinkWanted, MailDue,
    PrintedPurpose, ProvedAddress, Purpose, Redeemed, RequestLinkUse,
};

/// Longest address of a space, in characters.
const SPACE_ADDRESS_MAX: usize = 63;

/// Which page of the caller's sessions.
pub(in crate::grpc) struct ListSessions(pub(in crate::grpc) PageRequest<SessionPageKey>);

/// Which session to end.
pub(in crate::grpc) struct SessionToRevoke(pub(in crate::grpc) Uuid);

/// Reads what a client says of its device. What is no token of ours makes it a device that is not known.
pub(super) fn read_device(check: &mut Violations, device: Option<pb::Device>) -> Device {
    let device = device.unwrap_or_default();
    let label = check.line("device.label", &device.label, 0, DEVICE_LABEL_MAX);
    Device { token: device.device_token.into(), label }
}

impl TryFrom<pb::StartSignInRequest> for Start {
    type Error = Violations;

    fn try_from(request: pb::StartSignInRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let new = Self {
            email_address: EmailAddress::read(&mut check, "email_address", &request.email_address),
            space_address: check.line("space_address", &request.space_address, 0, SPACE_ADDRESS_MAX),
            slug: request.organization,
        };
        check.into_result().map(|()| new)
    }
}

impl TryFrom<pb::SignInWithPasswordRequest> for SignIn {
    type Error = Violations;

    fn try_from(request: pb::SignInWithPasswordRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let bytes = request.password.len();
        if bytes == 0 || bytes > PASSWORD_BYTES_MAX {
            check.add("password", format!("must have 1 to {PASSWORD_BYTES_MAX} bytes, has {bytes}"));
        }
        let email_address = EmailAddress::read(&mut check, "email_address", &request.email_address);
        let device = read_device(&mut check, request.device);
        let password = SecretString::from(request.password);
        check.into_result().map(|()| Self { slug: request.organization, email_address, password, device })
    }
}

impl TryFrom<pb::RequestSignInLinkRequest> for LinkWanted {
    type Error = Violations;

    fn try_from(request: pb::RequestSignInLinkRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let new = Self {
            email_address: EmailAddress::read(&mut check, "email_address", &request.email_address),
            space_id: match request.space_id.as_str() {
                "" => None,
                id => Some(check.id("space_id", id)),
            },
            space_address: Some(check.line("space_address", &request.space_address, 0, SPACE_ADDRESS_MAX))
                .filter(|address| !address.is_empty()),
            slug: request.organization,
            purpose: Purpose::SignIn,
        };
        check.into_result().map(|()| new)
    }
}

impl TryFrom<pb::RedeemSignInLinkRequest> for LinkRedemption {
    type Error = Violations;

    fn try_from(request: pb::RedeemSignInLinkRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let device = read_device(&mut check, request.device);
        let (token, login_request) = (request.token.into(), request.login_request.into());
        check.into_result().map(|()| Self { token, login_request, device })
    }
}

impl TryFrom<pb::RedeemSignInCodeRequest> for CodeRedemption {
    type Error = Violations;

    fn try_from(request: pb::RedeemSignInCodeRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let device = read_device(&mut check, request.device);
        let code: String = request.code.chars().filter(|c| !c.is_whitespace()).collect();
        let (login_request, code) = (request.login_request.into(), code.into());
        check.into_result().map(|()| Self { login_request, code, device })
    }
}

impl TryFrom<pb::ListSessionsRequest> for ListSessions {
    type Error = Violations;

    fn try_from(request: pb::ListSessionsRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
        check.into_result().map(|()| Self(page))
    }
}

impl TryFrom<pb::RevokeSessionRequest> for SessionToRevoke {
    type Error = Violations;

    fn try_from(request: pb::RevokeSessionRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let id = check.id("session_id", &request.session_id);
        check.into_result().map(|()| Self(id))
    }
}

impl TryFrom<pb::IssueSignInLinkRequest> for LinkKey {
    type Error = Violations;

    fn try_from(request: pb::IssueSignInLinkRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let new = Self {
            organization_id: check.id("organization_id", &request.organization_id),
            sign_in_link_id: check.id("sign_in_link_id", &request.sign_in_link_id),
        };
        check.into_result().map(|()| new)
    }
}

impl TryFrom<pb::RedeemRequestLinkRequest> for RequestLinkUse {
    type Error = Violations;

    fn try_from(request: pb::RedeemRequestLinkRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let new = Self { token: request.token.into(), use_id: check.id("use_id", &request.use_id) };
        check.into_result().map(|()| new)
    }
}

impl TryFrom<pb::CheckSessionsRequest> for SessionsToCheck {
    type Error = Violations;

    fn try_from(request: pb::CheckSessionsRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let count = request.sessions.len();
        if count > SESSIONS_TO_CHECK_MAX {
            return Err(Violations::one(
                "sessions",
                format!("must be at most {SESSIONS_TO_CHECK_MAX}, are {count}"),
            ));
        }
        let mut sessions = BTreeMap::<_, Vec<_>>::new();
        for (at, key) in request.sessions.iter().enumerate() {
            let id = check.id(&format!("sessions[{at}].organization_id"), &key.organization_id);
            let session = check.id(&format!("sessions[{at}].session_id"), &key.session_id);
            sessions.entry(id).or_default().push(session);
        }
        check.into_result().map(|()| Self(sessions))
    }
}

impl From<SessionsAlive> for pb::CheckSessionsResponse {
    fn from(SessionsAlive(alive): SessionsAlive) -> Self {
        let key = |key: SessionKey| pb::SessionKey {
            organization_id: key.organization_id.to_string(),
            session_id: key.session_id.to_string(),
        };
        Self { alive: alive.into_iter().map(key).collect() }
    }
}

impl From<ProvedAddress> for pb::RedeemRequestLinkResponse {
    fn from(proved: ProvedAddress) -> Self {
        Self {
            organization_id: proved.organization_id.to_string(),
            email_address: proved.email_address.as_str().to_owned(),
            space_address: proved.space_address,
        }
    }
}

impl From<SignInOptions> for pb::StartSignInResponse {
    fn from(SignInOptions(options): SignInOptions) -> Self {
        let option = |option: &SignInOption| match option {
            SignInOption::Password => pb::SignInOption::Password.into(),
            SignInOption::EmailLink => pb::SignInOption::EmailLink.into(),
            SignInOption::RequestAccess => pb::SignInOption::RequestAccess.into(),
        };
        Self { options: options.iter().map(option).collect() }
    }
}

impl From<Tokens> for pb::Tokens {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token.expose_secret().to_owned(),
            access_token_ttl: ACCESS_TOKEN_TTL.try_into().ok(),
            refresh_token: tokens.refresh_token.expose_secret().to_owned(),
            device_token: tokens
                .device_token
                .map(|token| token.expose_secret().to_owned())
                .unwrap_or_default(),
        }
    }
}

impl From<SignedIn> for pb::SignInWithPasswordResponse {
    fn from(SignedIn { tokens, user_id }: SignedIn) -> Self {
        Self { tokens: Some(tokens.into()), user_id: user_id.to_string() }
    }
}

impl From<LinkRequested> for pb::RequestSignInLinkResponse {
    fn from(LinkRequested { login_request }: LinkRequested) -> Self {
        let login_request = login_request.map(|token| token.text().expose_secret().to_owned());
        let ttl = prost_types::Duration { seconds: LINK_TTL.num_seconds(), nanos: 0 };
        Self { login_request: login_request.unwrap_or_default(), ttl: Some(ttl) }
    }
}

impl From<Redeemed> for pb::RedeemSignInLinkResponse {
    fn from(Redeemed { tokens, user_id, space_id }: Redeemed) -> Self {
        let space_id = space_id.as_ref().map(SpaceId::to_string).unwrap_or_default();
        Self { tokens: Some(tokens.into()), user_id: user_id.to_string(), space_id }
    }
}

impl From<Redeemed> for pb::RedeemSignInCodeResponse {
    fn from(redeemed: Redeemed) -> Self {
        let pb::RedeemSignInLinkResponse { tokens, user_id, space_id } = redeemed.into();
        Self { tokens, user_id, space_id }
    }
}

impl From<SignedOut> for pb::SignOutResponse {
    fn from(SignedOut: SignedOut) -> Self {
        Self {}
    }
}

impl From<SignedOut> for pb::RevokeSessionResponse {
    fn from(SignedOut: SignedOut) -> Self {
        Self {}
    }
}

impl From<OwnSessions> for pb::ListSessionsResponse {
    fn from(OwnSessions { page, current }: OwnSessions) -> Self {
        let session = |session: Session| pb::Session {
            is_current: session.session_id == current,
            session_id: session.session_id.to_string(),
            method: pb::SignInMethod::from(session.method).into(),
            device_label: session.device_label,
            create_time: Some(timestamp(session.create_time)),
            last_use_time: Some(timestamp(session.last_use_time)),
            expire_time: Some(timestamp(session.expire_time)),
        };
        Self {
            sessions: page.items.into_iter().map(session).collect(),
            next_page_token: page.next_page_token,
        }
    }
}

impl From<Method> for pb::SignInMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::Password => Self::Password,
            Method::Link => Self::Link,
            Method::Code => Self::Code,
            Method::Invitation => Self::Invitation,
        }
    }
}

impl From<MailDue> for pb::IssueSignInLinkResponse {
    fn from(MailDue(link): MailDue) -> Self {
        let Some(link) = link else { return Self::default() };
        let purpose = match link.purpose {
            PrintedPurpose::SignIn => pb::LinkPurpose::SignIn,
            PrintedPurpose::ResetPassword => pb::LinkPurpose::ResetPassword,
            PrintedPurpose::RequestAccess => pb::LinkPurpose::RequestAccess,
        };
        let person = match link.addressee {
            Addressee::Known(person) => (&person).into(),
            Addressee::Stranger { email_address, locale } => pb::Person {
                email_address: email_address.as_str().to_owned(),
                locale: locale.as_str().to_owned(),
                ..pb::Person::default()
            },
        };
        Self {
            is_due: true,
            purpose: purpose.into(),
            url: link.url.expose_secret().to_owned(),
            code: link.code.map(|code| code.expose_secret().to_owned()).unwrap_or_default(),
            expire_time: Some(timestamp(link.expire_time)),
            person: Some(person),
            organization_display_name: link.organization_display_name,
        }
    }
}
