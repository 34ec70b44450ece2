//! Use cases and repositories of spaces on a real database, with identity and assets played by small servers.

mod comments;
mod content;
mod creating;
mod described;
mod duplicating;
mod files;
mod inviting;
mod isolation;
mod lifecycle;
mod listing;
mod looks;
mod mails;
mod model;
mod neighbours;
mod peers;
mod profiles;
mod purging;
mod replicas;
mod requests;
mod rights;
mod room;
mod settings;
mod themes;
mod timeline;
mod upgrading;
mod world;
