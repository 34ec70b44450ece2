//! Transport: converts, calls a use case, converts back.
//!
//! Must not hold a rule.

mod asset_service;
mod convert;
mod convert_assets;
mod logo_service;

pub(crate) use asset_service::AssetGrpc;
pub(crate) use logo_service::LogoGrpc;
