//! What sending asks of deliveries: taking one up, leave to hand it over, putting it off, recording how a try ended.
//!
//! Owns the limits of mails that can be muted, which are counted here and by the database's clock. Each step is a unit of
//! work of its own, so that none is open while a server is asked.

use std::time::Duration;

use chrono::{DateTime, Utc};
use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::{Delivery, DeliveryId, MailKind, Setback, Told};
use super::mail::Mail;
use super::{Deliveries, enqueue, repo, sending_repo};
use crate::{preference, suppression};

/// How many mails that can be muted one organisation sends within an hour.
pub(crate) const MAX_PER_ORGANIZATION: i64 = 1_000;
/// How many mails that can be muted one person gets within an hour.
pub(crate) const MAX_PER_PERSON: i64 = 20;

/// Begins the reason of a mail that counts as sent although nobody knows.
pub(crate) const MAYBE_SENT: &str = "a try that came to no known end may have sent it; since then: ";
/// How long a mail waits for which no connection to the mail server is free.
pub(crate) const BUSY_DELAY: Duration = Duration::from_secs(5);

/// A delivery as a try finds it.
#[derive(Debug)]
pub(crate) struct Found {
    /// The delivery.
    pub(crate) delivery: Delivery,
    /// What its mail says; a setback where that cannot be read.
    pub(crate) mail: Result<Mail, Setback>,
    /// The job that sends it.
    pub(crate) job_id: Uuid,
    /// When it was first offered to the mail server by a try whose end is not known.
    pub(crate) handover_time: Option<DateTime<Utc>>,
    /// The database's time.
    pub(crate) now: DateTime<Utc>,
}

/// How a try ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// The mail server took the mail.
    Sent(DateTime<Utc>),
    /// A try that came to no known end may have sent it, at this time, and it is not sent again; why.
    MaybeSent(DateTime<Utc>, String),
    /// It will be tried again; why it was not sent.
    Waiting(String),
    /// It will not be tried again; why.
    Failed(String),
    /// There was nothing to send, or it was too late; which.
    NotDue(String),
}

/// A mail that is ready to be handed over.
#[derive(Clone, Debug)]
pub(crate) struct Sendable {
    /// Which.
    pub(crate) delivery_id: DeliveryId,
    /// The job that sends it.
    pub(crate) job_id: Uuid,
    /// What it is.
    pub(crate) kind: MailKind,
    /// Who gets it.
    pub(crate) recipient_user_id: Option<UserId>,
    /// Where it goes, normalised.
    pub(crate) email_address: String,
}

/// Whether a mail may be handed over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Leave {
    /// Now; that it was is noted.
    Given,
    /// The address gets no mails any more.
    Suppressed,
    /// Too many went out within an hour: it is asked for again then.
    Later(DateTime<Utc>),
    /// Not at all: since it was taken up it was withdrawn, or given to another job.
    Gone,
}

impl Deliveries {
    /// Finds a delivery for a try. Nothing is gathered into it any more if it is due.
    pub(crate) async fn take_up(
        &self,
        organization_id: OrganizationId,
        id: DeliveryId,
    ) -> Result<Option<Found>, CommonError> {
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    sending_repo::close(tx, organization_id, id).await?;
                    Ok(repo::find(tx, organization_id, id).await?)
                })
            })
            .await
    }

    /// Returns when to ask again for leave for a mail that can be muted, where too many went out within an hour. Nothing is
    /// promised where there is room: only leave is.
    pub(crate) async fn find_room(
        &self,
        organization_id: OrganizationId,
        id: DeliveryId,
        recipient: UserId,
    ) -> Result<Option<DateTime<Utc>>, CommonError> {
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    Ok(sending_repo::find_room(tx, organization_id, id, Some(recipient)).await?)
                })
            })
            .await
    }

    /// Tells whether somebody has quiet hours at all.
    pub(crate) async fn has_quiet_hours(
        &self,
        organization_id: OrganizationId,
        user_id: UserId,
    ) -> Result<bool, CommonError> {
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    let wanted = preference::find(tx, organization_id, user_id).await?;
                    Ok(wanted.quiet_hours.is_some())
                })
            })
            .await
    }

    /// Returns when the quiet hours end that are now where somebody is; nothing where there are none now.
    pub(crate) async fn end_of_quiet_hours(
        &self,
        organization_id: OrganizationId,
        user_id: UserId,
        now: DateTime<Utc>,
        time_zone: String,
    ) -> Result<Option<DateTime<Utc>>, CommonError> {
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    Ok(preference::not_before(tx, organization_id, user_id, now, &time_zone).await?)
                })
            })
            .await
    }

    /// Asks for leave to hand a mail over, and notes that it is being done. A mail that can be muted counts from then on,
    /// be it taken or not.
    pub(crate) async fn ask_leave(
        &self,
        organization_id: OrganizationId,
        sendable: Sendable,
    ) -> Result<Leave, CommonError> {
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move { ask_leave(tx, organization_id, &sendable).await })
            })
            .await
    }

    /// Puts a mail off: another job sends it, so that waiting costs no try. Changes nothing where the mail no longer waits
    /// for this job.
    pub(crate) async fn put_off(
        &self,
        organization_id: OrganizationId,
        found: &Found,
        until: DateTime<Utc>,
        reason: String,
    ) -> Result<(), CommonError> {
        let (id, kind, job_id) = (found.delivery.delivery_id, found.delivery.kind, found.job_id);
        let next_job_id = Uuid::new_v5(&job_id, b"later");
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    let moved = sending_repo::Move { id, job_id, next_job_id, until, reason };
                    if let Some(wait) = sending_repo::put_off(tx, organization_id, &moved).await? {
                        enqueue(tx, next_job_id, organization_id, id, kind, wait).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Records how a try ended, and what was learnt in it. Changes nothing where the delivery no longer waits.
    pub(crate) async fn record(
        &self,
        organization_id: OrganizationId,
        id: DeliveryId,
        told: Told,
        outcome: Outcome,
    ) -> Result<(), CommonError> {
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    sending_repo::record(tx, organization_id, id, &told, &outcome).await?;
                    if let (Some(detail), Some(address)) = (&told.refusal, &told.email_address) {
                        suppression::insert(tx, organization_id, address, detail).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

async fn ask_leave(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    sendable: &Sendable,
) -> Result<Leave, CommonError> {
    if !sendable.kind.is_asked_for()
        && suppression::is_suppressed(tx, organization_id, &sendable.email_address).await?
    {
        return Ok(Leave::Suppressed);
    }
    let is_counted = sendable.kind.muted_by().is_some();
    if is_counted {
        // Two that are counted at once would both find the last place free.
        sending_repo::lock_counts(tx, organization_id).await?;
        if let Some(room) = find_room(tx, organization_id, sendable).await? {
            return Ok(Leave::Later(room));
        }
    }
    let has_begun = sending_repo::begin(tx, organization_id, sendable, is_counted).await?;
    Ok(if has_begun { Leave::Given } else { Leave::Gone })
}

async fn find_room(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    sendable: &Sendable,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    let Sendable { delivery_id, recipient_user_id, .. } = *sendable;
    sending_repo::find_room(tx, organization_id, delivery_id, recipient_user_id).await
}
