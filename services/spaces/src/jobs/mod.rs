//! What spaces does without being asked.

pub(crate) mod purge_deleted_spaces;
