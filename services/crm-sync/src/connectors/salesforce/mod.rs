//! Salesforce: a log is closed Tasks, written by upsert on an external id, so that repeating it is harmless
//! (REST API guide, "Upsert a record using an external ID"); several of one log are written together or not at all
//! ("Composite").
//!
//! Owns the order of the calls; [`auth`] speaks OAuth, [`wire`] the REST API, [`mapping`] makes Tasks of a log,
//! [`soql`] writes literals, [`error`] tells what a refusal means.

mod auth;
mod error;
mod mapping;
mod soql;
mod wire;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;
use service_kit::clock::SharedClock;
use service_kit::validate::Violations;
use url::Url;

use self::error::Refusal;
use self::wire::{COMPOSITE_MAX, KeyedTask};
use super::{
    Access, AccessForm, CrmConnector, CrmError, CrmPerson, CrmRecord, CrmRef, CrmWrite, Finding, Grant,
    Hosts, LogEntry, Outcome, PersonRef, PersonType, Proof, Provider, Session, SignInKind, TargetRef, http,
    keys,
};
use crate::config::SalesforceConfig;
use crate::connection::ConnectionId;

/// How long a connection's closed status is believed; admins rename them rarely.
const STATUS_KEPT: Duration = Duration::from_secs(600);
/// More connections than this and the kept statuses are read anew.
const STATUSES_KEPT: usize = 10_000;

/// The connector to Salesforce.
pub(crate) struct Salesforce {
    http: Client,
    hosts: Hosts,
    config: SalesforceConfig,
    clock: SharedClock,
    closed_statuses: Mutex<HashMap<ConnectionId, (Instant, String)>>,
}

/// What became of an upsert that was refused in a way that can be gone on from.
enum Way {
    /// The ids, where Salesforce gave them.
    Done(Vec<Option<String>>),
    /// Read the ids by key.
    Read,
    /// This Task's Lead is a Contact by now.
    Follow(usize),
}

impl Salesforce {
    /// Returns the connector of an app. Errors where no HTTP client can be made.
    pub(crate) fn try_new(config: SalesforceConfig, clock: SharedClock) -> anyhow::Result<Self> {
        let hosts = Hosts::salesforce(&config.allowed_hosts);
        let http = http::client(hosts.clone())?;
        Ok(Self { http, hosts, config, clock, closed_statuses: Mutex::default() })
    }

    fn statuses(&self) -> MutexGuard<'_, HashMap<ConnectionId, (Instant, String)>> {
        self.closed_statuses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the org's own name for "closed": every org may rename it.
    async fn closed_status(&self, session: &Session) -> Result<String, CrmError> {
        if let Some((read, status)) = self.statuses().get(&session.connection_id)
            && read.elapsed() < STATUS_KEPT
        {
            return Ok(status.clone());
        }
        let status = self.read_closed_status(session).await?;
        let mut statuses = self.statuses();
        if statuses.len() >= STATUSES_KEPT {
            statuses.clear();
        }
        statuses.insert(session.connection_id, (Instant::now(), status.clone()));
        Ok(status)
    }

    async fn write_all(&self, session: &Session, writes: &[CrmWrite]) -> Result<Vec<Outcome>, CrmError> {
        let status = self.closed_status(session).await?;
        let mut outcomes: Vec<Outcome> = Vec::new();
        for together in writes.chunks(COMPOSITE_MAX) {
            if let Some(Err(error)) = outcomes.last() {
                let error = error.clone();
                outcomes.extend(together.iter().map(|_| Err(error.clone())));
                continue;
            }
            match self.write_together(session, together, &status).await {
                Ok(ids) => outcomes.extend(ids.into_iter().map(|id| Ok(task_ref(id)))),
                // Nothing of the first is done: as one, so that a new token is asked for.
                Err(error) if outcomes.is_empty() => return Err(error),
                Err(error) => outcomes.extend(together.iter().map(|_| Err(error.clone()))),
            }
        }
        Ok(outcomes)
    }

    async fn write_together(
        &self,
        session: &Session,
        writes: &[CrmWrite],
        status: &str,
    ) -> Result<Vec<String>, CrmError> {
        let mut tasks: Vec<KeyedTask> = writes
            .iter()
            .map(|write| {
                let mut fields = write.fields.clone();
                mapping::set(&mut fields, "Status", status);
                KeyedTask { key: write.key, fields }
            })
            .collect();
        // Each Lead is followed once.
        for _attempt in 0..=tasks.len() {
            match self.upsert(session, &tasks).await? {
                Way::Done(ids) => return self.with_missing(session, &tasks, ids).await,
                Way::Read => {
                    let unknown = vec![None; tasks.len()];
                    return self.with_missing(session, &tasks, unknown).await;
                }
                Way::Follow(index) => self.follow(session, tasks.get_mut(index)).await?,
            }
        }
        Err(Refusal::ConvertedLead.into())
    }

    async fn upsert(&self, session: &Session, tasks: &[KeyedTask]) -> Result<Way, CrmError> {
        let answered = match tasks {
            [task] => {
                let answered = self.upsert_task(session, task).await?;
                answered.map(|id| vec![id]).map_err(|refusal| (0, refusal))
            }
            several => self.upsert_tasks(session, several).await?,
        };
        match answered {
            Ok(ids) => Ok(Way::Done(ids)),
            // Somebody else's write of the same log was faster: the records are there.
            Err((_, Refusal::AlreadyDone)) => Ok(Way::Read),
            Err((index, Refusal::ConvertedLead)) => Ok(Way::Follow(index)),
            Err((_, Refusal::StaleStatus)) => {
                self.statuses().remove(&session.connection_id);
                Err(CrmError::retry("Salesforce has renamed the status of closed tasks; it is read anew."))
            }
            Err((_, refusal)) => Err(refusal.into()),
        }
    }

