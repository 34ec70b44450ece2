//! Deliveries: planning them, recording how they fare, listing them, sending a failed one again.
//!
//! Owns the table `deliveries` and the job of each. Must not send anything: no transaction here waits for a mail server.

mod entity;
mod error;
mod mail;
mod repo;

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use messaging::jobs::{self, NewJob};
use service_kit::caller::{Call, Caller};
use service_kit::db::{Database, Reply};
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use service_kit::page::{Page, PageRequest};
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) use entity::{
    Delivery, DeliveryId, MAX_ATTEMPTS, MailKind, NewDelivery, Setback, State, Told, delay_after,
};
pub use error::DeliveryError;
pub(crate) use mail::{Added, Asked, Colors, GrantedInvitation, Mail, Notice, Said, Space};

/// The name of the job that sends one mail.
pub(crate) const SEND_MAIL: &str = "send_mail";
/// The name of the job that sends one mail about an account.
pub(crate) const SEND_ACCOUNT_MAIL: &str = "send_account_mail";

/// The name of the job that sends one of the later mails about a space.
pub(crate) const SEND_SPACE_MAIL: &str = "send_space_mail";

/// The key of the last delivery of a page: its time and its id.
pub(crate) type PageKey = (DateTime<Utc>, DeliveryId);

/// The mails of all organisations, each seen by its own only.
#[derive(Clone, Debug)]
pub(crate) struct Deliveries {
    database: Database,
}

impl Deliveries {
    /// Returns the deliveries of a database.
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Lists an organisation's mails, newest first.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        page: PageRequest<PageKey>,
    ) -> Result<Page<Delivery>, DeliveryError> {
        let organization_id = caller.organization_id;
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    let rows = repo::list(tx, organization_id, page.after, page.limit()).await?;
                    Ok(Page::cut(rows, &page, |delivery| (delivery.create_time, delivery.delivery_id)))
                })
            })
            .await
    }

    /// Sends a mail once more that failed for good, be it that its job died before it could tell.
    pub(crate) async fn retry<R: Reply<Delivery>>(
        &self,
        call: &Call,
        id: DeliveryId,
    ) -> Result<R, DeliveryError> {
        let organization_id = call.caller()?.organization_id;
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    let (mut delivery, mut job_id) = repo::get_for_update(tx, organization_id, id).await?;
                    let was_dead = jobs::redrive(tx, job_id).await?;
                    delivery.retry(was_dead)?;
                    if !was_dead {
                        // It was cleared away, or is not marked dead yet: a new one, under an id of its own.
                        job_id = Uuid::new_v5(&job_id, b"retry");
                        enqueue(tx, job_id, organization_id, id, delivery.kind, 0.0).await?;
                    }
                    repo::set_pending(tx, organization_id, id, job_id).await?;
                    Ok(delivery)
                })
            })
            .await
    }

    /// Plans a mail by itself. The same again plans nothing more.
    pub(crate) async fn plan(&self, new: NewDelivery) -> Result<(), CommonError> {
        let organization_id = new.organization_id;
        self.database
            .transaction(organization_id, move |tx| Box::pin(async move { plan(tx, &new).await }))
            .await
    }

    /// Finds a delivery, what its mail says, and the time of the database.
    pub(crate) async fn find(
        &self,
        organization_id: OrganizationId,
        id: DeliveryId,
    ) -> Result<Option<Found>, CommonError> {
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move { Ok(repo::find(tx, organization_id, id).await?) })
            })
            .await
    }

    /// Finds what clocks show in a time zone; nothing where there is no such zone.
    pub(crate) async fn find_local_time(
        &self,
        organization_id: OrganizationId,
        time: DateTime<Utc>,
        zone: String,
    ) -> Result<Option<NaiveDateTime>, CommonError> {
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move { Ok(repo::find_local_time(tx, time, &zone).await?) })
            })
            .await
    }

    /// Records how a try ended, and what identity told in it. Changes nothing where the delivery no longer waits.
    pub(crate) async fn record(
        &self,
        organization_id: OrganizationId,
        id: DeliveryId,
        told: Told,
        outcome: Outcome,
    ) -> Result<(), CommonError> {
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move { Ok(repo::record(tx, organization_id, id, &told, &outcome).await?) })
            })
            .await
    }
}

/// A delivery as a try finds it.
#[derive(Debug)]
pub(crate) struct Found {
    /// The delivery.
    pub(crate) delivery: Delivery,
    /// What its mail says; a setback where that cannot be read.
    pub(crate) mail: Result<Mail, Setback>,
    /// The database's time.
    pub(crate) now: DateTime<Utc>,
}

/// How a try ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// The mail server took the mail.
    Sent(DateTime<Utc>),
    /// It will be tried again; why it was not sent.
    Waiting(String),
    /// It will not be tried again; why.
    Failed(String),
    /// There was nothing to send, or it was too late; which.
    NotDue(String),
}

/// Plans a mail, in the transaction that applies its event. The same again plans nothing more.
pub(crate) async fn plan(tx: &mut PgConnection, new: &NewDelivery) -> Result<(), CommonError> {
    let id = new.delivery_id;
    if let Some(wait) = repo::insert(tx, new).await? {
        enqueue(tx, id.uuid(), new.organization_id, id, new.mail.kind(), wait).await?;
    }
    Ok(())
}

async fn enqueue(
    tx: &mut PgConnection,
    job_id: Uuid,
    organization_id: OrganizationId,
    id: DeliveryId,
    kind: MailKind,
    seconds: f64,
) -> Result<(), sqlx::Error> {
    let (name, max_attempts) = kind.job();
    let payload = serde_json::json!({ "delivery_id": id });
    let job = NewJob { id: job_id, name, organization_id, queue_key: None, payload, max_attempts };
    jobs::enqueue_after(tx, job, Duration::try_from_secs_f64(seconds).unwrap_or_default()).await
}
