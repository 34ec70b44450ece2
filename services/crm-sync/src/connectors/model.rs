//! The neutral words of the connectors: a log, the records it becomes, people, a session, a refusal.
//!
//! Owns their shapes and the derivation of a record's key. Knows no CRM, and does no I/O.

use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use crate::connection::ConnectionId;
use crate::log::{LogId, LogKind};

service_kit::text_enum! {
    /// Which CRM.
    #[derive(Ord, PartialOrd)]
    pub(crate) enum Provider {
        /// Salesforce.
        Salesforce = "SALESFORCE",
        /// Microsoft Dynamics 365 (Dataverse).
        Dataverse = "DATAVERSE",
        /// SAP Sales Cloud, formerly C4C (V1).
        SapC4c = "SAP_C4C",
        /// SAP Sales Cloud Version 2.
        SapSalesCloud = "SAP_SALES_CLOUD",
    }
}

impl Provider {
    /// Returns its name on metrics, such as `sap_c4c`.
    pub(crate) fn word(self) -> String {
        self.as_str().to_ascii_lowercase()
    }
}

service_kit::text_enum! {
    /// How we sign in to a CRM.
    pub(crate) enum SignInKind {
        /// OAuth code flow with PKCE, and refresh tokens.
        Code = "CODE",
        /// OAuth JWT bearer (RFC 7523).
        JwtBearer = "JWT_BEARER",
        /// OAuth client credentials.
        ClientCredentials = "CLIENT_CREDENTIALS",
        /// A user and password for machines.
        Basic = "BASIC",
        /// OAuth SAML bearer (RFC 7522).
        SamlBearer = "SAML_BEARER",
    }
}

service_kit::text_enum! {
    /// Which kind of record a log goes to.
    pub(crate) enum RecordType {
        /// An Account.
        Account = "ACCOUNT",
        /// An Opportunity.
        Opportunity = "OPPORTUNITY",
    }
}

service_kit::text_enum! {
    /// Which kind of person a log is on.
    #[derive(Deserialize, Serialize)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    pub(crate) enum PersonType {
        /// A Contact.
        Contact = "CONTACT",
        /// A Lead.
        Lead = "LEAD",
    }
}

/// The role of the record that is on the Account or Opportunity; every plan has it, and it is the log's own record.
pub(crate) const MAIN_ROLE: &str = "main";

/// An Account or Opportunity.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TargetRef {
    /// Which kind.
    pub(crate) record_type: RecordType,
    /// The CRM's own id, as its search gave it or as somebody typed it: to be checked.
    pub(crate) record_id: String,
}

/// A Contact or Lead.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct PersonRef {
    /// Which kind.
    pub(crate) person_type: PersonType,
    /// The CRM's own id, as its search gave it or as somebody typed it: to be checked.
    pub(crate) record_id: String,
    /// The name people see.
    pub(crate) display_name: String,
}

/// One log to write: the same id again is the same records.
#[derive(Clone, Debug)]
pub(crate) struct LogEntry {
    /// What the keys are made of.
    pub(crate) log_id: LogId,
    /// What is logged.
    #[expect(dead_code, reason = "for CRMs that treat it apart; none of ours does yet")]
    pub(crate) kind: LogKind,
    /// One line; connectors cut it to what their CRM takes.
    pub(crate) title: String,
    /// The whole text, of any length, `\n` between lines; connectors cut it to what their CRM takes.
    pub(crate) body: String,
    /// When what is logged happened.
    pub(crate) occurred_at: DateTime<Utc>,
    /// The space's whole address; it is in the body as well.
    #[expect(dead_code, reason = "for CRMs that treat it apart; none of ours does yet")]
    pub(crate) space_url: String,
    /// Where it goes.
    pub(crate) target: TargetRef,
    /// Whom it is on, each once; at most 100.
    pub(crate) people: Vec<PersonRef>,
}

