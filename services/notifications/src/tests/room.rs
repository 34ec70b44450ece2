//! A space with people in it, and what happens there, as events tell it.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use messaging::jobs::JobError;
use messaging::outbox::{self, NewEvent};
use messaging::{Event, Received};
use service_kit::caller::{Caller, CallerKind};
use service_kit::clock::{Clock, SystemClock, timestamp};
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use service_kit::page::PageRequest;
use sharedspaces_proto::identity::v1::Person;
use sharedspaces_proto::spaces::events::v1::{
    AccessDeclined, AccessGranted, AccessRequested, CommentAdded, ItemAdded, ParticipantInvited,
    ParticipantJoined, ParticipantReminded, ParticipantRemoved, SpaceSnapshot, VisitEnded,
};
use sharedspaces_proto::spaces::v1::{ParticipantKind, ParticipantState};
use sqlx::{PgConnection, PgPool};
use testkit::TestDatabase;
use uuid::Uuid;

use super::world::GATHERING;
use crate::consumers::spaces;
use crate::notice::{Notice, Notices};

pub(super) struct Room {
    pub(super) database: TestDatabase,
    pub(super) organization_id: OrganizationId,
    pub(super) space: SpaceSnapshot,
    pub(super) notices: Notices,
    /// Sees the rows of every organisation.
    pub(super) all: PgPool,
}

/// What can happen.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    Invited(ParticipantInvited),
    Joined(ParticipantJoined),
    Reminded(ParticipantReminded),
    Removed(ParticipantRemoved),
    Requested(AccessRequested),
    Granted(AccessGranted),
    Declined(AccessDeclined),
    Commented(CommentAdded),
    Added(ItemAdded),
    Visited(VisitEnded),
}

/// One of them, with its id and time.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) event_id: Uuid,
    pub(super) event_time: DateTime<Utc>,
    pub(super) happening: Happening,
}

/// A mail as its row has it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Row {
    pub(super) delivery_id: Uuid,
    pub(super) recipient_user_id: Option<Uuid>,
    pub(super) kind: String,
    pub(super) state: String,
    pub(super) is_open: bool,
    pub(super) mail: serde_json::Value,
    pub(super) space_id: Option<Uuid>,
    /// How many seconds after the event was applied its job is run.
    pub(super) wait: f64,
}

impl Row {
    pub(super) fn list(&self, field: &str) -> Vec<serde_json::Value> {
        self.mail[field].as_array().unwrap().clone()
    }
}

pub(super) fn person(name: &str, locale: &str) -> Person {
    Person {
        user_id: testkit::ids().next::<Uuid>().to_string(),
        email_address: format!("{}@acme.test", name.to_lowercase()),
        display_name: name.to_owned(),
        locale: locale.to_owned(),
        ..Person::default()
    }
}

pub(super) fn id_of(person: &Person) -> Uuid {
    person.user_id.parse().unwrap()
}

pub(super) fn told(happening: Happening) -> Told {
    Told { event_id: testkit::ids().next(), event_time: SystemClock.now(), happening }
}

impl Room {
    pub(super) async fn new() -> Self {
        let database = TestDatabase::create("notifications", &[&messaging::MIGRATOR, &crate::MIGRATOR]).await;
        let organization_id: OrganizationId = testkit::ids().next();
        let space = SpaceSnapshot {
            organization_id: organization_id.to_string(),
            space_id: testkit::ids().next::<Uuid>().to_string(),
            title: "Big deal".to_owned(),
            url: "https://app.acme.test/acme/big-deal".to_owned(),
            ..SpaceSnapshot::default()
        };
        let notices = Notices::new(database.database.clone());
        let all = database.superuser_pool();
        Self { database, organization_id, space, notices, all }
    }

    /// The same room in a database of its own, so that what comes of the same events can be compared.
    pub(super) async fn again(&self) -> Self {
        let (organization_id, space) = (self.organization_id, self.space.clone());
        Self { organization_id, space, ..Self::new().await }
    }

    pub(super) fn caller(&self, person: &Person) -> Caller {
        Caller {
            user_id: id_of(person).into(),
            ..testkit::caller_of(self.organization_id, CallerKind::Member)
        }
    }

    pub(super) fn commented(&self, author: &Person, excerpt: &str, audience: &[&Person]) -> CommentAdded {
        CommentAdded {
            space: Some(self.space.clone()),
            comment_id: testkit::ids().next::<Uuid>().to_string(),
            item_id: testkit::ids().next::<Uuid>().to_string(),
            item_title: "Plan".to_owned(),
            excerpt: excerpt.to_owned(),
            author: Some(author.clone()),
            audience: audience.iter().copied().cloned().collect(),
            ..CommentAdded::default()
        }
    }

