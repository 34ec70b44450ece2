//! One organisation's world: a database, a Salesforce look-alike, a spaces that says what it is told, and the service.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use messaging::Received;
use messaging::jobs::{Job, JobError};
use prost_types::Timestamp;
use reqwest::redirect::Policy;
use sandbox::{Options, Sandbox};
use secrecy::SecretString;
use serde_json::{Value, json};
use service_kit::caller::{Call, Caller, CallerKind, Principal};
use service_kit::clock::{Clock, SystemClock};
use service_kit::error::{CommonError, DomainError};
use service_kit::ids::{OrganizationId, SpaceId};
use service_kit::space_access::SpaceAccess;
use sharedspaces_proto::crmsync::v1 as pb;
use sharedspaces_proto::find_method_rule;
use sharedspaces_proto::identity::events::v1::{OrganizationCreated, OrganizationUpdated};
use sharedspaces_proto::identity::v1 as identity_pb;
use sharedspaces_proto::spaces::events::v1::{InvitationsSent, SpaceCreated, SpaceSnapshot};
use sharedspaces_proto::spaces::v1 as spaces_pb;
use sqlx::{AssertSqlSafe, PgPool};
use testkit::TestDatabase;
use tonic::Request;
use url::Url;
use uuid::Uuid;

use super::spaces::{Rights, serve_spaces};
use crate::config::{DataverseConfig, SalesforceConfig, SapC4cConfig, SapSalesCloudConfig};
use crate::connection::{Connections, FinishedFlow, Secrets};
use crate::connectors::c4c::C4c;
use crate::connectors::dataverse::Dataverse;
use crate::connectors::sales_cloud::SalesCloud;
use crate::connectors::salesforce::Salesforce;
use crate::connectors::{Connectors, CrmConnector};
use crate::consumers;
use crate::jobs::write_log::{self, WriteLog};
use crate::log::{Describer, Logs};
use crate::record::Records;

/// The Account "Contoso Ltd" of the look-alike.
pub(super) const CONTOSO: &str = "001Sb000000001aIAA";
const REDIRECT_URL: &str = "http://127.0.0.1:9/crm/callback";

pub(super) struct World {
    pub(super) admin: Caller,
    pub(super) connections: Connections,
    pub(super) records: Records,
    pub(super) logs: Logs,
    pub(super) write_log: WriteLog,
    pub(super) test: TestDatabase,
    pub(super) superuser: PgPool,
    pub(super) http: reqwest::Client,
    pub(super) sandbox: Sandbox,
    rights: Rights,
    dir: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        // What cannot be removed is left in the temporary directory.
        let _left = std::fs::remove_dir_all(&self.dir);
    }
}

impl World {
    /// Starts everything, with an organisation on ULTIMATE.
    pub(super) async fn start() -> Self {
        // Fails where another test has installed it.
        let _second = rustls::crypto::ring::default_provider().install_default();
        let dir = std::env::temp_dir().join(format!("crm-sync-{}", testkit::ids().next::<Uuid>()));
        let sandbox = Sandbox::start(Options::ephemeral(&dir)).await.unwrap();
        let test = TestDatabase::create("crm-sync", &[&messaging::MIGRATOR, &crate::MIGRATOR]).await;
        let rights = Rights::default();
        let channel = serve_spaces(Arc::clone(&rights));
        let connections = connections_with(&test, secrets_of(7, &[]), &sandbox);
        let sessions = connections.sessions().clone();
        let records = Records::new(test.database.clone(), sessions.clone());
        let logs = Logs::new(
            test.database.clone(),
            Arc::new(SystemClock),
            testkit::ids(),
            sessions.connectors().clone(),
            SpaceAccess::new(channel.clone()),
            Describer::new(channel),
        );
        let write_log = write_log_of(&test, &connections);
        let world = Self {
            admin: testkit::caller(CallerKind::Admin),
            connections,
            records,
            logs,
            write_log,
            superuser: test.superuser_pool(),
            test,
            http: reqwest::Client::builder().redirect(Policy::none()).build().unwrap(),
            sandbox,
            rights,
            dir,
        };
        world.create_organization(world.admin.organization_id, identity_pb::Plan::Ultimate).await;
        world
    }

    /// A second process over the same database.
    pub(super) fn replica(&self) -> WriteLog {
        write_log_of(&self.test, &self.process(secrets_of(7, &[])))
    }

    /// The use cases of another process with keys of its own.
    pub(super) fn process(&self, secrets: Secrets) -> Connections {
        connections_with(&self.test, secrets, &self.sandbox)
    }