impl LogEntry {
    /// Returns the key of the record in a role: the log's own id for [`MAIN_ROLE`], otherwise UUIDv5 of log and role.
    /// A role names what it is for (`who:003…`), not its position.
    pub(crate) fn key(&self, role: &str) -> Uuid {
        let log_id = self.log_id.uuid();
        if role == MAIN_ROLE { log_id } else { Uuid::new_v5(&log_id, role.as_bytes()) }
    }
}

/// One record that a log becomes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CrmWrite {
    /// Its key in the CRM, from [`LogEntry::key`].
    pub(crate) key: Uuid,
    /// What it is for; unique in its log, at most 100 characters.
    pub(crate) role: String,
    /// Name people see, such as "Task on Contoso".
    pub(crate) display_name: String,
    /// The CRM's word for such records, such as `Task`.
    pub(crate) object: &'static str,
    /// What is sent, as far as it is known without calling the CRM.
    pub(crate) fields: Value,
}

/// A record that is in the CRM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct CrmRef {
    /// The CRM's word for such records.
    pub(crate) object: String,
    /// The CRM's own id.
    pub(crate) record_id: String,
    /// The number people see, where links are made of that.
    pub(crate) readable_id: Option<String>,
}

/// What became of one write.
pub(crate) type Outcome = Result<CrmRef, CrmError>;

/// An Account or Opportunity that was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct CrmRecord {
    /// The CRM's own id.
    pub(crate) record_id: String,
    /// The record's name.
    pub(crate) display_name: String,
    /// What tells it from others of its name, such as a place or a stage; empty: nothing.
    pub(crate) detail: String,
}

/// A Contact or Lead that was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct CrmPerson {
    /// Which kind.
    pub(crate) person_type: PersonType,
    /// The CRM's own id.
    pub(crate) record_id: String,
    /// The person's name.
    pub(crate) display_name: String,
    /// The person's address; may be empty.
    pub(crate) email_address: String,
    /// Whom they work for; empty: not told.
    pub(crate) company: String,
}

/// What to sign in with, as an admin gave it; what a way to sign in does not need is empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    /// OAuth client id.
    pub(crate) client_id: String,
    /// OAuth client secret.
    pub(crate) client_secret: SecretString,
    /// User name.
    pub(crate) username: String,
    /// Password.
    pub(crate) password: SecretString,
    /// Private key as PKCS #8 PEM; it is an RSA key of at least 2,048 bits.
    pub(crate) private_key_pem: SecretString,
    /// The key's certificate as PEM.
    pub(crate) certificate_pem: String,
    /// Entra tenant.
    pub(crate) tenant: String,
    /// Issuer that the CRM knows us by.
    pub(crate) issuer: String,
}

/// How to get into a CRM, as an admin gave it.
#[derive(Clone, Debug)]
pub(crate) struct AccessForm {
    /// How to sign in.
    pub(crate) sign_in: SignInKind,
    /// Where the sign-in is; may be empty.
    pub(crate) login_url: String,
    /// Where the API is; may be empty.
    pub(crate) instance_url: String,
    /// What to sign in with.
    pub(crate) credentials: Credentials,
}

/// How to get into a CRM, checked.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// How to sign in.
    pub(crate) sign_in: SignInKind,
    /// Where the sign-in is.
    pub(crate) login_url: Url,
    /// Where the API is; nothing where the CRM tells it.
    pub(crate) instance_url: Option<Url>,
    /// What to sign in with.
    pub(crate) credentials: Credentials,
}

/// What one sign-in is made with, beside the access.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Proof<'a> {
    /// The code that the admin's browser brought back, and the PKCE verifier.
    Code {
        /// `code` of the redirect.
        code: &'a SecretString,
        /// What the challenge was made of.
        verifier: &'a SecretString,
    },
    /// The refresh token of an earlier grant (code flow).
    Refresh(&'a SecretString),
    /// The credentials alone.
    Credentials,
}

