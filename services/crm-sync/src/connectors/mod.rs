//! The CRMs, each behind the same few calls.
//!
//! Owns what all connectors have in common: the trait [`CrmConnector`], and in [`model`] the neutral words for a log, a
//! session and a refusal. A connector speaks HTTP and nothing else: it must not touch the database, and must not retry,
//! because only its caller knows what is safe. One folder per CRM; a new CRM adds a [`Provider`] and a folder.

mod basic;
pub(crate) mod c4c;
pub(crate) mod dataverse;
#[cfg(test)]
pub(crate) mod fixtures;
pub(crate) mod hosts;
pub(crate) mod http;
mod kept;
pub(crate) mod keys;
mod mark;
mod model;
mod odata;
pub(crate) mod sales_cloud;
pub(crate) mod salesforce;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use service_kit::validate::Violations;
use url::Url;

pub(crate) use hosts::Hosts;
pub(crate) use model::{
    Access, AccessForm, Check, Credentials, CrmError, CrmPerson, CrmRecord, CrmRef, CrmWrite, Finding, Grant,
    LogEntry, MAIN_ROLE, Outcome, PersonRef, PersonType, Proof, Provider, RecordType, Session, Severity,
    SignInKind, TargetRef,
};

/// At most this many Accounts, Opportunities, Contacts or Leads are found by one search.
pub(crate) const FOUND_MAX: usize = 10;

/// One CRM. Every call has a deadline and answers with what to do next; none repeats anything by itself. There are no
/// default bodies: what a CRM cannot do, its connector says.
#[tonic::async_trait]
pub(crate) trait CrmConnector: Send + Sync + 'static {
    /// Which CRM it is.
    fn provider(&self) -> Provider;

    /// The ways to sign in; the first is the one that counts where none is named.
    fn sign_ins(&self) -> &'static [SignInKind];

    /// Checks the addresses of a form, and what only this CRM asks of credentials, naming the fields as
    /// StartConnection does (`login_url`, `instance_url`, `credentials.tenant`). That the way to sign in is one of
    /// [`sign_ins`](Self::sign_ins) and that its credentials are there is checked before.
    fn check_access(&self, form: AccessForm) -> Result<Access, Violations>;

    /// Returns where the admin's browser goes to allow access (RFC 6749 with PKCE S256, RFC 7636). Nothing: this way to
    /// sign in has no such page.
    fn authorization_url(&self, access: &Access, state: &str, challenge: &str) -> Option<Url>;

    /// Signs in. Credentials that are refused are [`CrmError::Reconnect`], also where the CRM has to be called to find out
    /// (user and password). The caller makes sure that only one call per connection is under way.
    async fn sign_in(&self, access: &Access, proof: Proof<'_>) -> Result<Grant, CrmError>;

    /// Looks at what logging needs in the CRM, all of it: what works, what is missing, what is limited.
    async fn check_setup(&self, session: &Session) -> Result<Vec<Finding>, CrmError>;

    /// Finds at most [`FOUND_MAX`] Accounts whose name contains `query`.
    async fn search_accounts(&self, session: &Session, query: &str) -> Result<Vec<CrmRecord>, CrmError>;

    /// Finds at most [`FOUND_MAX`] Opportunities whose name contains `query`.
    async fn search_opportunities(&self, session: &Session, query: &str) -> Result<Vec<CrmRecord>, CrmError>;

    /// Finds at most [`FOUND_MAX`] Contacts, and after them at most [`FOUND_MAX`] Leads that are not converted, by a part of
    /// their name or address.
    async fn search_people(&self, session: &Session, query: &str) -> Result<Vec<CrmPerson>, CrmError>;

    /// Finds who is behind each of at most 100 addresses, one list for each in their order: Contacts before Leads, a
    /// converted Lead as its Contact, the CRM's order among them. Addresses are compared whole and without case.
    async fn match_addresses(
        &self,
        session: &Session,
        addresses: &[String],
    ) -> Result<Vec<Vec<CrmPerson>>, CrmError>;

    /// Tells which records a log becomes. Pure, and the same for the same entry: roles and keys must not depend on order
    /// or time. Errors, always [`CrmError::Permanent`]: a record id that can be none of this CRM.
    fn plan(&self, entry: &LogEntry) -> Result<Vec<CrmWrite>, CrmError>;

    /// Tells whether the CRM refuses a second record of a [`CrmWrite::key`]. Where it does not, a write that was begun
    /// before is looked for with [`find_by_key`](Self::find_by_key) before it is written again.
    fn has_keys(&self) -> bool;

    /// Finds what an earlier, interrupted write of the same key has left. Reads what is written already, never an index
    /// that lags behind.
    async fn find_by_key(&self, session: &Session, write: &CrmWrite) -> Result<Option<CrmRef>, CrmError>;

    /// Writes records, one outcome for each in their order. What exists already is as good as written ("already done").
    /// What was not tried because one before it failed has the failure of that one. An error of the whole call stands for
    /// all of them. Writing the same again changes no other record where the CRM [has keys](Self::has_keys).
    async fn write(&self, session: &Session, writes: &[CrmWrite]) -> Result<Vec<Outcome>, CrmError>;

    /// Returns what opens a written record in the CRM; nothing where the CRM has no such address.
    fn record_url(&self, instance_url: &Url, record: &CrmRef) -> Option<String>;

    /// Returns what opens an Account or Opportunity; nothing where its id is none.
    fn target_url(&self, instance_url: &Url, target: &TargetRef) -> Option<String>;

    /// Returns what opens a Contact or Lead; nothing where its id is none.
    fn person_url(&self, instance_url: &Url, person: &PersonRef) -> Option<String>;
}

/// The connectors there are, by CRM.
#[derive(Clone)]
pub(crate) struct Connectors(Arc<BTreeMap<Provider, Arc<dyn CrmConnector>>>);

impl Connectors {
    pub(crate) fn new(connectors: impl IntoIterator<Item = Arc<dyn CrmConnector>>) -> Self {
        let by_provider = connectors.into_iter().map(|connector| (connector.provider(), connector));
        Self(Arc::new(by_provider.collect()))
    }

    /// Returns the connector of a CRM; nothing where this service has none.
    pub(crate) fn find(&self, provider: Provider) -> Option<&dyn CrmConnector> {
        self.0.get(&provider).map(AsRef::as_ref)
    }

    /// Returns the connector of a CRM, or says that there is none.
    pub(crate) fn of(&self, provider: Provider) -> Result<&dyn CrmConnector, CrmError> {
        self.find(provider).ok_or_else(|| CrmError::permanent("This CRM cannot be connected here."))
    }
}
