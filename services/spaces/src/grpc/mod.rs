//! Transport: converts, calls a use case, converts back. No SQL, no decision on the state of anything.

mod access_request_service;
mod activity_service;
mod comment_service;
mod content_service;
mod convert;
mod convert_access;
mod convert_access_request;
mod convert_comment;
mod convert_description;
mod convert_duplication;
mod convert_item;
mod convert_list;
mod convert_participant;
mod convert_policy;
mod convert_settings;
mod convert_theme;
mod convert_visit;
mod participant_service;
mod policy_service;
mod space_service;

pub(crate) use access_request_service::AccessRequestGrpc;
pub(crate) use activity_service::ActivityGrpc;
pub(crate) use comment_service::CommentGrpc;
pub(crate) use content_service::ContentGrpc;
pub(crate) use participant_service::ParticipantGrpc;
pub(crate) use policy_service::PolicyGrpc;
pub(crate) use space_service::SpaceGrpc;
