//! Tests over a real database, the sandbox's mail server and an identity that is played.

mod accounts;
mod gathering;
mod identity;
mod letters;
mod listing;
mod notices;
mod replay;
mod room;
mod sending;
mod telling;
mod watching;
mod world;
