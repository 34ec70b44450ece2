//! The service over its gRPC interface, with a real database and the sandbox's S3; only spaces is played.

mod abandoned;
pub(crate) mod clamd;
mod collecting;
pub(crate) mod files;
mod isolation;
mod kinds;
mod mailing;
mod people;
pub(crate) mod pictures;
mod played;
mod reading;
mod refusals;
mod sizes;
mod uploading;
pub(crate) mod world;
