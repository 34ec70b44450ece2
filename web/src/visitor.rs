//! Who asks for a page, and in which language.
//!
//! Owns what every handler starts with: [`Visitor`] for anybody, [`Me`] for whoever has signed in. Must not know a page.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use service_kit::locale::Locale;
use sharedspaces_proto::identity::v1 as identity;
use tonic::{Request, Status};
use url::form_urlencoded;

use crate::Web;
use crate::api::{call, once};
use crate::cookie::{self, Name};
use crate::failure::Failure;
use crate::session::Session;
use crate::texts::{self, Texts};

/// Somebody with a browser.
#[derive(Clone)]
pub(crate) struct Visitor(Arc<Inner>);

struct Inner {
    web: Web,
    session: Option<Session>,
    locale: Locale,
    address: String,
    network: String,
    headers: HeaderMap,
}

impl Visitor {
    /// Returns the visitor of a request; `address` is its path and query.
    pub(crate) fn new(
        web: Web,
        session: Option<Session>,
        (address, network): (String, String),
        headers: HeaderMap,
    ) -> Self {
        let locale = locale(session.as_ref(), &headers);
        Self(Arc::new(Inner { web, session, locale, address, network, headers }))
    }

    pub(crate) fn web(&self) -> &Web {
        &self.0.web
    }

    pub(crate) fn session(&self) -> Option<&Session> {
        self.0.session.as_ref()
    }

    pub(crate) fn locale(&self) -> Locale {
        self.0.locale
    }

    pub(crate) fn texts(&self) -> &'static Texts {
        texts::of(self.0.locale)
    }

    /// Path and query of the request.
    pub(crate) fn address(&self) -> &str {
        &self.0.address
    }

    /// Returns a cookie as the browser sent it.
    pub(crate) fn cookie(&self, name: Name) -> Option<&str> {
        name.find(&self.0.headers)
    }

    /// Returns what a sealed cookie holds.
    pub(crate) fn sealed<T: DeserializeOwned>(&self, name: Name) -> Option<T> {
        name.open(&self.0.web.sealer, &self.0.headers)
    }

    /// Returns the header that keeps something sealed.
    pub(crate) fn seal<T: Serialize>(&self, name: Name, value: &T) -> Result<HeaderValue, Failure> {
        name.seal(&self.0.web.sealer, value)
            .map_err(|_| Failure::from(Status::internal("no cookie could be sealed")))
    }

    /// Returns a call, made as whoever has signed in.
    pub(crate) fn ask<T>(&self, message: T) -> Request<T> {
        let token = self.session().map(|session| session.access_token.as_str());
        call(message, token, &self.0.network)
    }

    /// Returns a call that takes effect once for this key of a form.
    pub(crate) fn ask_once<T>(&self, message: T, key: &str) -> Request<T> {
        once(self.ask(message), key)
    }

    /// Returns a new key for a form.
    pub(crate) fn form_key(&self) -> String {
        self.0.web.ids.next::<uuid::Uuid>().to_string()
    }

    /// What a sign-in says of this device.
    pub(crate) fn device(&self) -> identity::Device {
        let agent = self.0.headers.get(axum::http::header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        identity::Device {
            device_token: self.sealed(cookie::DEVICE).unwrap_or_default(),
            label: device_label(agent.unwrap_or_default()),
        }
    }

    /// Starts a session in this browser and goes to `next`.
    pub(crate) async fn come_in(
        &self,
        organization: &str,
        tokens: Option<identity::Tokens>,
        next: &str,
    ) -> Result<Response, Failure> {
        let tokens = tokens.ok_or_else(|| Status::internal("no tokens"))?;
        let profile = call(identity::GetProfileRequest {}, Some(&tokens.access_token), &self.0.network);
        let person = self.web().api.account().get_profile(profile).await?.into_inner().person;
        let device = self.seal(cookie::DEVICE, &tokens.device_token)?;
        let session = Session::new(organization, tokens, person.unwrap_or_default());
        let session = session.ok_or_else(|| Status::internal("the access token cannot be read"))?;
        let cookies = AppendHeaders([
            (SET_COOKIE, self.seal(cookie::SESSION, &session)?),
            (SET_COOKIE, device),
            (SET_COOKIE, cookie::ORGANIZATION.keep(organization)),
            (SET_COOKIE, cookie::LOGIN.forget()),
        ]);
        Ok((cookies, Redirect::to(next)).into_response())
    }

    /// The page to sign in, which leads back to where this was asked for.
    pub(crate) fn sign_in_page(&self) -> String {
        let next: String = form_urlencoded::byte_serialize(self.address().as_bytes()).collect();
        match self.cookie(cookie::ORGANIZATION) {
            Some(organization) => format!("/{organization}/sign-in?next={next}"),
            None => format!("/app/sign-in?next={next}"),
        }
    }
}

