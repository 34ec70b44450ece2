//! Why a call on spaces was refused.

use service_kit::domain_error;

domain_error! {
    /// Why a call on spaces was refused.
    pub enum SpaceError in "spaces.sharedspaces" {
        /// There is no such space, or none the caller takes part in.
        #[error("no such space")]
        NotFound => NotFound "SPACE_NOT_FOUND",
        /// The chosen address belongs to another space of the organisation.
        #[error("must not be the address of another space of the organisation")]
        AddressTaken => AlreadyExists "SPACE_ADDRESS_TAKEN" on "address",
        /// The organisation's plan does not include CRM logging.
        #[error("logging to a CRM needs the plan ULTIMATE")]
        PlanRequired => FailedPrecondition "PLAN_REQUIRED" on "crm_target",
        /// The organisation was created a moment ago and is not known here yet.
        #[error("the organisation is not known here yet, retry in a moment")]
        OrganizationNotReady => Unavailable "ORGANIZATION_NOT_READY",
        /// A guest asked for what only internal participants may do.
        #[error("only internal participants may do this")]
        InternalParticipantsOnly => PermissionDenied "INTERNAL_PARTICIPANTS_ONLY",
        /// Somebody changed the space since it was read.
        #[error("the space was changed since it was read, read it again")]
        Changed => Aborted "SPACE_CHANGED" on "etag",
        /// There is no such logo for this space.
        #[error("no such logo for this space")]
        LogoNotFound => NotFound "LOGO_NOT_FOUND" on "logo_id",
    }
}
