//! Why a call on notices or consents was refused.

service_kit::domain_error! {
    /// Why a call on notices or consents was refused.
    pub enum ConsentError in "identity.sharedspaces" {
        /// There is no such organisation.
        #[error("no such organisation")]
        OrganizationNotFound => NotFound "ORGANIZATION_NOT_FOUND",
        /// The caller has no way in any more.
        #[error("no such person")]
        PersonNotFound => NotFound "PERSON_NOT_FOUND",
        /// The notice agreed to is not the one in force; show that one.
        #[error("this privacy notice is not in force; show the one in force")]
        NoticeOutdated => FailedPrecondition "NOTICE_OUTDATED" on "privacy_notice_id",
        /// The caller is a member: the notice is for guests.
        #[error("members need no consent")]
        NotNeeded => FailedPrecondition "CONSENT_NOT_NEEDED",
        /// The caller asked for somebody else's entries, and is no admin.
        #[error("only admins see the consents of others")]
        OwnOnly => PermissionDenied "OWN_CONSENTS_ONLY" on "user_id",
    }
}
