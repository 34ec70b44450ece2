//! The rules of identity on a real database, through the gRPC services as the access layer calls them.

mod checks;
mod codes;
mod commands;
mod consents;
mod devices;
mod directory;
mod errors;
mod guesses;
mod invitations;
mod isolation;
mod keys;
mod ledger;
mod links;
mod members;
mod organizations;
mod passwords;
mod people;
mod profiles;
mod requests;
mod sessions;
pub(crate) mod world;
