//! Between themes on the wire and what the use cases know of them.

use service_kit::clock::timestamp;
use service_kit::page::{Page, PageRequest};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use uuid::Uuid;

use crate::theme::{
    Color, Colors, ContrastWarning, Font, Look, NAME_MAX, NewTheme, Theme, ThemeChange, ThemeDeleted,
    ThemeKey, ThemeSaved,
};

/// Which theme to change, and how.
pub(super) struct ThemeUpdate {
    pub(super) theme_id: Uuid,
    pub(super) change: ThemeChange,
}

/// Which theme to delete, and what takes its place.
pub(super) struct ThemeDeletion {
    pub(super) theme_id: Uuid,
    pub(super) replacement_theme_id: Option<Uuid>,
}

impl From<Colors> for pb::ThemeColors {
    fn from(colors: Colors) -> Self {
        Self {
            background: colors.background.to_string(),
            text: colors.text.to_string(),
            header: colors.header.to_string(),
            header_text: colors.header_text.to_string(),
            accent: colors.accent.to_string(),
            accent_text: colors.accent_text.to_string(),
        }
    }
}

impl From<Font> for pb::ThemeFont {
    fn from(font: Font) -> Self {
        match font {
            Font::System => Self::System,
            Font::Serif => Self::Serif,
            Font::Humanist => Self::Humanist,
            Font::Geometric => Self::Geometric,
            Font::Monospace => Self::Monospace,
        }
    }
}

impl From<Look> for pb::SpaceTheme {
    fn from(look: Look) -> Self {
        Self {
            theme_id: text_of(look.theme_id),
            name: look.name,
            colors: Some(look.colors.into()),
            font: pb::ThemeFont::from(look.font).into(),
            banner_logo_id: text_of(look.banner_logo_id),
        }
    }
}