    pub(super) fn login_url(&self) -> String {
        format!("http://{}", self.sandbox.salesforce_addr())
    }

    pub(super) fn call(&self) -> Call {
        testkit::call(&self.admin)
    }

    pub(super) async fn create_organization(&self, id: OrganizationId, plan: identity_pb::Plan) {
        let organization = identity_pb::Organization {
            organization_id: id.to_string(),
            plan: plan.into(),
            ..Default::default()
        };
        let event = OrganizationCreated { organization: Some(organization) };
        let received = received(id, event);
        self.test
            .database
            .transaction::<_, CommonError, _>(id, move |tx| {
                Box::pin(async move {
                    consumers::identity::organization_created(tx, received).await.unwrap();
                    Ok(())
                })
            })
            .await
            .unwrap();
    }

    /// Applies the event of a changed plan, as it was at a version of the organisation.
    pub(super) async fn update_organization(
        &self,
        id: OrganizationId,
        plan: identity_pb::Plan,
        version: i64,
    ) {
        let organization = identity_pb::Organization {
            organization_id: id.to_string(),
            plan: plan.into(),
            ..Default::default()
        };
        let event = OrganizationUpdated { organization: Some(organization) };
        let received = Received { aggregate_version: version, ..received(id, event) };
        self.test
            .database
            .transaction::<_, CommonError, _>(id, move |tx| {
                Box::pin(async move {
                    consumers::identity::organization_updated(tx, received).await.unwrap();
                    Ok(())
                })
            })
            .await
            .unwrap();
    }

    pub(super) async fn begin(&self, caller: &Caller) -> Url {
        let new = self.salesforce("Our Salesforce");
        let call = testkit::call(caller);
        let started: pb::StartConnectionResponse = self.connections.start(&call, new).await.unwrap();
        started.authorization_url.parse().unwrap()
    }

    /// Allows access as the CRM's admin would; returns what the browser brings back.
    pub(super) async fn approve(&self, mut url: Url) -> FinishedFlow {
        url.query_pairs_mut().append_pair("approve", "true");
        let answer = self.http.get(url).send().await.unwrap();
        let location: Url = answer.headers()["location"].to_str().unwrap().parse().unwrap();
        assert!(location.as_str().starts_with(REDIRECT_URL), "{location}");
        let part = |name: &str| {
            let found = location.query_pairs().find(|(key, _)| key == name);
            SecretString::from(found.unwrap().1.into_owned())
        };
        FinishedFlow { code: part("code"), state: part("state") }
    }

    pub(super) async fn connect(&self) -> pb::Connection {
        let finished = self.approve(self.begin(&self.admin).await).await;
        let completed: pb::CompleteConnectionResponse =
            self.connections.complete(&self.call(), finished).await.unwrap();
        completed.connection.unwrap()
    }

