//! The rules of a theme, and of contrast. No I/O.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::ids::OrganizationId;
use service_kit::validate::Violations;
use uuid::Uuid;

use super::ThemeError;

/// Longest name, in characters.
pub(crate) const NAME_MAX: usize = 100;
/// Most themes of an organisation.
pub(super) const THEMES_MAX: i64 = 50;
/// What text needs on its background (WCAG 2.2, success criterion 1.4.3).
const TEXT_CONTRAST: f64 = 4.5;
/// What a button needs on its background (WCAG 2.2, success criterion 1.4.11).
const SHAPE_CONTRAST: f64 = 3.0;

service_kit::text_enum! {
    /// Fonts that clients have without asking a third party.
    pub(crate) enum Font {
        /// The device's own sans-serif.
        System = "SYSTEM",
        /// A serif.
        Serif = "SERIF",
        /// A humanist sans-serif.
        Humanist = "HUMANIST",
        /// A geometric sans-serif.
        Geometric = "GEOMETRIC",
        /// A monospaced one.
        Monospace = "MONOSPACE",
    }
}

/// A colour of sRGB.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Color {
    red: u8,
    green: u8,
    blue: u8,
}

impl Color {
    /// Returns a colour of its parts.
    pub(crate) const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// Finds the colour that `#rrggbb` names, in either case.
    pub(crate) fn find(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let part = |from: usize| u8::from_str_radix(digits.get(from..from + 2)?, 16).ok();
        Some(Self { red: part(0)?, green: part(2)?, blue: part(4)? })
    }

    /// Reads a colour of a request.
    pub(crate) fn read(check: &mut Violations, field: &str, value: &str) -> Self {
        Self::find(value).unwrap_or_else(|| {
            check.add(field, "must be a colour like #1f3a5f");
            Self::default()
        })
    }

    /// Returns how light the colour is, 0 to 1 (WCAG 2.2, "relative luminance").
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }

    /// Returns the contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio").
    pub(crate) fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }
}

impl std::fmt::Display for Color {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

/// The colours of a theme.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Colors {
    /// Behind everything.
    pub(crate) background: Color,
    /// Text on the background.
    pub(crate) text: Color,
    /// Behind header and banner.
    pub(crate) header: Color,
    /// Text on the header.
    pub(crate) header_text: Color,
    /// Buttons and links.
    pub(crate) accent: Color,
    /// Text on buttons.
    pub(crate) accent_text: Color,
}

/// A pair of colours that is hard to read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ContrastWarning {
    /// The colour in front.
    pub(crate) foreground: &'static str,
    /// The colour behind.
    pub(crate) background: &'static str,
    /// The contrast of the pair.
    pub(crate) ratio: f64,
    /// What it should be at least.
    pub(crate) required_ratio: f64,
}

impl Colors {
    /// Returns the pairs that are hard to read.
    pub(crate) fn warnings(&self) -> Vec<ContrastWarning> {
        [
            ("text", self.text, "background", self.background, TEXT_CONTRAST),
            ("header_text", self.header_text, "header", self.header, TEXT_CONTRAST),
            ("accent_text", self.accent_text, "accent", self.accent, TEXT_CONTRAST),
            ("accent", self.accent, "background", self.background, SHAPE_CONTRAST),
        ]
        .into_iter()
        .map(|(foreground, front, background, behind, required_ratio)| ContrastWarning {
            foreground,
            background,
            ratio: front.contrast(behind),
            required_ratio,
        })
        .filter(|pair| pair.ratio < pair.required_ratio)
        .collect()
    }
}

/// How a space is to be drawn.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Look {
    /// The theme; absent: the built-in one.
    pub(crate) theme_id: Option<Uuid>,
    /// Its name.
    pub(crate) name: String,
    /// Its colours.
    pub(crate) colors: Colors,
    /// Its font.
    pub(crate) font: Font,
    /// Its banner.
    pub(crate) banner_logo_id: Option<Uuid>,
}

