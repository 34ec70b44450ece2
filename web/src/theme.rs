//! The look of a space.
//!
//! Owns turning a theme into a stylesheet of custom properties. Its address says all of it, so that it is kept for good and
//! needs no style within a page. Only colours and fonts of our own list get in.

use axum::extract::Query;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sharedspaces_proto::spaces::v1 as pb;

use crate::assets::FOR_GOOD;
use crate::failure::{Failure, Reason};

/// What the address of a theme's stylesheet says: six colours as `rrggbb`, and a font.
#[derive(Deserialize)]
pub(crate) struct Look {
    background: String,
    text: String,
    header: String,
    header_text: String,
    accent: String,
    accent_text: String,
    font: String,
}

/// Returns the address of a theme's stylesheet; nothing for the built-in look, which is ours.
pub(crate) fn stylesheet_of(theme: Option<&pb::SpaceTheme>) -> String {
    let Some(theme) = theme.filter(|theme| !theme.theme_id.is_empty()) else { return String::new() };
    let Some(colors) = &theme.colors else { return String::new() };
    let bare = |color: &str| color.trim_start_matches('#').to_owned();
    format!(
        "/static/theme.css?background={}&text={}&header={}&header_text={}&accent={}&accent_text={}&font={}",
        bare(&colors.background),
        bare(&colors.text),
        bare(&colors.header),
        bare(&colors.header_text),
        bare(&colors.accent),
        bare(&colors.accent_text),
        font_name(theme.font()),
    )
}

fn font_name(font: pb::ThemeFont) -> &'static str {
    match font {
        pb::ThemeFont::Unspecified | pb::ThemeFont::System => "system",
        pb::ThemeFont::Serif => "serif",
        pb::ThemeFont::Humanist => "humanist",
        pb::ThemeFont::Geometric => "geometric",
        pb::ThemeFont::Monospace => "monospace",
    }
}

/// Fonts that devices have; nothing is fetched.
fn font_stack(name: &str) -> Option<&'static str> {
    Some(match name {
        "system" => "system-ui, sans-serif",
        "serif" => "Charter, 'Bitstream Charter', Cambria, Georgia, serif",
        "humanist" => "Seravek, 'Gill Sans Nova', Ubuntu, Calibri, 'DejaVu Sans', sans-serif",
        "geometric" => "Avenir, Montserrat, Corbel, 'URW Gothic', sans-serif",
        "monospace" => "ui-monospace, 'Cascadia Code', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
        _ => return None,
    })
}

/// Serves the stylesheet of a theme.
pub(crate) async fn stylesheet(Query(look): Query<Look>) -> Result<Response, Failure> {
    let css = look.css().ok_or(Reason::NoSuchPage)?;
    let css_type = HeaderValue::from_static("text/css; charset=utf-8");
    Ok(([(CONTENT_TYPE, css_type), (CACHE_CONTROL, FOR_GOOD)], css).into_response())
}

impl Look {
    fn css(&self) -> Option<String> {
        let Self { background, text, header, header_text, accent, accent_text, font } = self;
        let is_color =
            |color: &&String| color.len() == 6 && color.bytes().all(|byte| byte.is_ascii_hexdigit());
        if ![background, text, header, header_text, accent, accent_text].iter().all(is_color) {
            return None;
        }
        let font = font_stack(font)?;
        // A theme is a look of its own, by day and by night.
        Some(format!(
            ":root{{color-scheme:light;--paper:#{background};--card:#{background};--ink:#{text};\
             --soft:color-mix(in srgb,#{text} 76%,#{background});--line:color-mix(in srgb,#{text} 18%,#{background});\
             --sunk:color-mix(in srgb,#{text} 5%,#{background});--hero:#{header};--on-hero:#{header_text};\
             --accent:#{accent};--on-accent:#{accent_text};--link:#{accent};--font:{font}}}\n"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(accent: &str, font: &str) -> Look {
        let color = || "ffffff".to_owned();
        Look {
            background: color(),
            text: color(),
            header: color(),
            header_text: color(),
            accent: accent.to_owned(),
            accent_text: color(),
            font: font.to_owned(),
        }
    }

    #[test]
    fn nothing_but_colours_and_known_fonts_gets_into_a_stylesheet() {
        assert!(look("0b6e4f", "serif").css().unwrap().contains("--accent:#0b6e4f"));
        for bad in ["", "fff", "0b6e4g", "0b6e4f}", "url(x)", "0b6e4f;b", "00000é"] {
            assert!(look(bad, "serif").css().is_none(), "{bad:?}");
        }
        assert!(look("0b6e4f", "x;}").css().is_none());
    }
}