/// The language: the person's, else the one chosen on the page, else the browser's.
fn locale(session: Option<&Session>, headers: &HeaderMap) -> Locale {
    if let Some(chosen) = cookie::LANGUAGE.find(headers).and_then(Locale::find) {
        return chosen;
    }
    if let Some(session) = session {
        return Locale::of(&session.locale);
    }
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|header| header.to_str().ok()).unwrap_or_default();
    let mut tags = accepted.split(',').map(|tag| tag.split([';', '-']).next().unwrap_or_default().trim());
    tags.find_map(Locale::find).unwrap_or(Locale::English)
}

/// Names a device from what its browser calls itself: `Firefox, Linux`.
fn device_label(agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(part, _)| agent.contains(part)).map_or("", |(_, name)| *name)
    };
    let browser =
        first(&[("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")]);
    let system = first(&[
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    [browser, system].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(", ")
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let visitor = parts.extensions.get::<Self>().cloned();
        visitor.ok_or_else(|| Status::internal("a page lies outside the layer that knows its visitor").into())
    }
}

/// Somebody who has signed in.
#[derive(Clone)]
pub(crate) struct Me {
    visitor: Visitor,
    session: Session,
}

impl Me {
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Returns the session with new tokens, which say what has just changed.
    pub(crate) async fn fresh(&self) -> Result<Session, Failure> {
        let network = &self.visitor.0.network;
        let fresh =
            self.web().refresher.refresh(self.session.clone(), network).await.map_err(Failure::Status)?;
        fresh.ok_or_else(|| Status::unauthenticated("the session has ended").into())
    }
}

impl Deref for Me {
    type Target = Visitor;

    fn deref(&self) -> &Visitor {
        &self.visitor
    }
}

impl<S: Sync> FromRequestParts<S> for Me {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        match visitor.session().cloned() {
            Some(session) => Ok(Self { visitor, session }),
            None => Err(Redirect::to(&visitor.sign_in_page()).into_response()),
        }
    }
}

/// Keeps a way back on this site: what leads elsewhere is replaced by `otherwise`.
pub(crate) fn way_back<'a>(next: &'a str, otherwise: &'a str) -> &'a str {
    let is_ours =
        next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']);
    if is_ours { next } else { otherwise }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_never_leads_to_another_site() {
        assert_eq!(way_back("/app/spaces?view=list", "/"), "/app/spaces?view=list");
        for elsewhere in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "/\t/evil",
        ] {
            assert_eq!(way_back(elsewhere, "/home"), "/home", "{elsewhere:?}");
        }
    }

    #[test]
    fn the_language_is_the_one_chosen_else_the_browsers_first_of_ours() {
        let with =
            |name, value: &'static str| HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        assert_eq!(locale(None, &with(ACCEPT_LANGUAGE, "it, fr-CH;q=0.9, de;q=0.8")), Locale::French);
        assert_eq!(locale(None, &with(ACCEPT_LANGUAGE, "it")), Locale::English);
        let mut both = with(ACCEPT_LANGUAGE, "fr");
        both.insert(axum::http::header::COOKIE, HeaderValue::from_static("__Host-language=de"));
        assert_eq!(locale(None, &both), Locale::German);
    }

    #[test]
    fn a_device_is_named_by_browser_and_system() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        assert_eq!(device_label(firefox), "Firefox, Linux");
        assert_eq!(device_label("curl/8"), "");
    }
}
