//! Between the messages of ConnectionService and the service's own types.
//!
//! Owns the checks that need no state; each names the field and the rule.

use secrecy::SecretString;
use service_kit::clock::timestamp;
use service_kit::validate::Violations;
use sharedspaces_proto::crmsync::v1 as pb;

use crate::connection::{
    Connection, ConnectionId, ConnectionState, FinishedFlow, Listed, NewConnection, StartedConnection, Tested,
};
use crate::connectors::{AccessForm, Credentials, Finding, Provider, Severity, SignInKind};
use crate::organization::LoggingMode;

/// Longest `login_url`, `instance_url`, `code` and `state`, in characters.
const URL_MAX: usize = 255;
const CODE_MAX: usize = 2_048;
const STATE_MAX: usize = 128;
/// Longest credentials, in characters.
const NAME_MAX: usize = 512;
const SECRET_MAX: usize = 4_096;
const PEM_MAX: usize = 16_384;
const TENANT_MAX: usize = 255;

/// The connection that a request names.
pub(super) struct ConnectionNamed(pub(super) ConnectionId);

impl ConnectionNamed {
    pub(super) fn read(connection_id: &str) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let connection_id = check.id("connection_id", connection_id);
        check.into_result()?;
        Ok(Self(connection_id))
    }
}

/// The mode that an admin sets.
pub(super) struct ModeToSet(pub(super) LoggingMode);

impl TryFrom<pb::SetLoggingModeRequest> for ModeToSet {
    type Error = Violations;

    fn try_from(request: pb::SetLoggingModeRequest) -> Result<Self, Violations> {
        match request.logging_mode() {
            pb::LoggingMode::Off => Ok(Self(LoggingMode::Off)),
            pb::LoggingMode::Available => Ok(Self(LoggingMode::Available)),
            pb::LoggingMode::DefaultOn => Ok(Self(LoggingMode::DefaultOn)),
            pb::LoggingMode::Unspecified => Err(Violations::one("logging_mode", "must be set")),
        }
    }
}

impl TryFrom<pb::StartConnectionRequest> for NewConnection {
    type Error = Violations;

    fn try_from(request: pb::StartConnectionRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let provider = provider(&mut check, request.provider());
        let display_name = check.line("display_name", &request.display_name, 1, 255);
        let sign_in = sign_in(request.sign_in());
        if request.sign_in != 0 && sign_in.is_none() {
            check.add("sign_in", "must be a way to sign in");
        }
        let login_url = check.line("login_url", &request.login_url, 0, URL_MAX);
        let instance_url = check.line("instance_url", &request.instance_url, 0, URL_MAX);
        let credentials = credentials(&mut check, request.credentials.unwrap_or_default());
        let connection_id = Some(request.connection_id.as_str()).filter(|id| !id.is_empty());
        let connection_id = connection_id.map(|id| check.id("connection_id", id));
        check.into_result()?;
        let form =
            AccessForm { sign_in: sign_in.unwrap_or(SignInKind::Code), login_url, instance_url, credentials };
        Ok(Self { provider, display_name, sign_in, form, connection_id })
    }
}

fn provider(check: &mut Violations, provider: pb::CrmProvider) -> Provider {
    match provider {
        pb::CrmProvider::Salesforce => Provider::Salesforce,
        pb::CrmProvider::Dataverse => Provider::Dataverse,
        pb::CrmProvider::SapC4c => Provider::SapC4c,
        pb::CrmProvider::SapSalesCloud => Provider::SapSalesCloud,
        pb::CrmProvider::Unspecified => {
            check.add("provider", "must be set");
            Provider::Salesforce
        }
    }
}

fn sign_in(sign_in: pb::CrmSignIn) -> Option<SignInKind> {
    match sign_in {
        pb::CrmSignIn::Unspecified => None,
        pb::CrmSignIn::Code => Some(SignInKind::Code),
        pb::CrmSignIn::JwtBearer => Some(SignInKind::JwtBearer),
        pb::CrmSignIn::ClientCredentials => Some(SignInKind::ClientCredentials),
        pb::CrmSignIn::Basic => Some(SignInKind::Basic),
        pb::CrmSignIn::SamlBearer => Some(SignInKind::SamlBearer),
    }
}