    /// Reads the ids that are not known yet.
    async fn with_missing(
        &self,
        session: &Session,
        tasks: &[KeyedTask],
        ids: Vec<Option<String>>,
    ) -> Result<Vec<String>, CrmError> {
        let mut known = Vec::new();
        for (task, id) in tasks.iter().zip(ids) {
            let id = match id {
                Some(id) => Some(id),
                None => self.read_task_id(session, task.key).await?,
            };
            // The other write that was told of is not to be seen yet, or was another one's of this log.
            known.push(id.ok_or_else(|| CrmError::retry("Salesforce does not show the log yet."))?);
        }
        Ok(known)
    }

    /// Puts the Contact that a converted Lead has become in its place.
    async fn follow(&self, session: &Session, task: Option<&mut KeyedTask>) -> Result<(), CrmError> {
        let task = task.ok_or_else(|| CrmError::from(Refusal::ConvertedLead))?;
        let lead = task.fields.get("WhoId").and_then(Value::as_str).filter(|id| mapping::is_lead(id));
        let lead = lead.ok_or_else(|| CrmError::from(Refusal::ConvertedLead))?;
        let contact = self.find_converted(session, lead).await?;
        let contact = contact.ok_or_else(|| CrmError::from(Refusal::ConvertedLead))?;
        mapping::set(&mut task.fields, "WhoId", &contact);
        Ok(())
    }
}

fn task_ref(record_id: String) -> CrmRef {
    CrmRef { object: mapping::OBJECT.to_owned(), record_id, readable_id: None }
}

#[tonic::async_trait]
impl CrmConnector for Salesforce {
    fn provider(&self) -> Provider {
        Provider::Salesforce
    }

    fn sign_ins(&self) -> &'static [SignInKind] {
        &[SignInKind::Code, SignInKind::JwtBearer]
    }

    fn check_access(&self, form: AccessForm) -> Result<Access, Violations> {
        let mut check = Violations::default();
        let login_url = self.hosts.check(&form.login_url);
        if form.sign_in == SignInKind::JwtBearer
            && let Err(refused) = keys::rsa_der(&form.credentials.private_key_pem)
        {
            check.add("credentials.private_key_pem", refused.to_string());
        }
        if !form.instance_url.is_empty() {
            check.add("instance_url", "must be empty: Salesforce tells it");
        }
        match login_url {
            Ok(login_url) => {
                check.into_result()?;
                let AccessForm { sign_in, credentials, .. } = form;
                Ok(Access { sign_in, login_url, instance_url: None, credentials })
            }
            Err(refused) => {
                check.add("login_url", refused.to_string());
                Err(check)
            }
        }
    }

    fn authorization_url(&self, access: &Access, state: &str, challenge: &str) -> Option<Url> {
        (access.sign_in == SignInKind::Code)
            .then(|| auth::authorization_url(&self.config, &access.login_url, state, challenge))
    }

    async fn sign_in(&self, access: &Access, proof: Proof<'_>) -> Result<Grant, CrmError> {
        self.get_grant(access, proof).await
    }

    async fn check_setup(&self, session: &Session) -> Result<Vec<Finding>, CrmError> {
        self.look_at_setup(session).await
    }

    async fn search_accounts(&self, session: &Session, query: &str) -> Result<Vec<CrmRecord>, CrmError> {
        self.find_accounts(session, query).await
    }

    async fn search_opportunities(&self, session: &Session, query: &str) -> Result<Vec<CrmRecord>, CrmError> {
        self.find_opportunities(session, query).await
    }

    async fn search_people(&self, session: &Session, query: &str) -> Result<Vec<CrmPerson>, CrmError> {
        self.find_people(session, query).await
    }

    async fn match_addresses(
        &self,
        session: &Session,
        addresses: &[String],
    ) -> Result<Vec<Vec<CrmPerson>>, CrmError> {
        self.find_by_addresses(session, addresses).await
    }

    fn plan(&self, entry: &LogEntry) -> Result<Vec<CrmWrite>, CrmError> {
        mapping::plan(entry)
    }

    fn has_keys(&self) -> bool {
        true
    }

    async fn find_by_key(&self, session: &Session, write: &CrmWrite) -> Result<Option<CrmRef>, CrmError> {
        async { Ok(self.read_task_id(session, write.key).await?.map(task_ref)) }.await
    }

    async fn write(&self, session: &Session, writes: &[CrmWrite]) -> Result<Vec<Outcome>, CrmError> {
        self.write_all(session, writes).await
    }

    fn record_url(&self, instance_url: &Url, record: &CrmRef) -> Option<String> {
        mapping::record_url(instance_url, record)
    }

    fn target_url(&self, instance_url: &Url, target: &TargetRef) -> Option<String> {
        mapping::target_url(instance_url, target)
    }

    fn person_url(&self, instance_url: &Url, person: &PersonRef) -> Option<String> {
        mapping::person_url(instance_url, person)
    }
}
