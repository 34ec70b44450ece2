//! Transport: converts, calls a use case, converts back.

mod convert;
mod delivery_service;

pub use delivery_service::DeliveriesGrpc;