/// What signing in gives.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// Where the API is; checked.
    pub(crate) instance_url: Url,
    /// The CRM's own id of its tenant, or its host where it has none: connecting the same again renews its connection.
    pub(crate) crm_organization_id: String,
    /// The access token; with [`SignInKind::Basic`] what stands after `Basic ` (RFC 7617).
    pub(crate) access_token: SecretString,
    /// How long it lasts. Nothing: not told, a refusal tells.
    pub(crate) expires_in: Option<Duration>,
    /// The refresh token, where the CRM gave one: always for a code, for a refresh only where it rotates them.
    pub(crate) refresh_token: Option<SecretString>,
}

/// What a connector calls a CRM with.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The connection it belongs to.
    pub(crate) connection_id: ConnectionId,
    /// Where the API is; checked.
    pub(crate) instance_url: Url,
    /// How it was signed in.
    #[expect(dead_code, reason = "for CRMs that treat it apart; none of ours does yet")]
    pub(crate) sign_in: SignInKind,
    /// The access token; with [`SignInKind::Basic`] what stands after `Basic `.
    pub(crate) access_token: SecretString,
}

service_kit::text_enum! {
    /// What a test looks at.
    pub(crate) enum Check {
        /// Whether we get in.
        SignIn = "SIGN_IN",
        /// Whether a log can be exactly one record.
        ExternalId = "EXTERNAL_ID",
        /// Whether there are Opportunities and Leads.
        SalesApp = "SALES_APP",
        /// Whether records may be created.
        CreateRight = "CREATE_RIGHT",
        /// Whether there are calls left.
        Quota = "QUOTA",
    }
}

/// How important a finding is, the worst last.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Severity {
    /// Works as it should.
    Ok,
    /// Works, with a limit.
    Warning,
    /// Logs cannot be written until it is put right.
    Error,
}

/// Something a test found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) check: Check,
    /// How important it is.
    pub(crate) severity: Severity,
    /// What is so, and what an admin does about it.
    pub(crate) message: String,
}

impl Finding {
    pub(crate) fn new(check: Check, severity: Severity, message: impl Into<String>) -> Self {
        Self { check, severity, message: message.into() }
    }
}

/// Why a call to a CRM failed, told by what to do about it. Messages are for people, and hold no secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum CrmError {
    /// Away, or busy: try again.
    #[error("{message}")]
    Retry {
        /// How long the CRM asks to be left alone altogether; nothing: it does not say.
        after: Option<Duration>,
        /// What happened.
        message: String,
    },
    /// The access token is not taken any more: sign in anew, once.
    #[error("the CRM wants a new access token")]
    Reauthenticate,
    /// The consent is gone, or the credentials are refused: an admin has to connect anew.
    #[error("{message}")]
    Reconnect {
        /// What happened.
        message: String,
    },
    /// A quota is used up: nothing works for a long while.
    #[error("{message}")]
    Deferred {
        /// How long to leave the CRM alone.
        after: Duration,
        /// What happened.
        message: String,
    },
    /// Refused for good.
    #[error("{message}")]
    Permanent {
        /// What is refused, and what to do about it.
        message: String,
    },
}

impl CrmError {
    /// Tells whether the CRM answered that it does not do what was asked: then it did not. After anything else it may have.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Reauthenticate
            | Self::Reconnect { .. }
            | Self::Deferred { .. }
            | Self::Permanent { .. } => true,
            Self::Retry { .. } => false,
        }
    }

    pub(crate) fn retry(message: impl Into<String>) -> Self {
        Self::Retry { after: None, message: message.into() }
    }

    pub(crate) fn permanent(message: impl Into<String>) -> Self {
        Self::Permanent { message: message.into() }
    }

    pub(crate) fn reconnect(message: impl Into<String>) -> Self {
        Self::Reconnect { message: message.into() }
    }
}
