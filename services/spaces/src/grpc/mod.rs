//! Transport: converts, calls a use case, converts back. No SQL, no decision on the state of anything.

mod convert;
mod convert_access;
mod convert_list;
mod convert_participant;
mod convert_policy;
mod convert_theme;
mod participant_service;
mod policy_service;
mod space_service;

pub(crate) use participant_service::ParticipantGrpc;
pub(crate) use policy_service::PolicyGrpc;
pub(crate) use space_service::SpaceGrpc;
