//! Between the messages of the interface and the service's own types.
//!
//! Owns the checks that need no state; each names the field and the rule.

use secrecy::SecretString;
use service_kit::clock::timestamp;
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::crmsync::v1 as pb;
use sharedspaces_proto::spaces::v1 as spaces_pb;

use crate::connection::{
    Connection, ConnectionState, FinishedFlow, NewConnection, Search, StartedConnection,
};
use crate::connectors::{CrmRecord, Provider, RecordType};
use crate::log::{ListLogs, LogId, LogKind, LogState, ShownLog, Target};

/// Longest `login_url`, `code` and `state`, in characters.
const URL_MAX: usize = 255;
const CODE_MAX: usize = 2_048;
const STATE_MAX: usize = 128;
/// Shortest and longest search, in characters.
const QUERY_MIN: usize = 2;
const QUERY_MAX: usize = 100;

impl TryFrom<pb::StartConnectionRequest> for NewConnection {
    type Error = Violations;

    fn try_from(request: pb::StartConnectionRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let provider = match request.provider() {
            pb::CrmProvider::Salesforce => Some(Provider::Salesforce),
            pb::CrmProvider::Dataverse
            | pb::CrmProvider::SapC4c
            | pb::CrmProvider::SapSalesCloud
            | pb::CrmProvider::Unspecified => None,
        };
        let display_name = check.line("display_name", &request.display_name, 1, 255);
        let login_url = check.line("login_url", &request.login_url, 1, URL_MAX);
        let provider = provider.unwrap_or_else(|| {
            check.add("provider", "must be CRM_PROVIDER_SALESFORCE");
            Provider::Salesforce
        });
        check.into_result()?;
        Ok(Self { provider, display_name, login_url })
    }
}

impl From<StartedConnection> for pb::StartConnectionResponse {
    fn from(started: StartedConnection) -> Self {
        Self { authorization_url: started.authorization_url, connection: None }
    }
}

impl TryFrom<pb::CompleteConnectionRequest> for FinishedFlow {
    type Error = Violations;

    fn try_from(request: pb::CompleteConnectionRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let code = check.line("code", &request.code, 1, CODE_MAX);
        let state = check.line("state", &request.state, 1, STATE_MAX);
        check.into_result()?;
        Ok(Self { code: SecretString::from(code), state: SecretString::from(state) })
    }
}

impl From<Connection> for pb::CompleteConnectionResponse {
    fn from(connection: Connection) -> Self {
        Self { connection: Some(connection.into()) }
    }
}

impl From<Connection> for pb::Connection {
    fn from(connection: Connection) -> Self {
        let provider = match connection.provider {
            Provider::Salesforce => pb::CrmProvider::Salesforce,
        };
        let state = match connection.state {
            ConnectionState::Connected => pb::ConnectionState::Connected,
            ConnectionState::ReconnectNeeded => pb::ConnectionState::ReconnectNeeded,
        };
        Self {
            connection_id: connection.connection_id.to_string(),
            provider: provider.into(),
            display_name: connection.display_name,
            instance_url: connection.instance_url.as_str().trim_end_matches('/').to_owned(),
            state: state.into(),
            create_time: Some(timestamp(connection.create_time)),
            ..Self::default()
        }
    }
}

impl TryFrom<pb::SearchAccountsRequest> for Search {
    type Error = Violations;

    fn try_from(request: pb::SearchAccountsRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let connection_id = check.id("connection_id", &request.connection_id);
        let query = check.line("query", &request.query, QUERY_MIN, QUERY_MAX);
        check.into_result()?;
        Ok(Self { connection_id, query })
    }
}

impl From<CrmRecord> for pb::CrmRecord {
    fn from(record: CrmRecord) -> Self {
        Self { record_id: record.record_id, display_name: record.display_name, ..Self::default() }
    }
}

impl TryFrom<pb::ListLogsRequest> for ListLogs {
    type Error = Violations;

