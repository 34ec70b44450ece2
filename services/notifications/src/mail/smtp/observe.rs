//! Trace and duration of conversations with the mail server.
//!
//! Owns telling how one ended in a word. Must not tell whom a mail goes to or what the server said.

use std::time::Instant;

use opentelemetry::KeyValue;
use service_kit::telemetry::names;
use tracing::Instrument;
use tracing::field::Empty;

use super::{Cause, Place, SendError, Smtp};
use crate::mail::Letter;

impl Smtp {
    /// Hands a message to the mail server, as [`converse`](Self::converse) does, observed.
    pub(crate) async fn send(
        &self,
        place: Place<'_>,
        letter: &Letter,
        may_have_arrived: &mut bool,
    ) -> Result<(), SendError> {
        let span = tracing::info_span!(
            "smtp",
            otel.name = "send mail",
            otel.kind = "client",
            otel.status_code = Empty,
            server.address = self.config.host,
            server.port = i64::from(self.config.port),
            error.type = Empty,
        );
        let started = Instant::now();
        let sent = self.converse(place, letter, may_have_arrived).instrument(span.clone()).await;
        let error = sent.err().map(|error| KeyValue::new(names::ERROR_TYPE, error.word()));
        if let Err(error) = sent {
            span.record(names::ERROR_TYPE, error.word());
            span.record("otel.status_code", "ERROR");
        }
        self.duration.record(started.elapsed().as_secs_f64(), error.as_slice());
        sent
    }
}

impl SendError {
    /// Tells what happened in a word of a closed set.
    fn word(&self) -> &'static str {
        match self.cause {
            Cause::PutOff(_) => "put_off",
            Cause::Refused(_) => "refused",
            Cause::TimedOut => "timeout",
            Cause::Broken(_) => "cut_off",
            Cause::Unintelligible => "unintelligible",
            Cause::NotEncrypted => "not_encrypted",
            Cause::AddressTooNew => "address_too_new",
        }
    }
}
