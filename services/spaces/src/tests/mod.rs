//! Use cases and repositories of spaces on a real database, with identity and assets played by small servers.

mod comments;
mod content;
mod described;
mod creating;
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
mod purging;
mod replicas;
mod requests;
mod rights;
mod profiles;
mod room;
mod settings;
mod themes;
mod timeline;
mod upgrading;
mod world;
