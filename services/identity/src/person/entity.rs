//! The rules of a person: member or guest of one organisation.

use std::fmt;

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use service_kit::address::EmailAddress;
use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, UserId};

use crate::organization::Organization;
use service_kit::locale::Locale;

/// Longest name of a person, in characters.
pub(crate) const DISPLAY_NAME_MAX: usize = 255;

service_kit::text_enum! {
    /// Whether a person belongs to the organisation.
    pub(crate) enum PersonKind {
        /// A licensed user.
        Member = "MEMBER",
        /// Somebody from outside.
        Guest = "GUEST",
    }
}

service_kit::text_enum! {
    /// What a member may do in the organisation.
    pub(crate) enum Role {
        /// Manages the organisation.
        Admin = "ADMIN",
        /// Works with spaces.
        Member = "MEMBER",
    }
}

/// A person of an organisation. Its `Debug` shows neither name nor address.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) organization_id: OrganizationId,
    pub(crate) user_id: UserId,
    pub(crate) kind: PersonKind,
    /// Members only.
    pub(crate) role: Option<Role>,
    pub(crate) email_address: EmailAddress,
    /// Empty for a guest who gave none yet.
    pub(crate) display_name: String,
    pub(crate) locale: Locale,
    /// Counts up with each change that others are told of.
    pub(crate) version: i64,
    pub(crate) create_time: DateTime<Utc>,
    /// What the person does; empty: not told, as with the three that follow.
    pub(crate) job_title: String,
    /// Whom the person works for.
    pub(crate) company: String,
    /// As the person writes it.
    pub(crate) phone: String,
    /// IANA name.
    pub(crate) time_zone: String,
    /// The person has no way in any more.
    pub(crate) is_deactivated: bool,
    /// The version of the notice that the standing consent is for; 0: none stands. Members have 0.
    pub(crate) consent_notice_version: i32,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("organization_id", &self.organization_id)
            .field("user_id", &self.user_id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What is known of a person before they have an account.
pub(crate) struct Profile {
    pub(crate) organization_id: OrganizationId,
    pub(crate) email_address: EmailAddress,
    pub(crate) display_name: String,
    pub(crate) locale: Locale,
}

impl Person {
    /// Returns a new person.
    pub(crate) fn new(
        profile: Profile,
        (kind, role): (PersonKind, Option<Role>),
        (user_id, create_time): (UserId, DateTime<Utc>),
    ) -> Self {
        let Profile { organization_id, email_address, display_name, locale } = profile;
        Self {
            organization_id,
            user_id,
            kind,
            role,
            email_address,
            display_name,
            locale,
            version: 1,
            create_time,
            job_title: String::new(),
            company: String::new(),
            phone: String::new(),
            time_zone: String::new(),
            is_deactivated: false,
            consent_notice_version: 0,
        }
    }

    /// Tells whether nothing differs that others are told of.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        let fields = |person: &Self| {
            let Self { role, display_name, locale, job_title, company, phone, time_zone, .. } =
                person.clone();
            (role, display_name, locale, job_title, company, phone, time_zone, person.is_deactivated)
        };
        fields(self) == fields(other)
    }

    /// Returns a new guest, of whom nothing is known but the address: the organisation's language until they say.
    pub(crate) fn guest(
        organization: &Organization,
        email_address: EmailAddress,
        (user_id, create_time): (UserId, DateTime<Utc>),
    ) -> Self {
        let profile = Profile {
            organization_id: organization.organization_id,
            email_address,
            display_name: String::new(),
            locale: organization.locale,
        };
        Self::new(profile, (PersonKind::Guest, None), (user_id, create_time))
    }
}

/// A person who has a role.
pub(crate) struct Member {
    pub(crate) person: Person,
    pub(crate) role: Role,
}

impl TryFrom<Person> for Member {
    type Error = CommonError;

    fn try_from(person: Person) -> Result<Self, CommonError> {
        match person.role {
            Some(role) => Ok(Self { person, role }),
            None => Err(CommonError::Unexpected(anyhow!("a member without a role"))),
        }
    }
}

/// What an admin wants to change of a member, checked. Absent: stays.
#[derive(Clone)]
pub(crate) struct MemberChange {
    pub(crate) user_id: UserId,
    pub(crate) display_name: Option<String>,
    pub(crate) locale: Option<Locale>,
    pub(crate) role: Option<Role>,
}

impl MemberChange {
    /// Changes the member.
    pub(crate) fn apply(self, to: &mut Person) {
        let Self { user_id: _, display_name, locale, role } = self;
        set(&mut to.display_name, display_name);
        set(&mut to.locale, locale);
        to.role = role.or(to.role);
    }
}

/// What somebody wants to change of their own profile, checked but for the time zone. Absent: stays.
#[derive(Clone, Default)]
pub(crate) struct ProfileChange {
    pub(crate) display_name: Option<String>,
    pub(crate) job_title: Option<String>,
    pub(crate) company: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) locale: Option<Locale>,
    pub(crate) time_zone: Option<String>,
}

impl ProfileChange {
    /// Changes the profile.
    pub(crate) fn apply(self, to: &mut Person) {
        let Self { display_name, job_title, company, phone, locale, time_zone } = self;
        set(&mut to.display_name, display_name);
        set(&mut to.job_title, job_title);
        set(&mut to.company, company);
        set(&mut to.phone, phone);
        set(&mut to.locale, locale);
        set(&mut to.time_zone, time_zone);
    }
}

/// What to change of a guest's profile, for somebody who may.
#[derive(Clone)]
pub(crate) struct GuestChange {
    pub(crate) organization_id: OrganizationId,
    pub(crate) user_id: UserId,
    pub(crate) change: ProfileChange,
}

fn set<T>(to: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *to = value;
    }
}

/// What somebody sees of themselves.
pub(crate) struct OwnProfile {
    pub(crate) person: Person,
    pub(crate) has_password: bool,
}

/// A member to create, checked but for the strength of the password.
pub(crate) struct NewMember {
    pub(crate) email_address: EmailAddress,
    pub(crate) display_name: String,
    /// Absent: the organisation's.
    pub(crate) locale: Option<Locale>,
    pub(crate) password: Option<NewPassword>,
}

impl NewMember {
    /// Returns the profile within an organisation.
    pub(crate) fn into_profile(self, organization: &Organization) -> Profile {
        Profile {
            organization_id: organization.organization_id,
            email_address: self.email_address,
            display_name: self.display_name,
            locale: self.locale.unwrap_or(organization.locale),
        }
    }
}

/// A password that somebody wants to set, of an allowed length.
#[derive(Clone, Debug)]
pub(crate) struct NewPassword {
    pub(crate) text: SecretString,
    /// Where it stands in the request.
    pub(crate) field: &'static str,
}
