//! What journeys across the services need.
//!
//! - [`environment`]: where everything is; [`api`]: clients of all services; [`wire`]: the ways their calls take;
//!   [`outside`]: mailbox and CRM, as a person would look at them
//! - [`visit`]: one guest's first visit, step by step; the demo narrates it, the tests assert it
//! - [`signing_in`]: the ways in; [`room`]: what people do in a space; [`files`]: what they do with files
//! - [`people`]: how people come in, are told of things and go; [`crm`]: what of it arrives in a CRM
//! - [`browser`]: a real browser, for the web client
//! - [`call_graph`]: who calls whom, as platform teams read it
//! - [`telemetry`]: a collector that keeps what the services tell of themselves
//! - [`workload`]: a little of everything that is measured
//! - [`prometheus`]: a Prometheus of one's own
//! - [`world`]: all services as processes on servers of their own, for tests that break them; [`replicas`]: two of each
//!
//! Must not reach into any service: only its public interface, and what the outside world has received.

pub mod api;
pub mod backup;
pub mod browser;
pub mod call_graph;
pub mod crm;
pub mod environment;
pub mod files;
pub mod outside;
pub mod people;
pub mod prometheus;
pub mod replicas;
pub mod room;
pub mod signing_in;
pub mod telemetry;
pub mod visit;
pub mod wire;
pub mod workload;
pub mod world;
