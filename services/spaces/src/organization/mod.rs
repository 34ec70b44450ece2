//! What spaces keeps of organisations: the plan, the address, the language, and how they answer strangers. identity owns them; this copy follows its events.

mod repo;

use service_kit::ids::OrganizationId;
use sharedspaces_proto::identity::v1 as identity;

pub(crate) use repo::{find, find_by_slug, keep, require_notice};

service_kit::text_enum! {
    /// How the organisation answers people who have not signed in.
    pub(crate) enum SignInMode {
        /// The same always; an address has to be proved.
        VerifyFirst = "VERIFY_FIRST",
        /// It says what to do next; a bare address is taken.
        Guided = "GUIDED",
    }
}

/// An organisation as spaces knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Organization {
    /// The organisation.
    pub(crate) organization_id: OrganizationId,
    /// Its part of a space's address.
    pub(crate) slug: String,
    /// Where its links lead.
    pub(crate) base_url: String,
    /// Whether its plan includes CRM logging.
    pub(crate) has_crm: bool,
    /// How it answers strangers.
    pub(crate) sign_in_mode: SignInMode,
    /// Its language: `en`, `fr` or `de`.
    pub(crate) locale: String,
}

impl Organization {
    /// Returns the copy of an organisation as identity told it.
    pub(crate) fn from_event(organization_id: OrganizationId, organization: &identity::Organization) -> Self {
        Self {
            organization_id,
            slug: organization.slug.clone(),
            base_url: organization.base_url.clone(),
            has_crm: organization.plan() == identity::Plan::Ultimate,
            // One that says nothing tells strangers nothing.
            sign_in_mode: match organization.sign_in_mode() {
                identity::SignInMode::Guided => SignInMode::Guided,
                identity::SignInMode::VerifyFirst | identity::SignInMode::Unspecified => {
                    SignInMode::VerifyFirst
                }
            },
            locale: organization.locale.clone(),
        }
    }

    /// Returns the whole address of a space.
    pub(crate) fn space_url(&self, address: &str) -> String {
        format!("{}/{}/{address}", self.base_url, self.slug)
    }
}