    /// Makes the next changes of a column fail, as when the database is away.
    pub(super) async fn fail_changes(&self, table: &str, column: &str, times: u32) {
        let statement = format!(
            "CREATE SEQUENCE failures;
             CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
                 IF nextval('public.failures') <= {times} THEN RAISE EXCEPTION USING ERRCODE = '57P03'; END IF;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER fail BEFORE UPDATE OF {column} ON {table} FOR EACH ROW EXECUTE FUNCTION fail()"
        );
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&self.superuser).await.unwrap();
    }

    /// Scripts a failure of the look-alike, or switches its behaviour.
    pub(super) async fn script(&self, script: Value) {
        let url = format!("http://{}/api/faults", self.sandbox.http_addr());
        let answer = self.http.post(url).json(&script).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    pub(super) async fn tasks(&self) -> Vec<Value> {
        let url = format!("http://{}/api/salesforce/tasks", self.sandbox.http_addr());
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// Counts the calls to a path of the look-alike.
    pub(super) async fn count_calls(&self, method: &str, path: &str) -> u64 {
        let url = format!("http://{}/api/salesforce/calls", self.sandbox.http_addr());
        let calls: Vec<Value> = self.http.get(url).send().await.unwrap().json().await.unwrap();
        let of_path = calls.iter().filter(|call| call["method"] == method && call["path"] == path);
        of_path.map(|call| call["count"].as_u64().unwrap()).sum()
    }

    /// All that the look-alike remembers, tokens included.
    pub(super) fn book(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.dir.join("salesforce/org.json")).unwrap()).unwrap()
    }

    /// Applies the event of a new space whose creation is logged.
    pub(super) async fn create_space(
        &self,
        organization: OrganizationId,
        target: spaces_pb::CrmTarget,
    ) -> Result<SpaceId, JobError> {
        let space_id: SpaceId = testkit::ids().next();
        let now = SystemClock.now();
        let space = SpaceSnapshot {
            organization_id: organization.to_string(),
            space_id: space_id.to_string(),
            title: "Contoso renewal".to_owned(),
            url: "https://spaces.example/acme/contoso".to_owned(),
            description: "Welcome!".to_owned(),
            owner_user_id: self.admin.user_id.to_string(),
            create_time: Some(Timestamp { seconds: now.timestamp(), nanos: 0 }),
            colors: None,
        };
        let received = received(organization, SpaceCreated { space: Some(space), crm_target: Some(target) });
        for _delivery in 0..2 {
            let received = received.clone();
            let applied = self
                .test
                .database
                .transaction::<_, CommonError, _>(organization, move |tx| {
                    Box::pin(async move {
                        let applied = consumers::spaces::space_created(tx, received).await;
                        Ok(applied)
                    })
                })
                .await;
            applied.unwrap()?;
        }
        self.grant(space_id, &self.admin, &[spaces_pb::Permission::View, spaces_pb::Permission::Crm]);
        Ok(space_id)
    }

    /// Applies the event of a call that invited people to a space; twice, as a broker may deliver it.
    pub(super) async fn invite(
        &self,
        space: SpaceId,
        addresses: &[&str],
        target: Option<spaces_pb::CrmTarget>,
    ) -> Result<Uuid, JobError> {
        let organization = self.admin.organization_id;
        let person = |address: &str, name: &str| identity_pb::Person {
            user_id: self.admin.user_id.to_string(),
            email_address: address.to_owned(),
            display_name: name.to_owned(),
            ..Default::default()
        };
        let call_id: Uuid = testkit::ids().next();
        let event = InvitationsSent {
            space: Some(SpaceSnapshot {
                organization_id: organization.to_string(),
                space_id: space.to_string(),
                title: "Contoso renewal".to_owned(),
                url: "https://spaces.example/acme/contoso".to_owned(),
                ..Default::default()
            }),
            call_id: call_id.to_string(),
            people: addresses.iter().map(|address| person(address, "")).collect(),
            inviter: Some(person("ada@acme.test", "Ada")),
            personal_note: "See you".to_owned(),
            target,
            event_time: None,
        };
        let received = received(organization, event);
        for _delivery in 0..2 {
            let received = received.clone();
            let applied = self.test.database.transaction::<_, CommonError, _>(organization, move |tx| {
                Box::pin(async move { Ok(consumers::spaces::invitations_sent(tx, received).await) })
            });
            applied.await.unwrap()?;
        }
        Ok(Uuid::new_v5(&call_id, b"invitation"))
    }

    /// A log as its panel shows it.
    pub(super) async fn log(&self, log_id: Uuid) -> pb::CrmLog {
        self.logs.get(&self.admin, log_id.into()).await.unwrap().into()
    }

    /// Runs all open jobs, in order.
    pub(super) async fn run_jobs(&self) -> Result<(), JobError> {
        for job in self.jobs().await {
            self.write_log.clone().run(job).await?;
        }
        Ok(())
    }

    /// Creates a space that is logged to an Account of the look-alike.
    pub(super) async fn create_logged_space(&self, connection_id: &str, record_id: &str) -> SpaceId {
        let target = target(connection_id, record_id);
        self.create_space(self.admin.organization_id, target).await.unwrap()
    }

    pub(super) fn grant(&self, space: SpaceId, caller: &Caller, permissions: &[spaces_pb::Permission]) {
        let key = (space.to_string(), caller.user_id.to_string());
        self.rights.lock().unwrap().insert(key, permissions.to_vec());
    }

    /// The open jobs of this service, in order.
    pub(super) async fn jobs(&self) -> Vec<Job> {
        let rows: Vec<(Uuid, OrganizationId, Value, i32, chrono::DateTime<chrono::Utc>)> = sqlx::query_as(
            "SELECT id, organization_id, payload, max_attempts, create_time FROM jobs WHERE name = $1 ORDER BY seq",
        )
        .bind(write_log::NAME)
        .fetch_all(&self.superuser)
        .await
        .unwrap();
        let job = |(id, organization_id, payload, max_attempts, create_time)| Job {
            id,
            organization_id,
            payload,
            attempt: 1,
            max_attempts,
            create_time,
        };
        rows.into_iter().map(job).collect()
    }

    /// Runs the only job.
    pub(super) async fn run_job(&self) -> Result<(), JobError> {
        let jobs = self.jobs().await;
        assert_eq!(jobs.len(), 1);
        self.write_log.clone().run(jobs[0].clone()).await
    }

    /// The only log of a space.
    pub(super) async fn log_of(&self, space: SpaceId) -> pb::CrmLog {
        let list = pb::ListLogsRequest { space_id: space.to_string(), ..Default::default() };
        let page = self.logs.list(&self.admin, list.try_into().unwrap()).await.unwrap();
        assert_eq!(page.logs.items.len(), 1);
        page.logs.items.into_iter().next().unwrap().into()
    }
}

