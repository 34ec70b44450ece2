//! What must hold when something breaks in the middle: nothing lost, nothing doubled.

use std::time::Duration;

use journeys::outside::{Mail, within};
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
    /// Unique, so that the mail that tells of the acceptance is found by it.
    guest_name: String,
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

    /// Signs the member in anew: access tokens live five minutes, and waiting for what a crash left behind takes long.
    async fn sign_in_again(&mut self) {
        let accounts = &self.acme.accounts;
        self.acme.member = self.journey.sign_in(&accounts.organization, &accounts.members[0]).await.unwrap();
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
        let guest_name = format!("Guest {}", unique());
        Attempt { space_id: space.space_id, title, guest_address, guest_name }
    }

    /// Step 6: the guest comes in, however often the calls have to be repeated.
    async fn accept(&self, attempt: &Attempt) {
        let token = self.journey.invitation_token(&attempt.guest_address, "").await.unwrap();
        let guest = within(Duration::from_secs(60), "the guest to come in", async || {
            Ok(Some(self.journey.enter(&token, &attempt.guest_name).await?.1))
        })
        .await
        .unwrap();
        within(Duration::from_secs(60), "the guest to see the space", async || {
            Ok(self.journey.get_space(&guest, &attempt.space_id).await.map(Some)?)
        })
        .await
        .unwrap();
    }

    /// One log, one record in the CRM, one mail to the guest, and one to the inviter for each acceptance. To be asked
    /// when the world is quiet: what is doubled may come late.
    async fn assert_once(&self, attempt: &Attempt, is_accepted: bool, copies: Copies) {
        let log = self.journey.logged(&self.acme.member, &attempt.space_id).await.unwrap();
        assert!(!log.record_url.is_empty());
        let tasks = self.journey.outside.tasks_of(&self.account.record_id, &attempt.title).await.unwrap();
        assert_eq!(tasks.len(), 1, "{tasks:?}");
        copies.assert(&self.journey.outside.mails(&attempt.guest_address).await.unwrap());
        let mut told = self.journey.outside.mails(&self.acme.accounts.members[0]).await.unwrap();
        told.retain(|mail| mail.subject.contains(&attempt.guest_name));
        if is_accepted {
            copies.assert(&told);
        } else {
            assert!(told.is_empty(), "nobody has accepted");
        }
    }
}

/// How often a mail may be in the mailbox.
#[derive(Clone, Copy)]
enum Copies {
    /// Once.
    One,
    /// Once more, the same, where the process died while it handed the mail over: SMTP has no second phase by which
    /// the two sides could agree.
    OneOrTheSameAgain,
}

impl Copies {
    /// Tells how often a mail may come that is in work while a service ends at a crash point.
    fn at(point: &str) -> Self {
        match point {
            "email.after_data_before_250" | "email.after_250_before_commit" => Self::OneOrTheSameAgain,
            _ => Self::One,
        }
    }

