//! Deliveries: planning them, leave to send them, recording how they fare, listing them, sending a failed one again.
//!
//! Owns the table `deliveries` and the job of each. Must not send anything: no transaction here waits for a mail server.

mod entity;
mod error;
mod gathering;
mod mail;
mod repo;
mod sending;
mod sending_repo;

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use messaging::jobs::{self, NewJob};
use service_kit::caller::{Call, Caller};
use service_kit::db::{Database, Reply};
use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::page::{Page, PageRequest};
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) use entity::{
    Delivery, DeliveryId, Filter, MAX_ATTEMPTS, MailKind, NewDelivery, Setback, State, Told, delay_after,
};
pub use error::DeliveryError;
pub(crate) use gathering::{Gathering, due_times, gather, gather_after_first, withdraw};
pub(crate) use mail::{Added, Asked, Colors, GrantedInvitation, Mail, Notice, Said, Space};
pub(crate) use sending::{BUSY_DELAY, Found, Leave, MAYBE_SENT, Outcome, Sendable};

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

    /// Lists those of an organisation's mails that a filter lets through, newest first.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        filter: Filter,
        page: PageRequest<PageKey>,
    ) -> Result<Page<Delivery>, DeliveryError> {
        let organization_id = caller.organization_id;
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    let rows = repo::list(tx, organization_id, &filter, page.after, page.limit()).await?;
                    Ok(Page::cut(rows, &page, |delivery| (delivery.create_time, delivery.delivery_id)))
                })
            })
            .await
    }

    /// Returns one of the organisation's mails.
    pub(crate) async fn get(&self, caller: &Caller, id: DeliveryId) -> Result<Delivery, DeliveryError> {
        let found = self.find(caller.organization_id, id).await?;
        found.map(|found| found.delivery).ok_or(DeliveryError::NotFound)
    }

    /// Returns what the space of a mail is called, as the latest mail to somebody about it has it; empty where there is none.
    pub(crate) async fn title_of(
        &self,
        organization_id: OrganizationId,
        space_id: SpaceId,
        user_id: UserId,
    ) -> Result<String, CommonError> {
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move { Ok(repo::title_of(tx, organization_id, space_id, user_id).await?) })
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
                    let was_dead = jobs::redrive(tx, organization_id, job_id).await?;
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
