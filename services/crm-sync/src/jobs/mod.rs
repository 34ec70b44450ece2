//! The jobs of crm-sync; one file per job.

pub(crate) mod count_connections;
pub(crate) mod write_log;