    pub(super) fn item(&self, adder: &Person, title: &str, audience: &[&Person]) -> ItemAdded {
        ItemAdded {
            space: Some(self.space.clone()),
            item_id: testkit::ids().next::<Uuid>().to_string(),
            title: title.to_owned(),
            is_external: true,
            adder: Some(adder.clone()),
            audience: audience.iter().copied().cloned().collect(),
            ..ItemAdded::default()
        }
    }

    pub(super) fn joined(&self, who: &Person, inviter: &Person, audience: &[&Person]) -> ParticipantJoined {
        let audience: Vec<Person> = audience.iter().copied().cloned().collect();
        ParticipantJoined {
            space: Some(SpaceSnapshot { owner_user_id: inviter.user_id.clone(), ..self.space.clone() }),
            invitation_id: testkit::ids().next::<Uuid>().to_string(),
            person: Some(who.clone()),
            inviter_user_id: inviter.user_id.clone(),
            internal_audience: audience.clone(),
            audience,
        }
    }

    pub(super) fn invited(
        &self,
        who: &Person,
        inviter: &Person,
        kind: ParticipantKind,
    ) -> ParticipantInvited {
        ParticipantInvited {
            space: Some(self.space.clone()),
            invitation_id: testkit::ids().next::<Uuid>().to_string(),
            person: Some(who.clone()),
            kind: kind.into(),
            inviter: Some(inviter.clone()),
            ..ParticipantInvited::default()
        }
    }

    pub(super) fn requested(&self, address: &str, owner: &Person, internal: &[&Person]) -> AccessRequested {
        AccessRequested {
            space: Some(self.space.clone()),
            access_request_id: testkit::ids().next::<Uuid>().to_string(),
            email_address: address.to_owned(),
            message: "Please".to_owned(),
            owner: Some(owner.clone()),
            internal_audience: internal.iter().copied().cloned().collect(),
            ..AccessRequested::default()
        }
    }

    pub(super) fn visited(&self, visitor: &Person, audience: &[&Person]) -> VisitEnded {
        let now = SystemClock.now();
        VisitEnded {
            space: Some(self.space.clone()),
            visit_id: testkit::ids().next::<Uuid>().to_string(),
            visitor: Some(visitor.clone()),
            start_time: Some(timestamp(now - Duration::from_secs(3_600))),
            end_time: Some(timestamp(now - Duration::from_secs(1_800))),
            opened_titles: vec!["Plan".to_owned()],
            downloaded_titles: vec![],
            audience: audience.iter().copied().cloned().collect(),
        }
    }

    pub(super) fn removed(&self, who: &Person) -> ParticipantRemoved {
        ParticipantRemoved {
            organization_id: self.organization_id.to_string(),
            space_id: self.space.space_id.clone(),
            user_id: who.user_id.clone(),
            state: ParticipantState::Revoked.into(),
        }
    }

    /// Applies what happened now; returns the event's id.
    pub(super) async fn happens(&self, happening: Happening) -> Uuid {
        let told = told(happening);
        self.apply(told.clone()).await.unwrap();
        told.event_id
    }

