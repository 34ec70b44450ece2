//! The rules of identity on a real database, through the gRPC services as the access layer calls them.

mod commands;
mod consents;
mod directory;
mod errors;
mod invitations;
mod isolation;
mod keys;
mod ledger;
mod members;
mod organizations;
mod people;
mod profiles;
mod sessions;
pub(crate) mod world;
