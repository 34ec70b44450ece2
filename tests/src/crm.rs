//! What of a space arrives in a CRM.
//!
//! Owns connecting the look-alikes, logging to them, and looking at what they hold as a person in the CRM would. What
//! differs between the CRMs is in [`Crm`] alone.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use sharedspaces_proto::crmsync::v1 as crm;
use sharedspaces_proto::spaces::v1 as spaces;
use tonic::Status;

use crate::api::{with_key, with_token};
use crate::outside::within;
use crate::visit::{Journey, Session, fresh_key};

const PATIENCE: Duration = Duration::from_secs(60);

/// A CRM that a look-alike plays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Crm {
    /// By code.
    Salesforce,
    /// By client credentials.
    Dynamics,
    /// By user and password with a session.
    C4c,
    /// By user and password.
    SalesCloud,
}

impl Crm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Salesforce, Self::Dynamics, Self::C4c, Self::SalesCloud];

    /// Its name as people know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Salesforce => "Salesforce",
            Self::Dynamics => "Dynamics 365",
            Self::C4c => "SAP Sales Cloud (C4C)",
            Self::SalesCloud => "SAP Sales Cloud V2",
        }
    }

    /// Tells whether its records have addresses; none of Sales Cloud V2 is confirmed.
    pub fn has_links(self) -> bool {
        self != Self::SalesCloud
    }

    /// What breaks the connection so that an admin must connect anew.
    fn trouble(self) -> Vec<Value> {
        match self {
            Self::Salesforce => vec![json!({"target": "salesforce", "revoke_all_refresh_tokens": true})],
            Self::Dynamics => {
                vec![json!({"target": "dataverse", "secret_expired": true, "expire_all_tokens": true})]
            }
            Self::C4c => vec![
                json!({"target": "c4c", "expire_all_tokens": true}),
                json!({"target": "c4c", "status": 401, "times": 1000}),
            ],
            Self::SalesCloud => vec![json!({"target": "sales_cloud", "locked": true})],
        }
    }

    /// Where its look-alike tells its records, and in which sets logs are.
    fn shelf(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Salesforce => ("salesforce/tasks", &[""]),
            Self::Dynamics => ("dataverse/records", &["/tasks", "/annotations"]),
            Self::C4c => ("c4c/records", &["/TasksCollection"]),
            Self::SalesCloud => ("sales_cloud/records", &["/tasks"]),
        }
    }
}

fn some<T>(part: Option<T>) -> Result<T, Status> {
    part.ok_or_else(|| Status::internal("the answer is empty"))
}

/// Returns the link to a record.
pub fn target(record: &crm::CrmRecord, record_type: spaces::CrmRecordType) -> spaces::CrmTarget {
    spaces::CrmTarget {
        connection_id: record.connection_id.clone(),
        record_type: record_type.into(),
        record_id: record.record_id.clone(),
        record_name: record.display_name.clone(),
    }
}

/// Returns whom to log on.
pub fn person(found: &crm::CrmPerson) -> crm::LogPerson {
    crm::LogPerson {
        person_type: found.person_type,
        record_id: found.record_id.clone(),
        display_name: found.display_name.clone(),
    }
}

impl Journey {
    /// An admin connects a CRM, anew where `connection_id` names a connection.
    pub async fn connect(
        &self,
        admin: &Session,
        which: Crm,
        connection_id: &str,
    ) -> anyhow::Result<crm::Connection> {
        let mut connections = self.api.connections.clone();
        let form = self.form(which, connection_id);
        within(PATIENCE, "crm-sync's knowledge of the organisation", async || {
            let request = with_token(crm::ListConnectionsRequest::default(), admin.token());
            Ok(Some(connections.clone().list_connections(request).await?))
        })
        .await?;
        let started = connections.start_connection(with_token(form, admin.token())).await?.into_inner();
        if let Some(connection) = started.connection {
            return Ok(connection);
        }
        let (code, state) = self.outside.approve(&started.authorization_url).await?;
        let request = crm::CompleteConnectionRequest { code, state };
        let completed = connections.complete_connection(with_token(request, admin.token())).await?;
        completed.into_inner().connection.context("no connection")
    }

