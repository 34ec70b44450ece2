//! Use cases and repositories of spaces on a real database, with identity and assets played by small servers.

mod creating;
mod inviting;
mod peers;
mod world;