fn credentials(check: &mut Violations, given: pb::CrmCredentials) -> Credentials {
    let client_secret = secret(check, "client_secret", given.client_secret, SECRET_MAX);
    let password = secret(check, "password", given.password, SECRET_MAX);
    let private_key_pem = secret(check, "private_key_pem", given.private_key_pem, PEM_MAX);
    Credentials {
        client_id: check.line("credentials.client_id", &given.client_id, 0, NAME_MAX),
        client_secret,
        username: check.line("credentials.username", &given.username, 0, NAME_MAX),
        password,
        private_key_pem,
        certificate_pem: check.paragraphs("credentials.certificate_pem", &given.certificate_pem, PEM_MAX),
        tenant: check.line("credentials.tenant", &given.tenant, 0, TENANT_MAX),
        issuer: check.line("credentials.issuer", &given.issuer, 0, NAME_MAX),
    }
}

/// Takes a secret as it is: spaces at its ends may belong to it.
fn secret(check: &mut Violations, name: &str, value: String, max: usize) -> SecretString {
    if value.chars().count() > max {
        check.add(format!("credentials.{name}"), format!("must have at most {max} characters"));
    }
    SecretString::from(value)
}

impl From<StartedConnection> for pb::StartConnectionResponse {
    fn from(started: StartedConnection) -> Self {
        match started {
            StartedConnection::Flow(url) => Self { authorization_url: url.into(), connection: None },
            StartedConnection::Connected(connection) => {
                Self { authorization_url: String::new(), connection: Some((*connection).into()) }
            }
        }
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

impl From<Connection> for pb::GetConnectionResponse {
    fn from(connection: Connection) -> Self {
        Self { connection: Some(connection.into()) }
    }
}

impl From<Connection> for pb::DisconnectResponse {
    fn from(connection: Connection) -> Self {
        Self { connection: Some(connection.into()) }
    }
}

impl From<LoggingMode> for pb::SetLoggingModeResponse {
    fn from(mode: LoggingMode) -> Self {
        Self { logging_mode: pb::LoggingMode::from(mode).into() }
    }
}

impl From<LoggingMode> for pb::LoggingMode {
    fn from(mode: LoggingMode) -> Self {
        match mode {
            LoggingMode::Off => Self::Off,
            LoggingMode::Available => Self::Available,
            LoggingMode::DefaultOn => Self::DefaultOn,
        }
    }
}

impl From<Listed> for pb::ListConnectionsResponse {
    fn from(listed: Listed) -> Self {
        Self {
            connections: listed.connections.into_iter().map(pb::Connection::from).collect(),
            logging_mode: pb::LoggingMode::from(listed.logging_mode).into(),
        }
    }
}

impl From<Tested> for pb::TestConnectionResponse {
    fn from(tested: Tested) -> Self {
        Self {
            findings: tested.findings.into_iter().map(pb::Finding::from).collect(),
            connection: Some(tested.connection.into()),
        }
    }
}

impl From<Finding> for pb::Finding {
    fn from(finding: Finding) -> Self {
        let severity = match finding.severity {
            Severity::Ok => pb::FindingSeverity::Ok,
            Severity::Warning => pb::FindingSeverity::Warning,
            Severity::Error => pb::FindingSeverity::Error,
        };
        Self { check: finding.check.as_str().to_owned(), severity: severity.into(), message: finding.message }
    }
}

impl From<Connection> for pb::Connection {
    fn from(connection: Connection) -> Self {
        let provider = match connection.provider {
            Provider::Salesforce => pb::CrmProvider::Salesforce,
            Provider::Dataverse => pb::CrmProvider::Dataverse,
            Provider::SapC4c => pb::CrmProvider::SapC4c,
            Provider::SapSalesCloud => pb::CrmProvider::SapSalesCloud,
        };
        let sign_in = match connection.sign_in {
            SignInKind::Code => pb::CrmSignIn::Code,
            SignInKind::JwtBearer => pb::CrmSignIn::JwtBearer,
            SignInKind::ClientCredentials => pb::CrmSignIn::ClientCredentials,
            SignInKind::Basic => pb::CrmSignIn::Basic,
            SignInKind::SamlBearer => pb::CrmSignIn::SamlBearer,
        };
        let state = match connection.state {
            ConnectionState::Connected => pb::ConnectionState::Connected,
            ConnectionState::ReconnectNeeded => pb::ConnectionState::ReconnectNeeded,
            ConnectionState::Disconnected => pb::ConnectionState::Disconnected,
        };
        Self {
            connection_id: connection.connection_id.to_string(),
            provider: provider.into(),
            display_name: connection.display_name,
            instance_url: connection.instance_url.as_str().trim_end_matches('/').to_owned(),
            state: state.into(),
            create_time: Some(timestamp(connection.create_time)),
            sign_in: sign_in.into(),
            reason: connection.reason,
            paused_until: connection.paused_until.map(timestamp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> pb::StartConnectionRequest {
        pb::StartConnectionRequest {
            provider: pb::CrmProvider::Salesforce.into(),
            display_name: "n".repeat(255),
            login_url: "https://login.salesforce.com".to_owned(),
            ..pb::StartConnectionRequest::default()
        }
    }

    fn refused(request: pb::StartConnectionRequest) -> Vec<String> {
        let violations = NewConnection::try_from(request).unwrap_err();
        violations.iter().map(|violation| violation.field.clone()).collect()
    }

    #[test]
    fn a_connection_to_begin_names_provider_and_name() {
        assert!(NewConnection::try_from(all()).is_ok());
        let long = pb::StartConnectionRequest { display_name: "n".repeat(256), ..all() };
        assert_eq!(refused(long), ["display_name"]);
        assert_eq!(refused(pb::StartConnectionRequest::default()), ["provider", "display_name"]);
        assert_eq!(refused(pb::StartConnectionRequest { provider: 99, ..all() }), ["provider"]);
        assert_eq!(refused(pb::StartConnectionRequest { sign_in: 99, ..all() }), ["sign_in"]);
        let id = "x".to_owned();
        assert_eq!(refused(pb::StartConnectionRequest { connection_id: id, ..all() }), ["connection_id"]);
    }

    #[test]
    fn credentials_are_taken_up_to_their_limits() {
        let of = |extra: usize| pb::CrmCredentials {
            client_id: "x".repeat(NAME_MAX + extra),
            client_secret: "x".repeat(SECRET_MAX + extra),
            username: "x".repeat(NAME_MAX + extra),
            password: "x".repeat(SECRET_MAX + extra),
            private_key_pem: "x".repeat(PEM_MAX + extra),
            certificate_pem: "x".repeat(PEM_MAX + extra),
            tenant: "x".repeat(TENANT_MAX + extra),
            issuer: "x".repeat(NAME_MAX + extra),
        };
        let with = |extra| pb::StartConnectionRequest { credentials: Some(of(extra)), ..all() };
        assert!(NewConnection::try_from(with(0)).is_ok());
        assert_eq!(refused(with(1)).len(), 8);
    }

    #[test]
    fn a_mode_must_be_set() {
        assert!(ModeToSet::try_from(pb::SetLoggingModeRequest { logging_mode: 3 }).is_ok());
        for wrong in [0, 99] {
            assert!(ModeToSet::try_from(pb::SetLoggingModeRequest { logging_mode: wrong }).is_err());
        }
        assert_eq!(
            FinishedFlow::try_from(pb::CompleteConnectionRequest::default()).unwrap_err().iter().count(),
            2
        );
    }
}