    fn form(&self, which: Crm, connection_id: &str) -> crm::StartConnectionRequest {
        let form = crm::StartConnectionRequest {
            display_name: which.name().to_owned(),
            connection_id: connection_id.to_owned(),
            ..crm::StartConnectionRequest::default()
        };
        let basic = |provider: crm::CrmProvider, instance_url: &str, username: &str, password: &str| {
            crm::StartConnectionRequest {
                provider: provider.into(),
                sign_in: crm::CrmSignIn::Basic.into(),
                instance_url: instance_url.to_owned(),
                credentials: Some(crm::CrmCredentials {
                    username: username.to_owned(),
                    password: password.to_owned(),
                    ..crm::CrmCredentials::default()
                }),
                ..form.clone()
            }
        };
        match which {
            Crm::Salesforce => crm::StartConnectionRequest {
                provider: crm::CrmProvider::Salesforce.into(),
                login_url: self.outside.salesforce().to_owned(),
                ..form
            },
            Crm::Dynamics => crm::StartConnectionRequest {
                provider: crm::CrmProvider::Dataverse.into(),
                sign_in: crm::CrmSignIn::ClientCredentials.into(),
                instance_url: self.outside.dataverse().to_owned(),
                credentials: Some(crm::CrmCredentials {
                    tenant: sandbox::DATAVERSE_TENANT.to_owned(),
                    client_id: sandbox::DATAVERSE_CLIENT_ID.to_owned(),
                    client_secret: sandbox::DATAVERSE_CLIENT_SECRET.to_owned(),
                    ..crm::CrmCredentials::default()
                }),
                ..form
            },
            Crm::C4c => {
                let url = self.outside.c4c();
                basic(crm::CrmProvider::SapC4c, url, sandbox::C4C_USER, sandbox::C4C_PASSWORD)
            }
            Crm::SalesCloud => {
                let (user, password) = (sandbox::SALES_CLOUD_USER, sandbox::SALES_CLOUD_PASSWORD);
                basic(crm::CrmProvider::SapSalesCloud, self.outside.sales_cloud(), user, password)
            }
        }
    }

    /// Tests a connection.
    pub async fn test_connection(
        &self,
        admin: &Session,
        connection_id: &str,
    ) -> Result<crm::TestConnectionResponse, Status> {
        let request = crm::TestConnectionRequest { connection_id: connection_id.to_owned() };
        let request = with_token(request, admin.token());
        Ok(self.api.connections.clone().test_connection(request).await?.into_inner())
    }

    /// Returns a connection as it is now.
    pub async fn connection(&self, who: &Session, connection_id: &str) -> Result<crm::Connection, Status> {
        let request = crm::GetConnectionRequest { connection_id: connection_id.to_owned() };
        let request = with_token(request, who.token());
        some(self.api.connections.clone().get_connection(request).await?.into_inner().connection)
    }

    /// Finds an Account by its name.
    pub async fn find_record(
        &self,
        member: &Session,
        connection_id: &str,
        name: &str,
    ) -> anyhow::Result<crm::CrmRecord> {
        let request =
            crm::SearchAccountsRequest { connection_id: connection_id.to_owned(), query: name.to_owned() };
        let found = self.api.records.clone().search_accounts(with_token(request, member.token())).await?;
        let mut accounts = found.into_inner().accounts.into_iter();
        accounts.find(|account| account.display_name == name).with_context(|| format!("no Account {name}"))
    }

