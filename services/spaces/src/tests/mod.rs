//! Use cases and repositories of spaces on a real database, with identity and assets played by small servers.

mod comments;
mod content;
mod creating;
mod duplicating;
mod files;
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
mod upgrading;
mod visiting;
mod world;
