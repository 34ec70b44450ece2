//! Tests over a real database, the sandbox's mail server and an identity that is played.

mod accounts;
mod identity;
mod letters;
mod limits;
mod listing;
mod participants;
mod preferences;
mod recipients;
mod sending;
mod suppressions;
mod world;
