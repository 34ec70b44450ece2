//! Why a call on participants was refused.

use std::time::Duration;

use service_kit::domain_error;
use service_kit::error::CommonError;

use crate::space::SpaceError;

domain_error! {
    /// Why a call on participants was refused.
    pub enum ParticipantError in "spaces.sharedspaces" {
        /// There is no such space, or none the caller takes part in.
        #[error("no such space")]
        SpaceNotFound => NotFound "SPACE_NOT_FOUND",
        /// The caller is a guest of a space whose guests may not invite, or would bring back somebody who was shut out.
        #[error("guests of this space may not invite others, or not these")]
        InvitingNotAllowed => PermissionDenied "INVITING_NOT_ALLOWED",
        /// Somebody asked for what only internal participants may do.
        #[error("only internal participants may do this")]
        InternalParticipantsOnly => PermissionDenied "INTERNAL_PARTICIPANTS_ONLY",
        /// The space is archived: guests are shut out, and nobody is invited.
        #[error("the space is archived")]
        SpaceArchived => FailedPrecondition "SPACE_ARCHIVED",
        /// The guest's consent to the organisation's privacy notice does not stand.
        #[error("consent to the organisation's privacy notice is needed first")]
        ConsentRequired => FailedPrecondition "CONSENT_REQUIRED",
        /// Nobody of this id takes, or took, part in the space.
        #[error("no such participant of the space")]
        ParticipantNotFound => NotFound "PARTICIPANT_NOT_FOUND" on "participant_id",
        /// The owner neither leaves nor is shut out; ownership is transferred first.
        #[error("the owner stays: transfer the ownership first")]
        OwnerStays => FailedPrecondition "OWNER_STAYS",
        /// Inviting would send more mails than may be sent in 24 hours; `RetryInfo` says when it would not.
        #[error("{limit}: wait before inviting more")]
        TooManyInvitations {
            /// Which limit it is.
            limit: &'static str,
            /// Until there is room again.
            wait: Duration,
        } => ResourceExhausted "TOO_MANY_INVITATIONS" after wait,
        /// The organisation's plan does not include CRM logging.
        #[error("logging to a CRM needs the plan ULTIMATE")]
        PlanRequired => FailedPrecondition "PLAN_REQUIRED" on "crm_log",
        /// The admin switched logging to the CRM off.
        #[error("logging to this CRM is switched off")]
        CrmLoggingOff => FailedPrecondition "CRM_LOGGING_OFF" on "crm_log",
        /// The space is linked to no record of a CRM, and the invitation names none.
        #[error("must name a record, because the space is linked to none")]
        NoCrmTarget => FailedPrecondition "NO_CRM_TARGET" on "crm_log.target",
        /// The connection to the CRM has to be made anew by an admin.
        #[error("an admin has to connect the CRM again")]
        CrmReconnectNeeded => FailedPrecondition "RECONNECT_NEEDED" on "crm_log",
        /// The CRM refused to be asked about the addresses.
        #[error("the CRM refused to look the addresses up")]
        CrmRefused => FailedPrecondition "CRM_REFUSED" on "crm_log",
        /// The organisation has no such connection to a CRM.
        #[error("no such connection to a CRM")]
        CrmConnectionNotFound => NotFound "CONNECTION_NOT_FOUND" on "crm_log.target.connection_id",
        /// The CRM does not answer.
        #[error("the CRM does not answer, retry in a moment")]
        CrmUnavailable {
            /// When to ask again.
            wait: Duration,
        } => Unavailable "CRM_UNAVAILABLE" after wait,
        /// The profile of a member, which is theirs and the organisation's.
        #[error("must be a guest")]
        NotAGuest => FailedPrecondition "NOT_A_GUEST" on "participant_id",
        /// Who is reminded has come in already, or is out.
        #[error("only who is invited and has not come in can be reminded")]
        NotInvited => FailedPrecondition "NOT_INVITED" on "participant_id",
        /// They had a mail of this space within 24 hours, or too many of others; `RetryInfo` says when they may have one.
        #[error("they had a mail lately: wait before reminding them")]
        RemindedLately {
            /// Until they may be reminded.
            wait: Duration,
        } => ResourceExhausted "REMINDED_LATELY" after wait,
        /// They were reminded of this invitation three times; only a new invitation can be reminded of again.
        #[error("an invitation is reminded of at most three times")]
        RemindedEnough {
            /// No sooner than somebody may be invited anew.
            wait: Duration,
        } => ResourceExhausted "REMINDED_ENOUGH" after wait,
    }
}

impl From<SpaceError> for ParticipantError {
    fn from(error: SpaceError) -> Self {
        match error {
            SpaceError::NotFound => Self::SpaceNotFound,
            SpaceError::Archived => Self::SpaceArchived,
            SpaceError::ConsentRequired => Self::ConsentRequired,
            SpaceError::InvitingNotAllowed => Self::InvitingNotAllowed,
            SpaceError::InternalParticipantsOnly => Self::InternalParticipantsOnly,
            SpaceError::Common(error) => Self::Common(error),
            // Reading a space refuses for no other reason.
            error => Self::Common(CommonError::Unexpected(error.into())),
        }
    }
}
