//! Mails about what happens in spaces: to whom, with which link, and how they are muted.

use chrono::{DateTime, Utc};
use mail_parser::{HeaderValue, MessageParser};
use service_kit::clock::{Clock, SystemClock};
use sharedspaces_proto::identity::v1::{IssueSignInLinkResponse, LinkPurpose, Person};
use sharedspaces_proto::spaces::v1::MuteableMail;
use uuid::Uuid;

use super::identity::{link_of, refusal};
use super::looks;
use super::world::{World, key_of_links, user_id};
use crate::delivery::{
    Added, Asked, DeliveryId, GrantedInvitation, Mail, MailKind, NewDelivery, Said, Space, State,
};

const URL: &str = "https://app.acme.test/acme/big-deal";

struct Scene {
    world: World,
    mara: Person,
    space: Space,
}

/// A mail as it arrived.
struct Arrived {
    subject: String,
    text: String,
    links: Vec<String>,
    unsubscribe: Option<String>,
    post: Option<String>,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let mara = Person {
            time_zone: "America/Sao_Paulo".to_owned(),
            ..world.person("Mara", "mara@acme.test", "en")
        };
        world.identity.knows(mara.clone());
        let space = Space {
            space_id: testkit::ids().next::<Uuid>().into(),
            title: "Big deal".to_owned(),
            url: URL.to_owned(),
            colors: None,
        };
        Self { world, mara, space }
    }

    async fn planned(&self, recipient: Option<&Person>, mail: Mail) -> DeliveryId {
        let delivery_id = DeliveryId::from(testkit::ids().next::<Uuid>());
        let new = NewDelivery {
            delivery_id,
            organization_id: self.world.admin.organization_id,
            event_time: time("2026-07-01T12:00:00Z"),
            recipient_user_id: recipient.map(user_id),
            due_time: None,
            mail,
        };
        self.world.deliveries.plan(new).await.unwrap();
        delivery_id
    }

    async fn sent(&self, mail: Mail) -> Arrived {
        let id = self.planned(Some(&self.mara), mail).await;
        self.world.run(id, 1).await.unwrap();
        let (to, raw) = self.world.taken().pop().unwrap();
        assert_eq!(to, ["mara@acme.test"]);
        arrived(&raw)
    }

    fn space(&self) -> Space {
        self.space.clone()
    }

    /// One of each mail that can be muted, with its setting.
    fn muteable(&self) -> [(Mail, MuteableMail); 4] {
        let space = self.space();
        [
            (self.visit(), MuteableMail::VisitSummaries),
            (
                Mail::NewJoiner { space: space.clone(), people: vec!["Gil".to_owned()], more: 0 },
                MuteableMail::NewJoiners,
            ),
            (
                Mail::NewComment { space: space.clone(), comments: vec![said("Hi")], more: 0 },
                MuteableMail::Comments,
            ),
            (Mail::NewContent { space, items: vec![added("Offer")], more: 0 }, MuteableMail::NewContent),
        ]
    }

    fn visit(&self) -> Mail {
        Mail::VisitSummary {
            space: self.space(),
            visitor: "Gil".to_owned(),
            start_time: time("2026-07-01T22:30:00Z"),
            end_time: time("2026-07-01T23:01:30Z"),
            opened: vec!["Offer".to_owned()],
            downloaded: Vec::new(),
        }
    }

    fn reminder(&self, invitation_id: Uuid) -> Mail {
        Mail::Reminder {
            space: self.space(),
            invitation_id,
            inviter_user_id: testkit::ids().next::<Uuid>().into(),
            inviter: "Ines".to_owned(),
            recipient: "Mara".to_owned(),
        }
    }

    fn granted(&self, invitation_id: Option<Uuid>, granter: &str) -> Mail {
        let granter_user_id = testkit::ids().next::<Uuid>().into();
        Mail::AccessGranted {
            space: self.space(),
            invitation: invitation_id
                .map(|invitation_id| GrantedInvitation { invitation_id, granter_user_id }),
            granter: granter.to_owned(),
            recipient: "Mara".to_owned(),
        }
    }

    fn requested(&self, names: &[&str]) -> Mail {
        let asked = |name: &&str| Asked {
            email_address: "hana@globex.test".to_owned(),
            name: (*name).to_owned(),
            message: "Please http://evil.test\nlet me in".to_owned(),
            proposer: None,
        };
        Mail::AccessRequested { space: self.space(), requests: names.iter().map(asked).collect(), more: 0 }
    }
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn said(excerpt: &str) -> Said {
    Said {
        author: "Gil".to_owned(),
        item_title: "Offer".to_owned(),
        excerpt: excerpt.to_owned(),
        mentions_recipient: false,
    }
}

