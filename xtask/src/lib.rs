//! What the commands of the workspace and the tests across services share: private servers, child processes, free
//! ports, and the environment the services are started with.
//!
//! Must not depend on any crate of the workspace: it has to compile in seconds, before everything else.

pub mod databases;
pub mod demo;
pub mod environment;
pub mod packages;
pub mod ports;
pub mod process;
pub mod prometheus;
pub mod secrets;
pub mod servers;
pub mod throwaway;
pub mod tools;
pub mod workspace;
