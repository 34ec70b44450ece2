//! Two releases side by side: a consumer of an earlier one, which does not know every kind of event, and one that does.

use std::time::Duration;

use messaging::topology::{SUBSCRIPTIONS, Subscription};
use messaging::{Event, Messaging, topology};
use prost::{Message, Name};
use sharedspaces_proto::crmsync::events::v1::LogWritten;
use sharedspaces_proto::identity::events::v1::{
    ConsentChanged, GuestCreated, InvitationAccepted, MemberCreated, OrganizationCreated,
    OrganizationUpdated, PersonUpdated, PrivacyNoticePublished,
};
use sharedspaces_proto::identity::v1::Organization;
use sqlx::PgConnection;
use testkit::eventually;
use uuid::Uuid;

use crate::support::{World, append_of, ignore, note, organization_created, properties};

/// How many events of unknown kinds may wait, and a little time for what must not happen.
const UNKNOWN_MAX: i64 = 10_000;
const A_WHILE: Duration = Duration::from_millis(300);

/// The table of a release before there was `OrganizationUpdated`.
fn earlier_topology() -> &'static [Subscription] {
    let without = |subscription: &Subscription| {
        let mut events = subscription.events.to_vec();
        events.retain(|event| event.routing_key != OrganizationUpdated::ROUTING_KEY);
        Subscription { events: events.leak(), ..*subscription }
    };
    SUBSCRIPTIONS.iter().map(without).collect::<Vec<_>>().leak()
}

fn updated(organization: &str) -> OrganizationUpdated {
    let organization_id = organization.to_owned();
    OrganizationUpdated { organization: Some(Organization { organization_id, ..Organization::default() }) }
}

impl World {
    fn spaces(&self) -> Messaging {
        Messaging::over("spaces", self.spaces.database.clone(), self.broker.clone())
            .on(note::<OrganizationCreated>)
            .on(ignore::<MemberCreated>)
            .on(ignore::<GuestCreated>)
            .on(ignore::<InvitationAccepted>)
            .on(ignore::<PersonUpdated>)
            .on(ignore::<ConsentChanged>)
            .on(ignore::<PrivacyNoticePublished>)
            .on(ignore::<LogWritten>)
    }

    fn start_earlier(&mut self) {
        let messaging = self.spaces().with_topology(earlier_topology());
        self.start(messaging);
    }

    fn start_later(&mut self) {
        let messaging = self.spaces().on(note::<OrganizationUpdated>);
        self.start(messaging);
    }

    /// Appends that an organisation was created, then updated and created again; returns the ids in order.
    async fn append_three(&self) -> [Uuid; 3] {
        let created = organization_created();
        let updated = updated(created.organization_id());
        let aggregate = created.organization_id().parse().unwrap();
        let mut tx = self.identity.database.pool().begin().await.unwrap();
        let ids = [
            append_of(&mut tx, &created, aggregate).await,
            append_of(&mut tx, &updated, aggregate).await,
            append_of(&mut tx, &created, aggregate).await,
        ];
        tx.commit().await.unwrap();
        ids
    }

    async fn owner(&self) -> PgConnection {
        self.spaces.owner_pool().acquire().await.unwrap().detach()
    }

    /// Makes what waits unread as old as this.
    async fn let_age(&self, age: &str) {
        sqlx::query("UPDATE jobs SET create_time = now() - $1::text::interval WHERE name LIKE '%updated%'")
            .bind(age)
            .execute(&mut self.owner().await)
            .await
            .unwrap();
    }

    async fn waiting(&self) -> i64 {
        messaging::backlog(self.spaces.database.pool()).await.unwrap().jobs_pending
    }

    async fn eventually_waiting(&self, count: i64) {
        eventually("what is known is applied", async || self.waiting().await == count).await;
    }
}

#[tokio::test]
async fn an_event_that_an_earlier_release_does_not_know_waits_for_a_later_one_and_so_does_what_follows_it() {
    let mut world = World::new().await;
    world.start_identity();
    world.start_earlier();
    let [first, second, third] = world.append_three().await;
    let other = world.append_organization().await;
    let applied = world.eventually_applied(2).await;
    assert!(applied.contains(&first) && applied.contains(&other), "another aggregate goes on");
    world.eventually_waiting(2).await;
    // Both share the queue from now on, and then the earlier one ends.
    world.start_later();
    assert_eq!(world.eventually_applied(4).await[2..], [second, third]);
    world.eventually_no_jobs().await;
    assert_eq!(world.messages_in("spaces.from-identity.parked").await, 0);
    world.close().await;
}

