//! Mails about accounts: links that somebody asked for, and notices.

use std::time::{Duration, Instant};

use mail_parser::MessageParser;
use messaging::Messaging;
use messaging::jobs::JobError;
use serde_json::json;
use service_kit::clock::{Clock, SystemClock, timestamp};
use service_kit::config::BrokerConfig;
use sharedspaces_proto::identity::events::v1::{SecurityNoticeKind, SecurityNoticed, SignInLinkRequested};
use sharedspaces_proto::identity::v1::{IssueSignInLinkResponse, LinkPurpose, Person};
use sharedspaces_proto::notifications::v1 as pb;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use url::Url;
use uuid::Uuid;

use super::world::{GATHERING, World, user_id};
use crate::consumers::identity::{security_noticed, sign_in_link_requested};
use crate::consumers::{identity, spaces};
use crate::delivery::{Delivery, DeliveryError, DeliveryId, MAX_ATTEMPTS, MailKind, State};
use crate::jobs::send_mail::register;

const TOKEN: &str = "t0k3n-0f-the-l1nk";
const CODE: &str = "483920";
const MINUTES: Duration = Duration::from_secs(600);

struct Scene {
    world: World,
    gil: Person,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let gil = world.person("Gil", "gil@globex.test", "de-CH");
        Self { world, gil }
    }

    fn link(&self, purpose: LinkPurpose) -> IssueSignInLinkResponse {
        let (path, code) =
            if purpose == LinkPurpose::SignIn { ("sign-in", CODE) } else { ("reset-password", "") };
        IssueSignInLinkResponse {
            is_due: true,
            purpose: purpose.into(),
            url: format!("https://app.acme.test/acme/{path}#{TOKEN}"),
            code: code.to_owned(),
            expire_time: Some(timestamp(SystemClock.now() + MINUTES)),
            person: Some(self.gil.clone()),
            organization_display_name: "Acme & Söhne".to_owned(),
        }
    }

    /// Applies the event of a link that works for so long.
    async fn requested(&self, sign_in_link_id: Uuid, life: chrono::TimeDelta) -> DeliveryId {
        let event = SignInLinkRequested {
            organization_id: self.world.admin.organization_id.to_string(),
            sign_in_link_id: sign_in_link_id.to_string(),
            expire_time: Some(timestamp(SystemClock.now() + life)),
        };
        let event_id = testkit::ids().next();
        self.world
            .apply(event_id, event, |tx, event| Box::pin(sign_in_link_requested(tx, event)))
            .await
            .unwrap();
        DeliveryId::of_link(sign_in_link_id)
    }

    /// Applies the event of a link that identity issues.
    async fn due(&self, purpose: LinkPurpose) -> DeliveryId {
        let sign_in_link_id = testkit::ids().next();
        self.world.identity.has_link(sign_in_link_id, self.link(purpose));
        self.requested(sign_in_link_id, minutes()).await
    }

    fn noticed(&self, kind: SecurityNoticeKind, device: &str) -> SecurityNoticed {
        SecurityNoticed {
            organization_id: self.world.admin.organization_id.to_string(),
            organization_display_name: "Acme & Söhne".to_owned(),
            security_notice_id: testkit::ids().next::<Uuid>().to_string(),
            kind: kind.into(),
            person: Some(self.gil.clone()),
            device_label: device.to_owned(),
            event_time: Some(timestamp("2026-07-01T22:30:00Z".parse().unwrap())),
        }
    }

    async fn plan(&self, event: SecurityNoticed) -> Result<DeliveryId, String> {
        let id = event.security_notice_id.parse().map(|id| DeliveryId::of(id, user_id(&self.gil)));
        let event_id = testkit::ids().next();
        self.world.apply(event_id, event, |tx, event| Box::pin(security_noticed(tx, event))).await?;
        Ok(id.unwrap())
    }

    async fn only_delivery(&self) -> Delivery {
        let mut listed = self.world.listed(&self.world.admin).await;
        assert_eq!(listed.len(), 1);
        listed.remove(0)
    }
}

