//! Why a call on spaces was refused.

use service_kit::domain_error;

use crate::permission::Shut;

domain_error! {
    /// Why a call on spaces was refused.
    pub enum SpaceError in "spaces.sharedspaces" {
        /// There is no such space, or none the caller takes part in.
        #[error("no such space")]
        NotFound => NotFound "SPACE_NOT_FOUND",
        /// The chosen address belongs, or belonged, to another space of the organisation.
        #[error("must not be the address of another space of the organisation, nor have been")]
        AddressTaken => AlreadyExists "SPACE_ADDRESS_TAKEN" on "address",
        /// The organisation's plan does not include CRM logging.
        #[error("logging to a CRM needs the plan ULTIMATE")]
        PlanRequired => FailedPrecondition "PLAN_REQUIRED" on "crm_target",
        /// The organisation was created a moment ago and is not known here yet.
        #[error("the organisation is not known here yet, retry in a moment")]
        OrganizationNotReady => Unavailable "ORGANIZATION_NOT_READY",
        /// Somebody asked for what only internal participants may do.
        #[error("only internal participants may do this")]
        InternalParticipantsOnly => PermissionDenied "INTERNAL_PARTICIPANTS_ONLY",
        /// Somebody asked for what only the owner and admins may do.
        #[error("only the owner and admins may do this")]
        OwnerOrAdminOnly => PermissionDenied "OWNER_OR_ADMIN_ONLY",
        /// The caller may not invite into this space.
        #[error("guests of this space may not invite others")]
        InvitingNotAllowed => PermissionDenied "INVITING_NOT_ALLOWED",
        /// The caller may not download from this space.
        #[error("guests of this space may not download")]
        DownloadingNotAllowed => PermissionDenied "DOWNLOADING_NOT_ALLOWED",
        /// The caller may not upload to this space.
        #[error("guests of this space may not upload")]
        UploadingNotAllowed => PermissionDenied "UPLOADING_NOT_ALLOWED",
        /// The space is archived: guests are shut out, and nothing is changed.
        #[error("the space is archived")]
        Archived => FailedPrecondition "SPACE_ARCHIVED",
        /// The guest's consent to the organisation's privacy notice does not stand.
        #[error("consent to the organisation's privacy notice is needed first")]
        ConsentRequired => FailedPrecondition "CONSENT_REQUIRED",
        /// Somebody changed the space since it was read.
        #[error("the space was changed since it was read, read it again")]
        Changed => Aborted "SPACE_CHANGED" on "etag",
        /// There is no such logo for this space.
        #[error("no such logo for this space")]
        LogoNotFound => NotFound "LOGO_NOT_FOUND" on "logo_id",
        /// The space shows no logo of the customer's.
        #[error("the space has no customer's logo")]
        NoCustomerLogo => FailedPrecondition "NO_CUSTOMER_LOGO",
        /// The background can be removed from a PNG alone.
        #[error("only the background of a PNG can be removed")]
        TransparencyNeedsPng => FailedPrecondition "TRANSPARENCY_NEEDS_PNG" on "logo_display.transparent_background",
        /// The organisation has no such theme.
        #[error("no such theme of the organisation")]
        ThemeNotFound => NotFound "THEME_NOT_FOUND" on "theme_id",
        /// Nobody of this id takes part in the space.
        #[error("no such participant of the space")]
        ParticipantNotFound => NotFound "PARTICIPANT_NOT_FOUND" on "user_id",
        /// The new owner does not take part as one of the organisation.
        #[error("must be an active internal participant of the space")]
        NewOwnerNotInternal => FailedPrecondition "NEW_OWNER_NOT_INTERNAL" on "user_id",
    }
}

impl From<Shut> for SpaceError {
    fn from(shut: Shut) -> Self {
        match shut {
            Shut::NotFound => Self::NotFound,
            Shut::ConsentRequired => Self::ConsentRequired,
            Shut::Archived => Self::Archived,
        }
    }
}
