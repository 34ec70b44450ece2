//! Tests of service-kit's stack that need real sockets and a real database, which its own unit tests cannot have:
//! they would see two copies of the kit's types. Owns no support that others use.

mod database;
mod idempotency;
mod limits;
mod migrations;
mod server;
mod stopping;
mod tls;
mod verify;