fn minutes() -> chrono::TimeDelta {
    chrono::TimeDelta::from_std(MINUTES).unwrap()
}

fn retry_after(result: Result<(), JobError>) -> Duration {
    match result {
        Err(JobError::Retry { after, .. }) => after.unwrap(),
        other => panic!("expected a retry, got {other:?}"),
    }
}

fn links_of(html: &str) -> Vec<&str> {
    html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn who_asked_for_a_link_gets_it_with_the_code_in_one_mail() {
    let scene = Scene::new().await;
    let id = scene.due(LinkPurpose::SignIn).await;
    let planned = scene.world.delivery(id).await;
    assert_eq!((planned.kind, planned.recipient_user_id), (MailKind::AccountLink, None));
    assert_eq!(planned.email_address, "", "no address is known before identity tells it");
    scene.world.run(id, 1).await.unwrap();

    let (to, raw) = scene.world.taken().remove(0);
    assert_eq!(to, ["gil@globex.test"]);
    let mail = MessageParser::default().parse(&raw).unwrap();
    assert_eq!(mail.subject(), Some("Bei Acme & Söhne anmelden"));
    let (html, text) = (mail.body_html(0).unwrap(), mail.body_text(0).unwrap());
    assert!(html.contains("<html lang=\"de\"") && html.contains("483 920"), "{html}");
    assert!(text.contains("483 920"), "{text}");
    let sent = scene.world.delivery(id).await;
    assert_eq!((sent.kind, sent.state, sent.attempts), (MailKind::SignInLink, State::Sent, 1));
    assert_eq!(sent.recipient_user_id, Some(user_id(&scene.gil)));
    assert_eq!(sent.email_address, "gil@globex.test");
}

#[tokio::test]
async fn who_asked_for_a_reset_gets_its_link_and_no_code() {
    let scene = Scene::new().await;
    let id = scene.due(LinkPurpose::ResetPassword).await;
    scene.world.run(id, 1).await.unwrap();
    let (_, raw) = scene.world.taken().remove(0);
    let mail = MessageParser::default().parse(&raw).unwrap();
    assert_eq!(mail.subject(), Some("Neues Passwort für Acme & Söhne"));
    assert!(mail.body_text(0).unwrap().contains("/acme/reset-password#"));
    assert!(!mail.body_text(0).unwrap().contains("Code"));
    assert_eq!(scene.world.delivery(id).await.kind, MailKind::PasswordReset);
}

#[tokio::test]
async fn the_only_link_is_the_one_identity_gave_and_its_token_stands_in_the_fragment_alone() {
    let scene = Scene::new().await;
    for purpose in [LinkPurpose::SignIn, LinkPurpose::ResetPassword] {
        let id = scene.due(purpose).await;
        scene.world.run(id, 1).await.unwrap();
        let raw = scene.world.taken().pop().unwrap().1;
        let mail = MessageParser::default().parse(&raw).unwrap();
        let (html, text) = (mail.body_html(0).unwrap(), mail.body_text(0).unwrap());
        let expected = scene.link(purpose).url;
        assert_eq!(links_of(&html), [&expected]);
        assert_eq!(text.matches("://").count(), 1, "{text}");
        let link: Url = text.split_whitespace().find(|word| word.contains("://")).unwrap().parse().unwrap();
        assert_eq!(link.as_str(), expected);
        assert_eq!((link.host_str(), link.query()), (Some("app.acme.test"), None));
        assert!(!link.path().contains(TOKEN), "{link}");
        assert_eq!(link.fragment(), Some(TOKEN));
        for (name, value) in mail.headers_raw() {
            assert!(!value.contains(TOKEN) && !value.contains(CODE), "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn link_and_code_are_kept_nowhere() {
    let scene = Scene::new().await;
    let waiting = scene.due(LinkPurpose::SignIn).await;
    scene.world.fault(json!({"phase": "rcpt", "reply": "451 later"})).await;
    retry_after(scene.world.run(waiting, 1).await);
    let sent = scene.due(LinkPurpose::SignIn).await;
    scene.world.run(sent, 1).await.unwrap();
    let dump = scene.world.dump().await.to_lowercase();
    assert!(dump.contains("sign_in_link_id"), "{dump}");
    for secret in [TOKEN, CODE, "483 920"] {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!dump.contains(secret) && !dump.contains(&hex), "{secret} is in {dump}");
    }
}

#[tokio::test]
async fn an_address_without_an_account_gets_no_mail_and_the_reason_does_not_tell_which_case_it_was() {
    let scene = Scene::new().await;
    let unknown = scene.requested(testkit::ids().next(), minutes()).await;
    scene.world.run(unknown, 1).await.unwrap();

    // A known address whose link was replaced after the first try had been put off.
    let sign_in_link_id = testkit::ids().next();
    scene.world.identity.has_link(sign_in_link_id, scene.link(LinkPurpose::SignIn));
    let replaced = scene.requested(sign_in_link_id, minutes()).await;
    scene.world.identity.has_link(sign_in_link_id, IssueSignInLinkResponse::default());
    scene.world.run(replaced, 1).await.unwrap();

    assert!(scene.world.taken().is_empty());
    let [unknown, replaced] = [scene.world.delivery(unknown).await, scene.world.delivery(replaced).await];
    assert_eq!((unknown.state, unknown.attempts, unknown.sent_time), (State::NotDue, 1, None));
    assert!(!unknown.reason.is_empty());
    let visible = |delivery: &Delivery| {
        let Delivery { kind, recipient_user_id, email_address, state, reason, attempts, .. } = delivery;
        (*kind, *recipient_user_id, email_address.clone(), *state, reason.clone(), *attempts)
    };
    assert_eq!(visible(&unknown), visible(&replaced));

    // It has ended: neither its job nor a retry sends anything.
    scene.world.run(unknown.delivery_id, 2).await.unwrap();
    let call = testkit::call(&scene.world.admin);
    let refused = scene.world.deliveries.retry::<pb::RetryDeliveryResponse>(&call, unknown.delivery_id).await;
    assert!(matches!(refused, Err(DeliveryError::NotFailed)));
    assert_eq!(scene.world.identity.links_asked_for(), 2);
}

#[tokio::test]
async fn a_link_that_has_expired_is_neither_asked_for_nor_sent() {
    let scene = Scene::new().await;
    let sign_in_link_id = testkit::ids().next();
    scene.world.identity.has_link(sign_in_link_id, scene.link(LinkPurpose::SignIn));
    let id = scene.requested(sign_in_link_id, chrono::TimeDelta::milliseconds(-1)).await;
    scene.world.run(id, 1).await.unwrap();
    let ended = scene.world.delivery(id).await;
    assert_eq!((ended.state, ended.sent_time), (State::NotDue, None));
    assert!(ended.reason.contains("expired"), "{}", ended.reason);
    assert!(scene.world.taken().is_empty());
    assert_eq!(scene.world.identity.links_asked_for(), 0);
}

#[tokio::test]
async fn a_mail_that_is_being_sent_when_its_link_expires_is_broken_off() {
    let scene = Scene::new().await;
    let sign_in_link_id = testkit::ids().next();
    scene.world.identity.has_link(sign_in_link_id, scene.link(LinkPurpose::SignIn));
    let id = scene.requested(sign_in_link_id, chrono::TimeDelta::milliseconds(1_500)).await;
    scene.world.fault(json!({"phase": "rcpt", "stall_seconds": 3600})).await;
    let started = Instant::now();
    scene.world.run(id, 1).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    assert_eq!(scene.world.delivery(id).await.state, State::NotDue);
    assert!(scene.world.taken().is_empty());
}

#[tokio::test]
async fn a_link_is_tried_again_within_seconds_for_as_long_as_it_works() {
    let scene = Scene::new().await;
    let id = scene.due(LinkPurpose::SignIn).await;
    scene.world.identity.fails_with(Some(Status::unavailable("played")));
    for attempt in [1, 2, MAX_ATTEMPTS, 100] {
        let after = retry_after(scene.world.run(id, attempt).await);
        assert!(after <= Duration::from_secs(8), "{after:?} after try {attempt}");
        assert_eq!(scene.world.delivery(id).await.state, State::Pending);
    }
    scene.world.identity.fails_with(None);
    scene.world.fault(json!({"phase": "rcpt", "reply": "451 later"})).await;
    assert_eq!(retry_after(scene.world.run(id, 1).await), Duration::from_secs(8), "the fifth try");
    scene.world.run(id, 2).await.unwrap();
    assert_eq!(scene.world.taken().len(), 1);
}

#[tokio::test]
async fn a_link_that_was_refused_for_good_is_sent_once_more_by_a_job_of_its_own_kind() {
    let scene = Scene::new().await;
    let id = scene.due(LinkPurpose::ResetPassword).await;
    scene.world.fault(json!({"phase": "rcpt", "reply": "550 unknown"})).await;
    assert!(matches!(scene.world.run(id, 1).await, Err(JobError::Dead { .. })));
    let pool = scene.world.db().pool();
    sqlx::query("DELETE FROM jobs").execute(pool).await.unwrap();
    let call = testkit::call(&scene.world.admin);
    scene.world.deliveries.retry::<pb::RetryDeliveryResponse>(&call, id).await.unwrap();
    let job: (String, i32) =
        sqlx::query_as("SELECT name, max_attempts FROM jobs").fetch_one(pool).await.unwrap();
    assert_eq!(job, ("send_account_mail".to_owned(), 200));
    scene.world.run(id, 1).await.unwrap();
    assert_eq!(scene.world.delivery(id).await.state, State::Sent);
}

#[tokio::test]
async fn an_answer_that_lacks_something_fails_and_sends_nothing() {
    let scene = Scene::new().await;
    let good = scene.link(LinkPurpose::SignIn);
    let nobody = Person { user_id: "x".to_owned(), ..scene.gil.clone() };
    for bad in [
        IssueSignInLinkResponse { person: None, ..good.clone() },
        IssueSignInLinkResponse { person: Some(nobody), ..good.clone() },
        IssueSignInLinkResponse { purpose: 0, ..good.clone() },
        IssueSignInLinkResponse { code: "12345".to_owned(), ..good.clone() },
        IssueSignInLinkResponse { url: "javascript:alert(1)".to_owned(), ..good },
    ] {
        let sign_in_link_id = testkit::ids().next();
        scene.world.identity.has_link(sign_in_link_id, bad);
        let id = scene.requested(sign_in_link_id, minutes()).await;
        assert!(matches!(scene.world.run(id, 1).await, Err(JobError::Dead { .. })));
        let failed = scene.world.delivery(id).await;
        assert_eq!(failed.state, State::Failed);
        assert!(
            !failed.reason.contains("javascript") && !failed.reason.contains("12345"),
            "{}",
            failed.reason
        );
    }
    assert!(scene.world.taken().is_empty());
}

#[tokio::test]
async fn one_link_gives_one_mail_however_often_its_event_comes() {
    let scene = Scene::new().await;
    let sign_in_link_id = testkit::ids().next();
    scene.world.identity.has_link(sign_in_link_id, scene.link(LinkPurpose::SignIn));
    for _ in 0..2 {
        let id = scene.requested(sign_in_link_id, minutes()).await;
        scene.world.run(id, 1).await.unwrap();
    }
    assert_eq!(scene.only_delivery().await.attempts, 1);
    assert_eq!(scene.world.taken().len(), 1);
}

#[tokio::test]
async fn an_event_about_a_link_that_lacks_something_plans_nothing_and_is_not_tried_again() {
    let scene = Scene::new().await;
    let good = SignInLinkRequested {
        organization_id: scene.world.admin.organization_id.to_string(),
        sign_in_link_id: testkit::ids().next::<Uuid>().to_string(),
        expire_time: Some(timestamp(SystemClock.now())),
    };
    let mut late = timestamp(SystemClock.now());
    late.nanos = -1;
    for bad in [
        SignInLinkRequested { sign_in_link_id: String::new(), ..good.clone() },
        SignInLinkRequested { expire_time: None, ..good.clone() },
        SignInLinkRequested { expire_time: Some(late), ..good },
    ] {
        let event_id = testkit::ids().next();
        let applied =
            scene.world.apply(event_id, bad, |tx, event| Box::pin(sign_in_link_requested(tx, event))).await;
        assert!(applied.unwrap_err().starts_with("Dead"));
    }
    let good = scene.noticed(SecurityNoticeKind::NewDevice, "");
    for bad in [
        SecurityNoticed { person: None, ..good.clone() },
        SecurityNoticed { kind: 0, ..good.clone() },
        SecurityNoticed { kind: 99, ..good.clone() },
        SecurityNoticed { event_time: None, ..good.clone() },
        SecurityNoticed { security_notice_id: "x".to_owned(), ..good },
    ] {
        assert!(scene.plan(bad).await.unwrap_err().starts_with("Dead"));
    }
    assert!(scene.world.listed(&scene.world.admin).await.is_empty());
}

#[tokio::test]
async fn a_notice_says_what_happened_when_and_where_and_has_no_link() {
    let scene = Scene::new().await;
    let there =
        Person { time_zone: "America/Sao_Paulo".to_owned(), locale: "en".to_owned(), ..scene.gil.clone() };
    scene.world.identity.knows(there);
    for (kind, listed, subject) in [
        (SecurityNoticeKind::NewDevice, MailKind::NewDevice, "New sign-in to Acme & Söhne"),
        (
            SecurityNoticeKind::PasswordChanged,
            MailKind::PasswordChanged,
            "Your password for Acme & Söhne was changed",
        ),
        (
            SecurityNoticeKind::SessionReused,
            MailKind::SessionReused,
            "We ended a session of yours at Acme & Söhne",
        ),
    ] {
        let event = scene.noticed(kind, "Firefox on Windows");
        let id = scene.plan(event.clone()).await.unwrap();
        assert_eq!(scene.world.delivery(id).await.email_address, "");
        scene.world.run(id, 1).await.unwrap();
        let raw = scene.world.taken().pop().unwrap().1;
        let mail = MessageParser::default().parse(&raw).unwrap();
        assert_eq!(mail.subject(), Some(subject));
        let (html, text) = (mail.body_html(0).unwrap(), mail.body_text(0).unwrap());
        for part in [&html, &text] {
            assert!(part.contains("1 July 2026, 19:30 (America/Sao_Paulo)"), "{part}");
            assert!(part.contains("Device: Firefox on Windows") && part.contains("not"), "{part}");
            assert!(!part.contains("href=") && !part.contains("://"), "{part}");
        }
        let sent = scene.world.delivery(id).await;
        assert_eq!((sent.kind, sent.state), (listed, State::Sent));
        assert_eq!(sent.email_address, "gil@globex.test");

        // The same notice in another event, as after a producer's repetition.
        let count = scene.world.taken().len();
        scene.plan(event).await.unwrap();
        scene.world.run(id, 1).await.unwrap();
        assert_eq!(scene.world.taken().len(), count);
    }
    assert_eq!(scene.world.listed(&scene.world.admin).await.len(), 3);
}

#[tokio::test]
async fn a_time_is_in_utc_where_the_persons_zone_is_not_known() {
    let scene = Scene::new().await;
    for zone in ["", "Mars/Olympus", "EST5EDT,M3.2.0'; DROP TABLE deliveries; --"] {
        scene.world.identity.knows(Person { time_zone: zone.to_owned(), ..scene.gil.clone() });
        let id = scene.plan(scene.noticed(SecurityNoticeKind::NewDevice, "")).await.unwrap();
        scene.world.run(id, 1).await.unwrap();
        let raw = scene.world.taken().pop().unwrap().1;
        let mail = MessageParser::default().parse(&raw).unwrap();
        let text = mail.body_text(0).unwrap();
        assert!(text.contains("1. Juli 2026, 22:30 (UTC)") && !text.contains("Gerät:"), "{text}");
    }
}

#[tokio::test]
async fn whatever_a_device_and_its_owner_are_called_the_mailbox_gets_one_mail_to_one_address() {
    let scene = Scene::new().await;
    for hostile in [
        "x\r\nBcc: eve@evil.test\r\n\r\nbody",
        "\r\n.\r\nMAIL FROM:<eve@evil.test>",
        "\n.\nRCPT TO:<eve@evil.test>",
        "\"><a href=\"http://evil.test\">click</a>",
        "a\u{2028}Bcc: eve@evil.test\u{202e}txet",
        "\"Gil\" <eve@evil.test>, x",
    ] {
        let called = Person { display_name: hostile.to_owned(), ..scene.gil.clone() };
        scene.world.identity.knows(called.clone());
        let event = SecurityNoticed {
            organization_display_name: hostile.to_owned(),
            person: Some(called),
            ..scene.noticed(SecurityNoticeKind::NewDevice, hostile)
        };
        let before = scene.world.taken().len();
        let id = scene.plan(event).await.unwrap();
        scene.world.run(id, 1).await.unwrap();
        let taken = scene.world.taken();
        assert_eq!(taken.len(), before + 1, "{hostile:?}");
        let (to, raw) = taken.last().unwrap();
        assert_eq!(to, &["gil@globex.test"]);
        let mail = MessageParser::default().parse(raw.as_slice()).unwrap();
        assert!(mail.bcc().is_none() && mail.to().unwrap().iter().count() == 1);
        let (html, text) = (mail.body_html(0).unwrap(), mail.body_text(0).unwrap());
        assert!(
            !html.contains("<a ") && !html.contains("evil.test") && !text.contains("evil.test"),
            "{html}"
        );
        assert!(text.trim_end().lines().last().unwrap().starts_with("Gesendet von Shared Spaces"), "{text}");
    }
}

#[tokio::test]
async fn mails_about_accounts_are_sent_by_the_job_runner_and_listed_for_admins() {
    let scene = Scene::new().await;
    // Jobs run without a broker.
    let broker = BrokerConfig { url: "amqp://127.0.0.1:1".into(), prefix: String::new() };
    let messaging = Messaging::over("notifications", scene.world.db().clone(), broker);
    let messaging = identity::subscribe(spaces::subscribe(messaging, GATHERING));
    let stop = CancellationToken::new();
    let _running = register(messaging, &scene.world.send_mail).start(&stop);

    scene.due(LinkPurpose::SignIn).await;
    scene.requested(testkit::ids().next(), minutes()).await;
    scene.plan(scene.noticed(SecurityNoticeKind::PasswordChanged, "")).await.unwrap();
    testkit::eventually("two mails arrive", async || scene.world.taken().len() == 2).await;
    testkit::eventually("all jobs are done", async || {
        messaging::backlog(scene.world.db().pool()).await.unwrap().is_quiet()
    })
    .await;
    let listed = scene.world.listed(&scene.world.admin).await.into_iter().map(pb::Delivery::from);
    let mut listed: Vec<_> = listed
        .map(|mail| (mail.kind(), mail.state(), mail.recipient_user_id.clone(), mail.reason.is_empty()))
        .collect();
    listed.sort();
    let gil = scene.gil.user_id.clone();
    assert_eq!(
        listed,
        [
            (pb::MailKind::AccountLink, pb::DeliveryState::NotDue, String::new(), false),
            (pb::MailKind::SignInLink, pb::DeliveryState::Sent, gil.clone(), true),
            (pb::MailKind::PasswordChanged, pb::DeliveryState::Sent, gil, true),
        ]
    );
    stop.cancel();
}
