//! Logs: what of a space was written to a CRM.
//!
//! Owns the list of a space's logs, asking for another try, and the states between which the job
//! [`write_log`] moves a log. Who may see them is asked of spaces at each call.

mod entity;
mod error;
mod events;
pub(crate) mod repo;

use chrono::{DateTime, Utc};
use messaging::jobs;
use service_kit::caller::{Call, Caller};
use service_kit::clock::SharedClock;
use service_kit::db::{Database, Reply};
use service_kit::ids::{Ids, OrganizationId, SpaceId};
use service_kit::page::Page;
use service_kit::space_access::{Permission, SpaceAccess};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::connectors::Connectors;
use crate::jobs::write_log;
use crate::organization;

use entity::WrittenLog;
pub(crate) use entity::{
    CrmLog, ListLogs, LockedLog, LogId, LogKey, LogKind, LogState, LogToWrite, NewLog, ShownLog, Target,
};
pub use error::LogError;

/// Notes that a log is in the CRM, and tells other services of it. What is noted already is not told again.
pub(crate) async fn finish(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    log_id: LogId,
    crm_record_id: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    match repo::set_logged(tx, organization_id, log_id, crm_record_id, now).await? {
        Some(written) => events::written(tx, organization_id, &written).await,
        None => Ok(()),
    }
}

/// The use cases of logs.
#[derive(Clone)]
pub(crate) struct Logs {
    database: Database,
    clock: SharedClock,
    ids: Ids,
    connectors: Connectors,
    access: SpaceAccess,
}

impl Logs {
    pub(crate) fn new(
        database: Database,
        clock: SharedClock,
        ids: Ids,
        connectors: Connectors,
        access: SpaceAccess,
    ) -> Self {
        Self { database, clock, ids, connectors, access }
    }

    /// Lists the logs of a space, newest first.
    pub(crate) async fn list(&self, caller: &Caller, list: ListLogs) -> Result<Page<ShownLog>, LogError> {
        let organization_id = caller.organization_id;
        self.require_plan(organization_id).await?;
        self.require_access(caller, list.space_id, LogError::SpaceNotFound).await?;
        let page = list.page.clone();
        let logs = self
            .database
            .read(organization_id, move |tx| {
                Box::pin(async move { Ok::<_, LogError>(repo::list(tx, organization_id, &list).await?) })
            })
            .await?;
        let shown = logs.into_iter().map(|log| self.shown(log)).collect();
        Ok(Page::cut(shown, &page, |shown: &ShownLog| LogKey {
            create_time: shown.log.create_time,
            log_id: shown.log.log_id,
        }))
    }

    /// Sets a log that has failed, or that waits for a job which is dead, to be tried again. It stays the same record in
    /// the CRM.
    pub(crate) async fn retry<R: Reply<ShownLog>>(&self, call: &Call, log_id: LogId) -> Result<R, LogError> {
        let caller = call.caller()?.clone();
        let organization_id = caller.organization_id;
        self.require_plan(organization_id).await?;
        let log = self.find(organization_id, log_id).await?.ok_or(LogError::NotFound)?;
        self.require_access(&caller, log.space_id, LogError::NotFound).await?;
        let this = self.clone();
        self.database
            .write(call, organization_id, move |tx| Box::pin(this.set_to_run(tx, organization_id, log_id)))
            .await
    }

    async fn set_to_run(
        self,
        tx: &mut PgConnection,
        organization_id: OrganizationId,
        log_id: LogId,
    ) -> Result<ShownLog, LogError> {
        let locked = repo::lock(tx, organization_id, log_id).await?.ok_or(LogError::NotFound)?;
        if locked.state == LogState::Logged {
            return Err(LogError::NotFailed);
        }
        let mut job_id = locked.job_id;
        if !jobs::redrive(tx, job_id).await? {
            if !locked.state.has_ended() {
                return Err(LogError::NotFailed);
            }
            // There never was a job, or it is about to end: a new one. The log's id is still the record's key, so two
            // jobs write one record.
            job_id = self.ids.next::<Uuid>();
            jobs::enqueue(tx, write_log::new_job(job_id, organization_id, log_id)).await?;
        }
        repo::set_pending(tx, organization_id, log_id, job_id, self.clock.now()).await?;
        let log = repo::find(tx, organization_id, log_id).await?.ok_or(LogError::NotFound)?;
        Ok(self.shown(log))
    }

    async fn require_plan(&self, organization_id: OrganizationId) -> Result<(), LogError> {
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move { Ok(organization::require_crm(tx, organization_id).await?) })
            })
            .await
    }

    /// Refuses a caller who may not use the CRM of a space; with `hidden` one who may not know of the space.
    async fn require_access(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        hidden: LogError,
    ) -> Result<(), LogError> {
        let permissions = self.access.permissions_of(caller, space_id).await?;
        if permissions.is_none() {
            return Err(hidden);
        }
        if !permissions.may(Permission::Crm) {
            return Err(LogError::InternalParticipantsOnly);
        }
        Ok(())
    }

    async fn find(&self, organization_id: OrganizationId, log_id: LogId) -> Result<Option<CrmLog>, LogError> {
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move { Ok(repo::find(tx, organization_id, log_id).await?) })
            })
            .await
    }

    /// Adds the link, which is made when it is read: an instance may move.
    fn shown(&self, log: CrmLog) -> ShownLog {
        let record_url = match (&log.crm_record_id, &log.connection) {
            (Some(record_id), Some((provider, instance_url))) => {
                self.connectors.of(*provider).record_url(instance_url, record_id)
            }
            _ => String::new(),
        };
        ShownLog { log, record_url }
    }
}
