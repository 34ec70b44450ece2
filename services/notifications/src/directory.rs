//! Asking identity, when a mail is sent: where it goes, in which language, and with which link.
//!
//! Owns the three calls and what their failures mean for a mail. Must not keep what it learns: a link is a secret.

use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::peers::PeerChannel;
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::invitation_service_client::InvitationServiceClient;
use sharedspaces_proto::identity::v1::organization_service_client::OrganizationServiceClient;
use tonic::Status;
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::delivery::Setback;

/// identity's reason where there is nothing left to issue a link for.
const ACCEPTED: &str = "INVITATION_ACCEPTED";
/// identity's reasons that stay so, however often it is asked.
const PERMANENT: [&str; 4] =
    ["NOT_A_GUEST", "INVITATION_MISMATCH", "PERSON_NOT_FOUND", "ORGANIZATION_NOT_FOUND"];

/// identity, as far as mails need it.
#[derive(Clone)]
pub(crate) struct Directory {
    invitations: InvitationServiceClient<PeerChannel>,
    organizations: OrganizationServiceClient<PeerChannel>,
}

/// What identity says of an invitation.
pub(crate) enum Issued {
    /// The link, and where it goes.
    Link(pb::IssueInvitationResponse),
    /// The guest has come in, by the link of this very mail: no other carries it.
    Accepted,
}

/// A link that somebody asked for, with whom it goes to. It holds secrets: the link and the code.
pub(crate) struct SignInLink {
    /// What it is for.
    pub(crate) purpose: pb::LinkPurpose,
    /// The link.
    pub(crate) url: String,
    /// The code that goes with it; empty for a password reset.
    pub(crate) code: String,
    /// The organisation's name.
    pub(crate) organization: String,
    /// Whose it is; absent: the address has no account, which one is asked for by this link.
    pub(crate) user_id: Option<UserId>,
    /// Where it goes.
    pub(crate) person: pb::Person,
}

/// Who an invitation's link is wanted for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InvitationFor {
    /// The inviting organisation.
    pub(crate) organization_id: OrganizationId,
    /// The invitation.
    pub(crate) invitation_id: Uuid,
    /// The space it is for.
    pub(crate) space_id: SpaceId,
    /// The guest.
    pub(crate) user_id: UserId,
    /// The inviter.
    pub(crate) inviter_user_id: UserId,
}

impl Directory {
    /// Returns identity over a channel.
    pub(crate) fn new(channel: PeerChannel) -> Self {
        Self {
            invitations: InvitationServiceClient::new(channel.clone()),
            organizations: OrganizationServiceClient::new(channel),
        }
    }

    /// Asks for the link of a guest's invitation; asking again gives the same link until it is used.
    pub(crate) async fn issue_invitation(&self, wanted: InvitationFor) -> Result<Issued, Setback> {
        let request = pb::IssueInvitationRequest {
            organization_id: wanted.organization_id.to_string(),
            invitation_id: wanted.invitation_id.to_string(),
            space_id: wanted.space_id.to_string(),
            user_id: wanted.user_id.to_string(),
            inviter_user_id: wanted.inviter_user_id.to_string(),
        };
        match self.invitations.clone().issue_invitation(request).await {
            Ok(response) => Ok(Issued::Link(response.into_inner())),
            Err(status) if reason_of(&status) == ACCEPTED => Ok(Issued::Accepted),
            Err(status) => Err(setback("the invitation", &status)),
        }
    }

    /// Asks for the link that somebody asked for. Nothing: there is no mail to send, be it that the address has no
    /// account, be it that the link was used, replaced or has expired; identity does not say which.
    pub(crate) async fn find_sign_in_link(
        &self,
        organization_id: OrganizationId,
        sign_in_link_id: Uuid,
    ) -> Result<Option<SignInLink>, Setback> {
        let request = pb::IssueSignInLinkRequest {
            organization_id: organization_id.to_string(),
            sign_in_link_id: sign_in_link_id.to_string(),
        };
        let issued = self.invitations.clone().issue_sign_in_link(request).await;
        let issued = issued.map_err(|status| setback("the link", &status))?.into_inner();
        if !issued.is_due {
            return Ok(None);
        }
        let purpose = issued.purpose();
        let person =
            issued.person.ok_or_else(|| Setback::permanent("identity did not say whose link it is"))?;
        let user_id = person.user_id.parse().map(|id: Uuid| UserId::from(id)).ok();
        if user_id.is_none() && purpose != pb::LinkPurpose::RequestAccess {
            return Err(Setback::permanent("identity did not say whose link it is"));
        }
        Ok(Some(SignInLink {
            purpose,
            url: issued.url,
            code: issued.code,
            organization: issued.organization_display_name,
            user_id,
            person,
        }))
    }

    /// Asks who somebody is.
    pub(crate) async fn person(
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
        let people = resolved.map_err(|status| setback("the person", &status))?.into_inner().people;
        let wanted = user_id.to_string();
        people
            .into_iter()
            .find(|person| person.user_id == wanted)
            .ok_or_else(|| Setback::permanent("identity does not know the person"))
    }
}

/// Returns what people call somebody: who gave no name yet is known by their address.
pub(crate) fn name_of(person: &pb::Person) -> String {
    let name =
        if person.display_name.trim().is_empty() { &person.email_address } else { &person.display_name };
    name.clone()
}

fn reason_of(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// Only what identity says about this very invitation or person, by its reason, stays so; all else may pass.
fn setback(what: &str, status: &Status) -> Setback {
    let reason = reason_of(status);
    if PERMANENT.contains(&reason.as_str()) {
        return Setback::permanent(format!("identity refused {what} ({reason})"));
    }
    Setback::passing(format!("identity could not be asked about {what} ({:?})", status.code()))
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic_types::ErrorDetails;

    use super::*;

    fn refusal(code: Code, reason: &str) -> Status {
        let details = ErrorDetails::with_error_info(reason, "identity.sharedspaces", []);
        Status::with_error_details(code, "anna@acme.test is unknown", details)
    }

    #[test]
    fn only_a_reason_that_concerns_this_mail_alone_is_permanent_and_named() {
        for reason in PERMANENT {
            let setback = setback("the invitation", &refusal(Code::FailedPrecondition, reason));
            assert!(setback.is_permanent, "{reason}");
            assert_eq!(setback.reason, format!("identity refused the invitation ({reason})"));
        }
        for reason in ["INVALID_FIELD", "INTERNAL", "PEER_UNAVAILABLE", ""] {
            let setback = setback("the invitation", &refusal(Code::InvalidArgument, reason));
            assert!(!setback.is_permanent, "{reason}");
        }
    }

    #[test]
    fn a_code_alone_is_never_permanent_and_its_message_is_not_repeated() {
        for code in (1..=16).map(Code::from_i32) {
            let setback = setback("the invitation", &Status::new(code, "anna@acme.test is unknown"));
            assert!(!setback.is_permanent, "{code:?}");
            assert!(!setback.reason.contains('@'), "{}", setback.reason);
        }
    }
}
