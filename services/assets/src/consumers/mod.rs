//! What assets does on events of other services; one file per service.

pub(crate) mod spaces;