    /// Finds a Contact or Lead by its name.
    pub async fn find_person(
        &self,
        member: &Session,
        connection_id: &str,
        name: &str,
        person_type: crm::CrmPersonType,
    ) -> anyhow::Result<crm::CrmPerson> {
        let request =
            crm::SearchPeopleRequest { connection_id: connection_id.to_owned(), query: name.to_owned() };
        let found = self.api.records.clone().search_people(with_token(request, member.token())).await?;
        let mut people = found.into_inner().people.into_iter();
        let fits =
            |person: &crm::CrmPerson| person.display_name == name && person.person_type() == person_type;
        people.find(fits).with_context(|| format!("no {person_type:?} {name}"))
    }

    /// Invites people and logs it to the space's own link.
    pub async fn invite_logged(
        &self,
        member: &Session,
        space_id: &str,
        addresses: &[&str],
    ) -> Result<spaces::InviteParticipantsResponse, Status> {
        let request = spaces::InviteParticipantsRequest {
            space_id: space_id.to_owned(),
            email_addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
            crm_log: Some(spaces::InvitationLog { target: None }),
            ..spaces::InviteParticipantsRequest::default()
        };
        let request = with_key(request, member.token(), &fresh_key());
        Ok(self.api.participants.clone().invite_participants(request).await?.into_inner())
    }

    /// Logs the space as it is, to its own link.
    pub async fn log_snapshot(
        &self,
        member: &Session,
        space_id: &str,
        on: Option<crm::LogPerson>,
    ) -> Result<crm::CrmLog, Status> {
        let request = crm::CreateLogRequest { space_id: space_id.to_owned(), target: None, person: on };
        let request = with_key(request, member.token(), &fresh_key());
        some(self.api.logs.clone().create_log(request).await?.into_inner().log)
    }

    /// Tries a log once more.
    pub async fn retry_log(&self, member: &Session, log_id: &str) -> Result<crm::CrmLog, Status> {
        let request = crm::RetryLogRequest { log_id: log_id.to_owned() };
        some(self.api.logs.clone().retry_log(with_token(request, member.token())).await?.into_inner().log)
    }

    /// Waits until a log stands as it should.
    pub async fn log_in_state(
        &self,
        member: &Session,
        log_id: &str,
        state: crm::LogState,
    ) -> anyhow::Result<crm::CrmLog> {
        within(PATIENCE, &format!("the log as {state:?}"), async || {
            let request = crm::GetLogRequest { log_id: log_id.to_owned() };
            let answer = self.api.logs.clone().get_log(with_token(request, member.token())).await?;
            let log = some(answer.into_inner().log)?;
            ensure!(log.state() == state, "it is {:?}: {}", log.state(), log.reason);
            Ok(Some(log))
        })
        .await
    }

    /// Returns what the CRM panel of a space shows.
    pub async fn crm_panel(&self, who: &Session, space_id: &str) -> Result<crm::ListLogsResponse, Status> {
        let request =
            crm::ListLogsRequest { space_id: space_id.to_owned(), ..crm::ListLogsRequest::default() };
        Ok(self.api.logs.clone().list_logs(with_token(request, who.token())).await?.into_inner())
    }

    /// Makes a CRM refuse us until an admin connects it anew.
    pub async fn break_off(&self, which: Crm) -> anyhow::Result<()> {
        for trouble in which.trouble() {
            self.outside.fail_next(&trouble).await?;
        }
        Ok(())
    }

    /// Counts the records of logs in a CRM that name a word.
    pub async fn records_naming(&self, which: Crm, word: &str) -> anyhow::Result<usize> {
        let (what, sets) = which.shelf();
        let told = self.outside.tell(what).await?;
        let mut count = 0;
        for set in sets {
            let rows =
                told.pointer(set).and_then(Value::as_array).with_context(|| format!("no {what}{set}"))?;
            count += rows.iter().filter(|row| row.to_string().contains(word)).count();
        }
        Ok(count)
    }

    /// Opens a record's page in the CRM, as a person does.
    pub async fn record_page(&self, url: &str) -> anyhow::Result<String> {
        let (status, _, page) = self.outside.fetch(url).await?;
        ensure!(status == 200, "{url} answers {status}");
        Ok(String::from_utf8_lossy(&page).into_owned())
    }
}
