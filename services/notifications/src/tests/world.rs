//! What a test needs: a database, a mail server, identity, and events to apply.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use messaging::Received;
use messaging::jobs::{Job, JobError};
use sandbox::{Options, Sandbox};
use service_kit::caller::{Caller, CallerKind};
use service_kit::clock::Clock;
use service_kit::db::Database;
use service_kit::ids::UserId;
use service_kit::page::PageRequest;
use sharedspaces_proto::identity::v1::Person;
use sharedspaces_proto::spaces::events::v1::{ParticipantInvited, ParticipantJoined, SpaceSnapshot};
use sharedspaces_proto::spaces::v1::ParticipantKind;
use sqlx::PgConnection;
use testkit::TestDatabase;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::assets::PlayedAssets;
use super::identity::PlayedIdentity;
use super::participants::PlayedSpaces;
use crate::config::{SmtpConfig, TlsMode};
use crate::consumers::spaces::{participant_invited, participant_joined};
use crate::delivery::{Deliveries, Delivery, DeliveryId, Filter, Gathering, Mail, NewDelivery, Space};
use crate::directory::Directory;
use crate::due::Dues;
use crate::grpc::DeliveryGrpc;
use crate::jobs::{SendMail, tell_owner};
use crate::letters::Letters;
use crate::mail::Smtp;
use crate::organization::{Logos, Organizations};
use crate::preview::Previews;
use crate::recipients::Recipients;
use crate::suppression::Suppressions;
use crate::unsubscribe::{Links, Unsubscribing};

/// As long as by default.
pub(super) const GATHERING: Gathering = Gathering { window: Duration::from_secs(300) };

