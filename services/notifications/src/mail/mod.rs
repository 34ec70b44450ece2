//! Mails: their words, their look, the message made of them, and the conversation with the mail server.
//!
//! Must not know the database or identity: it gets what a mail says and gives a message or a setback.

mod look;
mod message;
mod moment;
mod render;
mod sample;
mod smtp;
mod text;
mod words;

pub(crate) use look::{Logo, Look, Mute};
pub(crate) use message::{Addressee, Letter, Page, Preview, compose, preview};
pub(crate) use moment::{Moment, Span};
pub(crate) use sample::{recipient, sample};
pub(crate) use smtp::{AFTER_DATA_BEFORE_250, Smtp};
pub(crate) use words::{Visit, Words};
