//! The ways in, over the real mailbox: password, link, code, reset, and what must not let anybody in.

use std::sync::Arc;
use std::time::Duration;

use journeys::api::with_token;
use journeys::outside::{Mail, within};
use journeys::signing_in::{code_of, token_of};
use journeys::visit::{Journey, PASSWORD, Session, unique};
use journeys::world::World;
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::identity::v1::Plan;
use sharedspaces_proto::notifications::v1 as notifications;
use sqlx::Connection;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{Organization, Stage, found};

const NEW_PASSWORD: &str = "nine patient otters fold paper";
/// How the English mails' subjects begin.
const SIGN_IN: &str = "Your sign-in link";
const RESET: &str = "Set a new password";
const NEW_DEVICE: &str = "New sign-in";
const PASSWORD_CHANGED: &str = "Your password for";
const SESSION_ENDED: &str = "We ended a session";

struct Scene {
    world: Arc<World>,
    journey: Journey,
    acme: Organization,
}

impl Scene {
    async fn new() -> Self {
        Self::on(&Stage::set(&[]).await).await
    }

    async fn on(stage: &Stage) -> Self {
        let Stage { world, journey } = stage;
        let acme = found(journey, "en", Plan::Ultimate).await;
        Self { world: Arc::clone(world), journey: journey.clone(), acme }
    }

    fn organization(&self) -> &str {
        &self.acme.accounts.organization
    }

    fn member(&self) -> &str {
        &self.acme.accounts.members[0]
    }

    async fn mails(&self, to: &str, subject: &str) -> Vec<Mail> {
        let mails = self.journey.outside.mails(to).await.unwrap();
        mails.into_iter().filter(|mail| mail.subject.starts_with(subject)).collect()
    }

    /// Waits for the `count`th mail to somebody with this subject; others come in between.
    async fn mail(&self, to: &str, subject: &str, count: usize) -> Mail {
        within(Duration::from_secs(60), subject, async || {
            let mut mails = self.mails(to, subject).await;
            Ok((mails.len() >= count).then(|| mails.remove(0)))
        })
        .await
        .unwrap()
    }

    /// Asks for a link; returns the cookie and the `count`th such mail.
    async fn link(&self, address: &str, count: usize) -> (String, Mail) {
        let cookie = self.journey.request_link(self.organization(), address).await.unwrap();
        (cookie, self.mail(address, SIGN_IN, count).await)
    }

    async fn refresh(&self, who: &Session) -> Result<Session, Status> {
        let request = identity::RefreshSessionRequest { refresh_token: who.tokens.refresh_token.clone() };
        let answer = self.journey.api.sign_in.clone().refresh_session(request).await?.into_inner();
        Ok(Session { user_id: who.user_id.clone(), tokens: answer.tokens.unwrap() })
    }

    async fn sign_out(&self, who: &Session, everywhere: bool) {
        let request = with_token(identity::SignOutRequest { everywhere }, who.token());
        self.journey.api.sign_in.clone().sign_out(request).await.unwrap();
    }

    async fn sign_in_on(&self, device: identity::Device) -> identity::Tokens {
        let request = identity::SignInWithPasswordRequest {
            organization: self.organization().to_owned(),
            email_address: self.member().to_owned(),
            password: PASSWORD.to_owned(),
            device: Some(device),
        };
        let answer = self.journey.api.sign_in.clone().sign_in_with_password(request).await.unwrap();
        answer.into_inner().tokens.unwrap()
    }
}