    /// Applies an event as messaging does: in one transaction of its organisation.
    pub(super) async fn apply(&self, told: Told) -> Result<(), String> {
        let organization_id = self.organization_id;
        let applied: Result<Result<(), String>, CommonError> = self
            .database
            .database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    match apply(tx, organization_id, told).await {
                        Ok(()) => Ok(Ok(())),
                        Err(error @ JobError::Dead { .. }) => Ok(Err(format!("{error:?}"))),
                        Err(error) => panic!("{error:?}"),
                    }
                })
            })
            .await;
        applied.unwrap()
    }

    /// Appends an event to an outbox, as spaces does.
    pub(super) async fn append(&self, tx: &mut PgConnection, told: &Told) {
        match &told.happening {
            Happening::Invited(event) => self.append_event(tx, told, event).await,
            Happening::Joined(event) => self.append_event(tx, told, event).await,
            Happening::Reminded(event) => self.append_event(tx, told, event).await,
            Happening::Removed(event) => self.append_event(tx, told, event).await,
            Happening::Requested(event) => self.append_event(tx, told, event).await,
            Happening::Granted(event) => self.append_event(tx, told, event).await,
            Happening::Declined(event) => self.append_event(tx, told, event).await,
            Happening::Commented(event) => self.append_event(tx, told, event).await,
            Happening::Added(event) => self.append_event(tx, told, event).await,
            Happening::Visited(event) => self.append_event(tx, told, event).await,
        }
    }

    async fn append_event<E: Event>(&self, tx: &mut PgConnection, told: &Told, event: &E) {
        let new = NewEvent {
            event_id: told.event_id,
            organization_id: self.organization_id,
            // Each of its own: they may be applied in any order.
            aggregate_id: testkit::ids().next(),
            aggregate_version: 1,
            event,
        };
        outbox::append(tx, new).await.unwrap();
    }

    /// Returns all mails, the oldest row first.
    pub(super) async fn mails(&self) -> Vec<Row> {
        sqlx::query_as(
            "SELECT delivery_id, recipient_user_id, kind, deliveries.state, is_open, mail, space_id,
                    coalesce(extract(epoch FROM run_after - jobs.create_time), 0)::float8 AS wait
               FROM deliveries LEFT JOIN jobs ON jobs.id = job_id ORDER BY deliveries.create_time, delivery_id",
        )
        .fetch_all(&self.all)
        .await
        .unwrap()
    }

    /// Returns the mails of a kind to somebody.
    pub(super) async fn mails_to(&self, who: &Person, kind: &str) -> Vec<Row> {
        let is_wanted = |row: &Row| row.recipient_user_id == Some(id_of(who)) && row.kind == kind;
        self.mails().await.into_iter().filter(is_wanted).collect()
    }

    /// Returns what somebody is told in the app, the newest first.
    pub(super) async fn notices_of(&self, who: &Person) -> Vec<Notice> {
        let page = PageRequest { size: 100, after: None };
        self.notices.list(&self.caller(who), page, false).await.unwrap().page.items
    }

    /// Says what waits to be sent and what is seen, whatever the order in which it came.
    pub(super) async fn state(&self) -> BTreeMap<String, Vec<String>> {
        let mut state: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in self.mails().await.into_iter().filter(|row| row.state == "PENDING") {
            let to = format!("mail {:?} {}", row.recipient_user_id, row.kind);
            let said = ["requests", "people", "comments", "items"].iter().find_map(|list| row.mail.get(list));
            let said =
                said.and_then(|list| list.as_array()).cloned().unwrap_or_else(|| vec![row.mail.clone()]);
            state.entry(to).or_default().extend(said.iter().map(ToString::to_string));
        }
        let seen: Vec<(Uuid, Uuid, String, String)> =
            sqlx::query_as("SELECT user_id, notice_id, kind, object_name FROM notices WHERE NOT is_hidden")
                .fetch_all(&self.all)
                .await
                .unwrap();
        for (user_id, notice_id, kind, object) in seen {
            state
                .entry(format!("notice {user_id}"))
                .or_default()
                .push(format!("{notice_id} {kind} {object}"));
        }
        for said in state.values_mut() {
            said.sort();
        }
        state
    }

    pub(super) async fn sql(&self, statement: &'static str) -> u64 {
        sqlx::query(statement).execute(&self.all).await.unwrap().rows_affected()
    }
}

async fn apply(tx: &mut PgConnection, organization_id: OrganizationId, told: Told) -> Result<(), JobError> {
    let Told { event_id, event_time, happening } = told;
    let received = Received {
        event_id,
        organization_id,
        aggregate_id: Uuid::nil(),
        aggregate_version: 1,
        event_time,
        event: (),
    };
    match happening {
        Happening::Invited(event) => spaces::participant_invited(tx, with(&received, event)).await,
        Happening::Joined(event) => spaces::participant_joined(tx, with(&received, event), GATHERING).await,
        Happening::Reminded(event) => spaces::participant_reminded(tx, with(&received, event)).await,
        Happening::Removed(event) => spaces::participant_removed(tx, with(&received, event)).await,
        Happening::Requested(event) => spaces::access_requested(tx, with(&received, event)).await,
        Happening::Granted(event) => spaces::access_granted(tx, with(&received, event)).await,
        Happening::Declined(event) => spaces::access_declined(tx, with(&received, event)).await,
        Happening::Commented(event) => spaces::comment_added(tx, with(&received, event), GATHERING).await,
        Happening::Added(event) => spaces::item_added(tx, with(&received, event), GATHERING).await,
        Happening::Visited(event) => spaces::visit_ended(tx, with(&received, event)).await,
    }
}

fn with<E>(received: &Received<()>, event: E) -> Received<E> {
    Received {
        event_id: received.event_id,
        organization_id: received.organization_id,
        aggregate_id: received.aggregate_id,
        aggregate_version: received.aggregate_version,
        event_time: received.event_time,
        event,
    }
}
