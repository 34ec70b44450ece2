//! Tests over a real database, the sandbox's mail server and an identity that is played.

mod accounts;
mod gathering;
mod assets;
mod identity;
mod browser;
mod letters;
mod looks;
mod listing;
mod notices;
mod replay;
mod room;
mod sending;
mod telling;
mod watching;
mod pictures;
mod previews;
mod sending;
mod spaces_mails;
mod world;
