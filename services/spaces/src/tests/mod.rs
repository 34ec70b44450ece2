//! Use cases and repositories of spaces on a real database, with identity and assets played by small servers.

mod creating;
mod inviting;
mod isolation;
mod lifecycle;
mod listing;
mod looks;
mod model;
mod peers;
mod replicas;
mod rights;
mod world;
