//! The job that sends one mail.
//!
//! Owns the order of things: ask whether it is due, write the message with what identity says, ask for leave, hand it to
//! the mail server, record what came of it. No transaction is open while another server is asked. A crash between the last
//! two sends a second copy, which is the first one byte for byte and has its Message-ID, unless a name was changed in
//! between. A mail whose link has ended, or whose recipient gets it no more, is sent no more; where a try before came to no
//! known end it counts as sent, with the doubt as its reason.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use messaging::jobs::{Job, JobError};
use messaging::{Messaging, failpoint};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};
use serde::Deserialize;
use service_kit::clock::SharedClock;
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use service_kit::telemetry::names;
use tokio::time::timeout;

use crate::delivery::{
    BUSY_DELAY, Deliveries, Delivery, DeliveryId, Found, Leave, MAX_ATTEMPTS, MAYBE_SENT, Mail, Outcome,
    SEND_ACCOUNT_MAIL, SEND_MAIL, SEND_SPACE_MAIL, Sendable, Setback, State, Told, delay_after,
};
use crate::due::{Due, Dues, TOO_MANY};
use crate::letters::{Letters, Ready};
use crate::mail::{Letter, Smtp};

/// A crash with the message written and nothing sent.
pub(crate) const BEFORE_SEND: &str = "email.before_send";
/// A crash after the mail server took the mail and before that is recorded.
pub(crate) const AFTER_250_BEFORE_COMMIT: &str = "email.after_250_before_commit";

/// The same for an address without an account and for a link that was used or replaced: who reads it learns neither.
const NOTHING_TO_SEND: &str = "there was no mail to send for this request, or none any more";
const EXPIRED: &str = "the link had expired before a mail could be sent";
const SUPPRESSED: &str =
    "a mail server has refused the address for good before, so that it gets no mails any more";
const BUSY: &str = "all connections to the mail server are in use";

/// What may come of a try, on the metric.
const LABELS: [&str; 6] = ["sent", "retried", "failed", "not_due", "put_off", "gone"];

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
    dues: Dues,
    letters: Letters,
    smtp: Smtp,
    clock: SharedClock,
    sent: Counter<u64>,
    delay: Histogram<f64>,
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

/// What a try that met no setback led to.
enum Led {
    To(End),
    Later(DateTime<Utc>, String),
    /// It was withdrawn or given to another job meanwhile: nothing is left to do or to record.
    Gone,
}

impl SendMail {
    /// Returns the job over the parts it needs.
    pub(crate) fn new(
        deliveries: Deliveries,
        dues: Dues,
        letters: Letters,
        smtp: Smtp,
        clock: SharedClock,
    ) -> Self {
        let sent = names::EMAIL_SENT.counter();
        for outcome in LABELS {
            sent.add(0, &[KeyValue::new(names::OUTCOME, outcome)]);
        }
        Self { deliveries, dues, letters, smtp, clock, sent, delay: names::EMAIL_DELAY.histogram() }
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
        let found = self.deliveries.take_up(job.organization_id, payload.delivery_id).await?;
        let Some(found) = found else {
            return Err(JobError::Dead { source: anyhow::anyhow!("there is no such delivery") });
        };
        if found.job_id != job.id {
            // It was put off before the process ended: the other job sends it.
            return Ok(());
        }
        match found.delivery.state {
            State::Sent | State::NotDue => Ok(()),
            // The process ended after the row was written and before the job was.
            State::Failed => Err(JobError::Dead { source: anyhow::anyhow!(found.delivery.reason) }),
            State::Pending => self.attempt(&job, &found).await,
        }
    }

    async fn attempt(&self, job: &Job, found: &Found) -> Result<(), JobError> {
        let mut told = Told { may_have_arrived: found.handover_time.is_some(), ..Told::default() };
        let end = match &found.mail {
            Ok(mail) => self.send_in_time(job, found, mail, &mut told).await,
            Err(setback) => Err(setback.clone()),
        };
        let (organization_id, id) = (job.organization_id, found.delivery.delivery_id);
        let (label, result) = match end {
            Ok(Led::Later(until, reason)) => {
                self.deliveries.put_off(organization_id, found, until, reason).await?;
                ("put_off", Ok(()))
            }
            Ok(Led::Gone) => ("gone", Ok(())),
            Ok(Led::To(end)) => self.record(job, found, told, Ok(end)).await?,
            Err(setback) => self.record(job, found, told, Err(setback)).await?,
        };
        self.sent.add(1, &[KeyValue::new(names::OUTCOME, label)]);
        tracing::info!(delivery.id = %id, delivery.outcome = label, "mail tried");
        result
    }

    async fn record(
        &self,
        job: &Job,
        found: &Found,
        told: Told,
        end: Result<End, Setback>,
    ) -> Result<(&'static str, Result<(), JobError>), CommonError> {
        let (outcome, result) = self.judge(job, found, &told, end);
        let label = label_of(&outcome);
        self.deliveries.record(job.organization_id, found.delivery.delivery_id, told, outcome).await?;
        Ok((label, result))
    }

