//! From an event to the mail server, and what becomes of it when that fails.

use std::time::Duration;

use mail_parser::MessageParser;
use messaging::jobs::JobError;
use serde_json::json;
use sharedspaces_proto::identity::v1::{Person, PersonKind};
use sharedspaces_proto::spaces::events::v1::{ParticipantInvited, ParticipantJoined, SpaceSnapshot};
use sharedspaces_proto::spaces::v1::ParticipantKind;
use tonic::Status;
use uuid::Uuid;

use super::identity::{link_of, refusal};
use super::world::{World, guest_invited, space, user_id};
use crate::config::{SmtpConfig, TlsMode};
use crate::consumers::spaces::participant_invited;
use crate::delivery::{DeliveryId, MAX_ATTEMPTS, State};
use crate::mail::Smtp;

struct Scene {
    world: World,
    guest: Person,
    event: ParticipantInvited,
}

impl Scene {
    async fn new() -> Self {
        Self::of(World::new().await)
    }

    fn of(world: World) -> Self {
        let inviter = world.person("Ines", "ines@acme.test", "en");
        let guest = world.person("Gil", "gil@globex.test", "fr-CH");
        let event = guest_invited(&inviter, &guest, "Big deal", "Hello Gil\r\n.\r\nRCPT TO:<eve@evil.test>");
        Self { world, guest, event }
    }

    fn joined(&self, inviter: &Person, owner: &Person) -> ParticipantJoined {
        ParticipantJoined {
            space: Some(SpaceSnapshot { owner_user_id: owner.user_id.clone(), ..space("Big deal") }),
            invitation_id: self.event.invitation_id.clone(),
            person: Some(self.guest.clone()),
            inviter_user_id: inviter.user_id.clone(),
            ..ParticipantJoined::default()
        }
    }

    async fn planned(&self) -> DeliveryId {
        self.world.invited(self.event.clone(), &self.guest).await
    }
}

fn message_ids(world: &World) -> Vec<String> {
    let id = |raw: &[u8]| MessageParser::default().parse(raw).unwrap().message_id().unwrap().to_owned();
    world.taken().iter().map(|(_, raw)| id(raw)).collect()
}

fn is_dead(result: &Result<(), JobError>) -> bool {
    matches!(result, Err(JobError::Dead { .. }))
}

fn retry_after(result: Result<(), JobError>) -> Duration {
    match result {
        Err(JobError::Retry { after, .. }) => after.unwrap(),
        other => panic!("expected a retry, got {other:?}"),
    }
}

#[tokio::test]
async fn a_guest_gets_an_invitation_with_the_link_in_their_language() {
    let scene = Scene::new().await;
    let id = scene.planned().await;
    scene.world.run(id, 1).await.unwrap();

    let taken = scene.world.taken();
    assert_eq!(taken.len(), 1);
    let (to, raw) = &taken[0];
    assert_eq!(to, &["gil@globex.test"]);
    let mail = MessageParser::default().parse(raw.as_slice()).unwrap();
    assert_eq!(mail.subject(), Some("Ines vous invite dans « Big deal »"));
    assert_eq!(mail.message_id().unwrap(), format!("{id}@sharedspaces.test"));
    let link = link_of(&scene.event.invitation_id);
    let html = mail.body_html(0).unwrap();
    assert!(html.contains(&format!("href=\"{link}\"")) && html.contains("Hello Gil"), "{html}");
    assert!(html.contains("<html lang=\"fr\""));
    let text = mail.body_text(0).unwrap();
    assert!(text.contains(&link) && text.contains("> Hello Gil") && text.contains("Acme"), "{text}");

    let delivery = scene.world.delivery(id).await;
    assert_eq!((delivery.state, delivery.attempts), (State::Sent, 1));
    assert_eq!(delivery.email_address, "gil@globex.test");
    assert!(delivery.sent_time.is_some());
}

