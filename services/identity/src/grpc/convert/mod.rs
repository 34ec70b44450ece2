//! Between messages and the domain, both ways. All violations of a request are told at once.

use secrecy::{ExposeSecret, SecretString};
use service_kit::address::EmailAddress;
use service_kit::clock::timestamp;
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::identity::v1 as pb;

use crate::consent::Notice;
use crate::invitation::{Acceptance, Accepted, Invitation, IssuedLink, LandingPage, Opening};
use crate::locale::Locale;
use crate::organization::{self, Founded, NewOrganization, Organization, Plan, read_slug};
use crate::person::{
    self, Found, Member, MemberKey, NewMember, PASSWORD_BYTES_MAX, Person, PersonKind, RESOLVE_MAX, Role,
    Wanted, read_new_password,
};
use crate::session::{ACCESS_TOKEN_TTL, SignIn, SignedIn, SignedOut, Tokens};

/// A member to create, with the role.
pub(super) struct MemberToCreate {
    pub(super) new: NewMember,
    pub(super) role: Role,
}

/// Which page of members.
pub(super) struct ListMembers(pub(super) PageRequest<MemberKey>);

/// Which notice.
pub(super) struct NoticeWanted {
    pub(super) slug: String,
    pub(super) locale: Option<Locale>,
}

/// The names of a member's fields within a request.
struct MemberFields {
    itself: &'static str,
    email_address: &'static str,
    display_name: &'static str,
    locale: &'static str,
    password: &'static str,
}

const ADMIN: MemberFields = MemberFields {
    itself: "admin",
    email_address: "admin.email_address",
    display_name: "admin.display_name",
    locale: "admin.locale",
    password: "admin.password",
};

const MEMBER: MemberFields = MemberFields {
    itself: "member",
    email_address: "member.email_address",
    display_name: "member.display_name",
    locale: "member.locale",
    password: "member.password",
};

fn new_member(check: &mut Violations, fields: &MemberFields, member: Option<pb::NewMember>) -> NewMember {
    if member.is_none() {
        check.add(fields.itself, "must be set");
    }
    // Absent, its fields are empty and noted one by one, which helps to fill them in.
    let member = member.unwrap_or_default();
    NewMember {
        email_address: EmailAddress::read(check, fields.email_address, &member.email_address),
        display_name: check.line(fields.display_name, &member.display_name, 1, person::DISPLAY_NAME_MAX),
        locale: Locale::read_optional(check, fields.locale, &member.locale),
        password: read_new_password(check, fields.password, &member.password),
    }
}

fn read_plan(check: &mut Violations, plan: pb::Plan) -> Plan {
    match plan {
        pb::Plan::Plus => Plan::Plus,
        pb::Plan::Ultimate => Plan::Ultimate,
        pb::Plan::Unspecified => {
            check.add("plan", "must be PLAN_PLUS or PLAN_ULTIMATE");
            Plan::Plus
        }
    }
}

impl TryFrom<pb::CreateOrganizationRequest> for NewOrganization {
    type Error = Violations;

    fn try_from(request: pb::CreateOrganizationRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let plan = request.plan();
        let display_name =
            check.line("display_name", &request.display_name, 1, organization::DISPLAY_NAME_MAX);
        let new = Self {
            slug: read_slug(&mut check, "slug", &request.slug),
            display_name,
            plan: read_plan(&mut check, plan),
            locale: Locale::read(&mut check, "locale", &request.locale),
            admin: new_member(&mut check, &ADMIN, request.admin),
        };
        check.into_result().map(|()| new)
    }
}

impl TryFrom<pb::CreateMemberRequest> for MemberToCreate {
    type Error = Violations;

    fn try_from(request: pb::CreateMemberRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let role = match pb::Role::try_from(request.role) {
            Ok(pb::Role::Admin) => Role::Admin,
            Ok(pb::Role::Member | pb::Role::Unspecified) => Role::Member,
            Err(_) => {
                check.add("role", "must be ROLE_MEMBER, ROLE_ADMIN or unset");
                Role::Member
            }
        };
        let new = new_member(&mut check, &MEMBER, request.member);
        check.into_result().map(|()| Self { new, role })
    }
}

