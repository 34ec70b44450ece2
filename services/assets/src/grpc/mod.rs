//! Transport: converts, calls a use case, converts back.
//!
//! Must not hold a rule.

mod convert;
mod logo_service;

pub(crate) use logo_service::LogoGrpc;
