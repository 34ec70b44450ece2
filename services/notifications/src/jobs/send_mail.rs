//! The job that sends one mail.
//!
//! Owns the order of things: ask identity, write the message, hand it to the mail server, record what came of it. No
//! transaction is open while another server is asked. A crash between the last two sends a second copy, which is the
//! first one byte for byte and has its Message-ID, unless a name was changed in between. A mail whose link has ended is
//! sent no more.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use messaging::jobs::{Job, JobError};
use messaging::{Messaging, failpoint};
use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};
use serde::Deserialize;
use service_kit::clock::SharedClock;
use service_kit::telemetry::names;
use tokio::time::timeout;

use crate::delivery::{
    Deliveries, DeliveryId, Found, MAX_ATTEMPTS, Mail, Outcome, SEND_ACCOUNT_MAIL, SEND_MAIL,
    SEND_SPACE_MAIL, Setback, State, Told, delay_after,
};
use crate::letters::{Letters, Ready};
use crate::mail::{Letter, Smtp};

/// A crash with the message written and nothing sent.
pub(crate) const BEFORE_SEND: &str = "email.before_send";
/// A crash after the mail server took the mail and before that is recorded.
pub(crate) const AFTER_250_BEFORE_COMMIT: &str = "email.after_250_before_commit";

/// The same for an address without an account and for a link that was used or replaced: who reads it learns neither.
const NOTHING_TO_SEND: &str = "there was no mail to send for this request, or none any more";
const EXPIRED: &str = "the link had expired before a mail could be sent";

/// Lets the job runner send mails.
pub(crate) fn register(messaging: Messaging, send_mail: &Arc<SendMail>) -> Messaging {
    [SEND_MAIL, SEND_ACCOUNT_MAIL, SEND_SPACE_MAIL].into_iter().fold(messaging, |messaging, name| {
        let send_mail = Arc::clone(send_mail);
        messaging.job(name, move |job| {
            let send_mail = Arc::clone(&send_mail);
            Box::pin(async move { send_mail.run(job).await })
        })
    })
}

/// Sends mails.
pub(crate) struct SendMail {
    deliveries: Deliveries,
    letters: Letters,
    smtp: Smtp,
    clock: SharedClock,
    sent: Counter<u64>,
}

#[derive(Deserialize)]
struct Payload {
    delivery_id: DeliveryId,
}

/// How a try ended that met no setback.
enum End {
    Sent,
    NotDue(&'static str),
}

impl SendMail {
    /// Returns the job over the parts it needs.
    pub(crate) fn new(deliveries: Deliveries, letters: Letters, smtp: Smtp, clock: SharedClock) -> Self {
        let sent = global::meter("sharedspaces").u64_counter(names::EMAIL_SENT).build();
        Self { deliveries, letters, smtp, clock, sent }
    }

    /// Drops the connections to the mail server that are idle, for tests.
    #[cfg(test)]
    pub(crate) fn forget_connections(&self) {
        self.smtp.forget_connections();
    }

    /// Tries to send the mail of a job, once.
    pub(crate) async fn run(&self, job: Job) -> Result<(), JobError> {
        let payload: Payload = serde_json::from_value(job.payload.clone())
            .context("the job has no delivery")
            .map_err(|source| JobError::Dead { source })?;
        let found = self.deliveries.find(job.organization_id, payload.delivery_id).await?;
        let Some(found) = found else {
            return Err(JobError::Dead { source: anyhow::anyhow!("there is no such delivery") });
        };
        match found.delivery.state {
            State::Sent | State::NotDue => Ok(()),
            // The process ended after the row was written and before the job was.
            State::Failed => Err(JobError::Dead { source: anyhow::anyhow!(found.delivery.reason) }),
            State::Pending => self.attempt(&job, &found).await,
        }
    }

    async fn attempt(&self, job: &Job, found: &Found) -> Result<(), JobError> {
        let mut told = Told::default();
        let end = match &found.mail {
            Ok(mail) => self.send_in_time(job, found, mail, &mut told).await,
            Err(setback) => Err(setback.clone()),
        };
        let (outcome, result) = self.judge(job, found, end);
        let label = match outcome {
            Outcome::Sent(_) => "sent",
            Outcome::Waiting(_) => "retried",
            Outcome::Failed(_) => "failed",
            Outcome::NotDue(_) => "not_due",
        };
        let id = found.delivery.delivery_id;
        self.deliveries.record(job.organization_id, id, told, outcome).await?;
        self.sent.add(1, &[KeyValue::new(names::OUTCOME, label)]);
        tracing::info!(delivery.id = %id, delivery.outcome = label, "mail tried");
        result
    }

    /// Sends a mail as long as its link works, by the database's clock, and breaks off when that ends.
    async fn send_in_time(
        &self,
        job: &Job,
        found: &Found,
        mail: &Mail,
        told: &mut Told,
    ) -> Result<End, Setback> {
        let Some(expire_time) = mail.expire_time() else {
            return self.send(job, found, mail, told).await;
        };
        let left = (expire_time - found.now).to_std().unwrap_or(Duration::ZERO);
        if left.is_zero() {
            return Ok(End::NotDue(EXPIRED));
        }
        timeout(left, self.send(job, found, mail, told)).await.unwrap_or(Ok(End::NotDue(EXPIRED)))
    }

    async fn send(&self, job: &Job, found: &Found, mail: &Mail, told: &mut Told) -> Result<End, Setback> {
        match self.letters.write(job.organization_id, &found.delivery, mail, told).await? {
            Ready::Letter(letter) => self.hand_over(&letter).await.map(|()| End::Sent),
            // A try before this one ended after the mail server took the mail and before that was recorded.
            Ready::Arrived => Ok(End::Sent),
            Ready::NotDue => Ok(End::NotDue(NOTHING_TO_SEND)),
        }
    }

    async fn hand_over(&self, letter: &Letter) -> Result<(), Setback> {
        failpoint(BEFORE_SEND);
        self.smtp.send(letter).await?;
        failpoint(AFTER_250_BEFORE_COMMIT);
        Ok(())
    }

    /// Tells what a try means for the row and for the job.
    fn judge(&self, job: &Job, found: &Found, end: Result<End, Setback>) -> (Outcome, Result<(), JobError>) {
        let setback = match end {
            Ok(End::Sent) => return (Outcome::Sent(self.clock.now()), Ok(())),
            Ok(End::NotDue(reason)) => return (Outcome::NotDue(reason.to_owned()), Ok(())),
            Err(setback) => setback,
        };
        let reason = setback.reason.clone();
        let source = anyhow::Error::new(setback.clone());
        // A link that lives for minutes ends the tries itself.
        let has_short_life = found.delivery.kind.has_short_life();
        if setback.is_permanent || (!has_short_life && job.attempt >= MAX_ATTEMPTS) {
            return (Outcome::Failed(reason), Err(JobError::Dead { source }));
        }
        let after = Some(delay_after(job.attempt, has_short_life));
        (Outcome::Waiting(reason), Err(JobError::Retry { source, after }))
    }
}