impl Look {
    /// Returns the look of spaces without a theme in an organisation without a default.
    pub(crate) fn built_in() -> Self {
        Self {
            theme_id: None,
            name: "Built-in".to_owned(),
            colors: Colors {
                background: Color::new(0xff, 0xff, 0xff),
                text: Color::new(0x1f, 0x29, 0x33),
                header: Color::new(0x1f, 0x3a, 0x5f),
                header_text: Color::new(0xff, 0xff, 0xff),
                accent: Color::new(0x1d, 0x5f, 0xbf),
                accent_text: Color::new(0xff, 0xff, 0xff),
            },
            font: Font::System,
            banner_logo_id: None,
        }
    }
}

/// The looks of an organisation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Looks {
    /// Each theme, and whether it is the default.
    themes: Vec<(Look, bool)>,
}

impl Looks {
    /// Returns the looks that these themes give; the flag marks the default.
    pub(super) fn new(themes: Vec<(Look, bool)>) -> Self {
        Self { themes }
    }

    /// Returns the look of a space that chose this theme: its theme, else the default, else the built-in one.
    pub(crate) fn of(&self, theme_id: Option<Uuid>) -> Look {
        let chosen = self.themes.iter().find(|(look, _)| theme_id.is_some() && look.theme_id == theme_id);
        let default = || self.themes.iter().find(|(_, is_default)| *is_default);
        chosen.or_else(default).map_or_else(Look::built_in, |(look, _)| look.clone())
    }
}

/// A theme.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Theme {
    /// The tenant.
    pub(crate) organization_id: OrganizationId,
    /// The theme.
    pub(crate) theme_id: Uuid,
    /// Its name.
    pub(crate) name: String,
    /// Its colours.
    pub(crate) colors: Colors,
    /// Its font.
    pub(crate) font: Font,
    /// Its banner.
    pub(crate) banner_logo_id: Option<Uuid>,
    /// Whether spaces without a theme use it.
    pub(crate) is_default: bool,
    /// How many spaces that are not deleted chose it.
    pub(crate) space_count: i64,
    /// Counts changes, from 1.
    pub(crate) version: i64,
    /// When it was created.
    pub(crate) create_time: DateTime<Utc>,
    /// When it was last changed.
    pub(crate) update_time: DateTime<Utc>,
}

/// What an admin says of a theme to create.
#[derive(Clone, Debug)]
pub(crate) struct NewTheme {
    /// 1–100 characters.
    pub(crate) name: String,
    /// All six.
    pub(crate) colors: Colors,
    /// The font.
    pub(crate) font: Font,
    /// A banner that was uploaded.
    pub(crate) banner_logo_id: Option<Uuid>,
    /// Whether it becomes the default.
    pub(crate) is_default: bool,
}

/// What to change; absent stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThemeChange {
    /// New name.
    pub(crate) name: Option<String>,
    /// New colours.
    pub(crate) colors: Option<Colors>,
    /// New font.
    pub(crate) font: Option<Font>,
    /// New banner, or none.
    pub(crate) banner_logo_id: Option<Option<Uuid>>,
    /// Whether it is the default.
    pub(crate) is_default: Option<bool>,
    /// The version the change was made on; absent: whatever stands there.
    pub(crate) version: Option<i64>,
}

impl Theme {
    /// Returns a new theme.
    pub(super) fn create(
        organization_id: OrganizationId,
        theme_id: Uuid,
        new: NewTheme,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            organization_id,
            theme_id,
            name: new.name,
            colors: new.colors,
            font: new.font,
            banner_logo_id: new.banner_logo_id,
            is_default: new.is_default,
            space_count: 0,
            version: 1,
            create_time: now,
            update_time: now,
        }
    }

    /// Changes what the change names; refused where somebody else was faster.
    pub(super) fn change(&mut self, change: ThemeChange, now: DateTime<Utc>) -> Result<(), ThemeError> {
        if change.version.is_some_and(|version| version != self.version) {
            return Err(ThemeError::Changed);
        }
        self.name = change.name.unwrap_or_else(|| std::mem::take(&mut self.name));
        self.colors = change.colors.unwrap_or(self.colors);
        self.font = change.font.unwrap_or(self.font);
        self.banner_logo_id = change.banner_logo_id.unwrap_or(self.banner_logo_id);
        self.is_default = change.is_default.unwrap_or(self.is_default);
        self.version += 1;
        self.update_time = now;
        Ok(())
    }

    /// Returns the name as it is compared.
    pub(super) fn name_folded(&self) -> String {
        self.name.to_lowercase()
    }

    /// Returns where the theme stands in the list.
    pub(crate) fn key(&self) -> ThemeKey {
        ThemeKey { name_folded: self.name_folded() }
    }
}