pub(super) struct World {
    pub(super) database: TestDatabase,
    pub(super) deliveries: Deliveries,
    pub(super) identity: PlayedIdentity,
    pub(super) assets: PlayedAssets,
    pub(super) previews: Previews,
    pub(super) spaces: PlayedSpaces,
    pub(super) recipients: Recipients,
    pub(super) directory: Directory,
    pub(super) send_mail: Arc<SendMail>,
    /// An admin of the organisation whose mails are sent.
    pub(super) admin: Caller,
    sandbox: Sandbox,
    dir: PathBuf,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(|config| Smtp::try_new(config).unwrap()).await
    }

    /// Makes a world whose mail server is spoken to in another way.
    pub(super) async fn with(smtp: impl FnOnce(SmtpConfig) -> Smtp) -> Self {
        let database = TestDatabase::create("notifications", &[&messaging::MIGRATOR, &crate::MIGRATOR]).await;
        let dir = std::env::temp_dir().join(format!("notifications-{}", testkit::ids().next::<Uuid>()));
        let sandbox = Sandbox::start(Options::ephemeral(&dir)).await.unwrap();
        let (identity, address) = PlayedIdentity::start().await;
        let directory = Directory::new(testkit::peers(address).identity().unwrap());
        let deliveries = Deliveries::new(database.database.clone());
        let smtp = smtp(smtp_config(&sandbox));
        let (assets, address) = PlayedAssets::start().await;
        let logos = Logos::new(testkit::peers(address).assets().unwrap());
        let organizations = Organizations::new(database.database.clone());
        let previews = Previews::new(organizations.clone(), logos.clone());
        let from = smtp.from().clone();
        let letters =
            Letters::new(deliveries.clone(), directory.clone(), organizations, logos, key_of_links(), from);
        let (spaces, address) = PlayedSpaces::start().await;
        let recipients = Recipients::new(testkit::peers(address).spaces().unwrap());
        let dues = Dues::new(deliveries.clone(), directory.clone(), recipients.clone());
        let send_mail = Arc::new(SendMail::new(deliveries.clone(), dues, letters, smtp, testkit::clock()));
        let admin = testkit::caller(CallerKind::Admin);
        Self {
            database,
            deliveries,
            identity,
            assets,
            previews,
            spaces,
            recipients,
            directory,
            send_mail,
            admin,
            sandbox,
            dir,
        }
    }

    /// Makes somebody whom identity knows.
    pub(super) fn person(&self, name: &str, address: &str, locale: &str) -> Person {
        let person = Person {
            user_id: testkit::ids().next::<Uuid>().to_string(),
            email_address: address.to_owned(),
            display_name: name.to_owned(),
            locale: locale.to_owned(),
            ..Person::default()
        };
        self.identity.knows(person.clone());
        person
    }

    pub(super) async fn invited(&self, event: ParticipantInvited, recipient: &Person) -> DeliveryId {
        let event_id = testkit::ids().next();
        self.apply(event_id, event.clone(), |tx, event| Box::pin(participant_invited(tx, event)))
            .await
            .unwrap();
        DeliveryId::of(event_id, user_id(recipient))
    }

    /// Returns the event's id.
    pub(super) async fn joined(&self, event: ParticipantJoined) -> Uuid {
        let event_id = testkit::ids().next();
        self.apply(event_id, event, |tx, event| Box::pin(participant_joined(tx, event, GATHERING)))
            .await
            .unwrap();
        event_id
    }

    /// Runs the jobs that tell owners; returns how many there were.
    pub(super) async fn tell_owners(&self) -> usize {
        let payloads: Vec<serde_json::Value> =
            sqlx::query_scalar("SELECT payload FROM jobs WHERE name = 'tell_owner'")
                .fetch_all(self.db().pool())
                .await
                .unwrap();
        for payload in &payloads {
            let job = Job { payload: payload.clone(), ..self.job(DeliveryId::default(), 1) };
            tell_owner::run(&self.deliveries, &self.directory, job).await.unwrap();
        }
        payloads.len()
    }

    /// Applies an event as messaging does: in one transaction of its organisation.
    pub(super) async fn apply<E: Send + 'static>(
        &self,
        event_id: Uuid,
        event: E,
        handler: impl for<'t> FnOnce(
            &'t mut PgConnection,
            Received<E>,
        ) -> futures_util::future::BoxFuture<'t, Result<(), JobError>>
        + Send
        + 'static,
    ) -> Result<(), String> {
        let organization_id = self.admin.organization_id;
        let received = Received {
            event_id,
            organization_id,
            aggregate_id: Uuid::nil(),
            aggregate_version: 1,
            event_time: service_kit::clock::SystemClock.now(),
            event,
        };
        let applied: Result<(), Applied> = self
            .database
            .database
            .transaction(organization_id, move |tx| {
                Box::pin(
                    async move { handler(tx, received).await.map_err(|error| Applied(format!("{error:?}"))) },
                )
            })
            .await;
        applied.map_err(|error| error.0)
    }

    /// Runs the job of a delivery as its `attempt`th try.
    pub(super) async fn run(&self, id: DeliveryId, attempt: i32) -> Result<(), JobError> {
        let job_id: Uuid = sqlx::query_scalar("SELECT job_id FROM deliveries WHERE delivery_id = $1")
            .bind(id.uuid())
            .fetch_one(&self.database.superuser_pool())
            .await
            .unwrap();
        self.send_mail.run(Job { id: job_id, ..self.job(id, attempt) }).await
    }

    /// Runs a job of a delivery that is not its own any more.
    pub(super) async fn run_other_job(&self, id: DeliveryId) -> Result<(), JobError> {
        self.send_mail.run(Job { id: testkit::ids().next(), ..self.job(id, 1) }).await
    }

    pub(super) fn delivery_grpc(&self) -> DeliveryGrpc {
        let deliveries = self.deliveries.clone();
        DeliveryGrpc {
            suppressions: Suppressions::new(self.db().clone()),
            unsubscribing: Unsubscribing::new(key_of_links(), self.recipients.clone(), deliveries.clone()),
            deliveries,
        }
    }

    /// Plans a mail that can be muted.
    pub(super) async fn plan_new_joiner(
        &self,
        recipient: &Person,
        due_time: Option<chrono::DateTime<chrono::Utc>>,
    ) -> DeliveryId {
        let delivery_id = DeliveryId::of(testkit::ids().next(), user_id(recipient));
        let space = Space {
            space_id: testkit::ids().next::<Uuid>().into(),
            title: "Big deal".to_owned(),
            url: "https://app.acme.test/acme/big-deal".to_owned(),
            colors: None,
        };
        let new = NewDelivery {
            delivery_id,
            organization_id: self.admin.organization_id,
            event_time: service_kit::clock::SystemClock.now(),
            recipient_user_id: Some(user_id(recipient)),
            due_time,
            mail: Mail::NewJoiner { space, people: vec!["Gil".to_owned()], more: 0 },
        };
        self.deliveries.plan(new).await.unwrap();
        delivery_id
    }

    fn job(&self, id: DeliveryId, attempt: i32) -> Job {
        Job {
            id: id.uuid(),
            organization_id: self.admin.organization_id,
            payload: serde_json::json!({ "delivery_id": id }),
            attempt,
            max_attempts: 200,
            create_time: service_kit::clock::SystemClock.now(),
        }
    }

    pub(super) async fn delivery(&self, id: DeliveryId) -> Delivery {
        self.deliveries.find(self.admin.organization_id, id).await.unwrap().unwrap().delivery
    }

    pub(super) async fn listed(&self, caller: &Caller) -> Vec<Delivery> {
        self.deliveries
            .list(caller, Filter::default(), PageRequest { size: 100, after: None })
            .await
            .unwrap()
            .items
    }

    /// Tells the mail server to fail; see the sandbox's pages.
    pub(super) async fn fault(&self, fault: serde_json::Value) {
        let address = self.sandbox.http_addr();
        let body = fault.to_string();
        let head = format!(
            "POST /api/faults HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
    }

    /// Returns what the mail server took, oldest first: the recipients and the bytes.
    pub(super) fn taken(&self) -> Vec<(Vec<String>, Vec<u8>)> {
        let read = std::fs::read_dir(self.dir.join("mail")).unwrap();
        let mut slips: Vec<PathBuf> = read.map(|entry| entry.unwrap().path()).collect();
        slips.retain(|path| path.extension().is_some_and(|end| end == "json"));
        slips.sort();
        let taken = |slip: PathBuf| {
            let value: serde_json::Value = serde_json::from_slice(&std::fs::read(&slip).unwrap()).unwrap();
            let to = serde_json::from_value(value["envelope"]["to"].clone()).unwrap();
            (to, std::fs::read(slip.with_extension("eml")).unwrap())
        };
        slips.into_iter().map(taken).collect()
    }

    /// Returns everything that the database keeps, as text.
    pub(super) async fn dump(&self) -> String {
        let mut connection = self.database.superuser_pool().acquire().await.unwrap();
        sqlx::query("SET xmlbinary = hex").execute(&mut *connection).await.unwrap();
        let dump: String = sqlx::query_scalar("SELECT schema_to_xml('public', false, false, '')::text")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        for table in ["deliveries", "jobs", "inbox", "outbox"] {
            assert!(dump.contains(&format!("<{table}")), "{table} is not in {dump}");
        }
        dump
    }

    pub(super) fn db(&self) -> &Database {
        &self.database.database
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // What is left in the temporary directory harms nobody.
        let _left = std::fs::remove_dir_all(&self.dir);
    }
}

