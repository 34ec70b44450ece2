//! Transport: converts, calls a use case, converts back.

mod convert;
mod delivery_service;

pub(crate) use delivery_service::DeliveryGrpc;