fn added(title: &str) -> Added {
    Added { adder: "Gil".to_owned(), title: title.to_owned(), is_external: true }
}

fn arrived(raw: &[u8]) -> Arrived {
    let mail = MessageParser::default().parse(raw).unwrap();
    let html = mail.body_html(0).unwrap();
    let links = html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    let header = |name: &str| {
        mail.headers_raw().find(|(found, _)| *found == name).map(|(_, value)| value.trim().to_owned())
    };
    assert!(!matches!(mail.header("Subject"), Some(HeaderValue::Empty)));
    Arrived {
        subject: mail.subject().unwrap().to_owned(),
        text: mail.body_text(0).unwrap().into_owned(),
        links: links.collect(),
        unsubscribe: header("List-Unsubscribe"),
        post: header("List-Unsubscribe-Post"),
    }
}

#[tokio::test]
async fn a_mail_that_can_be_muted_says_so_to_people_and_to_machines() {
    let scene = Scene::new().await;
    for (mail, setting) in scene.muteable() {
        let arrived = scene.sent(mail).await;
        assert_eq!(arrived.post.as_deref(), Some("List-Unsubscribe=One-Click"));
        let header = arrived.unsubscribe.unwrap();
        let one_click = header.strip_prefix('<').unwrap().strip_suffix('>').unwrap();
        let token = one_click.strip_prefix("https://app.acme.test/v1/unsubscribe?token=").unwrap();
        let wish = key_of_links().read(token).unwrap();
        assert_eq!((wish.organization_id, wish.mail), (scene.world.admin.organization_id, setting));
        assert_eq!((wish.space_id, wish.user_id), (scene.space.space_id, user_id(&scene.mara)));
        let page = format!("https://app.acme.test/unsubscribe#{token}");
        let settings = format!("{URL}/settings");
        assert_eq!(arrived.links, [URL, &settings, &page]);
        assert!(arrived.text.contains(&page) && arrived.text.contains(&settings), "{}", arrived.text);
    }
}

#[tokio::test]
async fn a_mail_that_somebody_asked_for_or_has_to_know_cannot_be_muted() {
    let scene = Scene::new().await;
    let invitation_id = testkit::ids().next();
    for mail in [
        scene.requested(&["Hana"]),
        scene.reminder(invitation_id),
        scene.granted(Some(invitation_id), "Ines"),
        scene.granted(None, "Ines"),
        Mail::ColleagueInvitation { space: scene.space(), inviter: "Ines".to_owned(), note: String::new() },
        Mail::InvitationAccepted { space: scene.space(), person: "Gil".to_owned(), inviter: None },
    ] {
        let arrived = scene.sent(mail).await;
        assert_eq!((arrived.unsubscribe, arrived.post), (None, None), "{}", arrived.subject);
        assert_eq!(arrived.links.len(), 1, "{}", arrived.subject);
    }
}

#[tokio::test]
async fn links_to_get_out_lead_to_the_address_that_identity_told() {
    let scene = Scene::new().await;
    let organization = sharedspaces_proto::identity::v1::Organization {
        display_name: "Acme".to_owned(),
        slug: "acme".to_owned(),
        base_url: "https://moved.acme.test".to_owned(),
        locale: "en".to_owned(),
        ..Default::default()
    };
    looks::told(&scene.world, Some(organization), 1).await.unwrap();
    let [(mail, _), ..] = scene.muteable();
    let arrived = scene.sent(mail).await;
    assert!(arrived.unsubscribe.unwrap().starts_with("<https://moved.acme.test/v1/unsubscribe?token="));
    assert!(arrived.links[2].starts_with("https://moved.acme.test/unsubscribe#"), "{:?}", arrived.links);
}

