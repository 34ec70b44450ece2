//! Mails: their words, the message made of them, and the conversation with the mail server.
//!
//! Must not know the database or identity: it gets what a mail says and gives a message or a setback.

mod message;
mod moment;
mod render;
mod smtp;
mod text;
mod words;

pub(crate) use message::{Addressee, Letter, compose};
pub(crate) use moment::Moment;
pub(crate) use smtp::{AFTER_DATA_BEFORE_250, Smtp};
pub(crate) use words::Words;
