//! Losing everything, and getting it back from a backup.

use std::collections::HashSet;
use std::time::Duration;

use journeys::api::with_token;
use journeys::backup::{Backup, ORDER, PUBLISH_AGAIN, drop_database, lose_everything, send};
use journeys::files::pdf;
use journeys::outside::within;
use journeys::visit::{Journey, Session, unique};
use journeys::world::World;
use sharedspaces_proto::crmsync::v1 as crm;
use sharedspaces_proto::identity::v1 as identity;
use tokio::task::block_in_place;
use tonic::Code;
use xtask::workspace::SERVICES;

use crate::{Organization, found, start};

/// A guest's own, which no backup may lose.
const PASSWORD: &str = "three patient otters count lanterns";
const OPERATING: &str = include_str!("../../docs/operating.md");

/// A space that is logged, with a guest and a file.
struct Room {
    space_id: String,
    title: String,
    guest_address: String,
    item_id: String,
}

struct Stage {
    world: World,
    journey: Journey,
    acme: Organization,
    connection: crm::Connection,
    account: crm::CrmRecord,
}

impl Stage {
    async fn set() -> Self {
        let world = start(World::start).await;
        let journey = Journey::new(&world.environment().unwrap()).unwrap();
        let acme = found(&journey, "en", identity::Plan::Ultimate).await;
        let (connection, account) = journey.find_account(&acme.admin, &acme.member).await.unwrap();
        Self { world, journey, acme, connection, account }
    }

    /// Everything that a visit brings about.
    async fn room(&self) -> Room {
        let (journey, member) = (&self.journey, &self.acme.member);
        let title = format!("Kept {}", unique());
        let target = Some((&self.connection, &self.account));
        let space_id = journey.create_space(member, &title, "", target).await.unwrap().space_id;
        let guest_address = format!("gina.{}@buyer.example", unique());
        journey.invite(member, &space_id, &[&guest_address], "").await.unwrap();
        let token = journey.invitation_token(&guest_address, "").await.unwrap();
        let (_, guest) = journey.enter(&token, "Gina Guest").await.unwrap();
        let request = identity::SetPasswordRequest { new_password: PASSWORD.to_owned() };
        journey.api.account.clone().set_password(with_token(request, guest.token())).await.unwrap();
        let asset = journey.upload(member, &space_id, "offer.pdf", pdf(), false).await.unwrap();
        let item = journey.add_file(member, &space_id, "", "Offer", &asset.asset_id).await.unwrap();
        journey.logged(member, &space_id).await.unwrap();
        Room { space_id, title, guest_address, item_id: item.item_id }
    }

    /// The guest signs in with the password they had, sees the space, and saves the file.
    async fn assert_kept(&self, room: &Room) {
        let guest = self.sign_in(&room.guest_address).await;
        let seen = within(Duration::from_secs(60), "the space", async || {
            Ok(self.journey.get_space(&guest, &room.space_id).await.map(Some)?)
        });
        assert_eq!(seen.await.unwrap().title, room.title);
        let url = self.journey.download_item(&guest, &room.space_id, &room.item_id).await.unwrap();
        let (status, _, bytes) = self.journey.outside.fetch(&url).await.unwrap();
        assert_eq!((status, bytes), (200, pdf()));
    }

    async fn sign_in(&self, address: &str) -> Session {
        let request = identity::SignInWithPasswordRequest {
            organization: self.acme.accounts.organization.clone(),
            email_address: address.to_owned(),
            password: PASSWORD.to_owned(),
            device: None,
        };
        let answer = self.journey.api.sign_in.clone().sign_in_with_password(request).await.unwrap();
        let answer = answer.into_inner();
        Session { user_id: answer.user_id, tokens: answer.tokens.unwrap() }
    }

    /// The ids of the mails that an address has, and how many records the CRM has of a room.
    async fn outside(&self, room: &Room) -> (Vec<String>, usize) {
        let mails = self.journey.outside.mails(&room.guest_address).await.unwrap();
        let tasks = self.journey.outside.tasks_of(&self.account.record_id, &room.title).await.unwrap();
        (mails.into_iter().map(|mail| mail.message_id).collect(), tasks.len())
    }

    async fn assert_ledger_holds(&self) {
        let request = with_token(identity::VerifyConsentLedgerRequest::default(), self.acme.admin.token());
        let verdict = self.journey.api.consent.clone().verify_consent_ledger(request).await.unwrap();
        let verdict = verdict.into_inner();
        assert!(verdict.is_intact && verdict.entry_count > 0, "{verdict:?}");
    }