#[tokio::test]
async fn a_visit_is_told_by_the_clock_of_whoever_reads_of_it() {
    let scene = Scene::new().await;
    let arrived = scene.sent(scene.visit()).await;
    assert_eq!(arrived.subject, "Gil visited “Big deal”");
    assert!(arrived.text.contains("When: 1 July 2026, 19:30 (America/Sao_Paulo)"), "{}", arrived.text);
    assert!(arrived.text.contains("For: 31 minutes") && arrived.text.contains("- Offer"), "{}", arrived.text);
    assert!(!arrived.text.contains("Downloaded"), "{}", arrived.text);
}

#[tokio::test]
async fn who_asks_for_access_is_reviewed_among_the_people_of_the_space() {
    let scene = Scene::new().await;
    for (names, subject, label) in [
        (&["Hana"][..], "Hana asks for access to “Big deal”", "Review this request:"),
        (&["", "Hana", "Ben"], "3 people ask for access to “Big deal”", "Review these requests:"),
        (&[""], "hana@globex.test asks for access to “Big deal”", "Review this request:"),
    ] {
        let arrived = scene.sent(scene.requested(names)).await;
        assert_eq!(arrived.subject, subject);
        assert_eq!(arrived.links, [format!("{URL}/people")]);
        assert!(arrived.text.contains(label), "{}", arrived.text);
        assert!(
            !arrived.text.contains("http://evil") && arrived.text.contains("> let me in"),
            "{}",
            arrived.text
        );
    }
}

#[tokio::test]
async fn one_thing_and_several_are_told_as_people_would() {
    let scene = Scene::new().await;
    let space = scene.space();
    let people = |names: &[&str]| Mail::NewJoiner {
        space: space.clone(),
        people: names.iter().map(|name| (*name).to_owned()).collect(),
        more: 0,
    };
    let comments = |excerpts: &[&str]| Mail::NewComment {
        space: space.clone(),
        comments: excerpts.iter().map(|excerpt| said(excerpt)).collect(),
        more: 0,
    };
    let items = |titles: &[&str]| Mail::NewContent {
        space: space.clone(),
        items: titles.iter().map(|title| added(title)).collect(),
        more: 0,
    };
    let mentioned = Mail::NewComment {
        space: space.clone(),
        comments: vec![Said { mentions_recipient: true, ..said("@Mara") }],
        more: 0,
    };
    for (mail, subject) in [
        (people(&["Gil"]), "Gil joined “Big deal”"),
        (people(&["Gil", "Hana"]), "2 people joined “Big deal”"),
        (comments(&["Hi"]), "Gil commented in “Big deal”"),
        (comments(&["Hi", "Ho"]), "2 new comments in “Big deal”"),
        (mentioned, "You are mentioned in “Big deal”"),
        (items(&["Offer"]), "New in “Big deal”: Offer"),
        (items(&["Offer", "Plan"]), "2 new items in “Big deal”"),
    ] {
        assert_eq!(scene.sent(mail).await.subject, subject);
    }
    let many: Vec<String> = (0..22).map(|number| format!("Person {number}")).collect();
    let arrived = scene.sent(Mail::NewJoiner { space, people: many, more: 3 }).await;
    assert!(arrived.text.contains("- Person 19") && arrived.text.contains("and 5 more"), "{}", arrived.text);
    assert!(!arrived.text.contains("Person 20"), "{}", arrived.text);
}

