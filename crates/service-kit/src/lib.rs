//! What every Shared Spaces binary needs, and nothing that only one of them needs.
//!
//! Owns: starting and stopping ([`run`]), settings ([`config`]), telemetry, the gRPC server and what stands before
//! every handler ([`grpc`]), who calls ([`caller`]), how errors reach the wire ([`error`]), the unit of work ([`db`]).
//! Must not know any service, any broker, any domain.

pub mod address;
pub mod budget;
pub mod caller;
pub mod client;
pub mod clock;
pub mod config;
pub mod db;
pub mod error;
pub mod fold;
pub mod grpc;
pub mod health;
pub mod ids;
pub mod jwt;
pub mod lifecycle;
pub mod locale;
pub mod mac;
pub mod page;
pub mod peers;
mod port;
mod run;
pub mod seal;
pub mod space_access;
pub mod telemetry;
mod text_enum;
pub mod tls;
pub mod validate;
pub mod verify;

pub use port::Port;
pub use run::{Kit, Outcome, Parts, Worker, run, run_with_commands};
