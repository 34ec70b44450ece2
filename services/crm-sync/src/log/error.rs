//! Why a call on logs was refused.

use crate::organization::OrganizationError;

service_kit::domain_error! {
    /// Why a call on logs was refused.
    pub enum LogError in "crm-sync.sharedspaces" {
        /// The caller sees no such space.
        #[error("no such space")]
        SpaceNotFound => NotFound "SPACE_NOT_FOUND",
        /// There is no such log, or it is of a space that the caller does not see.
        #[error("no such log")]
        NotFound => NotFound "LOG_NOT_FOUND",
        /// The caller takes part in the space, but not in its CRM.
        #[error("only internal participants work with the CRM of a space")]
        InternalParticipantsOnly => PermissionDenied "INTERNAL_PARTICIPANTS_ONLY",
        /// Only a log that has failed can be tried again.
        #[error("only a failed log can be tried again")]
        NotFailed => FailedPrecondition "LOG_NOT_FAILED",
        /// The organisation has no such connection, or it is ended.
        #[error("no such connection")]
        ConnectionNotFound => NotFound "CONNECTION_NOT_FOUND",
        /// The CRM has ended the connection: an admin must connect again.
        #[error("the CRM has ended this connection: an admin must connect it again")]
        ReconnectNeeded => FailedPrecondition "RECONNECT_NEEDED",
        /// An admin has switched logging off.
        #[error("CRM logging is switched off in this organisation")]
        LoggingOff => FailedPrecondition "CRM_LOGGING_OFF",
        /// The organisation's plan does not include CRM logging.
        #[error("CRM logging needs the plan ULTIMATE")]
        PlanRequired => FailedPrecondition "PLAN_REQUIRED",
        /// The organisation was created a moment ago and is not known here yet; retry.
        #[error("the organisation is not known here yet")]
        OrganizationNotReady => Unavailable "ORGANIZATION_NOT_READY",
    }
}

impl From<OrganizationError> for LogError {
    fn from(error: OrganizationError) -> Self {
        match error {
            OrganizationError::PlanRequired => Self::PlanRequired,
            OrganizationError::NotReady => Self::OrganizationNotReady,
            OrganizationError::Common(error) => Self::Common(error),
        }
    }
}