#[tokio::test]
async fn a_guest_who_is_reminded_or_let_in_gets_a_personal_link_until_it_is_used() {
    let scene = Scene::new().await;
    let invitation_id: Uuid = testkit::ids().next();
    for mail in [scene.reminder(invitation_id), scene.granted(Some(invitation_id), "Ines")] {
        let arrived = scene.sent(mail).await;
        assert_eq!(arrived.links, [link_of(&invitation_id.to_string())]);
    }
    let (reminder, granted) = (scene.reminder(invitation_id), scene.granted(Some(invitation_id), "Ines"));
    let before = scene.world.taken().len();
    scene.world.identity.fails_with(Some(refusal("INVITATION_ACCEPTED")));
    for (mail, state) in [(reminder, State::NotDue), (granted, State::Sent)] {
        let id = scene.planned(Some(&scene.mara), mail).await;
        scene.world.run(id, 1).await.unwrap();
        assert_eq!(
            scene.world.delivery(id).await.state,
            state,
            "the link was used, so a mail with it arrived"
        );
    }
    assert_eq!(scene.world.taken().len(), before);
}

#[tokio::test]
async fn who_takes_part_already_or_is_a_colleague_is_led_to_the_space_itself() {
    let scene = Scene::new().await;
    let colleague = scene.sent(scene.granted(None, "Ines")).await;
    assert!(colleague.text.contains("Ines granted your request"), "{}", colleague.text);
    let already = scene.sent(scene.granted(None, "")).await;
    assert!(already.text.contains("You take part in it already"), "{}", already.text);
    assert_eq!((colleague.links, already.links), (vec![URL.to_owned()], vec![URL.to_owned()]));
}

#[tokio::test]
async fn who_is_declined_needs_no_account_and_the_name_somebody_typed_is_not_repeated() {
    let scene = Scene::new().await;
    let mail = Mail::AccessDeclined {
        space: scene.space(),
        email_address: "stranger@globex.test".to_owned(),
        recipient: "Buy now at evil".to_owned(),
        locale: "fr-CH".to_owned(),
    };
    let id = scene.planned(None, mail).await;
    scene.world.run(id, 1).await.unwrap();
    let (to, raw) = scene.world.taken().pop().unwrap();
    assert_eq!(to, ["stranger@globex.test"]);
    let arrived = arrived(&raw);
    assert_eq!(arrived.subject, "Votre demande d’accès à « Big deal »");
    assert!(arrived.links.is_empty() && !String::from_utf8(raw).unwrap().contains("Buy now"));
    let delivery = scene.world.delivery(id).await;
    assert_eq!((delivery.state, delivery.email_address.as_str()), (State::Sent, "stranger@globex.test"));
}

#[tokio::test]
async fn an_address_without_an_account_gets_a_link_that_proves_it() {
    let scene = Scene::new().await;
    let sign_in_link_id: Uuid = testkit::ids().next();
    let url = "https://app.acme.test/request-access#t0ken";
    let stranger = Person {
        email_address: "stranger@globex.test".to_owned(),
        locale: "en".to_owned(),
        ..Person::default()
    };
    let mut link = IssueSignInLinkResponse {
        is_due: true,
        purpose: LinkPurpose::RequestAccess.into(),
        url: url.to_owned(),
        person: Some(stranger),
        organization_display_name: "Acme".to_owned(),
        ..IssueSignInLinkResponse::default()
    };
    scene.world.identity.has_link(sign_in_link_id, link.clone());
    let expire_time = SystemClock.now() + chrono::TimeDelta::minutes(10);
    let id = scene.planned(None, Mail::AccountLink { sign_in_link_id, expire_time }).await;
    scene.world.run(id, 1).await.unwrap();
    let (to, raw) = scene.world.taken().pop().unwrap();
    assert_eq!(to, ["stranger@globex.test"]);
    let arrived = arrived(&raw);
    assert_eq!(arrived.subject, "Confirm your address for Acme");
    assert_eq!(arrived.links, [url]);
    let delivery = scene.world.delivery(id).await;
    assert_eq!((delivery.kind, delivery.recipient_user_id), (MailKind::RequestLink, None));

    // Any other link is somebody's.
    let sign_in_link_id: Uuid = testkit::ids().next();
    link.purpose = LinkPurpose::ResetPassword.into();
    scene.world.identity.has_link(sign_in_link_id, link);
    let id = scene.planned(None, Mail::AccountLink { sign_in_link_id, expire_time }).await;
    scene.world.run(id, 1).await.unwrap_err();
    assert_eq!(scene.world.delivery(id).await.state, State::Failed);
}
