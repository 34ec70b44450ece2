//! Use cases and repositories of spaces on a real database, with identity and assets played by small servers.

mod content;
mod creating;
mod duplicating;
mod inviting;
mod peers;
mod purging;
mod room;
mod themes;
mod timeline;
mod world;
