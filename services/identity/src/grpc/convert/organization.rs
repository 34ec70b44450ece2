//! Organisations and their members, both ways.

use std::collections::{BTreeMap, BTreeSet};

use service_kit::address::EmailAddress;
use service_kit::clock::timestamp;
use service_kit::ids::UserId;
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::identity::v1 as pb;

use super::mask::Mask;
use crate::organization::{
    self, Founded, NewOrganization, Organization, OrganizationChange, PASSWORD_MIN_LENGTHS, Plan, SignInMode,
    read_base_url, read_slug,
};
use crate::person::{
    self, Found, Member, MemberChange, MemberKey, MemberSearch, NewMember, RESOLVE_MAX, Role, SEARCH_MAX,
    SEARCH_QUERY_MAX, Wanted, read_new_password,
};
use service_kit::locale::Locale;

/// A member to create, with the role.
pub(in crate::grpc) struct MemberToCreate {
    pub(in crate::grpc) new: NewMember,
    pub(in crate::grpc) role: Role,
}

/// Whom to take the way in from.
pub(in crate::grpc) struct MemberToDeactivate(pub(in crate::grpc) UserId);

/// Which page of members.
pub(in crate::grpc) struct ListMembers(pub(in crate::grpc) PageRequest<MemberKey>);

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
            base_url: read_base_url(&mut check, "base_url", &request.base_url),
        };
        check.into_result().map(|()| new)
    }
}

impl TryFrom<pb::UpdateOrganizationRequest> for OrganizationChange {
    type Error = Violations;

    fn try_from(request: pb::UpdateOrganizationRequest) -> Result<Self, Violations> {
        const FIELDS: &[&str] = &["display_name", "locale", "sign_in_mode", "password_min_length"];
        let mut check = Violations::default();
        let sign_in_mode = request.sign_in_mode();
        let mask = Mask::read(&mut check, request.update_mask.unwrap_or_default().paths, FIELDS);
        let change = Self {
            display_name: mask.value("display_name", |field| {
                check.line(field, &request.display_name, 1, organization::DISPLAY_NAME_MAX)
            }),
            locale: mask.value("locale", |field| Locale::read(&mut check, field, &request.locale)),
            sign_in_mode: mask
                .value("sign_in_mode", |field| read_sign_in_mode(&mut check, field, sign_in_mode)),
            password_min_length: mask.value("password_min_length", |field| {
                if !PASSWORD_MIN_LENGTHS.contains(&request.password_min_length) {
                    check.add(field, "must be 12 to 64");
                }
                request.password_min_length
            }),
            etag: Some(request.etag).filter(|etag| !etag.is_empty()),
        };
        check.into_result().map(|()| change)
    }
}

fn read_sign_in_mode(check: &mut Violations, field: &str, mode: pb::SignInMode) -> SignInMode {
    match mode {
        pb::SignInMode::VerifyFirst => SignInMode::VerifyFirst,
        pb::SignInMode::Guided => SignInMode::Guided,
        pb::SignInMode::Unspecified => {
            check.add(field, "must be SIGN_IN_MODE_VERIFY_FIRST or SIGN_IN_MODE_GUIDED");
            SignInMode::VerifyFirst
        }
    }
}

impl TryFrom<pb::UpdateMemberRequest> for MemberChange {
    type Error = Violations;

    fn try_from(request: pb::UpdateMemberRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let role = request.role();
        let paths = request.update_mask.unwrap_or_default().paths;
        let mask = Mask::read(&mut check, paths, &["display_name", "locale", "role"]);
        let change = Self {
            user_id: check.id("user_id", &request.user_id),
            display_name: mask.value("display_name", |field| {
                check.line(field, &request.display_name, 1, person::DISPLAY_NAME_MAX)
            }),
            locale: mask.value("locale", |field| Locale::read(&mut check, field, &request.locale)),
            role: mask.value("role", |field| match role {
                pb::Role::Admin => Role::Admin,
                pb::Role::Member => Role::Member,
                pb::Role::Unspecified => {
                    check.add(field, "must be ROLE_MEMBER or ROLE_ADMIN");
                    Role::Member
                }
            }),
        };
        check.into_result().map(|()| change)
    }
}

impl TryFrom<pb::DeactivateMemberRequest> for MemberToDeactivate {
    type Error = Violations;

