//! The job that sends one mail.
//!
//! Owns the order of things: ask identity, write the message, hand it to the mail server, record what came of it. No
//! transaction is open while another server is asked. A crash between the last two sends a second copy, which is the
//! first one byte for byte and has its Message-ID, unless a name was changed in between.

use std::sync::Arc;

use anyhow::Context;
use messaging::jobs::{Job, JobError};
use messaging::{Messaging, failpoint};
use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};
use serde::Deserialize;
use service_kit::clock::SharedClock;
use service_kit::telemetry::names;

use crate::delivery::{
    Deliveries, Delivery, DeliveryId, MAX_ATTEMPTS, Mail, Outcome, SEND_MAIL, Setback, State, delay_after,
};
use crate::directory::{Directory, InvitationFor, Issued};
use crate::mail::{Addressee, Letter, Locale, Smtp, Words, compose};

/// A crash with the message written and nothing sent.
pub(crate) const BEFORE_SEND: &str = "email.before_send";
/// A crash after the mail server took the mail and before that is recorded.
pub(crate) const AFTER_250_BEFORE_COMMIT: &str = "email.after_250_before_commit";

/// Lets the job runner send mails.
pub(crate) fn register(messaging: Messaging, send_mail: Arc<SendMail>) -> Messaging {
    messaging.job(SEND_MAIL, move |job| {
        let send_mail = Arc::clone(&send_mail);
        Box::pin(async move { send_mail.run(job).await })
    })
}

/// Sends mails.
pub(crate) struct SendMail {
    deliveries: Deliveries,
    directory: Directory,
    smtp: Smtp,
    clock: SharedClock,
    sent: Counter<u64>,
}

#[derive(Deserialize)]
struct Payload {
    delivery_id: DeliveryId,
}

/// What there is to send.
enum Ready {
    /// Nothing any more: what the mail was for has happened, so it arrived.
    Arrived,
    /// A message, unless it cannot be written, and the address it goes to.
    Letter { email_address: String, letter: Result<Letter, Setback> },
}

impl SendMail {
    /// Returns the job over the parts it needs.
    pub(crate) fn new(deliveries: Deliveries, directory: Directory, smtp: Smtp, clock: SharedClock) -> Self {
        let sent = global::meter("sharedspaces").u64_counter(names::EMAIL_SENT).build();
        Self { deliveries, directory, smtp, clock, sent }
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
        let Some((delivery, mail)) = found else {
            return Err(JobError::Dead { source: anyhow::anyhow!("there is no such delivery") });
        };
        match delivery.state {
            State::Sent => Ok(()),
            // The process ended after the row was written and before the job was.
            State::Failed => Err(JobError::Dead { source: anyhow::anyhow!(delivery.reason) }),
            State::Pending => self.attempt(&job, &delivery, mail).await,
        }
    }

    async fn attempt(
        &self,
        job: &Job,
        delivery: &Delivery,
        mail: Result<Mail, Setback>,
    ) -> Result<(), JobError> {
        let ready = match mail {
            Ok(mail) => self.prepare(job, delivery, mail).await,
            Err(setback) => Err(setback),
        };
        let (email_address, handed_over) = match ready {
            Err(setback) => (String::new(), Err(setback)),
            // A try before this one ended after the mail server took the mail and before that was recorded.
            Ok(Ready::Arrived) => (String::new(), Ok(())),
            Ok(Ready::Letter { email_address, letter: Err(setback) }) => (email_address, Err(setback)),
            Ok(Ready::Letter { email_address, letter: Ok(letter) }) => {
                let handed_over = self.hand_over(&letter).await;
                (email_address, handed_over)
            }
        };
        let (outcome, result) = self.judge(job, handed_over);
        let label = match outcome {
            Outcome::Sent(_) => "sent",
            Outcome::Waiting(_) => "retried",
            Outcome::Failed(_) => "failed",
        };
        self.deliveries.record(job.organization_id, delivery.delivery_id, email_address, outcome).await?;
        self.sent.add(1, &[KeyValue::new(names::OUTCOME, label)]);
        tracing::info!(delivery.id = %delivery.delivery_id, delivery.outcome = label, "mail tried");
        result
    }

    async fn hand_over(&self, letter: &Letter) -> Result<(), Setback> {
        failpoint(BEFORE_SEND);
        self.smtp.send(letter).await?;
        failpoint(AFTER_250_BEFORE_COMMIT);
        Ok(())
    }

    /// Tells what a try means for the row and for the job.
    fn judge(&self, job: &Job, handed_over: Result<(), Setback>) -> (Outcome, Result<(), JobError>) {
        let Err(setback) = handed_over else {
            return (Outcome::Sent(self.clock.now()), Ok(()));
        };
        let reason = setback.reason.clone();
        let source = anyhow::Error::new(setback.clone());
        if setback.is_permanent || job.attempt >= MAX_ATTEMPTS {
            return (Outcome::Failed(reason), Err(JobError::Dead { source }));
        }
        let after = Some(delay_after(job.attempt));
        (Outcome::Waiting(reason), Err(JobError::Retry { source, after }))
    }

    /// Asks identity and writes the message. The link goes into the message and nowhere else.
    async fn prepare(&self, job: &Job, delivery: &Delivery, mail: Mail) -> Result<Ready, Setback> {
        let organization_id = job.organization_id;
        let user_id = delivery.recipient_user_id;
        let (to, words) = match mail {
            Mail::GuestInvitation { space, invitation_id, inviter_user_id, inviter, recipient, note } => {
                let wanted = InvitationFor {
                    organization_id,
                    invitation_id,
                    space_id: space.space_id,
                    user_id,
                    inviter_user_id,
                };
                let Issued::Link(issued) = self.directory.issue_invitation(wanted).await? else {
                    return Ok(Ready::Arrived);
                };
                let to = Addressee::new(issued.email_address, recipient, Locale::of(&issued.locale));
                let organization = issued.organization_display_name;
                (to, Words::guest_invitation(&space.title, &inviter, &organization, &note, &issued.url))
            }
            Mail::ColleagueInvitation { space, inviter, note } => {
                let person = self.directory.person(organization_id, user_id).await?;
                let words = Words::colleague_invitation(&space.title, &inviter, &note, &space.url);
                (Addressee::from(person), words)
            }
            Mail::InvitationAccepted { space, person, inviter } => {
                let recipient = self.directory.person(organization_id, user_id).await?;
                let inviter = inviter.as_deref();
                let words = Words::invitation_accepted(&space.title, &person, inviter, &space.url);
                (Addressee::from(recipient), words)
            }
        };
        let letter = words.and_then(|words| compose(self.smtp.from(), &to, delivery, &words));
        Ok(Ready::Letter { email_address: to.email_address, letter })
    }
}
