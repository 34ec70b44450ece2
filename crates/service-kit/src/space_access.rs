//! What a person may do and see, as spaces says at this moment.
//!
//! Owns the question for the services that keep no rights of their own. Must not remember an answer: revoking takes
//! effect at the next call.

use std::collections::HashSet;

use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::space_service_client::SpaceServiceClient;
use uuid::Uuid;

use crate::caller::{Caller, CallerKind};
use crate::error::CommonError;
use crate::ids::SpaceId;
use crate::peers::PeerChannel;

pub use sharedspaces_proto::spaces::v1::Permission;

/// Asks spaces.
#[derive(Clone)]
pub struct SpaceAccess {
    client: SpaceServiceClient<PeerChannel>,
}

/// What a person may do in a space.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Permissions(Vec<Permission>);

impl Permissions {
    /// Tells whether the person sees nothing of the space, or there is none.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether the person may do something.
    pub fn may(&self, permission: Permission) -> bool {
        self.0.contains(&permission)
    }
}

impl SpaceAccess {
    /// Asks over a channel to spaces.
    pub fn new(channel: PeerChannel) -> Self {
        Self { client: SpaceServiceClient::new(channel) }
    }

    /// Returns what the caller may do in a space of their organisation. Errors: spaces did not answer.
    pub async fn permissions_of(
        &self,
        caller: &Caller,
        space_id: SpaceId,
    ) -> Result<Permissions, CommonError> {
        let request = pb::CheckAccessRequest {
            organization_id: caller.organization_id.to_string(),
            space_id: space_id.to_string(),
            user_id: caller.user_id.to_string(),
            consent_notice_version: caller.consent_notice_version,
            is_admin: caller.kind == CallerKind::Admin,
        };
        let answer = self.client.clone().check_access(request).await;
        let answer = answer.map_err(|status| CommonError::Peer(Box::new(status)))?.into_inner();
        Ok(Permissions(answer.permissions().collect()))
    }

    /// Returns those of the logos, at most 100, that the caller may see because a space shows them that the caller
    /// sees. Does not ask about none. Errors: spaces did not answer.
    pub async fn visible_logos(
        &self,
        caller: &Caller,
        logo_ids: &[Uuid],
    ) -> Result<HashSet<Uuid>, CommonError> {
        if logo_ids.is_empty() {
            return Ok(HashSet::new());
        }
        let request = pb::CheckLogoAccessRequest {
            organization_id: caller.organization_id.to_string(),
            user_id: caller.user_id.to_string(),
            logo_ids: logo_ids.iter().map(Uuid::to_string).collect(),
            consent_notice_version: caller.consent_notice_version,
            is_admin: caller.kind == CallerKind::Admin,
        };
        let answer = self.client.clone().check_logo_access(request).await;
        let answer = answer.map_err(|status| CommonError::Peer(Box::new(status)))?.into_inner();
        // What was not asked for is not believed, whatever is answered.
        let seen = answer.logo_ids.iter().filter_map(|logo_id| logo_id.parse().ok());
        Ok(seen.filter(|logo_id| logo_ids.contains(logo_id)).collect())
    }
}