#[tokio::test]
async fn releases_that_are_killed_and_follow_each_other_lose_nothing_double_nothing_and_keep_each_aggregates_order()
 {
    let mut world = World::new().await;
    world.start_identity();
    let mut expected = Vec::new();
    for round in 0..6 {
        if round % 2 == 0 {
            world.start_earlier();
        } else {
            world.start_later();
        }
        for _ in 0..8 {
            expected.push(world.append_three().await);
        }
        // At another point of its work each time.
        tokio::time::sleep(Duration::from_millis(40 * (round + 1))).await;
        world.kill().await;
        // What the dead one held is free once its leases have run out, for which nobody need wait here.
        sqlx::query("UPDATE jobs SET locked_until = now() WHERE state = 'running'")
            .execute(&mut world.owner().await)
            .await
            .unwrap();
    }
    world.start_later();
    let applied = world.eventually_applied(expected.len() * 3).await;
    world.eventually_no_jobs().await;
    assert_eq!(world.effects().await.len(), expected.len() * 3, "nothing twice");
    for of_aggregate in expected {
        let order: Vec<_> = applied.iter().filter(|id| of_aggregate.contains(id)).copied().collect();
        assert_eq!(order, of_aggregate);
    }
    world.close().await;
}

#[tokio::test]
async fn an_event_that_nobody_knows_holds_its_aggregate_back_for_an_hour_and_no_longer() {
    let mut world = World::new().await;
    world.start_identity();
    world.start_earlier();
    let [first, second, third] = world.append_three().await;
    assert_eq!(world.eventually_applied(1).await, [first]);
    world.eventually_waiting(2).await;
    world.let_age("59 minutes 50 seconds").await;
    // A process looks when it starts, and then every minute.
    let stop = world.start(world.spaces().with_topology(earlier_topology()));
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(world.effects().await, [first]);
    stop.cancel();
    world.let_age("1 hour").await;
    world.start_earlier();
    assert_eq!(world.eventually_applied(2).await, [first, third]);
    world.start_later();
    assert_eq!(world.eventually_applied(3).await, [first, third, second], "late, and not lost");
    world.close().await;
}

#[tokio::test]
async fn of_unknown_events_ten_thousand_wait_and_the_next_is_parked_until_it_is_known() {
    let mut world = World::new().await;
    world.start_identity();
    world.start_earlier();
    sqlx::query(
        "INSERT INTO jobs (name, organization_id, queue_key, payload, event, max_attempts)
         SELECT 'event:identity.organization.moved.v9', gen_random_uuid(), 'event:' || gen_random_uuid(), '{}', '', 1
           FROM generate_series(1, $1)",
    )
    .bind(UNKNOWN_MAX - 1)
    .execute(&mut world.owner().await)
    .await
    .unwrap();
    let [.., third] = world.append_three().await;
    world.eventually_waiting(UNKNOWN_MAX + 1).await;
    assert_eq!(world.messages_in("spaces.from-identity.parked").await, 0);
    let [fourth, fifth, sixth] = world.append_three().await;
    let applied = world.eventually_applied(3).await;
    assert!(applied.contains(&fourth) && applied.contains(&sixth), "a parked one holds nothing back");
    assert!(!applied.contains(&third) && !applied.contains(&fifth));
    eventually("it is parked", async || world.messages_in("spaces.from-identity.parked").await == 1).await;
    world.start_later();
    assert!(world.eventually_applied(6).await.contains(&fifth));
    eventually("it is taken up", async || world.messages_in("spaces.from-identity.parked").await == 0).await;
    world.close().await;
}

#[tokio::test]
async fn what_nobody_can_read_stays_parked_once_however_often_it_is_looked_at() {
    let mut world = World::new().await;
    let event = organization_created();
    let organization = event.organization_id().to_owned();
    for body in [b"\xff\xff", b"\xfe\xfe"] {
        let id = testkit::ids().next::<Uuid>().to_string();
        world.publish(properties(&id, &organization), body).await;
    }
    let parked = async |world: &World| world.messages_in("spaces.from-identity.parked").await;
    for _ in 0..3 {
        world.start_later();
        let known = world.append_organization().await;
        world.start_identity();
        eventually("the known is applied", async || world.effects().await.contains(&known)).await;
        world.stop().await;
        // What was in hand when it stopped is given back by the broker.
        eventually("both are parked", async || parked(&world).await == 2).await;
    }
    // What an earlier release parked under a kind that is known now.
    let id: Uuid = testkit::ids().next();
    let queue = topology::parked_queue(&world.broker.prefix, &SUBSCRIPTIONS[0]);
    world.publish_to(&queue, properties(&id.to_string(), &organization), &event.encode_to_vec()).await;
    world.start_later();
    eventually("it is applied", async || world.effects().await.contains(&id)).await;
    eventually("the others stay", async || parked(&world).await == 2).await;
    world.close().await;
}

#[tokio::test]
async fn an_event_that_was_kept_unread_is_dead_where_it_belongs_to_another_organisation() {
    let mut world = World::new().await;
    world.start_earlier();
    let [mine, other] = [(); 2].map(|()| testkit::ids().next::<Uuid>().to_string());
    let id = testkit::ids().next::<Uuid>().to_string();
    let sent = properties(&id, &mine).with_type(OrganizationUpdated::full_name().into());
    world.publish_as(OrganizationUpdated::ROUTING_KEY, sent, &updated(&other).encode_to_vec()).await;
    world.eventually_waiting(1).await;
    world.start_later();
    eventually("its job is dead", async || {
        messaging::backlog(world.spaces.database.pool()).await.unwrap().jobs_dead == 1
    })
    .await;
    assert!(world.effects().await.is_empty());
    world.close().await;
}
