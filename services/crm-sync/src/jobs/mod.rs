//! The jobs of crm-sync; one file per job.

pub(crate) mod write_log;
