//! What runs in the background: one file per job.

pub(crate) mod delete_old_notices;
pub(crate) mod send_mail;
pub(crate) mod tell_owner;

pub(crate) use send_mail::SendMail;
