//! Logs: what of a space was written to a CRM.
//!
//! Owns the CRM panel of a space (its link and its logs), asking for a log and for another try, and the states between which
//! the job [`write_log`] moves a log. Who may see and do this is asked of spaces at each call.

mod content;
mod describe;
mod entity;
mod error;
mod events;
pub(crate) mod links_repo;
pub(crate) mod matching;
pub(crate) mod repo;
mod show;
pub(crate) mod writes_repo;

use chrono::{DateTime, Utc};
use messaging::jobs;
use service_kit::caller::{Call, Caller};
use service_kit::clock::SharedClock;
use service_kit::db::{Database, Reply};
use service_kit::ids::{Ids, OrganizationId, SpaceId};
use service_kit::page::Page;
use service_kit::space_access::{Permission, SpaceAccess};
use service_kit::validate::Violations;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::connection::{self, ConnectionState};
use crate::connectors::{Connectors, CrmConnector, LogEntry};
use crate::jobs::write_log;
use crate::organization::{self, LoggingMode};

pub(crate) use content::{Content, Person};
pub(crate) use describe::Describer;
use entity::WrittenLog;
pub(crate) use entity::{
    Attempt, CreateLog, CrmLog, CurrentLink, LinkSpace, ListLogs, LockedLog, LogId, LogKey, LogKind,
    LogState, NewLog, Panel, ShownLink, ShownLog, Target, WaitingLog,
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

/// Keeps a log that is asked for, and has it written where it can be.
pub(crate) async fn ask(tx: &mut PgConnection, new: &NewLog) -> Result<(), sqlx::Error> {
    if repo::insert(tx, new).await? && new.failure.is_none() {
        let job = write_log::new_job(new.job_id, new.organization_id, new.target.connection_id, new.log_id);
        jobs::enqueue(tx, job).await?;
    }
    Ok(())
}

/// The use cases of logs.
#[derive(Clone)]
pub(crate) struct Logs {
    database: Database,
    clock: SharedClock,
    ids: Ids,
    connectors: Connectors,
    access: SpaceAccess,
    describer: Describer,
}

impl Logs {
    pub(crate) fn new(
        database: Database,
        clock: SharedClock,
        ids: Ids,
        connectors: Connectors,
        access: SpaceAccess,
        describer: Describer,
    ) -> Self {
        Self { database, clock, ids, connectors, access, describer }
    }

    /// Returns what the CRM panel of a space shows: its link, whether logs are written, and its logs, newest first.
    pub(crate) async fn list(&self, caller: &Caller, list: ListLogs) -> Result<Panel, LogError> {
        let organization_id = caller.organization_id;
        self.require_plan(organization_id).await?;
        self.require_access(caller, list.space_id, LogError::SpaceNotFound).await?;
        let page = list.page.clone();
        let (logs, link, logging_mode) = self
            .database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    let logs = repo::list(tx, organization_id, &list).await?;
                    let link = links_repo::find(tx, organization_id, list.space_id).await?;
                    let mode = organization::repo::logging_mode(tx, organization_id).await?;
                    Ok::<_, LogError>((logs, link, mode))
                })
            })
            .await?;
        let shown = logs.into_iter().map(|log| self.shown(log)).collect();
        let logs = Page::cut(shown, &page, |shown: &ShownLog| LogKey {
            create_time: shown.log.create_time,
            log_id: shown.log.log_id,
        });
        Ok(Panel { logs, link: link.map(|link| self.shown_link(link)), logging_mode })
    }

    /// Returns a log of a space whose CRM the caller may use.
    pub(crate) async fn get(&self, caller: &Caller, log_id: LogId) -> Result<ShownLog, LogError> {
        let organization_id = caller.organization_id;
        self.require_plan(organization_id).await?;
        let log = self.find(organization_id, log_id).await?.ok_or(LogError::NotFound)?;
        self.require_access(caller, log.space_id, LogError::NotFound).await?;
        Ok(self.shown(log))
    }

    /// Sets a log that has failed, or that waits for a job which is dead, to be tried again. It stays the same record in
    /// the CRM.
    pub(crate) async fn retry<R: Reply<ShownLog>>(&self, call: &Call, log_id: LogId) -> Result<R, LogError> {
        let caller = call.caller()?.clone();
        let organization_id = caller.organization_id;
        self.get(&caller, log_id).await?;
        let this = self.clone();
        self.database
            .write(call, organization_id, move |tx| Box::pin(this.set_to_run(tx, organization_id, log_id)))
            .await
    }

    /// Links a space to an Account or Opportunity, or unlinks it.
    pub(crate) async fn link<R: Reply<CurrentLink>>(
        &self,
        call: &Call,
        link: LinkSpace,
    ) -> Result<R, LogError> {
        let caller = call.caller()?.clone();
        let organization_id = caller.organization_id;
        self.require_plan(organization_id).await?;
        self.require_access(&caller, link.space_id, LogError::SpaceNotFound).await?;
        if let Some(target) = link.target.clone() {
            self.require_record(organization_id, target, link.space_id).await?;
        }
        let this = self.clone();
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    match &link.target {
                        Some(target) => {
                            let now = this.clock.now();
                            links_repo::set(tx, organization_id, link.space_id, target, now).await?;
                        }
                        None => links_repo::delete(tx, organization_id, link.space_id).await?,
                    }
                    let link = links_repo::find(tx, organization_id, link.space_id).await?;
                    Ok(CurrentLink(link.map(|link| this.shown_link(link))))
                })
            })
            .await
    }

    /// Asks for a log of the space as it is at this moment; it is written in the background.
    pub(crate) async fn create<R: Reply<ShownLog>>(
        &self,
        call: &Call,
        create: CreateLog,
    ) -> Result<R, LogError> {
        let caller = call.caller()?.clone();
        let organization_id = caller.organization_id;
        if let Some(reply) = self.database.replay(call, organization_id).await? {
            return Ok(reply);
        }
        self.require_plan(organization_id).await?;
        self.require_access(&caller, create.space_id, LogError::SpaceNotFound).await?;
        let target = self.target_of(organization_id, &create).await?;
        let new = self.new_snapshot(&caller, &create, target).await?;
        self.require_plan_of(organization_id, &new).await?;
        let this = self.clone();
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    ask(tx, &new).await?;
                    let log = repo::find(tx, organization_id, new.log_id).await?.ok_or(LogError::NotFound)?;
                    Ok(this.shown(log))
                })
            })
            .await
    }

    async fn new_snapshot(
        &self,
        caller: &Caller,
        create: &CreateLog,
        target: Target,
    ) -> Result<NewLog, LogError> {
        let organization_id = caller.organization_id;
        let described = self.describer.describe(organization_id, create.space_id).await?;
        let content = described.ok_or(LogError::SpaceNotFound)?;
        let log_id: LogId = self.ids.next();
        Ok(NewLog {
            log_id,
            job_id: log_id.uuid(),
            organization_id,
            space_id: create.space_id,
            kind: LogKind::Snapshot,
            target,
            content,
            people: create.person.clone().into_iter().collect(),
            requester_user_id: Some(caller.user_id),
            create_time: self.clock.now(),
            failure: None,
        })
    }

    /// Returns the target that was given, or the space's link; refuses where nothing is logged.
    async fn target_of(
        &self,
        organization_id: OrganizationId,
        create: &CreateLog,
    ) -> Result<Target, LogError> {
        let (space_id, given) = (create.space_id, create.target.clone());
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    if organization::repo::logging_mode(tx, organization_id).await? == LoggingMode::Off {
                        return Err(LogError::LoggingOff);
                    }
                    if let Some(target) = given {
                        return Ok(target);
                    }
                    let link = links_repo::find(tx, organization_id, space_id).await?;
                    let rule = "must be given: the space is linked to no Account or Opportunity";
                    Ok(link.ok_or_else(|| Violations::one("target", rule))?.target)
                })
            })
            .await
    }

    /// Refuses a target that its CRM cannot have.
    async fn require_record(
        &self,
        organization_id: OrganizationId,
        target: Target,
        space_id: SpaceId,
    ) -> Result<(), LogError> {
        let content = Content {
            title: String::new(),
            url: String::new(),
            description: String::new(),
            create_time: self.clock.now(),
            locale: String::new(),
            inviter: None,
            invited: Vec::new(),
            note: String::new(),
            participants: Vec::new(),
            items: Vec::new(),
            item_count: 0,
        };
        let log_id: LogId = self.ids.next();
        let new = NewLog {
            log_id,
            job_id: log_id.uuid(),
            organization_id,
            space_id,
            kind: LogKind::Snapshot,
            target,
            content,
            people: Vec::new(),
            requester_user_id: None,
            create_time: self.clock.now(),
            failure: None,
        };
        match self.require_plan_of(organization_id, &new).await {
            // A link may wait for its connection to work again.
            Err(LogError::ReconnectNeeded) => Ok(()),
            checked => checked,
        }
    }

    /// Refuses a log whose connection is not there, and one whose target or person its CRM cannot have.
    async fn require_plan_of(&self, organization_id: OrganizationId, new: &NewLog) -> Result<(), LogError> {
        let connection_id = new.target.connection_id;
        let connection = self
            .database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    Ok::<_, LogError>(connection::repo::find(tx, organization_id, connection_id).await?)
                })
            })
            .await?;
        let connection = connection
            .filter(|connection| connection.state != ConnectionState::Disconnected)
            .ok_or(LogError::ConnectionNotFound)?;
        let connector = self.connectors.find(connection.provider).ok_or(LogError::ConnectionNotFound)?;
        check_plan(connector, new)?;
        match connection.state {
            ConnectionState::ReconnectNeeded => Err(LogError::ReconnectNeeded),
            ConnectionState::Connected | ConnectionState::Disconnected => Ok(()),
        }
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
        if !jobs::redrive(tx, organization_id, job_id).await? {
            if !locked.state.has_ended() {
                return Err(LogError::NotFailed);
            }
            // There never was a job, or it is about to end: a new one. Jobs of one connection run one after the other,
            // and the first one ends what it writes, so that two jobs write one record.
            job_id = self.ids.next::<Uuid>();
            let job = write_log::new_job(job_id, organization_id, locked.connection_id, log_id);
            jobs::enqueue(tx, job).await?;
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
}

/// Names the field whose record the CRM cannot have.
fn check_plan(connector: &dyn CrmConnector, new: &NewLog) -> Result<(), Violations> {
    let entry = LogEntry {
        log_id: new.log_id,
        kind: new.kind,
        title: String::new(),
        body: String::new(),
        occurred_at: new.create_time,
        space_url: String::new(),
        target: new.target.to_ref(),
        people: Vec::new(),
    };
    connector.plan(&entry).map_err(|error| Violations::one("target.record_id", error.to_string()))?;
    let entry = LogEntry { people: new.people.clone(), ..entry };
    connector.plan(&entry).map_err(|error| Violations::one("person.record_id", error.to_string()))?;
    Ok(())
}