    /// Sends a mail as long as its link works, by the database's clock, and breaks off when that ends.
    async fn send_in_time(
        &self,
        job: &Job,
        found: &Found,
        mail: &Mail,
        told: &mut Told,
    ) -> Result<Led, Setback> {
        let Some(expire_time) = mail.expire_time() else {
            return self.send(job, found, mail, told).await;
        };
        let left = (expire_time - found.now).to_std().unwrap_or(Duration::ZERO);
        if left.is_zero() {
            return Ok(Led::To(End::NotDue(EXPIRED)));
        }
        timeout(left, self.send(job, found, mail, told)).await.unwrap_or(Ok(Led::To(End::NotDue(EXPIRED))))
    }

    async fn send(&self, job: &Job, found: &Found, mail: &Mail, told: &mut Told) -> Result<Led, Setback> {
        match self.dues.check(job.organization_id, found, mail).await? {
            Due::Now => {}
            Due::Later(until, reason) => return Ok(Led::Later(until, reason)),
            Due::Never(reason) => return Ok(Led::To(End::NotDue(reason))),
        }
        match self.letters.write(job.organization_id, &found.delivery, mail, told).await? {
            Ready::Letter(letter) => self.hand_over(job.organization_id, found, &letter, told).await,
            // A try before this one ended after the mail server took the mail and before that was recorded.
            Ready::Arrived => Ok(Led::To(End::Sent)),
            Ready::NotDue => Ok(Led::To(End::NotDue(NOTHING_TO_SEND))),
        }
    }

    async fn hand_over(
        &self,
        organization_id: OrganizationId,
        found: &Found,
        letter: &Letter,
        told: &mut Told,
    ) -> Result<Led, Setback> {
        let Some(place) = self.smtp.find_place().await else {
            return Ok(Led::Later(found.now + BUSY_DELAY, BUSY.to_owned()));
        };
        let leave = self.deliveries.ask_leave(organization_id, sendable(found, told)).await;
        match leave.map_err(|_| Setback::passing("the limits of mails could not be looked up"))? {
            Leave::Given => {}
            Leave::Suppressed => return Err(Setback::permanent(SUPPRESSED)),
            Leave::Later(until) => return Ok(Led::Later(until, TOO_MANY.to_owned())),
            Leave::Gone => return Ok(Led::Gone),
        }
        failpoint(BEFORE_SEND);
        if let Err(error) = self.smtp.send(place, letter, &mut told.may_have_arrived).await {
            told.refusal = error.refusal_of_address();
            return Err(error.into());
        }
        self.measure_delay(&found.delivery);
        failpoint(AFTER_250_BEFORE_COMMIT);
        Ok(Led::To(End::Sent))
    }

    /// A mail that waited on purpose was late from then on; one that waited for a connection was late all along.
    fn measure_delay(&self, delivery: &Delivery) {
        let planned = delivery.due_time.filter(|_| delivery.reason != BUSY);
        let since = planned.map_or(delivery.create_time, |due| due.max(delivery.create_time));
        let delay = (self.clock.now() - since).to_std().unwrap_or_default();
        self.delay.record(delay.as_secs_f64(), &[]);
    }

    /// Tells what a try means for the row and for the job.
    fn judge(
        &self,
        job: &Job,
        found: &Found,
        told: &Told,
        end: Result<End, Setback>,
    ) -> (Outcome, Result<(), JobError>) {
        let now = self.clock.now();
        let setback = match end {
            Ok(End::Sent) => return (Outcome::Sent(now), Ok(())),
            Ok(End::NotDue(reason)) if told.may_have_arrived => {
                let reason = format!("{MAYBE_SENT}{reason}");
                return (Outcome::MaybeSent(found.handover_time.unwrap_or(now), reason), Ok(()));
            }
            Ok(End::NotDue(reason)) => return (Outcome::NotDue(reason.to_owned()), Ok(())),
            Err(setback) => setback,
        };
        let reason = setback.reason.clone();
        let source = anyhow::Error::new(setback.clone());
        // Of the mail, not of the job: one that is put off goes on in another job, and its tries with it.
        let attempt = found.delivery.attempts.saturating_add(1);
        // A link that lives for minutes ends the tries itself.
        let has_short_life = found.delivery.kind.has_short_life();
        let is_last = job.is_last_attempt() || (!has_short_life && attempt >= MAX_ATTEMPTS);
        if setback.is_permanent || is_last {
            return (Outcome::Failed(reason), Err(JobError::Dead { source }));
        }
        let after = Some(delay_after(attempt, has_short_life));
        (Outcome::Waiting(reason), Err(JobError::Retry { source, after }))
    }
}

fn label_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Sent(_) | Outcome::MaybeSent(..) => "sent",
        Outcome::Waiting(_) => "retried",
        Outcome::Failed(_) => "failed",
        Outcome::NotDue(_) => "not_due",
    }
}

fn sendable(found: &Found, told: &Told) -> Sendable {
    Sendable {
        delivery_id: found.delivery.delivery_id,
        job_id: found.job_id,
        kind: found.delivery.kind,
        recipient_user_id: found.delivery.recipient_user_id,
        email_address: told.email_address.clone().unwrap_or_default(),
    }
}
