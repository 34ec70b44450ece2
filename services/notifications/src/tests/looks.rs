//! How mails look: name and logo of the organisation, colours of the space.

use mail_parser::{MessageParser, MimeHeaders};
use messaging::Received;
use service_kit::clock::Clock;
use service_kit::ids::OrganizationId;
use sharedspaces_proto::identity::events::v1::OrganizationUpdated;
use sharedspaces_proto::identity::v1::{Organization, Person};
use sharedspaces_proto::spaces::v1::ThemeColors;
use tonic::Status;
use uuid::Uuid;

use super::assets::PNG;
use super::world::{World, guest_invited};
use crate::consumers::identity::keep_organization;
use crate::delivery::State;
use crate::organization::Organizations;

fn organization(name: &str) -> Organization {
    Organization {
        display_name: name.to_owned(),
        slug: "acme".to_owned(),
        base_url: "https://app.acme.test".to_owned(),
        locale: "de".to_owned(),
        ..Organization::default()
    }
}

/// Applies identity's event of this version, as messaging does.
pub(super) async fn told(
    world: &World,
    organization: Option<Organization>,
    version: i64,
) -> Result<(), String> {
    let event = OrganizationUpdated { organization };
    world
        .apply(testkit::ids().next(), event, move |tx, received| {
            let told = received.event.organization.clone();
            let received = Received { aggregate_version: version, ..received };
            Box::pin(async move { keep_organization(tx, &received, told).await })
        })
        .await
}

struct Scene {
    world: World,
    ines: Person,
    gil: Person,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let ines = world.person("Ines", "ines@acme.test", "en");
        let gil = world.person("Gil", "gil@globex.test", "en");
        Self { world, ines, gil }
    }

    /// Sends an invitation and returns its bytes.
    async fn sent(&self, colors: Option<ThemeColors>) -> Vec<u8> {
        let mut event = guest_invited(&self.ines, &self.gil, "Big deal", "");
        event.space.as_mut().unwrap().colors = colors;
        let id = self.world.invited(event, &self.gil).await;
        self.world.run(id, 1).await.unwrap();
        assert_eq!(self.world.delivery(id).await.state, State::Sent);
        self.world.taken().pop().unwrap().1
    }

    async fn html(&self) -> String {
        let raw = self.sent(None).await;
        MessageParser::default().parse(&raw).unwrap().body_html(0).unwrap().into_owned()
    }
}

#[tokio::test]
async fn a_mail_names_the_organisation_as_its_newest_event_does() {
    let scene = Scene::new().await;
    assert!(scene.html().await.contains("for Acme."), "identity says the name until an event does");
    for (name, version, expected) in [
        ("Acme AG", 1, "Acme AG"),
        ("Acme GmbH", 3, "Acme GmbH"),
        ("Acme KG", 2, "Acme GmbH"),
        ("A & S", 3, "A &#38; S"),
    ] {
        told(&scene.world, Some(organization(name)), version).await.unwrap();
        let html = scene.html().await;
        assert!(html.contains(&format!("Sent by Shared Spaces for {expected}.")), "{name} {version}: {html}");
    }
}

#[tokio::test]
async fn an_organisation_is_kept_for_its_own_mails_alone() {
    let scene = Scene::new().await;
    told(&scene.world, Some(organization("Acme AG")), 1).await.unwrap();
    let organizations = Organizations::new(scene.world.db().clone());
    let own = organizations.find(scene.world.admin.organization_id).await.unwrap().unwrap();
    assert_eq!((own.display_name.as_str(), own.base_url.as_str()), ("Acme AG", "https://app.acme.test"));
    let other = OrganizationId::from(testkit::ids().next::<Uuid>());
    assert_eq!(organizations.find(other).await.unwrap(), None);
    let unscoped: i64 = sqlx::query_scalar("SELECT count(*) FROM organizations")
        .fetch_one(scene.world.db().pool())
        .await
        .unwrap();
    assert_eq!(unscoped, 0, "without an organisation nothing is seen");
}

