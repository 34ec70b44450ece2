//! What assets does without being asked.

pub(crate) mod delete_abandoned_uploads;