impl TryFrom<pb::ListMembersRequest> for ListMembers {
    type Error = Violations;

    fn try_from(request: pb::ListMembersRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
        check.into_result().map(|()| Self(page))
    }
}

impl TryFrom<pb::ResolveAddressesRequest> for Wanted {
    type Error = Violations;

    fn try_from(request: pb::ResolveAddressesRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        at_most(&mut check, "email_addresses", request.email_addresses.len());
        at_most(&mut check, "user_ids", request.user_ids.len());
        check.clone().into_result()?;
        let organization_id = check.id("organization_id", &request.organization_id);
        let addresses = request.email_addresses.iter().enumerate();
        let addresses = addresses
            .map(|(at, text)| EmailAddress::read(&mut check, &format!("email_addresses[{at}]"), text))
            .collect();
        let user_ids = request.user_ids.iter().enumerate();
        let user_ids = user_ids.map(|(at, text)| check.id(&format!("user_ids[{at}]"), text)).collect();
        let create_missing_guests = request.create_missing_guests;
        check.into_result().map(|()| Self { organization_id, addresses, user_ids, create_missing_guests })
    }
}

fn at_most(check: &mut Violations, field: &str, count: usize) {
    if count > RESOLVE_MAX {
        check.add(field, format!("must be at most {RESOLVE_MAX}, are {count}"));
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

impl TryFrom<pb::GetPrivacyNoticeRequest> for NoticeWanted {
    type Error = Violations;

    fn try_from(request: pb::GetPrivacyNoticeRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let locale = Locale::read_optional(&mut check, "locale", &request.locale);
        check.into_result().map(|()| Self { slug: request.organization, locale })
    }
}

impl From<Organization> for pb::Organization {
    fn from(organization: Organization) -> Self {
        let plan = match organization.plan {
            Plan::Plus => pb::Plan::Plus,
            Plan::Ultimate => pb::Plan::Ultimate,
        };
        Self {
            organization_id: organization.organization_id.to_string(),
            slug: organization.slug,
            display_name: organization.display_name,
            plan: plan.into(),
            locale: organization.locale.as_str().to_owned(),
            base_url: organization.base_url,
            create_time: Some(timestamp(organization.create_time)),
            ..Self::default()
        }
    }
}

impl From<Member> for pb::Member {
    fn from(Member { person, role }: Member) -> Self {
        let role = match role {
            Role::Admin => pb::Role::Admin,
            Role::Member => pb::Role::Member,
        };
        Self {
            user_id: person.user_id.to_string(),
            email_address: person.email_address.as_str().to_owned(),
            display_name: person.display_name,
            role: role.into(),
            locale: person.locale.as_str().to_owned(),
            create_time: Some(timestamp(person.create_time)),
            ..Self::default()
        }
    }
}

impl From<&Person> for pb::Person {
    fn from(person: &Person) -> Self {
        let kind = match person.kind {
            PersonKind::Member => pb::PersonKind::Member,
            PersonKind::Guest => pb::PersonKind::Guest,
        };
        Self {
            user_id: person.user_id.to_string(),
            kind: kind.into(),
            email_address: person.email_address.as_str().to_owned(),
            display_name: person.display_name.clone(),
            locale: person.locale.as_str().to_owned(),
            ..Self::default()
        }
    }
}

impl From<Founded> for pb::CreateOrganizationResponse {
    fn from(Founded { organization, admin }: Founded) -> Self {
        Self { organization: Some(organization.into()), admin: Some(admin.into()) }
    }
}

impl From<Member> for pb::CreateMemberResponse {
    fn from(member: Member) -> Self {
        Self { member: Some(member.into()) }
    }
}

impl From<Found> for pb::ResolveAddressesResponse {
    fn from(Found(people): Found) -> Self {
        Self { people: people.iter().map(Into::into).collect() }
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

impl From<Notice> for pb::PrivacyNotice {
    fn from(notice: Notice) -> Self {
        Self {
            privacy_notice_id: notice.privacy_notice_id.to_string(),
            version: notice.version,
            locale: notice.locale.as_str().to_owned(),
            text: notice.text,
            sha256: notice.sha256,
            publish_time: Some(timestamp(notice.publish_time)),
            ..Self::default()
        }
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
