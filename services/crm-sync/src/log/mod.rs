//! Logs: what of a space was written to a CRM.
//!
//! Owns the list of a space's logs, asking for another try, and the states between which the job
//! [`write_log`] moves a log. Who may see them is asked of spaces at each call.

pub(crate) mod access;
mod entity;
mod error;
pub(crate) mod repo;

use messaging::jobs::{self, NewJob};
use service_kit::caller::{Call, Caller};
use service_kit::clock::SharedClock;
use service_kit::db::{Database, Reply};
use service_kit::ids::{Ids, OrganizationId};
use service_kit::page::Page;
use sqlx::PgConnection;
use uuid::Uuid;

use self::access::{Access, Spaces};
use crate::connectors::Connectors;
use crate::jobs::write_log;
use crate::organization;

pub(crate) use entity::{
    CrmLog, ListLogs, LogId, LogKey, LogKind, LogState, LogToWrite, NewLog, ShownLog, Target,
};
pub use error::LogError;

/// The use cases of logs.
#[derive(Clone)]
pub(crate) struct Logs {
    database: Database,
    clock: SharedClock,
    ids: Ids,
    connectors: Connectors,
    spaces: Spaces,
}

impl Logs {
    pub(crate) fn new(
        database: Database,
        clock: SharedClock,
        ids: Ids,
        connectors: Connectors,
        spaces: Spaces,
    ) -> Self {
        Self { database, clock, ids, connectors, spaces }
    }

    /// Lists the logs of a space, newest first.
    pub(crate) async fn list(&self, caller: &Caller, list: ListLogs) -> Result<Page<ShownLog>, LogError> {
        let organization = caller.organization_id;
        self.require_plan(organization).await?;
        match self.spaces.check(caller, list.space_id).await? {
            Access::Crm => {}
            Access::None => return Err(LogError::SpaceNotFound),
            Access::WithoutCrm => return Err(LogError::InternalParticipantsOnly),
        }
        let page = list.page.clone();
        let logs = self
            .database
            .read(organization, move |tx| {
                Box::pin(async move { Ok::<_, LogError>(repo::list(tx, organization, &list).await?) })
            })
            .await?;
        let shown = logs.into_iter().map(|log| self.shown(log)).collect();
        Ok(Page::cut(shown, &page, |shown: &ShownLog| LogKey {
            create_time: shown.log.create_time,
            log_id: shown.log.log_id,
        }))
    }

    /// Sets a failed log to be tried once more. It stays the same record in the CRM.
    pub(crate) async fn retry<R: Reply<ShownLog>>(&self, call: &Call, log_id: LogId) -> Result<R, LogError> {
        let caller = call.caller()?.clone();
        let organization = caller.organization_id;
        self.require_plan(organization).await?;
        let log = self.find(organization, log_id).await?.ok_or(LogError::NotFound)?;
        match self.spaces.check(&caller, log.space_id).await? {
            Access::Crm => {}
            Access::None => return Err(LogError::NotFound),
            Access::WithoutCrm => return Err(LogError::InternalParticipantsOnly),
        }
        let this = self.clone();
        self.database
            .write(call, organization, move |tx| Box::pin(this.set_to_run(tx, organization, log_id)))
            .await
    }

    async fn set_to_run(
        self,
        tx: &mut PgConnection,
        organization: OrganizationId,
        log_id: LogId,
    ) -> Result<ShownLog, LogError> {
        let state = repo::lock_state(tx, organization, log_id).await?.ok_or(LogError::NotFound)?;
        if !state.may_be_retried() {
            return Err(LogError::NotFailed);
        }
        repo::set_pending(tx, organization, log_id, self.clock.now()).await?;
        if !jobs::redrive(tx, log_id.uuid()).await? {
            // There never was a job, or it is about to end: a new one under an id of its own. The log's id is still
            // the record's key, so two jobs write one record.
            jobs::enqueue(tx, write_job(self.ids.next(), organization, log_id)).await?;
        }
        let log = repo::find(tx, organization, log_id).await?.ok_or(LogError::NotFound)?;
        Ok(self.shown(log))
    }

    async fn require_plan(&self, organization: OrganizationId) -> Result<(), LogError> {
        self.database
            .read(organization, move |tx| {
                Box::pin(async move { Ok(organization::require_crm(tx, organization).await?) })
            })
            .await
    }

    async fn find(&self, organization: OrganizationId, log_id: LogId) -> Result<Option<CrmLog>, LogError> {
        self.database
            .read(organization, move |tx| {
                Box::pin(async move { Ok(repo::find(tx, organization, log_id).await?) })
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

/// The job that writes a log.
pub(crate) fn write_job(id: Uuid, organization_id: OrganizationId, log_id: LogId) -> NewJob {
    NewJob {
        id,
        name: write_log::NAME,
        organization_id,
        queue_key: Some(format!("crm-log:{log_id}")),
        payload: serde_json::json!({ "log_id": log_id }),
        max_attempts: write_log::MAX_ATTEMPTS,
    }
}
