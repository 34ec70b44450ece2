//! What must hold when something breaks in the middle: nothing lost, nothing doubled.

use std::collections::HashSet;
use std::time::Duration;

use journeys::outside::within;
use journeys::visit::{Journey, png, unique};
use journeys::world::World;
use sharedspaces_proto::crmsync::v1 as crm;
use sharedspaces_proto::identity::v1::Plan;
use tokio::task::block_in_place;

use crate::{Organization, found, start};

/// One space created, logged and shared with one guest; what must be there once at the end.
struct Attempt {
    space_id: String,
    title: String,
    guest_address: String,
}

struct Scene {
    journey: Journey,
    acme: Organization,
    connection: crm::Connection,
    account: crm::CrmRecord,
}

impl Scene {
    async fn set(world: &World) -> Self {
        let journey = Journey::new(&world.environment().unwrap()).unwrap();
        let acme = found(&journey, "en", Plan::Ultimate).await;
        let (connection, account) = journey.find_account(&acme.admin, &acme.member).await.unwrap();
        Self { journey, acme, connection, account }
    }

    /// Steps 3 and 5, as a client app that repeats a call with the same key until it is answered.
    async fn create_and_invite(&self) -> Attempt {
        let title = format!("Crash {}", unique());
        let guest_address = format!("guest.{}@buyer.example", unique());
        let target = Some((&self.connection, &self.account));
        let space = self.journey.create_space(&self.acme.member, &title, "", target).await.unwrap();
        let key = journeys::visit::fresh_key();
        within(Duration::from_secs(60), "an answer to the invitation", async || {
            let invited = self
                .journey
                .invite_with_key(&self.acme.member, &space.space_id, &[&guest_address], "", &key)
                .await?;
            Ok(Some(invited))
        })
        .await
        .unwrap();
        Attempt { space_id: space.space_id, title, guest_address }
    }

    /// Step 6 and 7: the guest comes in, however often the call has to be repeated, and the inviter is told once.
    async fn accept(&self, attempt: &Attempt) {
        let token = self.journey.invitation_token(&attempt.guest_address, "").await.unwrap();
        let name = format!("Guest {}", unique());
        within(Duration::from_secs(60), "the guest to come in", async || {
            let guest = self.journey.enter(&token, &name).await?.1;
            Ok(self.journey.get_space(&guest, &attempt.space_id).await.map(Some)?)
        })
        .await
        .unwrap();
        let inviter = &self.acme.accounts.members[0];
        self.journey.outside.wait_for_mail(inviter, &name).await.unwrap();
    }

