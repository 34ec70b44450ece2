//! Records of the CRMs, searched while typing and matched to addresses.
//!
//! Owns asking several connections at once: each within its own time, so that one that is slow or fails hides none of the
//! others. Keeps nothing.

use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use service_kit::caller::Caller;
use service_kit::db::Database;
use service_kit::ids::{OrganizationId, SpaceId};

use crate::connection::sessions::{CallError, Sessions};
use crate::connection::{self, ConnectionError, ConnectionId, ConnectionState};
use crate::connectors::{CrmConnector, CrmError, CrmPerson, CrmRecord, Session};
use crate::log::links_repo;
use crate::organization::{self, LoggingMode};

/// How long one of several connections may take.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(4);

/// A search in one connection, or in all.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    pub(crate) connection_id: Option<ConnectionId>,
    pub(crate) query: String,
}

/// Addresses to be matched.
#[derive(Clone, Debug)]
pub(crate) struct Match {
    pub(crate) connection_id: ConnectionId,
    /// Normalised.
    pub(crate) addresses: Vec<String>,
    /// As they were given, in the same order.
    pub(crate) given: Vec<String>,
}

/// An invitation that is to be logged.
#[derive(Clone, Debug)]
pub(crate) struct Invitation {
    pub(crate) organization_id: OrganizationId,
    pub(crate) space_id: SpaceId,
    /// Nothing: that of the space's link.
    pub(crate) connection_id: Option<ConnectionId>,
    /// Normalised.
    pub(crate) addresses: Vec<String>,
    /// As they were given, in the same order.
    pub(crate) given: Vec<String>,
}

/// Something that was found, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Found<T> {
    pub(crate) connection_id: ConnectionId,
    pub(crate) record: T,
}

/// What is asked of one connection.
type Ask<T> =
    for<'a> fn(&'a dyn CrmConnector, &'a Session, &'a String) -> BoxFuture<'a, Result<Vec<T>, CrmError>>;

/// The use cases of records.
#[derive(Clone)]
pub(crate) struct Records {
    database: Database,
    sessions: Sessions,
}

impl Records {
    pub(crate) fn new(database: Database, sessions: Sessions) -> Self {
        Self { database, sessions }
    }

    /// Finds Accounts by a part of their name.
    pub(crate) async fn search_accounts(
        &self,
        caller: &Caller,
        search: Search,
    ) -> Result<Vec<Found<CrmRecord>>, ConnectionError> {
        self.search(caller, search, |connector, session, query| connector.search_accounts(session, query))
            .await
    }

    /// Finds Opportunities by a part of their name.
    pub(crate) async fn search_opportunities(
        &self,
        caller: &Caller,
        search: Search,
    ) -> Result<Vec<Found<CrmRecord>>, ConnectionError> {
        self.search(caller, search, |connector, session, query| {
            connector.search_opportunities(session, query)
        })
        .await
    }

    /// Finds Contacts and Leads by a part of their name or address, Contacts first.
    pub(crate) async fn search_people(
        &self,
        caller: &Caller,
        search: Search,
    ) -> Result<Vec<Found<CrmPerson>>, ConnectionError> {
        let asked =
            self.search(caller, search, |connector, session, query| connector.search_people(session, query));
        let mut found: Vec<Found<CrmPerson>> = asked.await?;
        found.sort_by_key(|found| found.record.person_type == crate::connectors::PersonType::Lead);
        Ok(found)
    }

    /// Finds who is behind each of the addresses, the best first.
    pub(crate) async fn match_addresses(
        &self,
        caller: &Caller,
        of: Match,
    ) -> Result<Vec<Vec<CrmPerson>>, ConnectionError> {
        let organization_id = caller.organization_id;
        self.read_working(organization_id).await?;
        self.matched(organization_id, of.connection_id, &of.addresses).await
    }

