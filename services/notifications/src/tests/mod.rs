//! Tests over a real database, the sandbox's mail server and an identity that is played.

mod accounts;
mod assets;
mod browser;
mod gathering;
mod hostile;
mod identity;
mod letters;
mod limits;
mod listing;
mod looks;
mod notices;
mod participants;
mod pictures;
mod preferences;
mod previews;
mod recipients;
mod replay;
mod room;
mod sending;
mod spaces_mails;
mod suppressions;
mod telling;
mod watching;
mod world;