/// An error of a handler, as text: all a test looks at.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Applied(String);

impl From<service_kit::error::CommonError> for Applied {
    fn from(error: service_kit::error::CommonError) -> Self {
        Self(error.to_string())
    }
}

/// Makes links with a key of these tests.
pub(super) fn key_of_links() -> Links {
    Links::try_new(&"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".into()).unwrap()
}

fn smtp_config(sandbox: &Sandbox) -> SmtpConfig {
    SmtpConfig {
        host: sandbox.smtp_addr().ip().to_string(),
        port: sandbox.smtp_addr().port(),
        from: "Shared Spaces <no-reply@sharedspaces.test>".parse().unwrap(),
        tls: TlsMode::None,
        username: None,
        password: None,
        connections: 4,
    }
}

pub(super) fn user_id(person: &Person) -> UserId {
    UserId::from(person.user_id.parse::<Uuid>().unwrap())
}

pub(super) fn space(title: &str) -> SpaceSnapshot {
    SpaceSnapshot {
        space_id: testkit::ids().next::<Uuid>().to_string(),
        title: title.to_owned(),
        url: "https://app.acme.test/acme/big-deal".to_owned(),
        ..SpaceSnapshot::default()
    }
}

pub(super) fn guest_invited(inviter: &Person, guest: &Person, title: &str, note: &str) -> ParticipantInvited {
    ParticipantInvited {
        space: Some(space(title)),
        invitation_id: testkit::ids().next::<Uuid>().to_string(),
        person: Some(guest.clone()),
        kind: ParticipantKind::External.into(),
        inviter: Some(inviter.clone()),
        personal_note: note.to_owned(),
    }
}