    fn try_from(request: pb::ListLogsRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
        check.into_result()?;
        Ok(Self { space_id, page })
    }
}

impl TryFrom<pb::RetryLogRequest> for LogId {
    type Error = Violations;

    fn try_from(request: pb::RetryLogRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let log_id = check.id("log_id", &request.log_id);
        check.into_result()?;
        Ok(log_id)
    }
}

impl From<ShownLog> for pb::RetryLogResponse {
    fn from(shown: ShownLog) -> Self {
        Self { log: Some(shown.into()) }
    }
}

impl From<ShownLog> for pb::CrmLog {
    fn from(shown: ShownLog) -> Self {
        let log = shown.log;
        let kind = match log.kind {
            LogKind::Creation => pb::LogKind::Creation,
        };
        let state = match log.state {
            LogState::Pending => pb::LogState::Pending,
            LogState::Logged => pb::LogState::Logged,
            LogState::Failed => pb::LogState::Failed,
            LogState::ReconnectNeeded => pb::LogState::ReconnectNeeded,
        };
        Self {
            log_id: log.log_id.to_string(),
            space_id: log.space_id.to_string(),
            kind: kind.into(),
            target: Some(log.target.into()),
            state: state.into(),
            reason: log.reason,
            record_url: shown.record_url,
            create_time: Some(timestamp(log.create_time)),
            logged_time: log.logged_time.map(timestamp),
            ..Self::default()
        }
    }
}

impl From<Target> for spaces_pb::CrmTarget {
    fn from(target: Target) -> Self {
        let record_type = match target.record_type {
            RecordType::Account => spaces_pb::CrmRecordType::Account,
            RecordType::Opportunity => spaces_pb::CrmRecordType::Opportunity,
        };
        Self {
            connection_id: target.connection_id.to_string(),
            record_type: record_type.into(),
            record_id: target.record_id,
            record_name: target.record_name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_takes_2_to_100_characters() {
        let taken = |query: &str| {
            let connection_id = uuid::Uuid::nil().to_string();
            Search::try_from(pb::SearchAccountsRequest { connection_id, query: query.to_owned() }).is_ok()
        };
        assert!(taken("ab") && taken(&"é".repeat(100)));
        assert!(!taken("a") && !taken(" a ") && !taken(&"é".repeat(101)) && !taken("a\0b"));
    }

    #[test]
    fn a_connection_to_begin_names_provider_name_and_address() {
        let all = pb::StartConnectionRequest {
            provider: pb::CrmProvider::Salesforce.into(),
            display_name: "n".repeat(255),
            login_url: "https://login.salesforce.com".to_owned(),
            ..pb::StartConnectionRequest::default()
        };
        assert!(NewConnection::try_from(all.clone()).is_ok());
        let refused = |request: pb::StartConnectionRequest| {
            let violations = NewConnection::try_from(request).unwrap_err();
            violations.iter().map(|violation| violation.field.clone()).collect::<Vec<_>>()
        };
        let long = pb::StartConnectionRequest { display_name: "n".repeat(256), ..all.clone() };
        assert_eq!(refused(long), ["display_name"]);
        assert_eq!(refused(pb::StartConnectionRequest::default()), ["display_name", "login_url", "provider"]);
        assert_eq!(refused(pb::StartConnectionRequest { provider: 99, ..all }), ["provider"]);
    }

    #[test]
    fn all_that_is_wrong_with_a_request_is_told_at_once() {
        let request =
            pb::ListLogsRequest { page_size: 101, page_token: "!".to_owned(), ..Default::default() };
        assert_eq!(ListLogs::try_from(request).unwrap_err().iter().count(), 3);
        let request = pb::CompleteConnectionRequest::default();
        assert_eq!(FinishedFlow::try_from(request).unwrap_err().iter().count(), 2);
        assert!(LogId::try_from(pb::RetryLogRequest { log_id: "x".to_owned() }).is_err());
    }
}