/// All that a refusal tells.
fn told(status: &Status) -> (Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// A code that is not this one.
fn other_than(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

/// Opens a link as scanners of mails do: five times with GET and with HEAD, there and at identity itself.
async fn scan(scene: &Scene, mail: &Mail) {
    let link = mail.link().unwrap();
    let token = link.fragment().unwrap();
    let identity = &scene.world.addresses.service("identity").unwrap().grpc;
    let at_identity = [link.path(), "/v1/signIn:redeemLink", "/v1/password:reset"]
        .map(|path| format!("http://{identity}{path}?token={token}#{token}"));
    let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build().unwrap();
    for address in at_identity.iter().map(String::as_str).chain([link.as_str()]) {
        for _ in 0..5 {
            // What it is answered, if anything, is not the point.
            let _page = client.get(address).send().await;
            let _head = client.head(address).send().await;
        }
    }
}

/// Returns every row of every table, as text.
async fn dump(connection: &mut sqlx::PgConnection) -> String {
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            .fetch_all(&mut *connection)
            .await
            .unwrap();
    assert!(tables.iter().any(|table| table == "outbox"), "{tables:?}");
    let mut dump = String::new();
    for table in tables {
        let rows = sqlx::AssertSqlSafe(format!("SELECT t::text FROM \"{table}\" t"));
        let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(&mut *connection).await.unwrap();
        dump.extend(rows);
    }
    dump
}

/// Looks for secrets in what the services have logged and what their databases keep.
async fn are_kept_nowhere(world: &World, secrets: &[&str]) {
    let logs = world.logs().unwrap();
    for secret in secrets {
        assert!(!secret.is_empty() && !logs.contains(secret), "a secret is in the logs");
    }
    for service in ["identity", "notifications", "spaces"] {
        let url = world.superuser_url(service).unwrap();
        let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
        let dump = dump(&mut connection).await.to_lowercase();
        let holds = |text: &str| {
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            dump.contains(&text.to_lowercase()) || dump.contains(&hex)
        };
        // What is found is what is looked for: the admin's name is in identity's events, as bytes.
        assert!(service != "identity" || holds("Ada Admin"));
        for secret in secrets {
            assert!(!holds(secret), "a secret is in the database of {service}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_by_password_link_and_code_and_each_link_works_once() {
    ways_in(&Stage::set(&[]).await).await;
}

pub(crate) async fn ways_in(stage: &Stage) {
    let scene = Scene::on(stage).await;
    let (journey, member) = (&scene.journey, scene.member());
    let by_password = journey.sign_in_with(scene.organization(), member, PASSWORD).await.unwrap();
    let wrong = journey.sign_in_with(scene.organization(), member, NEW_PASSWORD).await.unwrap_err();
    let nobody = format!("nobody.{}@buyer.example", unique());
    let unknown = journey.sign_in_with(scene.organization(), &nobody, PASSWORD).await.unwrap_err();
    assert_eq!(wrong.code(), Code::Unauthenticated);
    assert_eq!(told(&wrong), told(&unknown));

    let (cookie, mail) = scene.link(member, 1).await;
    let link = mail.link().unwrap();
    let token = token_of(&mail).unwrap();
    assert!(!link[..url::Position::AfterQuery].contains(&token), "{link}");
    assert_eq!(mail.html.matches("href=").count(), 1);
    let by_link = journey.redeem_link(&token, &cookie).await.unwrap();
    assert_eq!(by_link.user_id, by_password.user_id);
    let again = journey.redeem_link(&token, &cookie).await.unwrap_err();
    let code_after_link = journey.redeem_code(&cookie, &code_of(&mail).unwrap()).await.unwrap_err();
    assert_eq!((again.code(), code_after_link.code()), (Code::NotFound, Code::NotFound));

    let (cookie, mail) = scene.link(member, 2).await;
    let code = code_of(&mail).unwrap();
    let by_code = journey.redeem_code(&cookie, &format!(" {} {} ", &code[..3], &code[3..])).await.unwrap();
    assert_eq!(by_code.user_id, by_password.user_id);
    let link_after_code = journey.redeem_link(&token_of(&mail).unwrap(), &cookie).await.unwrap_err();
    assert_eq!(told(&link_after_code), told(&again), "used up alike");

    let sessions = journey.sessions(&by_code).await.unwrap();
    let methods: Vec<_> = sessions.iter().map(identity::Session::method).collect();
    for method in
        [identity::SignInMethod::Password, identity::SignInMethod::Link, identity::SignInMethod::Code]
    {
        assert!(methods.contains(&method), "{methods:?} has no {method:?}");
    }
    assert_eq!(sessions.iter().filter(|session| session.is_current).count(), 1);

    assert_eq!(scene.world.quiesce().await.unwrap(), 0);
    let secrets = [&token, &cookie, PASSWORD, by_link.token(), &by_link.tokens.refresh_token];
    are_kept_nowhere(&scene.world, &secrets).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scanners_and_other_browsers_use_no_link_up() {
    let scene = Scene::new().await;
    let (journey, member) = (&scene.journey, scene.member());
    let (cookie, mail) = scene.link(member, 1).await;
    let (foreign, _) = scene.link(&scene.acme.accounts.members[1], 1).await;
    let token = token_of(&mail).unwrap();
    let before = journey.sessions(&scene.acme.member).await.unwrap().len();
    scan(&scene, &mail).await;
    for _ in 0..5 {
        for cookie in ["", &foreign, "not-a-cookie"] {
            let refused = journey.redeem_link(&token, cookie).await.unwrap_err();
            assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
            assert_eq!(reason(&refused), "OTHER_BROWSER");
        }
    }
    assert_eq!(journey.sessions(&scene.acme.member).await.unwrap().len(), before, "nobody came in");
    // The code of a mail is of no use without the cookie either.
    let code = code_of(&mail).unwrap();
    for cookie in ["not-a-cookie", &foreign] {
        assert!(journey.redeem_code(cookie, &code).await.is_err());
    }
    let session = journey.redeem_link(&token, &cookie).await.unwrap();
    assert_eq!(session.user_id, scene.acme.member.user_id);

    journey.request_reset(scene.organization(), member).await.unwrap();
    let mail = scene.mail(member, RESET, 1).await;
    let token = token_of(&mail).unwrap();
    scan(&scene, &mail).await;
    let as_sign_in = journey.redeem_link(&token, &cookie).await.unwrap_err();
    assert_ne!(as_sign_in.code(), Code::Ok, "a reset's link signs nobody in");
    let weak = journey.reset_password(&token, "short").await.unwrap_err();
    assert_eq!(weak.code(), Code::InvalidArgument);
    journey.reset_password(&token, NEW_PASSWORD).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_codes_void_code_and_link_and_four_do_not() {
    let scene = Scene::new().await;
    let (journey, member) = (&scene.journey, scene.member());
    for (count, wrong_codes) in [(1, 4), (2, 5)] {
        let (cookie, mail) = scene.link(member, count).await;
        let code = code_of(&mail).unwrap();
        for _ in 0..wrong_codes {
            let refused = journey.redeem_code(&cookie, &other_than(&code)).await.unwrap_err();
            assert_eq!(refused.code(), Code::NotFound, "{refused}");
        }
        let right = journey.redeem_code(&cookie, &code).await;
        if wrong_codes < 5 {
            right.unwrap();
        } else {
            assert_eq!(right.unwrap_err().code(), Code::NotFound);
            let link = journey.redeem_link(&token_of(&mail).unwrap(), &cookie).await.unwrap_err();
            assert_eq!(link.code(), Code::NotFound);
        }
    }
    // A newer request voids the older one, and works itself.
    let (old_cookie, old) = scene.link(member, 3).await;
    let (cookie, mail) = scene.link(member, 4).await;
    let refused = journey.redeem_link(&token_of(&old).unwrap(), &old_cookie).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    journey.redeem_link(&token_of(&mail).unwrap(), &cookie).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_gets_the_same_answers_and_no_mail() {
    let scene = Scene::new().await;
    let journey = &scene.journey;
    let nobody = format!("nobody.{}@buyer.example", unique());
    let known = journey.start_sign_in(scene.organization(), scene.member()).await.unwrap();
    let unknown = journey.start_sign_in(scene.organization(), &nobody).await.unwrap();
    assert_eq!(known, unknown);
    let of_unknown = journey.request_link(scene.organization(), &nobody).await.unwrap();
    let (of_known, _) = scene.link(scene.member(), 1).await;
    assert_eq!(of_unknown.len(), of_known.len());
    for address in [nobody.as_str(), scene.member()] {
        journey.request_reset(scene.organization(), address).await.unwrap();
    }
    scene.mail(scene.member(), RESET, 1).await;
    let code = journey.redeem_code(&of_unknown, "000000").await.unwrap_err();
    assert_eq!(code.code(), Code::NotFound);

    assert_eq!(scene.world.quiesce().await.unwrap(), 0);
    assert!(journey.outside.mails(&nobody).await.unwrap().is_empty());
    let request = notifications::ListDeliveriesRequest { page_size: 100, ..Default::default() };
    let request = with_token(request, scene.acme.admin.token());
    let listed = journey.api.deliveries.clone().list_deliveries(request).await.unwrap();
    let listed = listed.into_inner().deliveries;
    let not_due: Vec<_> = listed
        .iter()
        .filter(|mail| mail.state() == notifications::DeliveryState::NotDue)
        .map(|mail| (mail.recipient_user_id.as_str(), mail.email_address.as_str()))
        .collect();
    assert_eq!(not_due, [("", ""), ("", "")], "{listed:?}");
    assert!(!scene.world.logs().unwrap().contains(&nobody), "an address is in the logs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_by_mail_ends_every_session_and_is_told_by_mail() {
    reset(&Stage::set(&[]).await).await;
}

pub(crate) async fn reset(stage: &Stage) {
    let scene = Scene::on(stage).await;
    let (journey, member) = (&scene.journey, scene.member());
    journey.request_reset(scene.organization(), member).await.unwrap();
    let mail = scene.mail(member, RESET, 1).await;
    let token = token_of(&mail).unwrap();
    assert!(mail.link().unwrap().path().ends_with("/reset-password"));
    journey.reset_password(&token, NEW_PASSWORD).await.unwrap();
    let again = journey.reset_password(&token, NEW_PASSWORD).await.unwrap_err();
    assert_eq!(again.code(), Code::NotFound);
    let ended = scene.refresh(&scene.acme.member).await.unwrap_err();
    assert_eq!(ended.code(), Code::Unauthenticated);
    let old = journey.sign_in_with(scene.organization(), member, PASSWORD).await.unwrap_err();
    assert_eq!(old.code(), Code::Unauthenticated);
    journey.sign_in_with(scene.organization(), member, NEW_PASSWORD).await.unwrap();

    let notice = scene.mail(member, PASSWORD_CHANGED, 1).await;
    assert!(!notice.html.contains("href=") && !notice.text.contains("://"), "{}", notice.text);
    assert_eq!(scene.world.quiesce().await.unwrap(), 0);
    assert_eq!(scene.mails(member, PASSWORD_CHANGED).await.len(), 1);
    are_kept_nowhere(&scene.world, &[&token, PASSWORD, NEW_PASSWORD]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_go_on_by_refreshing_and_end_by_signing_out_or_by_a_copied_token() {
    sessions(&Stage::set(&[]).await).await;
}

pub(crate) async fn sessions(stage: &Stage) {
    let scene = Scene::on(stage).await;
    let (journey, member) = (&scene.journey, scene.member());
    let sign_in = async || journey.sign_in_with(scene.organization(), member, PASSWORD).await.unwrap();
    let (first, second) = (sign_in().await, sign_in().await);
    let first = scene.refresh(&first).await.unwrap();
    scene.sign_out(&first, false).await;
    assert_eq!(scene.refresh(&first).await.unwrap_err().code(), Code::Unauthenticated);
    let second = scene.refresh(&second).await.unwrap();

    let third = sign_in().await;
    scene.sign_out(&second, true).await;
    for ended in [&second, &third, &scene.acme.member] {
        assert_eq!(scene.refresh(ended).await.unwrap_err().code(), Code::Unauthenticated);
    }
    scene.refresh(&scene.acme.colleague).await.unwrap();

    let owner = sign_in().await;
    let thief = owner.clone();
    let owner = scene.refresh(&owner).await.unwrap();
    assert_eq!(scene.refresh(&thief).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(scene.refresh(&owner).await.unwrap_err().code(), Code::Unauthenticated);
    let notice = scene.mail(member, SESSION_ENDED, 1).await;
    assert!(notice.text.contains("(UTC)") && !notice.text.contains("://"), "{}", notice.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_on_a_new_device_is_told_by_mail_and_one_on_a_known_device_is_not() {
    let scene = Scene::new().await;
    scene.world.quiesce().await.unwrap();
    let before = scene.mails(scene.member(), NEW_DEVICE).await.len();
    let label = "Firefox <b>on</b> \"Windows\" http://evil.example";
    let device = identity::Device { device_token: String::new(), label: label.to_owned() };
    let tokens = scene.sign_in_on(device).await;
    let mail = scene.mail(scene.member(), NEW_DEVICE, before + 1).await;
    assert!(mail.text.contains("Firefox <b>on</b>"), "{}", mail.text);
    assert!(!mail.html.contains("<b>") && !mail.html.contains("href="), "{}", mail.html);
    assert!(!mail.text.contains("http://evil.example"), "{}", mail.text);

    let known = identity::Device { device_token: tokens.device_token.clone(), label: label.to_owned() };
    scene.sign_in_on(known).await;
    scene.world.quiesce().await.unwrap();
    assert_eq!(scene.mails(scene.member(), NEW_DEVICE).await.len(), before + 1);
    are_kept_nowhere(&scene.world, &[&tokens.device_token, &tokens.refresh_token]).await;
}
