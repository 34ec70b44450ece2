//! Use cases and repositories of spaces on a real database, with identity and assets played by small servers.

mod content;
mod creating;
mod duplicating;
mod inviting;
mod isolation;
mod lifecycle;
mod listing;
mod looks;
mod model;
mod peers;
mod purging;
mod replicas;
mod requests;
mod rights;
mod room;
mod themes;
mod timeline;
mod world;