    fn try_from(request: pb::DeactivateMemberRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let user_id = check.id("user_id", &request.user_id);
        check.into_result().map(|()| Self(user_id))
    }
}

impl TryFrom<pb::SearchMembersRequest> for MemberSearch {
    type Error = Violations;

    fn try_from(request: pb::SearchMembersRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let query = check.line("query", &request.query, 1, SEARCH_QUERY_MAX);
        if !(0..=SEARCH_MAX).contains(&request.page_size) {
            check.add("page_size", format!("must be 0 to {SEARCH_MAX}"));
        }
        let limit = if request.page_size == 0 { SEARCH_MAX } else { request.page_size };
        check.into_result().map(|()| Self::new(&query, i64::from(limit)))
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
        at_most(&mut check, "guest_names", request.guest_names.len());
        check.clone().into_result()?;
        let organization_id = check.id("organization_id", &request.organization_id);
        let addresses = request.email_addresses.iter().enumerate();
        let addresses: BTreeSet<EmailAddress> = addresses
            .map(|(at, text)| EmailAddress::read(&mut check, &format!("email_addresses[{at}]"), text))
            .collect();
        let guest_names = read_guest_names(&mut check, request.guest_names, &addresses);
        let user_ids = request.user_ids.iter().enumerate();
        let user_ids = user_ids.map(|(at, text)| check.id(&format!("user_ids[{at}]"), text)).collect();
        let create_missing_guests = request.create_missing_guests;
        check.into_result().map(|()| Self {
            organization_id,
            addresses,
            user_ids,
            create_missing_guests,
            guest_names,
        })
    }
}

fn read_guest_names(
    check: &mut Violations,
    names: Vec<pb::GuestName>,
    addresses: &BTreeSet<EmailAddress>,
) -> BTreeMap<EmailAddress, String> {
    let mut read = BTreeMap::new();
    for (at, name) in names.into_iter().enumerate() {
        let field = format!("guest_names[{at}].email_address");
        let address = EmailAddress::read(check, &field, &name.email_address);
        let field_of_name = format!("guest_names[{at}].display_name");
        let display_name = check.line(&field_of_name, &name.display_name, 1, person::DISPLAY_NAME_MAX);
        if !addresses.contains(&address) {
            check.add(field.as_str(), "must be one of email_addresses");
        }
        if read.insert(address, display_name).is_some() {
            check.add(field, "must not be named twice");
        }
    }
    read
}

fn at_most(check: &mut Violations, field: &str, count: usize) {
    if count > RESOLVE_MAX {
        check.add(field, format!("must be at most {RESOLVE_MAX}, are {count}"));
    }
}

impl From<Organization> for pb::Organization {
    fn from(organization: Organization) -> Self {
        let plan = match organization.plan {
            Plan::Plus => pb::Plan::Plus,
            Plan::Ultimate => pb::Plan::Ultimate,
        };
        let sign_in_mode = match organization.sign_in_mode {
            SignInMode::VerifyFirst => pb::SignInMode::VerifyFirst,
            SignInMode::Guided => pb::SignInMode::Guided,
        };
        let etag = organization.etag();
        Self {
            organization_id: organization.organization_id.to_string(),
            slug: organization.slug,
            display_name: organization.display_name,
            plan: plan.into(),
            locale: organization.locale.as_str().to_owned(),
            base_url: organization.base_url,
            create_time: Some(timestamp(organization.create_time)),
            sign_in_mode: sign_in_mode.into(),
            password_min_length: organization.password_min_length,
            etag,
            update_time: Some(timestamp(organization.update_time)),
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
            is_deactivated: person.is_deactivated,
        }
    }
}

impl From<Founded> for pb::CreateOrganizationResponse {
    fn from(Founded { organization, admin }: Founded) -> Self {
        Self { organization: Some(organization.into()), admin: Some(admin.into()) }
    }
}

impl From<Organization> for pb::UpdateOrganizationResponse {
    fn from(organization: Organization) -> Self {
        Self { organization: Some(organization.into()) }
    }
}

impl From<Member> for pb::UpdateMemberResponse {
    fn from(member: Member) -> Self {
        Self { member: Some(member.into()) }
    }
}

impl From<Member> for pb::DeactivateMemberResponse {
    fn from(member: Member) -> Self {
        Self { member: Some(member.into()) }
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