#[tokio::test]
async fn the_link_is_kept_nowhere() {
    let scene = Scene::new().await;
    let id = scene.planned().await;
    scene.world.run(id, 1).await.unwrap();
    let dump = scene.world.dump().await;
    assert!(dump.contains("Big deal"), "{dump}");
    let hex: String = b"secret".iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!dump.contains("secret") && !dump.to_lowercase().contains(&hex), "{dump}");
}

#[tokio::test]
async fn a_colleague_gets_a_different_mail_that_leads_to_the_space() {
    let scene = Scene::new().await;
    let colleague = scene.world.person("Cleo", "cleo@acme.test", "en");
    let event = ParticipantInvited {
        person: Some(colleague.clone()),
        kind: ParticipantKind::Internal.into(),
        ..scene.event.clone()
    };
    let id = scene.world.invited(event, &colleague).await;
    scene.world.run(id, 1).await.unwrap();

    let (to, raw) = scene.world.taken().remove(0);
    assert_eq!(to, ["cleo@acme.test"]);
    let mail = MessageParser::default().parse(raw.as_slice()).unwrap();
    assert_eq!(mail.subject(), Some("Ines added you to “Big deal”"));
    let html = mail.body_html(0).unwrap();
    assert!(html.contains("href=\"https://app.acme.test/acme/big-deal\""), "{html}");
    assert!(html.contains("Sign in as you are used to") && html.contains("For your team"), "{html}");
    assert!(!html.contains("secret"));
}

#[tokio::test]
async fn the_inviter_is_told_when_an_invitation_is_accepted() {
    let scene = Scene::new().await;
    let inviter = scene.event.inviter.clone().unwrap();
    let event_id = scene.world.joined(scene.joined(&inviter, &inviter)).await;
    assert_eq!(scene.world.tell_owners().await, 0, "the owner is the inviter");
    scene.world.run(DeliveryId::of(event_id, user_id(&inviter)), 1).await.unwrap();

    let (to, raw) = scene.world.taken().remove(0);
    assert_eq!(to, ["ines@acme.test"]);
    let mail = MessageParser::default().parse(raw.as_slice()).unwrap();
    assert_eq!(mail.subject(), Some("Gil accepted your invitation to “Big deal”"));
}

#[tokio::test]
async fn the_owner_is_told_too_where_a_guest_had_invited_and_not_where_a_member_had() {
    for (kind, mails) in [(PersonKind::Guest, 2), (PersonKind::Member, 1)] {
        let scene = Scene::new().await;
        let inviter = Person { kind: kind.into(), ..scene.world.person("Ivo", "ivo@globex.test", "en") };
        scene.world.identity.knows(inviter.clone());
        let owner = scene.world.person("Olga", "olga@acme.test", "fr");
        scene.world.joined(scene.joined(&inviter, &owner)).await;
        for _ in 0..2 {
            assert_eq!(scene.world.tell_owners().await, 1);
        }
        let planned = scene.world.listed(&scene.world.admin).await;
        assert_eq!(planned.len(), mails, "{kind:?}");
        for delivery in planned {
            scene.world.run(delivery.delivery_id, 1).await.unwrap();
        }
        let told = scene.world.taken().into_iter().find(|(to, _)| to == &["olga@acme.test"]);
        let subject =
            told.map(|(_, raw)| MessageParser::default().parse(&raw).unwrap().subject().unwrap().to_owned());
        let expected = "Gil a accepté l’invitation envoyée par Ivo dans « Big deal »".to_owned();
        assert_eq!(subject, (kind == PersonKind::Guest).then_some(expected));
    }
}

#[tokio::test]
async fn the_same_event_twice_plans_one_mail() {
    let scene = Scene::new().await;
    let event_id: Uuid = testkit::ids().next();
    for _ in 0..2 {
        scene
            .world
            .apply(event_id, scene.event.clone(), |tx, event| Box::pin(participant_invited(tx, event)))
            .await
            .unwrap();
    }
    let listed = scene.world.listed(&scene.world.admin).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].delivery_id, DeliveryId::of(event_id, user_id(&scene.guest)));
    for attempt in 1..=2 {
        scene.world.run(listed[0].delivery_id, attempt).await.unwrap();
    }
    assert_eq!(scene.world.taken().len(), 1);
}

