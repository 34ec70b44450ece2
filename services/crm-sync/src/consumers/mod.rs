//! What crm-sync does on events of other services; one file per service.

pub(crate) mod identity;
pub(crate) mod spaces;
