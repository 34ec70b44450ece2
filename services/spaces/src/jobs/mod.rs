//! What spaces does without being asked.

pub(crate) mod end_visits;
pub(crate) mod purge_deleted_spaces;
