//! Owns private servers for development and tests: on loopback addresses and free ports, in directories of their own.
//!
//! Must not touch a server it did not start, nor the system's own PostgreSQL or RabbitMQ.

mod envoy;
mod postgres;
mod rabbitmq;

pub use envoy::Envoy;
pub use postgres::Postgres;
pub use rabbitmq::{RabbitMq, RabbitPorts};
