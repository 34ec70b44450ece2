//! What spaces keeps of organisations: the plan and the address. identity owns them; this copy follows its events.

mod repo;

use service_kit::ids::OrganizationId;
use sharedspaces_proto::identity::v1 as identity;

pub(crate) use repo::{find, keep, require_notice};

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
}

impl Organization {
    /// Returns the copy of an organisation as identity told it.
    pub(crate) fn from_event(organization_id: OrganizationId, organization: &identity::Organization) -> Self {
        Self {
            organization_id,
            slug: organization.slug.clone(),
            base_url: organization.base_url.clone(),
            has_crm: organization.plan() == identity::Plan::Ultimate,
        }
    }

    /// Returns the whole address of a space.
    pub(crate) fn space_url(&self, address: &str) -> String {
        format!("{}/{}/{address}", self.base_url, self.slug)
    }
}
