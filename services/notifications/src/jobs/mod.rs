//! What runs in the background: one file per job.

pub mod send_mail;

pub use send_mail::SendMail;
