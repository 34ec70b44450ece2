//! The organisation itself: its name and language, how people sign in, how long passwords are.

use axum::response::{IntoResponse, Redirect, Response};
use sharedspaces_proto::identity::v1 as pb;

use super::admin::frame;
use super::sign_in::answer;
use crate::failure::Failure;
use crate::form::{Filled, mask};
use crate::frame::Frame;
use crate::visitor::Me;

#[derive(askama::Template)]
#[template(path = "admin/organization.html")]
struct OrganizationPage {
    frame: Frame,
    form: Filled,
    slug: String,
    plan: &'static str,
    base_url: String,
}

/// Returns the person's organisation.
pub(super) async fn own(me: &Me) -> Result<pb::Organization, Failure> {
    let told = me.web().api.organizations().get_organization(me.ask(pb::GetOrganizationRequest {})).await?;
    Ok(told.into_inner().organization.unwrap_or_default())
}

/// Shows the organisation.
pub(crate) async fn page(me: Me) -> Result<Response, Failure> {
    draw(&me, None).await
}

async fn draw(me: &Me, form: Option<Filled>) -> Result<Response, Failure> {
    let organization = own(me).await?;
    let t = me.texts();
    let is_refused = form.is_some();
    let page = OrganizationPage {
        frame: frame(me),
        form: form.unwrap_or_else(|| filled(&organization)),
        plan: match organization.plan() {
            pb::Plan::Ultimate => t.admin.plan_ultimate,
            pb::Plan::Plus | pb::Plan::Unspecified => t.admin.plan_plus,
        },
        slug: organization.slug,
        base_url: organization.base_url,
    };
    answer(is_refused, &page)
}

fn filled(organization: &pb::Organization) -> Filled {
    let mode = match organization.sign_in_mode() {
        pb::SignInMode::Guided => "guided",
        pb::SignInMode::VerifyFirst | pb::SignInMode::Unspecified => "verify",
    };
    Filled::with([
        ("display_name", organization.display_name.as_str()),
        ("locale", &organization.locale),
        ("sign_in_mode", mode),
        ("password_min_length", &organization.password_min_length.to_string()),
        ("etag", &organization.etag),
    ])
}

/// Changes it.
pub(crate) async fn save(me: Me, form: Filled) -> Result<Response, Failure> {
    let mode = match form.value("sign_in_mode") {
        "guided" => pb::SignInMode::Guided,
        "verify" => pb::SignInMode::VerifyFirst,
        _ => pb::SignInMode::Unspecified,
    };
    let request = pb::UpdateOrganizationRequest {
        update_mask: mask(&["display_name", "locale", "sign_in_mode", "password_min_length"]),
        display_name: form.text("display_name"),
        locale: form.text("locale"),
        sign_in_mode: mode.into(),
        // What is no number is no length, and is refused with the rule.
        password_min_length: form.text("password_min_length").parse().unwrap_or_default(),
        etag: form.text("etag"),
    };
    match me.web().api.organizations().update_organization(me.ask(request)).await {
        Ok(_) => Ok(Redirect::to("/app/admin/organization?done=saved").into_response()),
        Err(status) => draw(&me, Some(form.refused(me.texts(), status)?)).await,
    }
}