    /// Tells which addresses of an invitation that is to be logged belong to neither a Contact nor a Lead.
    pub(crate) async fn check_invitation(&self, of: Invitation) -> Result<Vec<String>, ConnectionError> {
        let Invitation { organization_id, space_id, connection_id, addresses, given } = of;
        let connection_id = self
            .database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    organization::require_crm(tx, organization_id).await?;
                    if organization::repo::logging_mode(tx, organization_id).await? == LoggingMode::Off {
                        return Err(ConnectionError::LoggingOff);
                    }
                    if let Some(connection_id) = connection_id {
                        return Ok(connection_id);
                    }
                    let link = links_repo::find(tx, organization_id, space_id).await?;
                    Ok(link.ok_or(ConnectionError::NoTarget)?.target.connection_id)
                })
            })
            .await?;
        let found = self.matched(organization_id, connection_id, &addresses).await?;
        let unknown = given.into_iter().zip(found).filter(|(_, people)| people.is_empty());
        Ok(unknown.map(|(address, _)| address).collect())
    }

    async fn matched(
        &self,
        organization_id: OrganizationId,
        connection_id: ConnectionId,
        addresses: &[String],
    ) -> Result<Vec<Vec<CrmPerson>>, ConnectionError> {
        let addresses = addresses.to_vec();
        let asked = self.sessions.call(
            organization_id,
            connection_id,
            &addresses,
            |connector, session, addresses| connector.match_addresses(session, addresses),
        );
        Ok(asked.await?)
    }

    async fn search<T>(
        &self,
        caller: &Caller,
        search: Search,
        ask: Ask<T>,
    ) -> Result<Vec<Found<T>>, ConnectionError> {
        let organization_id = caller.organization_id;
        let working = self.read_working(organization_id).await?;
        let Search { connection_id, query } = search;
        if let Some(connection_id) = connection_id {
            let found = self.sessions.call(organization_id, connection_id, &query, ask).await?;
            return Ok(of_connection(connection_id, found));
        }
        let asked = working.into_iter().map(|connection_id| {
            let call = self.sessions.call(organization_id, connection_id, &query, ask);
            async move {
                let answered = tokio::time::timeout(SEARCH_TIMEOUT, call).await.unwrap_or_else(|_| {
                    Err(CallError::Crm(CrmError::retry("The CRM did not answer in time.")))
                });
                answered.map(|found| of_connection(connection_id, found))
            }
        });
        one_hides_none(join_all(asked).await)
    }

    /// Lists the connections that work, oldest first; refuses an organisation without the plan.
    async fn read_working(
        &self,
        organization_id: OrganizationId,
    ) -> Result<Vec<ConnectionId>, ConnectionError> {
        let connections = self
            .database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    organization::require_crm(tx, organization_id).await?;
                    Ok::<_, ConnectionError>(connection::repo::list(tx, organization_id, false).await?)
                })
            })
            .await?;
        let working =
            connections.into_iter().filter(|connection| connection.state == ConnectionState::Connected);
        Ok(working.map(|connection| connection.connection_id).collect())
    }
}

fn of_connection<T>(connection_id: ConnectionId, found: Vec<T>) -> Vec<Found<T>> {
    found.into_iter().map(|record| Found { connection_id, record }).collect()
}

/// Joins what was found; fails only where all have failed.
fn one_hides_none<T>(answers: Vec<Result<Vec<T>, CallError>>) -> Result<Vec<T>, ConnectionError> {
    let mut found = Vec::new();
    let (mut has_answer, mut failure) = (false, None);
    for answer in answers {
        match answer {
            Ok(mut records) => {
                has_answer = true;
                found.append(&mut records);
            }
            Err(error) => {
                tracing::warn!(error.chain = %service_kit::error::chain(&error), "a connection was left out");
                failure = failure.or(Some(error));
            }
        }
    }
    match failure {
        Some(error) if !has_answer => Err(error.into()),
        _ => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_fails_hides_none_and_all_that_fail_are_a_failure() {
        let failed = || Err(CallError::Crm(CrmError::retry("away")));
        assert_eq!(one_hides_none(vec![Ok(vec![1]), failed(), Ok(vec![2])]).unwrap(), [1, 2]);
        assert_eq!(one_hides_none(vec![failed(), Ok(Vec::<u8>::new())]).unwrap(), Vec::<u8>::new());
        assert!(one_hides_none::<u8>(vec![failed(), failed()]).is_err());
        assert_eq!(one_hides_none::<u8>(vec![]).unwrap(), Vec::<u8>::new());
    }
}
