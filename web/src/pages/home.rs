//! Where everything begins.

use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};

use crate::cookie;
use crate::form::Filled;
use crate::visitor::{Visitor, way_back};

/// Leads to the spaces, or to the page to sign in.
pub(crate) async fn start(visitor: Visitor) -> Redirect {
    match (visitor.session(), visitor.cookie(cookie::ORGANIZATION)) {
        (Some(_), _) => Redirect::to("/app/spaces"),
        (None, Some(organization)) => Redirect::to(&format!("/{organization}/sign-in")),
        (None, None) => Redirect::to("/app/sign-in"),
    }
}

/// Chooses the language of all pages in this browser.
pub(crate) async fn choose_language(form: Filled) -> Response {
    let kept = [(SET_COOKIE, cookie::LANGUAGE.keep(form.value("language")))];
    (kept, Redirect::to(way_back(form.value("next"), "/"))).into_response()
}
