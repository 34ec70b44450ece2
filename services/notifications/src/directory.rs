//! Asking identity, when a mail is sent: where it goes, in which language, and with which link.
//!
//! Owns the two calls and what their failures mean for a mail. Must not keep what it learns: a link is a secret.

use service_kit::ids::{OrganizationId, SpaceId, UserId};
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::invitation_service_client::InvitationServiceClient;
use sharedspaces_proto::identity::v1::organization_service_client::OrganizationServiceClient;
use tonic::client::GrpcService;
use tonic::codegen::{Body, Bytes, StdError};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::delivery::Setback;

/// What identity can be asked over: the channel of service-kit, which carries our own token; a bare one in tests.
pub trait Line:
    GrpcService<
        tonic::body::Body,
        ResponseBody: Body<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
        Error: Into<StdError>,
        Future: Send,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<C> Line for C where
    C: GrpcService<
            tonic::body::Body,
            ResponseBody: Body<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
            Error: Into<StdError>,
            Future: Send,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// identity, as far as mails need it.
#[derive(Clone, Debug)]
pub struct Directory<C> {
    invitations: InvitationServiceClient<C>,
    organizations: OrganizationServiceClient<C>,
}

/// Who a link is wanted for.
#[derive(Clone, Copy, Debug)]
pub struct InvitationFor {
    /// The inviting organisation.
    pub organization_id: OrganizationId,
    /// The invitation.
    pub invitation_id: Uuid,
    /// The space it is for.
    pub space_id: SpaceId,
    /// The guest.
    pub user_id: UserId,
    /// The inviter.
    pub inviter_user_id: UserId,
}

impl<C: Line> Directory<C> {
    /// Returns identity over a channel.
    pub fn new(channel: C) -> Self {
        Self {
            invitations: InvitationServiceClient::new(channel.clone()),
            organizations: OrganizationServiceClient::new(channel),
        }
    }

    /// Asks for the link of a guest's invitation; asking again gives the same link until it is used.
    pub async fn issue_invitation(
        &self,
        wanted: InvitationFor,
    ) -> Result<pb::IssueInvitationResponse, Setback> {
        let request = pb::IssueInvitationRequest {
            organization_id: wanted.organization_id.to_string(),
            invitation_id: wanted.invitation_id.to_string(),
            space_id: wanted.space_id.to_string(),
            user_id: wanted.user_id.to_string(),
            inviter_user_id: wanted.inviter_user_id.to_string(),
        };
        let issued = self.invitations.clone().issue_invitation(request).await;
        issued.map(tonic::Response::into_inner).map_err(|status| setback("the invitation", &status))
    }

    /// Asks who somebody is.
    pub async fn person(
        &self,
        organization_id: OrganizationId,
        user_id: UserId,
    ) -> Result<pb::Person, Setback> {
        let request = pb::ResolveAddressesRequest {
            organization_id: organization_id.to_string(),
            user_ids: vec![user_id.to_string()],
            ..pb::ResolveAddressesRequest::default()
        };
        let resolved = self.organizations.clone().resolve_addresses(request).await;
        let people = resolved.map_err(|status| setback("the recipient", &status))?.into_inner().people;
        let wanted = user_id.to_string();
        people
            .into_iter()
            .find(|person| person.user_id == wanted)
            .ok_or_else(|| Setback::permanent("identity does not know the recipient"))
    }
}

/// What identity says about this very invitation or person stays so; all else may pass.
fn setback(what: &str, status: &Status) -> Setback {
    match status.code() {
        Code::NotFound => Setback::permanent(format!("identity does not know {what}")),
        Code::FailedPrecondition | Code::InvalidArgument | Code::AlreadyExists => {
            Setback::permanent(format!("identity refused {what}"))
        }
        code => Setback::passing(format!("identity could not be asked about {what} ({code:?})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_concerns_this_mail_alone_is_permanent() {
        let permanent =
            [Code::NotFound, Code::FailedPrecondition, Code::InvalidArgument, Code::AlreadyExists];
        for code in (1..=16).map(Code::from_i32) {
            let setback = setback("the invitation", &Status::new(code, "anna@acme.test is unknown"));
            assert_eq!(setback.is_permanent, permanent.contains(&code), "{code:?}");
            assert!(!setback.reason.contains('@'), "{}", setback.reason);
        }
    }
}
