//! What spaces does when other services tell it something; one file per service.

pub(crate) mod crm_sync;
pub(crate) mod identity;
