//! Why an organisation may not use the CRM.

service_kit::domain_error! {
    /// Why an organisation may not use the CRM.
    pub enum OrganizationError in "crm-sync.sharedspaces" {
        /// The organisation's plan does not include CRM logging.
        #[error("CRM logging needs the plan ULTIMATE")]
        PlanRequired => FailedPrecondition "PLAN_REQUIRED",
        /// The organisation was created a moment ago and is not known here yet; retry.
        #[error("the organisation is not known here yet")]
        NotReady => Unavailable "ORGANIZATION_NOT_READY",
    }
}
