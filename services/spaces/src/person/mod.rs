//! What spaces keeps of people: address, name, language, and whether they may come in. identity owns them; this copy
//! follows its events and answers, and never goes back to an older state.

pub(crate) mod repo;

use service_kit::ids::UserId;
use sharedspaces_proto::identity::v1 as identity;
use uuid::Uuid;

/// A person as spaces lists them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Person {
    /// The person.
    pub(crate) user_id: UserId,
    /// E-mail address, normalised by identity.
    pub(crate) email_address: String,
    /// Name people see; empty for a guest who gave none yet.
    pub(crate) display_name: String,
    /// Whether the person has no way in any more.
    pub(crate) is_deactivated: bool,
    /// What else is known of them.
    pub(crate) profile: Profile,
}

/// What people tell of themselves beside their name; what they did not tell is empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Profile {
    /// What they do.
    pub(crate) job_title: String,
    /// Whom they work for.
    pub(crate) company: String,
    /// Telephone number.
    pub(crate) phone: String,
    /// BCP 47 language.
    pub(crate) locale: String,
    /// IANA time zone.
    pub(crate) time_zone: String,
}

impl TryFrom<&identity::Person> for Person {
    type Error = uuid::Error;

    fn try_from(person: &identity::Person) -> Result<Self, Self::Error> {
        Ok(Self {
            user_id: Uuid::parse_str(&person.user_id)?.into(),
            email_address: person.email_address.clone(),
            display_name: person.display_name.clone(),
            is_deactivated: person.is_deactivated,
            profile: Profile {
                job_title: person.job_title.clone(),
                company: person.company.clone(),
                phone: person.phone.clone(),
                locale: person.locale.clone(),
                time_zone: person.time_zone.clone(),
            },
        })
    }
}
