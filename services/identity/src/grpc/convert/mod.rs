//! Between messages and the domain, both ways. All violations of a request are told at once.

mod account;
mod consent;
mod invitation;
mod mask;
mod organization;
mod profile;
mod sign_in;

pub(super) use consent::{Agreement, ListConsents, ListNotices, NoticeWanted};
pub(super) use organization::{ListMembers, MemberToCreate, MemberToDeactivate};
pub(super) use sign_in::{ListSessions, SessionToRevoke};
