//! The rules of identity on a real database, through the gRPC services as the access layer calls them.

mod consents;
mod errors;
mod invitations;
mod isolation;
mod keys;
mod organizations;
mod people;
mod sessions;
pub(crate) mod world;