/// A request as the access layer hands it on.
pub(super) fn request<T>(message: T, path: &str, caller: &Caller) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Principal::Person(caller.clone()));
    request.extensions_mut().insert(find_method_rule(&format!("/sharedspaces.crmsync.v1.{path}")).unwrap());
    request
}

/// The same with an idempotency key.
pub(super) fn keyed<T>(message: T, path: &str, caller: &Caller, key: &str) -> Request<T> {
    let mut request = request(message, path, caller);
    request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

pub(super) fn reason_of<T>(result: Result<T, impl DomainError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => error.reason(),
    }
}

pub(super) fn target(connection_id: &str, record_id: &str) -> spaces_pb::CrmTarget {
    spaces_pb::CrmTarget {
        connection_id: connection_id.to_owned(),
        record_type: spaces_pb::CrmRecordType::Account.into(),
        record_id: record_id.to_owned(),
        record_name: "Contoso Ltd".to_owned(),
    }
}

pub(super) fn switch(switches: &Value) -> Value {
    let mut script = json!({"target": "salesforce"});
    for (key, value) in switches.as_object().unwrap() {
        script[key] = value.clone();
    }
    script
}

fn received<E>(organization_id: OrganizationId, event: E) -> Received<E> {
    Received {
        event_id: testkit::ids().next(),
        organization_id,
        aggregate_id: organization_id.uuid(),
        aggregate_version: 1,
        event_time: SystemClock.now(),
        event,
    }
}

fn config() -> SalesforceConfig {
    SalesforceConfig {
        client_id: sandbox::SALESFORCE_CLIENT_ID.to_owned(),
        client_secret: SecretString::from(sandbox::SALESFORCE_CLIENT_SECRET),
        redirect_url: REDIRECT_URL.parse().unwrap(),
        allowed_hosts: vec!["127.0.0.1".to_owned()],
        api_version: "v60.0".to_owned(),
        external_id_field: "SharedSpacesLogId__c".to_owned(),
    }
}

fn write_log_of(test: &TestDatabase, connections: &Connections) -> WriteLog {
    let sessions = connections.sessions().clone();
    let clock = Arc::new(SystemClock);
    WriteLog::new(test.database.clone(), clock, testkit::ids(), sessions, write_log::SETTLING)
}

/// The key-encryption key of a byte, in base64.
pub(super) fn key(byte: u8) -> SecretString {
    SecretString::from(STANDARD.encode([byte; 32]))
}

/// The keys of a process, each of a byte.
pub(super) fn secrets_of(current: u8, old: &[u8]) -> Secrets {
    let old: Vec<_> = old.iter().map(|byte| key(*byte)).collect();
    Secrets::try_new(&key(current), &old, testkit::ids()).unwrap()
}

fn connections_with(test: &TestDatabase, secrets: Secrets, sandbox: &Sandbox) -> Connections {
    let allowed = || vec!["127.0.0.1".to_owned()];
    let clock = Arc::new(SystemClock);
    let login_url = Some(format!("http://{}", sandbox.dataverse_addr()).parse().unwrap());
    let dataverse = DataverseConfig { allowed_hosts: allowed(), login_url, ..Default::default() };
    let sap_c4c = SapC4cConfig { allowed_hosts: allowed(), ..Default::default() };
    let sap_sales_cloud = SapSalesCloudConfig { allowed_hosts: allowed(), ..Default::default() };
    let all: [Arc<dyn CrmConnector>; 4] = [
        Arc::new(Salesforce::try_new(config(), clock).unwrap()),
        Arc::new(Dataverse::try_new(dataverse).unwrap()),
        Arc::new(C4c::try_new(sap_c4c).unwrap()),
        Arc::new(SalesCloud::try_new(sap_sales_cloud).unwrap()),
    ];
    let database = test.database.clone();
    Connections::new(database, Arc::new(SystemClock), testkit::ids(), secrets, Connectors::new(all))
}