    fn assert(self, mails: &[Mail]) {
        let most = match self {
            Self::One => 1,
            Self::OneOrTheSameAgain => 2,
        };
        assert!((1..=most).contains(&mails.len()), "{} mails: {mails:?}", mails.len());
        for pair in mails.windows(2) {
            let [one, other] = pair else { panic!("a pair has two") };
            assert_eq!((&one.message_id, &one.text), (&other.message_id, &other.text), "copies differ");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restarting_the_broker_and_killing_services_loses_and_doubles_nothing() {
    let mut world = start(World::start_with_broker).await;
    let mut scene = Scene::set(&world).await;
    let mut attempts = vec![scene.create_and_invite().await];

    block_in_place(|| world.broker.as_mut().unwrap().kill()).unwrap();
    for _ in 0..3 {
        attempts.push(scene.create_and_invite().await);
    }
    block_in_place(|| world.broker.as_mut().unwrap().start_again()).unwrap();
    attempts.push(scene.create_and_invite().await);

    // The one attempt whose mail is in work when notifications is killed.
    let mut interrupted = None;
    for service in ["crm-sync", "notifications", "spaces"] {
        scene.sign_in_again().await;
        if service == "notifications" {
            assert_eq!(world.quiesce().await.unwrap(), 0, "no job may be dead");
            interrupted = Some(attempts.len());
            attempts.push(scene.create_and_invite().await);
        }
        block_in_place(|| world.kill_service(service)).unwrap();
        if service != "spaces" {
            attempts.push(scene.create_and_invite().await);
        }
        block_in_place(|| world.start_service(service, &[]).and_then(|()| world.wait_ready())).unwrap();
        attempts.push(scene.create_and_invite().await);
    }
    // That the guest has come in must reach the inviter, though there is no broker to tell it when it happens.
    let accepted = attempts.len() - 1;
    let token = scene.journey.invitation_token(&attempts[accepted].guest_address, "").await.unwrap();
    block_in_place(|| world.broker.as_mut().unwrap().stop()).unwrap();
    scene.journey.enter(&token, &attempts[accepted].guest_name).await.unwrap();
    attempts.push(scene.create_and_invite().await);
    block_in_place(|| world.broker.as_mut().unwrap().start_again()).unwrap();

    assert_eq!(world.quiesce().await.unwrap(), 0, "no job may be dead");
    scene.sign_in_again().await;
    for (at, attempt) in attempts.iter().enumerate() {
        let copies = if interrupted == Some(at) { Copies::OneOrTheSameAgain } else { Copies::One };
        scene.assert_once(attempt, at == accepted, copies).await;
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
    let mut scene = Scene::set(&world).await;
    for (service, point) in crash_points() {
        scene.sign_in_again().await;
        // What signing in causes is done with, so that the point is met by the attempt.
        world.quiesce().await.unwrap();
        block_in_place(|| {
            world.stop_service(service).unwrap();
            world.start_service(service, &[("FAILPOINTS", &format!("{point}=1*return"))]).unwrap();
            world.wait_ready().unwrap();
        });
        let attempt = {
            let creating = async {
                let attempt = scene.create_and_invite().await;
                scene.accept(&attempt).await;
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
        within(Duration::from_secs(60), &format!("a crash of {service} at {point}"), async || {
            Ok((world.was_mended(service) || world.has_died(service)).then_some(()))
        })
        .await
        .unwrap();
        if world.has_died(service) {
            mend(&mut world, service);
        }
        world.forget_mending();
        assert_eq!(world.quiesce().await.unwrap(), 0, "{service} at {point}: no job may be dead");
        scene.sign_in_again().await;
        scene.assert_once(&attempt, true, Copies::at(point)).await;
    }
}

pub(crate) async fn died(world: &mut World, service: &str) {
    let dead =
        within(Duration::from_secs(3_600), "a crash", async || Ok(world.has_died(service).then_some(())))
            .await;
    dead.unwrap();
}

pub(crate) fn mend(world: &mut World, service: &'static str) {
    block_in_place(|| world.mend_service(service)).unwrap();
}

/// The crash points of assets that logos pass; files pass the others.
pub(crate) const LOGO_POINTS: [&str; 2] = ["assets.after_row_before_put", "assets.after_put_before_ready"];

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_the_row_and_the_object_leaves_no_logo_that_is_not_there() {
    let mut world = start(World::start).await;
    let scene = Scene::set(&world).await;
    let space = scene.journey.create_space(&scene.acme.member, "Logo", "", None).await.unwrap();
    let file = png(64, 64).unwrap();
    for point in LOGO_POINTS {
        assert!(assets::FAILPOINTS.contains(&point), "there is no {point}");
        block_in_place(|| {
            world.stop_service("assets").unwrap();
            world.start_service("assets", &[("FAILPOINTS", &format!("{point}=1*return"))]).unwrap();
            world.wait_ready().unwrap();
        });
        within(Duration::from_secs(60), &format!("a crash of assets at {point}"), async || {
            // A call may be refused before it comes to the point, but none may succeed.
            scene.journey.show_logo(&scene.acme.member, &space.space_id, &file).await.unwrap_err();
            Ok(world.has_died("assets").then_some(()))
        })
        .await
        .unwrap();
        mend(&mut world, "assets");
        let before = scene.journey.get_space(&scene.acme.member, &space.space_id).await.unwrap();
        let after = within(Duration::from_secs(60), "assets to answer again", async || {
            Ok(scene.journey.show_logo(&scene.acme.member, &space.space_id, &file).await.ok())
        })
        .await
        .unwrap();
        assert_ne!(before.customer_logo, after.customer_logo);
    }
}
