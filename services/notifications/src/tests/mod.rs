//! Tests over a real database, the sandbox's mail server and an identity that is played.

mod accounts;
mod identity;
mod letters;
mod listing;
mod sending;
mod world;
