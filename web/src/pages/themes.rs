//! One theme: changing it, with what it would look like, and putting another in its place.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use sharedspaces_proto::spaces::v1 as pb;

use super::admin::frame;
use super::look::{FONTS, chosen, font_name, labelled, named, stylesheet};
use super::room::box_of;
use super::sign_in::answer;
use super::spaces::themes;
use crate::failure::{Failure, Reason};
use crate::form::{Filled, mask};
use crate::frame::Frame;
use crate::visitor::Me;

#[derive(askama::Template)]
#[template(path = "admin/theme.html")]
struct ThemePage {
    frame: Frame,
    id: String,
    name: String,
    /// The other themes: id and name.
    others: Vec<(String, String)>,
    warnings: Vec<String>,
    form: Filled,
    colors: [(&'static str, &'static str, &'static str); 6],
    fonts: [&'static str; 5],
}

/// What of the page is not as it is by itself.
#[derive(Default)]
struct Said {
    form: Option<Filled>,
    warnings: Vec<String>,
    stylesheet: String,
}

/// Shows a theme.
pub(crate) async fn page(me: Me, Path(theme_id): Path<String>) -> Result<Response, Failure> {
    draw(&me, (theme_id, Said::default())).await
}

async fn draw(me: &Me, (theme_id, said): (String, Said)) -> Result<Response, Failure> {
    let known = themes(me).await?;
    let theme = known.iter().find(|theme| theme.theme_id == theme_id).ok_or(Reason::NoSuchPage)?;
    let others = known.iter().filter(|other| other.theme_id != theme_id);
    let others = others.map(|other| (other.theme_id.clone(), other.name.clone())).collect();
    let is_refused = said.form.as_ref().is_some_and(Filled::is_refused);
    let page = ThemePage {
        frame: frame(me).themed(said.stylesheet),
        id: theme_id,
        name: theme.name.clone(),
        others,
        warnings: said.warnings,
        form: said.form.unwrap_or_else(|| filled(theme)),
        colors: labelled(me.texts()),
        fonts: FONTS,
    };
    answer(is_refused, &page)
}

fn filled(theme: &pb::Theme) -> Filled {
    let colors = theme.colors.clone().unwrap_or_default();
    Filled::with([
        ("name", theme.name.as_str()),
        ("background", &colors.background),
        ("text", &colors.text),
        ("header", &colors.header),
        ("header_text", &colors.header_text),
        ("accent", &colors.accent),
        ("accent_text", &colors.accent_text),
        ("font", font_name(theme.font())),
        ("is_default", box_of(theme.is_default)),
        ("etag", &theme.etag),
    ])
}

/// Changes a theme, or shows this page in it; pairs of colours that are hard to read are named.
pub(crate) async fn save(me: Me, Path(theme_id): Path<String>, form: Filled) -> Result<Response, Failure> {
    let (colors, font) = chosen(&form);
    if form.is_on("preview") {
        let stylesheet = stylesheet(colors, font);
        return draw(&me, (theme_id, Said { form: Some(form), stylesheet, ..Said::default() })).await;
    }
    let request = pb::UpdateThemeRequest {
        theme_id: theme_id.clone(),
        update_mask: mask(&["name", "colors", "font", "is_default"]),
        name: form.text("name"),
        colors: Some(colors),
        font: font.into(),
        is_default: form.is_on("is_default"),
        etag: form.text("etag"),
        ..pb::UpdateThemeRequest::default()
    };
    match me.web().api.policies().update_theme(me.ask(request)).await {
        Ok(changed) => {
            let warnings = changed.into_inner().contrast_warnings;
            if warnings.is_empty() {
                return Ok(Redirect::to("/app/admin/look?done=saved").into_response());
            }
            let warnings = warnings.iter().map(|warning| named(me.texts(), warning)).collect();
            draw(&me, (theme_id, Said { warnings, ..Said::default() })).await
        }
        Err(status) => {
            let form = Some(form.refused(me.texts(), status)?);
            draw(&me, (theme_id, Said { form, ..Said::default() })).await
        }
    }
}
