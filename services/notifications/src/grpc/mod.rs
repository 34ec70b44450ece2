//! Transport: converts, calls a use case, converts back.

mod convert;
mod convert_notice;
mod convert_preference;
mod convert_suppression;
mod convert_template;
mod delivery_service;
mod notification_service;
mod preference_service;
mod template_service;

pub(crate) use delivery_service::DeliveryGrpc;
pub(crate) use notification_service::NotificationGrpc;
pub(crate) use preference_service::PreferenceGrpc;
pub(crate) use template_service::TemplateGrpc;
