//! Organisations, as far as crm-sync knows them: a replica of identity's plan, and their logging mode.
//!
//! Owns the plan gate before every use case. The plan is written by identity's events alone.

mod entity;
mod error;
pub(crate) mod repo;

use service_kit::ids::OrganizationId;
use sqlx::PgConnection;

pub(crate) use entity::{LoggingMode, Plan};
pub use error::OrganizationError;

/// Refuses an organisation whose plan has no CRM, and one that is not known yet.
pub(crate) async fn require_crm(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<(), OrganizationError> {
    match repo::find_plan(tx, organization_id).await? {
        Some(plan) if plan.has_crm() => Ok(()),
        Some(_) => Err(OrganizationError::PlanRequired),
        None => Err(OrganizationError::NotReady),
    }
}