/// Where a theme stands in the list; names are unique.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct ThemeKey {
    /// The name as it is compared.
    pub(crate) name_folded: String,
}

/// A theme after it was created or changed.
#[derive(Clone, Debug)]
pub(crate) struct ThemeSaved(pub(crate) Theme);

/// A theme is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThemeDeleted;

#[cfg(test)]
mod tests {
    use super::*;

    fn contrast(one: &str, two: &str) -> f64 {
        Color::find(one).unwrap().contrast(Color::find(two).unwrap())
    }

    #[test]
    fn contrast_is_what_the_formula_of_wcag_gives_for_known_pairs() {
        let known = [
            ("#000000", "#ffffff", 21.0),
            ("#ffffff", "#ffffff", 1.0),
            ("#777777", "#ffffff", 4.478_089),
            ("#767676", "#ffffff", 4.542_225),
            ("#0000ff", "#ffffff", 8.592_471),
            ("#ff0000", "#ffffff", 3.998_477),
            ("#00ff00", "#000000", 15.304),
        ];
        for (one, two, ratio) in known {
            for found in [contrast(one, two), contrast(two, one)] {
                assert!((found - ratio).abs() < 0.000_001, "{one} {two}: {found}, not {ratio}");
            }
        }
    }

    #[test]
    fn a_warning_names_the_pair_that_is_hard_to_read_and_no_other() {
        let good = Look::built_in().colors;
        assert_eq!(good.warnings(), []);
        let white = Color::new(255, 255, 255);
        let pairs = |colors: Colors| -> Vec<_> {
            colors.warnings().iter().map(|pair| (pair.foreground, pair.background)).collect()
        };
        let gray = Color::find("#777777").unwrap();
        assert_eq!(pairs(Colors { text: gray, ..good }), [("text", "background")]);
        assert_eq!(pairs(Colors { header: gray, ..good }), [("header_text", "header")]);
        assert_eq!(pairs(Colors { accent: gray, ..good }), [("accent_text", "accent")]);
        let faint = Colors { accent: Color::find("#959595").unwrap(), accent_text: Color::default(), ..good };
        assert_eq!(pairs(faint), [("accent", "background")]);
        let enough =
            Colors { accent: Color::find("#949494").unwrap(), accent_text: Color::default(), ..good };
        assert_eq!(pairs(enough), []);
        let readable = Colors { text: Color::find("#767676").unwrap(), ..good };
        assert_eq!(pairs(readable), []);
        assert_eq!(pairs(Colors { text: white, ..good }), [("text", "background")]);
    }

    #[test]
    fn a_colour_is_taken_as_six_hexadecimal_digits_and_refused_otherwise() {
        assert_eq!(Color::find("#1F3a5f").unwrap().to_string(), "#1f3a5f");
        for bad in ["", "#", "1f3a5f", "#1f3a5", "#1f3a5f0", "#1f3a5g", "#+f3a5f", "#fff", "red", "#1f3aé"] {
            let mut check = Violations::default();
            Color::read(&mut check, "colors.text", bad);
            assert!(check.into_result().unwrap_err().to_string().starts_with("colors.text: "), "{bad}");
        }
    }

    #[test]
    fn a_space_has_its_theme_else_the_default_else_the_built_in_look() {
        let look = |id: u128| Look { theme_id: Some(Uuid::from_u128(id)), ..Look::built_in() };
        let looks = Looks::new(vec![(look(1), false), (look(2), true)]);
        assert_eq!(looks.of(Some(Uuid::from_u128(1))), look(1));
        assert_eq!(looks.of(None), look(2));
        assert_eq!(looks.of(Some(Uuid::from_u128(9))), look(2));
        assert_eq!(Looks::default().of(None), Look::built_in());
    }
}