    /// One log, one record in the CRM, and one mail however often it was handed over.
    async fn assert_once(&self, attempt: &Attempt) {
        let log = self.journey.logged(&self.acme.member, &attempt.space_id).await.unwrap();
        assert!(!log.record_url.is_empty());
        let tasks = self.journey.outside.tasks_of(&self.account.record_id, &attempt.title).await.unwrap();
        assert_eq!(tasks.len(), 1, "{tasks:?}");
        self.journey.outside.wait_for_mail(&attempt.guest_address, "").await.unwrap();
        let mails = self.journey.outside.mails(&attempt.guest_address).await.unwrap();
        let ids: HashSet<&str> = mails.iter().map(|mail| mail.message_id.as_str()).collect();
        assert_eq!(ids.len(), 1, "{} mails with different ids", mails.len());
        let texts: HashSet<&str> = mails.iter().map(|mail| mail.text.as_str()).collect();
        assert_eq!(texts.len(), 1, "copies differ");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restarting_the_broker_and_killing_services_loses_and_doubles_nothing() {
    let mut world = start(World::start_with_broker).await;
    let scene = Scene::set(&world).await;
    let mut attempts = vec![scene.create_and_invite().await];

    block_in_place(|| world.broker.as_mut().unwrap().kill()).unwrap();
    for _ in 0..3 {
        attempts.push(scene.create_and_invite().await);
    }
    block_in_place(|| world.broker.as_mut().unwrap().start_again()).unwrap();
    attempts.push(scene.create_and_invite().await);

    for service in ["crm-sync", "notifications", "spaces"] {
        block_in_place(|| world.kill_service(service)).unwrap();
        if service != "spaces" {
            attempts.push(scene.create_and_invite().await);
        }
        block_in_place(|| world.start_service(service, &[]).and_then(|()| world.wait_ready())).unwrap();
        attempts.push(scene.create_and_invite().await);
    }
    block_in_place(|| world.broker.as_mut().unwrap().stop()).unwrap();
    attempts.push(scene.create_and_invite().await);
    block_in_place(|| world.broker.as_mut().unwrap().start_again()).unwrap();

    assert_eq!(world.quiesce().await.unwrap(), 0, "no job may be dead");
    for attempt in &attempts {
        scene.assert_once(attempt).await;
    }
}

/// Every crash point with the services that pass it within steps 3 to 5.
fn crash_points() -> Vec<(&'static str, &'static str)> {
    let mut points = Vec::new();
    for point in messaging::FAILPOINTS {
        let services: &[&str] = match point.split('.').next() {
            Some("outbox" | "relay") => &["spaces"],
            _ => &["crm-sync", "notifications"],
        };
        points.extend(services.iter().map(|service| (*service, *point)));
    }
    points.extend(notifications::FAILPOINTS.iter().map(|point| ("notifications", *point)));
    points.extend(crm_sync::FAILPOINTS.iter().map(|point| ("crm-sync", *point)));
    points.extend(identity::FAILPOINTS.iter().map(|point| ("identity", *point)));
    points
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_declared_point_loses_and_doubles_nothing() {
    let mut world = start(World::start).await;
    let scene = Scene::set(&world).await;
    scene.assert_once(&scene.create_and_invite().await).await;
    for (service, point) in crash_points() {
        block_in_place(|| {
            world.stop_service(service).unwrap();
            world.start_service(service, &[("FAILPOINTS", &format!("{point}=1*return"))]).unwrap();
            world.wait_ready().unwrap();
        });
        let attempt = {
            let creating = async {
                let attempt = scene.create_and_invite().await;
                if service == "identity" {
                    scene.accept(&attempt).await;
                }
                attempt
            };
            tokio::pin!(creating);
            let mut mended = false;
            loop {
                tokio::select! {
                    attempt = &mut creating => break attempt,
                    () = died(&mut world, service), if !mended => {
                        mend(&mut world, service);
                        mended = true;
                    }
                }
            }
        };
        // The services that work on events pass the point after the calls were answered.
        within(Duration::from_secs(20), &format!("a crash of {service} at {point}"), async || {
            Ok((world.was_mended(service) || world.has_died(service)).then_some(()))
        })
        .await
        .unwrap();
        if world.has_died(service) {
            mend(&mut world, service);
        }
        world.forget_mending();
        scene.assert_once(&attempt).await;
        assert_eq!(world.quiesce().await.unwrap(), 0, "{service} at {point}: no job may be dead");
    }
}

async fn died(world: &mut World, service: &str) {
    let dead =
        within(Duration::from_secs(3_600), "a crash", async || Ok(world.has_died(service).then_some(())))
            .await;
    dead.unwrap();
}

fn mend(world: &mut World, service: &'static str) {
    block_in_place(|| world.mend_service(service)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_the_row_and_the_object_leaves_no_logo_that_is_not_there() {
    let mut world = start(World::start).await;
    let scene = Scene::set(&world).await;
    let space = scene.journey.create_space(&scene.acme.member, "Logo", "", None).await.unwrap();
    let file = png(64, 64).unwrap();
    for point in assets::FAILPOINTS {
        block_in_place(|| {
            world.stop_service("assets").unwrap();
            world.start_service("assets", &[("FAILPOINTS", &format!("{point}=1*return"))]).unwrap();
            world.wait_ready().unwrap();
        });
        scene.journey.show_logo(&scene.acme.member, &space.space_id, &file).await.unwrap_err();
        within(Duration::from_secs(20), &format!("a crash of assets at {point}"), async || {
            Ok(world.has_died("assets").then_some(()))
        })
        .await
        .unwrap();
        mend(&mut world, "assets");
        let before = scene.journey.get_space(&scene.acme.member, &space.space_id).await.unwrap();
        let after = within(Duration::from_secs(20), "assets to answer again", async || {
            Ok(scene.journey.show_logo(&scene.acme.member, &space.space_id, &file).await.ok())
        })
        .await
        .unwrap();
        assert_ne!(before.customer_logo, after.customer_logo);
    }
}
