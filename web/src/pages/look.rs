//! How an organisation looks: its logo, and the themes that its spaces may have.

use axum::extract::{Multipart, Path};
use axum::response::{IntoResponse, Redirect, Response};
use sharedspaces_proto::assets::v1 as assets;
use sharedspaces_proto::spaces::v1 as pb;

use super::files;
use super::sign_in::answer;
use super::spaces::themes;
use crate::failure::Failure;
use crate::form::{Filled, mask};
use crate::frame::{Frame, fill};
use crate::texts::{self, Texts};
use crate::theme;
use crate::visitor::Me;

/// The colours of a new theme until others are chosen, by the names of the form.
const COLORS: [(&str, &str); 6] = [
    ("background", "#fbfaf7"),
    ("text", "#1f2a2e"),
    ("header", "#0f4c4a"),
    ("header_text", "#ffffff"),
    ("accent", "#0f6b5c"),
    ("accent_text", "#ffffff"),
];
pub(super) const FONTS: [&str; 5] = ["system", "serif", "humanist", "geometric", "monospace"];

struct Known {
    id: String,
    name: String,
    is_default: bool,
    is_unused: bool,
    used: String,
    background: String,
    text: String,
    header: String,
    accent: String,
}

#[derive(askama::Template)]
#[template(path = "admin/look.html")]
struct LookPage {
    frame: Frame,
    has_logo: bool,
    logo: Filled,
    themes: Vec<Known>,
    warnings: Vec<String>,
    form: Filled,
    /// Name in the form, label, and the custom property that the script sets to show it.
    colors: [(&'static str, &'static str, &'static str); 6],
    fonts: [&'static str; 5],
}

/// What of the page is not as it is by itself.
#[derive(Default)]
struct Said {
    logo: Filled,
    form: Option<Filled>,
    warnings: Vec<String>,
    stylesheet: String,
}

impl Known {
    fn new(t: &'static Texts, theme: pb::Theme) -> Self {
        let colors = theme.colors.unwrap_or_default();
        Self {
            used: fill(t.used_by, texts::count(theme.space_count, (t.space_one, t.space_many))),
            is_default: theme.is_default,
            is_unused: theme.space_count == 0,
            id: theme.theme_id,
            name: theme.name,
            background: colors.background,
            text: colors.text,
            header: colors.header,
            accent: colors.accent,
        }
    }
}

/// The colours of a theme: name in the form, label, and the custom property that shows it.
pub(super) fn labelled(t: &'static Texts) -> [(&'static str, &'static str, &'static str); 6] {
    [
        ("background", t.color_background, "--paper"),
        ("text", t.color_text, "--ink"),
        ("header", t.color_header, "--hero"),
        ("header_text", t.color_header_text, "--on-hero"),
        ("accent", t.color_accent, "--accent"),
        ("accent_text", t.color_accent_text, "--on-accent"),
    ]
}

/// Shows logo and themes.
pub(crate) async fn page(me: Me) -> Result<Response, Failure> {
    draw(&me, Said::default()).await
}

async fn draw(me: &Me, said: Said) -> Result<Response, Failure> {
    let t = me.texts();
    let wanted = assets::GetOrganizationLogoRequest { rendition: assets::LogoRendition::Header.into() };
    let mut logos = me.web().api.logos();
    let (logo, known) = tokio::join!(logos.get_organization_logo(me.ask(wanted)), themes(me));
    let fresh = || {
        let mut form = Filled::with(COLORS);
        form.put("key", &me.form_key());
        form
    };
    let is_refused = said.logo.is_refused() || said.form.as_ref().is_some_and(Filled::is_refused);
    let page = LookPage {
        frame: Frame::new(me, t.look).area("admin").themed(said.stylesheet),
        has_logo: logo.is_ok(),
        logo: said.logo,
        themes: known?.into_iter().map(|theme| Known::new(t, theme)).collect(),
        warnings: said.warnings,
        form: said.form.unwrap_or_else(fresh),
        colors: labelled(t),
        fonts: FONTS,
    };
    answer(is_refused, &page)
}

/// Reads colours and font of a form.
pub(super) fn chosen(form: &Filled) -> (pb::ThemeColors, pb::ThemeFont) {
    let colors = pb::ThemeColors {
        background: form.text("background"),
        text: form.text("text"),
        header: form.text("header"),
        header_text: form.text("header_text"),
        accent: form.text("accent"),
        accent_text: form.text("accent_text"),
    };
    let font = match form.value("font") {
        "serif" => pb::ThemeFont::Serif,
        "humanist" => pb::ThemeFont::Humanist,
        "geometric" => pb::ThemeFont::Geometric,
        "monospace" => pb::ThemeFont::Monospace,
        _ => pb::ThemeFont::System,
    };
    (colors, font)
}

/// Names a font as forms do.
pub(super) fn font_name(font: pb::ThemeFont) -> &'static str {
    match font {
        pb::ThemeFont::Serif => "serif",
        pb::ThemeFont::Humanist => "humanist",
        pb::ThemeFont::Geometric => "geometric",
        pb::ThemeFont::Monospace => "monospace",
        pb::ThemeFont::System | pb::ThemeFont::Unspecified => "system",
    }
}

/// Where the look of a theme that is not there yet is found.
pub(super) fn stylesheet(colors: pb::ThemeColors, font: pb::ThemeFont) -> String {
    let theme = pb::SpaceTheme {
        theme_id: "preview".to_owned(),
        colors: Some(colors),
        font: font.into(),
        ..pb::SpaceTheme::default()
    };
    theme::stylesheet_of(Some(&theme))
}

/// Creates a theme, or shows this page in it; pairs of colours that are hard to read are named.
pub(crate) async fn create_theme(me: Me, form: Filled) -> Result<Response, Failure> {
    let (colors, font) = chosen(&form);
    if form.is_on("preview") {
        let stylesheet = stylesheet(colors, font);
        return draw(&me, Said { form: Some(form), stylesheet, ..Said::default() }).await;
    }
    let request = pb::CreateThemeRequest {
        name: form.text("name"),
        colors: Some(colors),
        font: font.into(),
        banner_logo_id: String::new(),
        is_default: form.is_on("is_default"),
    };
    match me.web().api.policies().create_theme(me.ask_once(request, form.value("key"))).await {
        Ok(created) => {
            let warnings = created.into_inner().contrast_warnings;
            if warnings.is_empty() {
                return Ok(Redirect::to("/app/admin/look?done=added").into_response());
            }
            let warnings = warnings.iter().map(|warning| named(me.texts(), warning)).collect();
            draw(&me, Said { warnings, ..Said::default() }).await
        }
        Err(status) => {
            let mut form = form.refused(me.texts(), status)?;
            form.put("key", &me.form_key());
            draw(&me, Said { form: Some(form), ..Said::default() }).await
        }
    }
}

/// Names a pair of colours that is hard to read.
pub(super) fn named(t: &'static Texts, warning: &pb::ContrastWarning) -> String {
    let label = |field: &str| {
        labelled(t)
            .into_iter()
            .find(|(name, ..)| *name == field)
            .map_or_else(|| field.to_owned(), |of| of.1.to_owned())
    };
    let (front, behind) = (label(&warning.foreground), label(&warning.background));
    format!("{front} / {behind}: {:.1} < {:.1}", warning.ratio, warning.required_ratio)
}

/// Makes a theme the one of spaces that chose none.
pub(crate) async fn make_default(me: Me, Path(theme_id): Path<String>) -> Result<Redirect, Failure> {
    let request = pb::UpdateThemeRequest {
        theme_id,
        update_mask: mask(&["is_default"]),
        is_default: true,
        ..pb::UpdateThemeRequest::default()
    };
    me.web().api.policies().update_theme(me.ask(request)).await?;
    Ok(Redirect::to("/app/admin/look?done=saved"))
}

/// Deletes a theme that no space uses, or puts another in its place everywhere.
pub(crate) async fn delete_theme(
    me: Me,
    Path(theme_id): Path<String>,
    form: Filled,
) -> Result<Redirect, Failure> {
    let request = pb::DeleteThemeRequest { theme_id, replacement_theme_id: form.text("replacement") };
    me.web().api.policies().delete_theme(me.ask(request)).await?;
    Ok(Redirect::to("/app/admin/look?done=removed"))
}

/// Takes the organisation's own logo.
pub(crate) async fn upload_logo(me: Me, parts: Multipart) -> Result<Response, Failure> {
    match files::send_own_logo(&me, parts).await?.refused(me.texts())? {
        None => Ok(Redirect::to("/app/admin/look?done=saved").into_response()),
        Some(logo) => draw(&me, Said { logo, ..Said::default() }).await,
    }
}

/// Takes it away.
pub(crate) async fn remove_logo(me: Me) -> Result<Redirect, Failure> {
    let request = assets::RemoveOrganizationLogoRequest {};
    me.web().api.logos().remove_organization_logo(me.ask(request)).await?;
    Ok(Redirect::to("/app/admin/look?done=removed"))
}
