//! One's own profile and password.

use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use sharedspaces_proto::identity::v1 as pb;

use super::pictures;
use crate::cookie;
use crate::failure::Failure;
use crate::form::{Filled, mask};
use crate::frame::{Frame, render};
use crate::view::Person;
use crate::visitor::Me;

#[derive(askama::Template)]
#[template(path = "account/profile.html")]
struct ProfilePage {
    frame: Frame,
    email_address: String,
    form: Filled,
    password: Filled,
    has_password: bool,
    picture: Filled,
    me: Person,
}

/// The forms as they were sent, where one was refused.
#[derive(Default)]
struct Said {
    form: Option<Filled>,
    password: Filled,
    picture: Filled,
}

/// Shows the profile.
pub(crate) async fn page(me: Me) -> Result<Response, Failure> {
    draw(&me, Said::default()).await
}

/// Shows the profile, and what is wrong with a picture.
pub(super) async fn draw_with_picture(me: &Me, picture: Filled) -> Result<Response, Failure> {
    draw(me, Said { picture, ..Said::default() }).await
}

async fn draw(me: &Me, Said { form, password, picture }: Said) -> Result<Response, Failure> {
    let profile = me.web().api.account().get_profile(me.ask(pb::GetProfileRequest {})).await?.into_inner();
    let person = profile.person.unwrap_or_default();
    let fresh = || {
        Filled::with([
            ("display_name", person.display_name.as_str()),
            ("job_title", &person.job_title),
            ("company", &person.company),
            ("phone", &person.phone),
            ("time_zone", &person.time_zone),
            ("locale", &person.locale),
        ])
    };
    let pictures = pictures::of(me, std::iter::once(&me.session().user_id)).await;
    let shown = Person::new(&person.display_name, &person.email_address);
    let is_refused =
        password.is_refused() || picture.is_refused() || form.as_ref().is_some_and(Filled::is_refused);
    let page = ProfilePage {
        frame: Frame::new(me, me.texts().nav_profile).area("profile"),
        form: form.unwrap_or_else(fresh),
        email_address: person.email_address,
        password: password.without("old_password").without("new_password"),
        has_password: profile.has_password,
        me: shown.with(pictures.get(&me.session().user_id)),
        picture,
    };
    let code = if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((code, render(&page)?).into_response())
}

/// Saves the profile; pages follow its language from now on.
pub(crate) async fn save(me: Me, form: Filled) -> Result<Response, Failure> {
    let request = pb::UpdateProfileRequest {
        update_mask: mask(&["display_name", "job_title", "company", "phone", "locale", "time_zone"]),
        display_name: form.text("display_name"),
        job_title: form.text("job_title"),
        company: form.text("company"),
        phone: form.text("phone"),
        locale: form.text("locale"),
        time_zone: form.text("time_zone"),
    };
    match me.web().api.account().update_profile(me.ask(request)).await {
        Ok(saved) => {
            let mut session = me.session().clone();
            session.take_profile(saved.into_inner().person.unwrap_or_default());
            let kept = AppendHeaders([
                (SET_COOKIE, me.seal(cookie::SESSION, &session)?),
                (SET_COOKIE, cookie::LANGUAGE.forget()),
            ]);
            Ok((kept, Redirect::to("/app/profile?done=saved")).into_response())
        }
        Err(status) => {
            draw(&me, Said { form: Some(form.refused(me.texts(), status)?), ..Said::default() }).await
        }
    }
}

/// Sets the first password, or another one.
pub(crate) async fn set_password(me: Me, form: Filled) -> Result<Response, Failure> {
    let new_password = form.value("new_password").to_owned();
    let old_password = form.value("old_password").to_owned();
    let mut account = me.web().api.account();
    let changed = if old_password.is_empty() {
        account.set_password(me.ask(pb::SetPasswordRequest { new_password })).await.map(drop)
    } else {
        account
            .change_password(me.ask(pb::ChangePasswordRequest { old_password, new_password }))
            .await
            .map(drop)
    };
    match changed {
        Ok(()) => Ok(Redirect::to("/app/profile?done=password").into_response()),
        Err(status) => {
            draw(&me, Said { password: form.refused(me.texts(), status)?, ..Said::default() }).await
        }
    }
}