fn text_of(id: Option<Uuid>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

fn optional_id(check: &mut Violations, field: &str, value: &str) -> Option<Uuid> {
    (!value.is_empty()).then(|| check.id(field, value))
}

fn colors(check: &mut Violations, colors: Option<pb::ThemeColors>) -> Colors {
    let Some(colors) = colors else {
        check.add("colors", "must be set, with all six colours");
        return Colors::default();
    };
    Colors {
        background: Color::read(check, "colors.background", &colors.background),
        text: Color::read(check, "colors.text", &colors.text),
        header: Color::read(check, "colors.header", &colors.header),
        header_text: Color::read(check, "colors.header_text", &colors.header_text),
        accent: Color::read(check, "colors.accent", &colors.accent),
        accent_text: Color::read(check, "colors.accent_text", &colors.accent_text),
    }
}

fn font(check: &mut Violations, font: i32) -> Font {
    match pb::ThemeFont::try_from(font) {
        Ok(pb::ThemeFont::Unspecified | pb::ThemeFont::System) => Font::System,
        Ok(pb::ThemeFont::Serif) => Font::Serif,
        Ok(pb::ThemeFont::Humanist) => Font::Humanist,
        Ok(pb::ThemeFont::Geometric) => Font::Geometric,
        Ok(pb::ThemeFont::Monospace) => Font::Monospace,
        Err(_) => {
            check.add("font", "must be one of the fonts there are");
            Font::System
        }
    }
}

impl TryFrom<pb::CreateThemeRequest> for NewTheme {
    type Error = Violations;

    fn try_from(request: pb::CreateThemeRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let new = Self {
            name: check.line("name", &request.name, 1, NAME_MAX),
            colors: colors(&mut check, request.colors),
            font: font(&mut check, request.font),
            banner_logo_id: optional_id(&mut check, "banner_logo_id", &request.banner_logo_id),
            is_default: request.is_default,
        };
        check.into_result().map(|()| new)
    }
}

impl TryFrom<pb::UpdateThemeRequest> for ThemeUpdate {
    type Error = Violations;

    fn try_from(request: pb::UpdateThemeRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let theme_id = check.id("theme_id", &request.theme_id);
        let mut change = ThemeChange::default();
        let paths = request.update_mask.unwrap_or_default().paths;
        if paths.is_empty() {
            check.add(
                "update_mask",
                "must name at least one of name, colors, font, banner_logo_id, is_default",
            );
        }
        for path in &paths {
            match path.as_str() {
                "name" => change.name = Some(check.line("name", &request.name, 1, NAME_MAX)),
                "colors" => change.colors = Some(colors(&mut check, request.colors.clone())),
                "font" => change.font = Some(font(&mut check, request.font)),
                "banner_logo_id" => {
                    let banner = optional_id(&mut check, "banner_logo_id", &request.banner_logo_id);
                    change.banner_logo_id = Some(banner);
                }
                "is_default" => change.is_default = Some(request.is_default),
                _ => {
                    check.add("update_mask", "must name only name, colors, font, banner_logo_id, is_default");
                }
            }
        }
        if !request.etag.is_empty() {
            change.version = request.etag.parse().ok();
            if change.version.is_none() {
                check.add("etag", "must be the etag last read");
            }
        }
        check.into_result().map(|()| Self { theme_id, change })
    }
}

impl TryFrom<pb::DeleteThemeRequest> for ThemeDeletion {
    type Error = Violations;

    fn try_from(request: pb::DeleteThemeRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let theme_id = check.id("theme_id", &request.theme_id);
        let replacement_theme_id =
            optional_id(&mut check, "replacement_theme_id", &request.replacement_theme_id);
        check.into_result().map(|()| Self { theme_id, replacement_theme_id })
    }
}

impl From<Theme> for pb::Theme {
    fn from(theme: Theme) -> Self {
        Self {
            theme_id: theme.theme_id.to_string(),
            name: theme.name,
            colors: Some(theme.colors.into()),
            font: pb::ThemeFont::from(theme.font).into(),
            banner_logo_id: text_of(theme.banner_logo_id),
            is_default: theme.is_default,
            space_count: i32::try_from(theme.space_count).unwrap_or(i32::MAX),
            etag: theme.version.to_string(),
            create_time: Some(timestamp(theme.create_time)),
            update_time: Some(timestamp(theme.update_time)),
        }
    }
}

impl From<ContrastWarning> for pb::ContrastWarning {
    fn from(pair: ContrastWarning) -> Self {
        Self {
            foreground: pair.foreground.to_owned(),
            background: pair.background.to_owned(),
            ratio: pair.ratio,
            required_ratio: pair.required_ratio,
        }
    }
}

fn warnings(theme: &Theme) -> Vec<pb::ContrastWarning> {
    theme.colors.warnings().into_iter().map(pb::ContrastWarning::from).collect()
}

impl From<ThemeSaved> for pb::CreateThemeResponse {
    fn from(saved: ThemeSaved) -> Self {
        Self { contrast_warnings: warnings(&saved.0), theme: Some(saved.0.into()) }
    }
}

impl From<ThemeSaved> for pb::UpdateThemeResponse {
    fn from(saved: ThemeSaved) -> Self {
        Self { contrast_warnings: warnings(&saved.0), theme: Some(saved.0.into()) }
    }
}

impl From<ThemeDeleted> for pb::DeleteThemeResponse {
    fn from(_: ThemeDeleted) -> Self {
        Self {}
    }
}

pub(super) fn theme_page(request: &pb::ListThemesRequest) -> Result<PageRequest<ThemeKey>, Violations> {
    let mut check = Violations::default();
    let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
    check.into_result().map(|()| page)
}

pub(super) fn list_themes_response(page: Page<Theme>) -> pb::ListThemesResponse {
    pb::ListThemesResponse {
        themes: page.items.into_iter().map(pb::Theme::from).collect(),
        next_page_token: page.next_page_token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_names_at_least_one_field_and_only_those_there_are() {
        let request = |paths: &[&str], etag: &str| pb::UpdateThemeRequest {
            theme_id: Uuid::nil().to_string(),
            update_mask: Some(prost_types::FieldMask {
                paths: paths.iter().map(ToString::to_string).collect(),
            }),
            name: "n".to_owned(),
            etag: etag.to_owned(),
            ..pb::UpdateThemeRequest::default()
        };
        let change =
            ThemeUpdate::try_from(request(&["name", "banner_logo_id"], "7")).unwrap_or_else(|refused| {
                panic!("{refused}");
            });
        assert_eq!(change.change.name.as_deref(), Some("n"));
        assert_eq!((change.change.banner_logo_id, change.change.version), (Some(None), Some(7)));
        assert!(change.change.colors.is_none() && change.change.is_default.is_none());
        let bad = [
            (request(&[], ""), "update_mask"),
            (request(&["theme_id"], ""), "update_mask"),
            (request(&["colors"], ""), "colors"),
            (request(&["name"], "x"), "etag"),
        ];
        for (request, field) in bad {
            let Err(refused) = ThemeUpdate::try_from(request) else { panic!("{field} was taken") };
            assert!(refused.to_string().starts_with(&format!("{field}: ")), "{refused}");
        }
    }
}
