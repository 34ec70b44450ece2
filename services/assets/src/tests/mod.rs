//! The service over its gRPC interface, with a real database and the sandbox's S3; only spaces is played.

mod abandoned;
pub(crate) mod pictures;
mod reading;
mod refusals;
mod uploading;
pub(crate) mod world;