#[tokio::test]
async fn an_event_that_lacks_something_plans_nothing_and_is_not_tried_again() {
    let scene = Scene::new().await;
    let good = scene.event.clone();
    let bad = [
        ParticipantInvited { person: None, ..good.clone() },
        ParticipantInvited { inviter: None, ..good.clone() },
        ParticipantInvited { space: None, ..good.clone() },
        ParticipantInvited { invitation_id: "x".to_owned(), ..good.clone() },
        ParticipantInvited { kind: ParticipantKind::Owner.into(), ..good.clone() },
        ParticipantInvited { kind: 99, ..good },
    ];
    for event in bad {
        let event_id = testkit::ids().next();
        let applied =
            scene.world.apply(event_id, event, |tx, event| Box::pin(participant_invited(tx, event))).await;
        assert!(applied.unwrap_err().starts_with("Dead"));
    }
    assert!(scene.world.listed(&scene.world.admin).await.is_empty());
}

#[tokio::test]
async fn a_mail_that_is_put_off_is_tried_again_later() {
    let scene = Scene::new().await;
    for (phase, reply) in
        [("banner", "421 later"), ("mail", "451 later"), ("rcpt", "452 full"), ("data", "451 later")]
    {
        let id = scene.planned().await;
        scene.world.fault(json!({"phase": phase, "reply": reply})).await;
        let taken = scene.world.taken().len();
        let result = scene.world.run(id, 1).await;
        assert_eq!(retry_after(result), Duration::from_secs(5));
        let waiting = scene.world.delivery(id).await;
        assert_eq!((waiting.state, waiting.attempts), (State::Pending, 1));
        assert!(
            waiting.reason.contains(&reply[..3]) && !waiting.reason.contains("later"),
            "{}",
            waiting.reason
        );
        assert_eq!(waiting.email_address, "gil@globex.test");

        scene.world.run(id, 2).await.unwrap();
        let sent = scene.world.delivery(id).await;
        assert_eq!((sent.state, sent.attempts, sent.reason.as_str()), (State::Sent, 2, ""));
        assert_eq!(scene.world.taken().len(), taken + 1);
        scene.world.send_mail.forget_connections();
    }
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_fails_with_its_reason() {
    let scene = Scene::new().await;
    for (phase, reply) in [
        ("data", "554 no"),
        ("after_data", "552 gil@globex.test is full"),
        // The last: from then on the address gets no mails.
        ("rcpt", "550 gil@globex.test unknown"),
    ] {
        let id = scene.planned().await;
        scene.world.fault(json!({"phase": phase, "reply": reply})).await;
        let result = scene.world.run(id, 1).await;
        assert!(is_dead(&result), "{phase}: {result:?}");
        assert!(!format!("{result:?}").contains('@'));
        let listed = scene.world.listed(&scene.world.admin).await.remove(0);
        assert_eq!((listed.delivery_id, listed.state), (id, State::Failed), "{phase}");
        assert!(
            listed.reason.contains("for good") && listed.reason.contains(&reply[..3]),
            "{}",
            listed.reason
        );
        assert!(!listed.reason.contains('@'), "{}", listed.reason);
        assert!(is_dead(&scene.world.run(id, 2).await), "a failed mail is not tried again");
    }
    assert!(scene.world.taken().is_empty());
}

#[tokio::test]
async fn a_mail_is_not_given_up_because_the_mail_server_refuses_us() {
    let scene = Scene::new().await;
    for (phase, reply) in [("banner", "554 no"), ("mail", "550 not from here")] {
        let id = scene.planned().await;
        scene.world.fault(json!({"phase": phase, "reply": reply})).await;
        retry_after(scene.world.run(id, 1).await);
        let waiting = scene.world.delivery(id).await;
        assert_eq!(waiting.state, State::Pending, "{phase}");
        assert!(
            waiting.reason.contains(&reply[..3]) && !waiting.reason.contains("for good"),
            "{}",
            waiting.reason
        );
        scene.world.run(id, 2).await.unwrap();
        scene.world.send_mail.forget_connections();
    }
    assert_eq!(scene.world.taken().len(), 2);
}

#[tokio::test]
async fn a_mail_whose_guest_has_come_in_since_a_crash_counts_as_sent() {
    let scene = Scene::new().await;
    let id = scene.planned().await;
    scene.world.identity.fails_with(Some(refusal("INVITATION_ACCEPTED")));
    scene.world.run(id, 2).await.unwrap();
    let delivery = scene.world.delivery(id).await;
    assert_eq!((delivery.state, delivery.reason.as_str()), (State::Sent, ""));
    assert!(delivery.sent_time.is_some() && scene.world.taken().is_empty());
}

#[tokio::test]
async fn a_connection_lost_after_the_content_gives_the_same_mail_twice_byte_for_byte() {
    let scene = Scene::new().await;
    let id = scene.planned().await;
    scene.world.fault(json!({"phase": "after_data", "drop": true})).await;
    retry_after(scene.world.run(id, 1).await);
    scene.world.run(id, 2).await.unwrap();

    let taken = scene.world.taken();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0], taken[1]);
    let ids = message_ids(&scene.world);
    assert_eq!(ids[0], ids[1]);
    assert_eq!(scene.world.delivery(id).await.state, State::Sent);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_and_tried_again() {
    let short = Duration::from_secs(2);
    let impatient = |config| Smtp::try_new(config).unwrap().with_deadlines(short, short * 2);
    let scene = Scene::of(World::with(impatient).await);
    for (phase, about) in
        [("banner", "the connection"), ("rcpt", "the connection"), ("after_data", "the content")]
    {
        let id = scene.planned().await;
        scene.world.fault(json!({"phase": phase, "stall_seconds": 60})).await;
        retry_after(scene.world.run(id, 1).await);
        let waiting = scene.world.delivery(id).await;
        assert!(waiting.reason.contains("in time") && waiting.reason.contains(about), "{}", waiting.reason);
        scene.world.run(id, 2).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_does_not_encrypt_as_it_must_gets_no_mail() {
    let encrypted = |config| Smtp::try_new(SmtpConfig { tls: TlsMode::StartTls, ..config }).unwrap();
    let scene = Scene::of(World::with(encrypted).await);
    let id = scene.planned().await;
    retry_after(scene.world.run(id, 1).await);
    assert_eq!(scene.world.delivery(id).await.reason, "the mail server does not encrypt as it must");
    assert!(scene.world.taken().is_empty());
}

#[tokio::test]
async fn a_password_is_only_taken_for_an_encrypted_connection() {
    let with = |tls, username: Option<&str>, password: Option<&str>| {
        Smtp::try_new(SmtpConfig {
            host: "mx.test".to_owned(),
            port: 587,
            from: "no-reply@sharedspaces.test".parse().unwrap(),
            tls,
            username: username.map(str::to_owned),
            password: password.map(Into::into),
            connections: 4,
        })
    };
    assert!(with(TlsMode::StartTls, Some("u"), Some("p")).is_ok());
    assert!(with(TlsMode::Implicit, Some("u"), Some("p")).is_ok());
    for (tls, username, password, setting) in [
        (TlsMode::None, Some("u"), Some("p"), "smtp.tls"),
        (TlsMode::StartTls, Some("u"), None, "smtp.password"),
        (TlsMode::StartTls, None, Some("p"), "smtp.username"),
    ] {
        let error = with(tls, username, password).err().unwrap().to_string();
        assert!(error.contains(setting), "{error}");
    }
}

#[tokio::test]
async fn mails_are_sent_over_one_to_eight_connections() {
    for (connections, good) in [(0, false), (1, true), (8, true), (9, false)] {
        let world = World::with(move |config| {
            let made = Smtp::try_new(SmtpConfig { connections, ..config.clone() });
            assert_eq!(made.is_ok(), good, "{connections}");
            if let Err(error) = made {
                assert!(error.to_string().contains("smtp.connections"), "{error}");
            }
            Smtp::try_new(config).unwrap()
        });
        drop(world.await);
    }
}

#[tokio::test]
async fn the_last_try_that_is_put_off_fails() {
    let scene = Scene::new().await;
    let id = scene.planned().await;
    scene.world.fault(json!({"phase": "rcpt", "reply": "451 later", "times": 2})).await;
    sqlx::query("UPDATE deliveries SET attempts = $1")
        .bind(MAX_ATTEMPTS - 2)
        .execute(&scene.world.database.superuser_pool())
        .await
        .unwrap();
    retry_after(scene.world.run(id, 1).await);
    assert!(is_dead(&scene.world.run(id, 2).await));
    assert_eq!(scene.world.delivery(id).await.state, State::Failed);
}

#[tokio::test]
async fn a_mail_waits_while_identity_is_away_and_fails_where_it_knows_nobody() {
    let scene = Scene::new().await;
    let id = scene.planned().await;
    scene.world.identity.fails_with(Some(Status::unavailable("played")));
    retry_after(scene.world.run(id, 1).await);
    let waiting = scene.world.delivery(id).await;
    assert_eq!((waiting.state, waiting.email_address.as_str()), (State::Pending, ""));
    assert!(waiting.reason.contains("identity"), "{}", waiting.reason);
    scene.world.identity.fails_with(Some(refusal("PERSON_NOT_FOUND")));
    assert!(is_dead(&scene.world.run(id, 2).await));
    let failed = scene.world.delivery(id).await;
    assert_eq!(failed.state, State::Failed);
    assert!(failed.reason.contains("PERSON_NOT_FOUND"), "{}", failed.reason);
}

#[tokio::test]
async fn an_international_address_gets_its_mail() {
    let scene = Scene::new().await;
    let id = scene.planned().await;
    scene
        .world
        .identity
        .knows(Person { email_address: "gîl@globex.test".to_owned(), ..scene.guest.clone() });
    scene.world.run(id, 1).await.unwrap();
    assert_eq!(scene.world.taken().remove(0).0, ["gîl@globex.test"]);
}

#[tokio::test]
async fn an_address_that_is_none_fails_without_asking_the_mail_server() {
    for address in ["", "gil", "gil@globex.test\r\nBcc: eve@evil.test", "a@b.test, c@d.test"] {
        let scene = Scene::new().await;
        let id = scene.planned().await;
        scene.world.identity.knows(Person { email_address: address.to_owned(), ..scene.guest.clone() });
        assert!(is_dead(&scene.world.run(id, 1).await), "{address:?}");
        assert!(scene.world.taken().is_empty());
    }
}

#[tokio::test]
async fn a_connection_that_died_while_idle_costs_no_try() {
    let scene = Scene::new().await;
    for fault in [json!({"phase": "mail", "drop": true}), json!({"phase": "mail", "reply": "421 bye"})] {
        let first = scene.planned().await;
        scene.world.run(first, 1).await.unwrap();
        let second = scene.planned().await;
        scene.world.fault(fault).await;
        scene.world.run(second, 1).await.unwrap();
    }
    assert_eq!(scene.world.taken().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_mails_at_once_all_arrive_once() {
    let scene = Scene::new().await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(scene.planned().await);
    }
    let runs = ids.iter().map(|id| scene.world.run(*id, 1));
    for result in futures_util::future::join_all(runs).await {
        result.unwrap();
    }
    let mut sent = message_ids(&scene.world);
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), 20);
    let page = scene.world.listed(&scene.world.admin).await;
    assert!(page.iter().all(|delivery| delivery.state == State::Sent));
}
