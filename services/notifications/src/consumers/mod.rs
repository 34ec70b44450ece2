//! What is listened to: one file per service that events come from.

pub(crate) mod spaces;
