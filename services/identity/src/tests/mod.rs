//! The rules of identity on a real database, through the gRPC services as the access layer calls them.

mod consents;
mod devices;
mod errors;
mod guesses;
mod invitations;
mod isolation;
mod keys;
mod links;
mod organizations;
mod passwords;
mod people;
mod sessions;
pub(crate) mod world;
