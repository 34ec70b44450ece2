//! Why a call on connections was refused.

use std::time::Duration;

use crate::connectors::CrmError;
use crate::organization::OrganizationError;

/// How long to wait where the CRM does not say.
const USUAL_WAIT: Duration = Duration::from_secs(5);

service_kit::domain_error! {
    /// Why a call on connections was refused.
    pub enum ConnectionError in "crm-sync.sharedspaces" {
        /// The organisation has no such connection.
        #[error("no such connection")]
        NotFound => NotFound "CONNECTION_NOT_FOUND",
        /// The organisation's plan does not include CRM logging.
        #[error("CRM logging needs the plan ULTIMATE")]
        PlanRequired => FailedPrecondition "PLAN_REQUIRED",
        /// The organisation was created a moment ago and is not known here yet; retry.
        #[error("the organisation is not known here yet")]
        OrganizationNotReady => Unavailable "ORGANIZATION_NOT_READY",
        /// The state is unknown, used, older than 10 minutes, or belongs to somebody else's flow.
        #[error("this state does not belong to a connection you have begun in the last 10 minutes")]
        StateRefused => FailedPrecondition "CONNECTION_STATE_REFUSED",
        /// The organisation has 20 connections already.
        #[error("an organisation has at most 20 connections")]
        TooMany => FailedPrecondition "TOO_MANY_CONNECTIONS",
        /// The CRM refused; the message says why.
        #[error("{message}")]
        Refused {
            /// What the CRM refuses, and what to do about it.
            message: String,
        } => FailedPrecondition "CRM_REFUSED",
        /// The CRM took its consent back: an admin must connect again.
        #[error("the CRM has ended this connection: an admin must connect it again")]
        ReconnectNeeded => FailedPrecondition "RECONNECT_NEEDED",
        /// The CRM is away, busy, or has no calls left today; retry.
        #[error("{message}")]
        CrmUnavailable {
            /// What happened.
            message: String,
            /// How long to wait.
            wait: Duration,
        } => Unavailable "CRM_UNAVAILABLE" after wait,
        /// An admin has switched logging off.
        #[error("CRM logging is switched off in this organisation")]
        LoggingOff => FailedPrecondition "CRM_LOGGING_OFF",
        /// Neither a target was given, nor is the space linked to an Account or Opportunity.
        #[error("choose an Account or Opportunity: the space is linked to none")]
        NoTarget => FailedPrecondition "NO_CRM_TARGET",
    }
}

impl From<OrganizationError> for ConnectionError {
    fn from(error: OrganizationError) -> Self {
        match error {
            OrganizationError::PlanRequired => Self::PlanRequired,
            OrganizationError::NotReady => Self::OrganizationNotReady,
            OrganizationError::Common(error) => Self::Common(error),
        }
    }
}

impl From<CrmError> for ConnectionError {
    fn from(error: CrmError) -> Self {
        match error {
            CrmError::Retry { message, after } => {
                Self::CrmUnavailable { message, wait: after.unwrap_or(USUAL_WAIT) }
            }
            CrmError::Deferred { message, after } => Self::CrmUnavailable { message, wait: after },
            CrmError::Reauthenticate => {
                let message = "The CRM takes no token of ours.".to_owned();
                Self::CrmUnavailable { message, wait: USUAL_WAIT }
            }
            CrmError::Reconnect { .. } => Self::ReconnectNeeded,
            CrmError::Permanent { message } => Self::Refused { message },
        }
    }
}
