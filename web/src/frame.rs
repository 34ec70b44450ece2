//! What stands around every page.
//!
//! Owns the frame that templates extend, and drawing them. Must not know a page.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use service_kit::locale::Locale;

use crate::assets;
use crate::failure::{Failure, Reason};
use crate::texts::{self, Texts};
use crate::visitor::Visitor;

/// What stands around a page.
pub(crate) struct Frame {
    pub(crate) t: &'static Texts,
    /// BCP 47 language of the page.
    pub(crate) lang: &'static str,
    pub(crate) title: String,
    /// Where the page is, for the form that chooses the language.
    pub(crate) address: String,
    /// Who has signed in; empty where nobody has.
    pub(crate) name: String,
    pub(crate) is_signed_in: bool,
    pub(crate) is_member: bool,
    pub(crate) is_admin: bool,
    pub(crate) time_zone: String,
    /// Which part of the product the page is in.
    pub(crate) area: &'static str,
    /// What has just been done.
    pub(crate) done: &'static str,
    /// The stylesheet of a space's theme; empty: ours.
    pub(crate) theme_css: String,
    /// The languages to choose from, each with its own name.
    pub(crate) languages: [(&'static str, &'static str); 3],
    pub(crate) css: &'static str,
    pub(crate) js: &'static str,
    /// The script of a space's pages.
    pub(crate) room_js: &'static str,
}

impl Frame {
    pub(crate) fn new(visitor: &Visitor, title: &str) -> Self {
        let session = visitor.session();
        let t = visitor.texts();
        let done =
            visitor.address().split_once("done=").map(|(_, done)| done.split('&').next().unwrap_or_default());
        Self {
            t,
            lang: visitor.locale().as_str(),
            title: title.to_owned(),
            address: visitor.address().to_owned(),
            name: session
                .map(|of| if of.name.is_empty() { &of.email_address } else { &of.name })
                .cloned()
                .unwrap_or_default(),
            is_signed_in: session.is_some(),
            is_member: session.is_some_and(|session| session.is_member),
            is_admin: session.is_some_and(|session| session.is_admin),
            time_zone: session.map(|session| session.time_zone.clone()).unwrap_or_default(),
            area: "",
            done: done.and_then(|done| t.done(done)).unwrap_or_default(),
            theme_css: String::new(),
            languages: Locale::ALL.map(|locale| (locale.as_str(), texts::of(locale).language_name)),
            css: assets::css_path(),
            js: assets::js_path(),
            room_js: assets::room_js_path(),
        }
    }

    /// Says which part of the product the page is in.
    pub(crate) fn area(mut self, area: &'static str) -> Self {
        self.area = area;
        self
    }

    /// Dresses the page in a theme.
    pub(crate) fn themed(mut self, stylesheet: String) -> Self {
        self.theme_css = stylesheet;
        self
    }
}

/// Puts something into the place that a text leaves for it.
pub(crate) fn fill(text: &str, what: impl std::fmt::Display) -> String {
    text.replacen("{}", &what.to_string(), 1)
}

/// Draws a page.
pub(crate) fn render(page: &impl Template) -> Result<Response, Failure> {
    page.render().map(|html| Html(html).into_response()).map_err(|_| Reason::Undrawable.into())
}