#[tokio::test]
async fn an_event_without_its_organisation_is_not_tried_again() {
    let scene = Scene::new().await;
    assert!(told(&scene.world, None, 1).await.unwrap_err().starts_with("Dead"));
}

#[tokio::test]
async fn the_logo_travels_with_the_mail_and_is_asked_for_once() {
    let scene = Scene::new().await;
    scene.world.assets.has_logo(PNG, "image/png");
    for _ in 0..3 {
        let raw = scene.sent(None).await;
        let mail = MessageParser::default().parse(&raw).unwrap();
        let logo = mail.parts.iter().find(|part| part.content_id().is_some()).unwrap();
        assert_eq!((logo.contents(), logo.content_type().unwrap().subtype()), (PNG, Some("png")));
        assert_eq!(logo.content_disposition().unwrap().ctype(), "inline");
        let html = mail.body_html(0).unwrap();
        assert!(html.contains(&format!("src=\"cid:{}\"", logo.content_id().unwrap())), "{html}");
        assert_eq!(html.matches("<img").count(), 1);
        let types: Vec<_> =
            mail.parts.iter().map(|part| part.content_type().unwrap().subtype().unwrap()).collect();
        assert_eq!(types, ["alternative", "plain", "related", "html", "png"]);
    }
    assert_eq!(scene.world.assets.asked(), [scene.world.admin.organization_id.to_string()]);
}

#[tokio::test]
async fn a_mail_goes_without_a_logo_where_there_is_none_or_none_is_to_be_had() {
    for break_it in [
        |_: &World| {},
        |world: &World| world.assets.has_logo(b"<svg/>", "image/svg+xml"),
        |world: &World| world.assets.has_logo(&[1; 131_073], "image/png"),
        |world: &World| world.assets.fails_with(Status::internal("played")),
        |world: &World| {
            world.assets.has_logo(PNG, "image/png");
            world.assets.falls_silent();
        },
    ] {
        let scene = Scene::new().await;
        break_it(&scene.world);
        let start = service_kit::clock::SystemClock.now();
        for _ in 0..2 {
            let raw = scene.sent(None).await;
            let mail = MessageParser::default().parse(&raw).unwrap();
            assert_eq!(mail.parts.len(), 3);
            assert!(!mail.body_html(0).unwrap().contains("<img"));
        }
        let took = service_kit::clock::SystemClock.now() - start;
        assert!(took.num_seconds() < 8, "a logo keeps no mail waiting: {took}");
        assert_eq!(scene.world.assets.asked().len(), 1, "what fails is not asked again at once");
    }
}

#[tokio::test]
async fn a_mail_has_the_colours_of_its_space_and_never_more_than_colours() {
    let scene = Scene::new().await;
    let theme = |accent: &str| ThemeColors {
        background: "#ffffff".to_owned(),
        text: "#101010".to_owned(),
        header: "#123456".to_owned(),
        header_text: "#fedcba".to_owned(),
        accent: accent.to_owned(),
        accent_text: "#ffffff".to_owned(),
    };
    for (accent, shown) in [("#a01020", "#a01020"), ("red\" onload=\"x", "#1d5fbf"), ("#12345", "#1d5fbf")] {
        let raw = scene.sent(Some(theme(accent))).await;
        let html = MessageParser::default().parse(&raw).unwrap().body_html(0).unwrap().into_owned();
        assert!(
            html.contains(&format!("bgcolor=\"{shown}\"")) && html.contains("bgcolor=\"#123456\""),
            "{html}"
        );
        assert!(html.contains("color:#fedcba") && !html.contains("onload"), "{html}");
    }
    let plain = scene.html().await;
    assert!(plain.contains("bgcolor=\"#1f3a5f\"") && plain.contains("bgcolor=\"#1d5fbf\""), "{plain}");
}