    async fn sign_in_anew(&mut self) {
        let accounts = &self.acme.accounts;
        self.acme.admin = self.journey.sign_in(&accounts.organization, &accounts.admin).await.unwrap();
        self.acme.member = self.journey.sign_in(&accounts.organization, &accounts.members[0]).await.unwrap();
    }

    fn kill_all(&mut self) {
        block_in_place(|| SERVICES.into_iter().try_for_each(|service| self.world.kill_service(service)))
            .unwrap();
    }

    /// Starts what does not run, with all events of the last days under way again.
    fn start_again(&mut self, services: &[&'static str]) {
        block_in_place(|| {
            for service in services {
                self.world.start_service(service, &[]).unwrap();
            }
            self.world.wait_ready().unwrap();
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_backed_up_is_restored_after_all_was_lost_and_nothing_is_sent_or_logged_twice() {
    let mut stage = Stage::set().await;
    let first = stage.room().await;
    assert_eq!(stage.world.quiesce().await.unwrap(), 0);
    let earlier = Backup::take(&stage.world).await.unwrap();
    // Access tokens live five minutes.
    stage.sign_in_anew().await;
    let second = stage.room().await;
    assert_eq!(stage.world.quiesce().await.unwrap(), 0);
    let later = Backup::take(&stage.world).await.unwrap();
    assert!(later.object_count() > earlier.object_count() && earlier.object_count() > 0);
    let before = (stage.outside(&first).await, stage.outside(&second).await);

    // All of one time: everything is there, and nothing happens again.
    stage.kill_all();
    lose_everything(&mut stage.world).await.unwrap();
    for service in ORDER {
        block_in_place(|| later.restore_database(&stage.world, service)).unwrap();
        block_in_place(|| send(&stage.world, service, PUBLISH_AGAIN)).unwrap();
    }
    later.restore_objects(&stage.world).await.unwrap();
    stage.start_again(&SERVICES);
    stage.sign_in_anew().await;
    assert_eq!(stage.world.quiesce().await.unwrap(), 0, "no job may be dead");
    assert_eq!((stage.outside(&first).await, stage.outside(&second).await), before);
    stage.assert_ledger_holds().await;
    stage.assert_kept(&first).await;
    stage.assert_kept(&second).await;
    // And what is new goes the whole way.
    let third = stage.room().await;
    stage.assert_kept(&third).await;

    // Those who only hear of others are older: what they have missed is told to them again.
    assert_eq!(stage.world.quiesce().await.unwrap(), 0);
    let rooms = [first, second, third];
    let mut before = Vec::new();
    for room in &rooms {
        before.push(stage.outside(room).await);
    }
    for service in ["notifications", "crm-sync"] {
        block_in_place(|| {
            stage.world.stop_service(service).unwrap();
            drop_database(&stage.world, service).unwrap();
            earlier.restore_database(&stage.world, service).unwrap();
        });
    }
    for service in ORDER {
        block_in_place(|| send(&stage.world, service, PUBLISH_AGAIN)).unwrap();
    }
    stage.start_again(&["notifications", "crm-sync"]);
    assert_eq!(stage.world.quiesce().await.unwrap(), 0, "no job may be dead");
    stage.sign_in_anew().await;
    for (room, before) in rooms.iter().zip(before) {
        let log = stage.journey.logged(&stage.acme.member, &room.space_id).await.unwrap();
        assert!(!log.record_url.is_empty());
        let after = stage.outside(room).await;
        assert_eq!(after.1, 1, "a log is the same record however often it is written");
        let ids = |mails: Vec<String>| mails.into_iter().collect::<HashSet<_>>();
        assert_eq!(ids(after.0), ids(before.0), "a mail that comes again has the id it had");
    }
    let [first, second, _] = rooms;

    // Whoever tells is older: what it has forgotten is not told back to it.
    block_in_place(|| {
        stage.world.stop_service("spaces").unwrap();
        drop_database(&stage.world, "spaces").unwrap();
        earlier.restore_database(&stage.world, "spaces").unwrap();
    });
    for service in ORDER {
        block_in_place(|| send(&stage.world, service, PUBLISH_AGAIN)).unwrap();
    }
    stage.start_again(&["spaces"]);
    stage.sign_in_anew().await;
    stage.assert_kept(&first).await;
    let gone = stage.journey.get_space(&stage.acme.member, &second.space_id).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound, "a space that only a lost minute knew is lost");
    stage.sign_in(&second.guest_address).await;
    let fourth = stage.room().await;
    stage.assert_kept(&fourth).await;
}

#[test]
fn the_guide_tells_the_order_of_the_dumps_and_the_statement_that_the_rehearsal_uses() {
    assert!(OPERATING.contains(PUBLISH_AGAIN));
    assert!(OPERATING.contains(&ORDER.join(" ")), "{}", ORDER.join(" "));
}
