//! What spaces does without being asked.

pub(crate) mod end_visits;
pub(crate) mod lapse_access_requests;
pub(crate) mod purge_deleted_spaces;
pub(crate) mod take_access_requests;
