//! What a person may do in a space.
//!
//! Owns the question to spaces, asked anew at each call, so that revoking takes effect at once. Must not keep answers.

use service_kit::caller::Caller;
use service_kit::error::CommonError;
use service_kit::ids::SpaceId;
use service_kit::peers::PeerChannel;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::space_service_client::SpaceServiceClient;

/// The way to spaces.
#[derive(Clone)]
pub(crate) struct Spaces {
    client: Client,
}

#[derive(Clone)]
enum Client {
    Peer(SpaceServiceClient<PeerChannel>),
    #[cfg(test)]
    Bare(SpaceServiceClient<tonic::transport::Channel>),
}

/// What a person may do in a space, as far as logos go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Access {
    /// Sees nothing of it.
    None,
    /// Sees it.
    View,
    /// May change it.
    Edit,
}

impl Spaces {
    pub(crate) fn new(channel: PeerChannel) -> Self {
        Self { client: Client::Peer(SpaceServiceClient::new(channel)) }
    }

    /// Returns the way to a server in the same process, which asks for no token.
    #[cfg(test)]
    pub(crate) fn bare(channel: tonic::transport::Channel) -> Self {
        Self { client: Client::Bare(SpaceServiceClient::new(channel)) }
    }

    /// Returns what the caller may do at this moment. Errors: spaces did not answer.
    pub(crate) async fn access_of(&self, caller: &Caller, space_id: SpaceId) -> Result<Access, CommonError> {
        let request = pb::CheckAccessRequest {
            organization_id: caller.organization_id.to_string(),
            space_id: space_id.to_string(),
            user_id: caller.user_id.to_string(),
        };
        let answer = match self.client.clone() {
            Client::Peer(mut client) => client.check_access(request).await,
            #[cfg(test)]
            Client::Bare(mut client) => client.check_access(request).await,
        };
        let answer = answer.map_err(|status| CommonError::Peer(Box::new(status)))?.into_inner();
        let has = |wanted| answer.permissions().any(|permission| permission == wanted);
        Ok(match (has(pb::Permission::View), has(pb::Permission::Edit)) {
            (_, true) => Access::Edit,
            (true, false) => Access::View,
            (false, false) => Access::None,
        })
    }
}
