//! Previews of mails: each mail, in each language, in the organisation's look, and nothing sent.

use service_kit::caller::{CallerKind, Principal};
use service_kit::locale::Locale;
use sharedspaces_proto::notifications::v1 as pb;
use sharedspaces_proto::notifications::v1::template_service_server::TemplateService;
use sharedspaces_proto::{Access, find_method_rule};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::assets::PNG;
use super::looks;
use super::world::World;
use crate::grpc::TemplateGrpc;

const PATH: &str = "/sharedspaces.notifications.v1.TemplateService/PreviewTemplate";

async fn preview(world: &World, kind: i32, locale: &str) -> Result<pb::PreviewTemplateResponse, Status> {
    let mut request = Request::new(pb::PreviewTemplateRequest { kind, locale: locale.to_owned() });
    request.extensions_mut().insert(find_method_rule(PATH).unwrap());
    request.extensions_mut().insert(Principal::Person(world.admin.clone()));
    let service = TemplateGrpc { previews: world.previews.clone() };
    Ok(service.preview_template(request).await?.into_inner())
}

fn kinds() -> Vec<pb::MailKind> {
    (1..=18)
        .map(|kind| pb::MailKind::try_from(kind).unwrap())
        .filter(|kind| *kind != pb::MailKind::AccountLink)
        .collect()
}

async fn know(world: &World) {
    let organization = sharedspaces_proto::identity::v1::Organization {
        display_name: "Acme & Söhne".to_owned(),
        slug: "acme".to_owned(),
        base_url: "https://spaces.acme.test".to_owned(),
        locale: "de".to_owned(),
        ..Default::default()
    };
    looks::told(world, Some(organization), 1).await.unwrap();
}

#[tokio::test]
async fn each_mail_is_shown_in_each_language_in_the_organisations_look_and_nothing_is_sent() {
    let world = World::new().await;
    know(&world).await;
    world.assets.has_logo(PNG, "image/png");
    assert_eq!(kinds().len(), 17);
    for kind in kinds() {
        let mut seen = std::collections::BTreeSet::new();
        for locale in Locale::ALL {
            let shown = preview(&world, kind.into(), locale.as_str()).await.unwrap();
            let told = format!("{kind:?} {locale:?}: {}", shown.html);
            assert!(!shown.subject.is_empty() && shown.subject.chars().count() <= 200, "{told}");
            assert!(shown.html.contains("Acme &#38; Söhne") && shown.text.contains("Acme & Söhne"), "{told}");
            assert!(shown.html.contains(&format!("<html lang=\"{}\"", locale.as_str())), "{told}");
            assert!(
                shown.html.contains("src=\"data:image/png;base64,iVBORw0KGgo"),
                "a frame has no attachments: {told}"
            );
            for link in shown.html.split("href=\"").skip(1) {
                assert!(link.starts_with("https://spaces.acme.test/"), "{told}");
            }
            assert!(seen.insert(shown.text), "{told}");
        }
    }
    assert!(world.taken().is_empty() && world.listed(&world.admin).await.is_empty());
}

#[tokio::test]
async fn a_preview_is_in_the_organisations_language_where_none_is_asked_for() {
    let world = World::new().await;
    let kind = pb::MailKind::NewJoiner.into();
    let before = preview(&world, kind, "").await.unwrap();
    assert!(before.html.contains("<html lang=\"en\""), "nobody has told the language yet");
    know(&world).await;
    assert!(preview(&world, kind, "").await.unwrap().html.contains("<html lang=\"de\""));
    assert!(preview(&world, kind, "fr").await.unwrap().html.contains("<html lang=\"fr\""));
}

#[tokio::test]
async fn a_mail_without_a_template_and_a_language_without_texts_are_refused_by_name() {
    let world = World::new().await;
    for (kind, locale, field) in [
        (0, "en", "kind"),
        (99, "en", "kind"),
        (-1, "en", "kind"),
        (pb::MailKind::AccountLink.into(), "en", "kind"),
        (1, "it", "locale"),
        (1, "EN", "locale"),
    ] {
        let refused = preview(&world, kind, locale).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let fields = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(
            fields.iter().map(|violation| violation.field.as_str()).collect::<Vec<_>>(),
            [field],
            "{kind} {locale}"
        );
    }
}

#[test]
fn only_admins_see_previews() {
    assert_eq!(find_method_rule(PATH).unwrap().access, Access::Admin);
    assert_eq!(testkit::caller(CallerKind::Admin).kind, CallerKind::Admin);
}
