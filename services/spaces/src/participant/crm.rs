//! Invitations that are logged to a CRM (R8.8–R8.11), as far as crm-sync is asked before anything is written.
//!
//! Owns what crm-sync's refusals mean to whoever invites. The log itself is crm-sync's, told by an event.

use std::time::Duration;

use service_kit::caller::Caller;
use service_kit::error::CommonError;
use sharedspaces_proto::crmsync::v1 as crmsync;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::invitation::Invitation;
use super::{ParticipantError, Participants};

const UNKNOWN: &str = "must be a Contact or Lead of the CRM, because the invitation is logged";

impl Participants {
    /// Leaves out, or refuses, addresses that are no Contact or Lead of the CRM that the invitation is logged to.
    pub(super) async fn known_to_crm(
        &self,
        caller: &Caller,
        invitation: Invitation,
    ) -> Result<Invitation, ParticipantError> {
        let Some(log) = &invitation.log else { return Ok(invitation) };
        let connection_id = log.target.as_ref().map(|target| target.connection_id.to_string());
        let request = crmsync::CheckInvitationRequest {
            organization_id: caller.organization_id.to_string(),
            space_id: invitation.space_id.to_string(),
            connection_id: connection_id.unwrap_or_default(),
            email_addresses: invitation.addresses.clone(),
        };
        let answer = self.records.clone().check_invitation(request).await.map_err(refusal)?;
        Ok(invitation.leave_out(&answer.into_inner().unknown_email_addresses, UNKNOWN)?)
    }
}

/// Returns what crm-sync's refusal means to whoever invites.
fn refusal(status: Status) -> ParticipantError {
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    match (status.code(), reason.as_str()) {
        (Code::FailedPrecondition, "PLAN_REQUIRED") => ParticipantError::PlanRequired,
        (Code::FailedPrecondition, "CRM_LOGGING_OFF") => ParticipantError::CrmLoggingOff,
        (Code::FailedPrecondition, "NO_CRM_TARGET") => ParticipantError::NoCrmTarget,
        (Code::FailedPrecondition, "RECONNECT_NEEDED") => ParticipantError::CrmReconnectNeeded,
        (Code::FailedPrecondition, "CRM_REFUSED") => ParticipantError::CrmRefused,
        (Code::NotFound, "CONNECTION_NOT_FOUND") => ParticipantError::CrmConnectionNotFound,
        (Code::Unavailable, "CRM_UNAVAILABLE") => {
            let wait = status.get_details_retry_info().and_then(|info| info.retry_delay);
            ParticipantError::CrmUnavailable { wait: wait.unwrap_or(Duration::from_secs(1)) }
        }
        _ => ParticipantError::Common(CommonError::Peer(Box::new(status))),
    }
}
