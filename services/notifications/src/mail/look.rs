//! How a mail looks: colours, logo, and what stands around its words.
//!
//! Owns that no colour vanishes: what a theme makes hard to read is mended here. Must not know what a mail says.

use std::fmt;
use std::sync::Arc;

use super::text::{Line, Link};
use crate::delivery::{Colors, Setback};

/// Largest logo in a mail, in bytes, inclusive.
const MAX_LOGO_BYTES: usize = 128 * 1024;
/// Largest logo in a mail as it is shown, in pixels: twice as many make it sharp on fine screens.
const LOGO_PX: (u32, u32) = (160, 48);
/// What text needs on its background where a theme chose both: the least that WCAG 2.2 allows for large text.
const READABLE: f64 = 3.0;
/// What a button needs to be seen against what is behind it.
const VISIBLE: f64 = 1.5;

const WHITE: Color = Color([0xff, 0xff, 0xff]);
const BLACK: Color = Color([0, 0, 0]);
/// Behind the words, and behind them on a dark screen; as in the layout.
const CARD: Color = WHITE;
const DARK_CARD: Color = Color([0x20, 0x25, 0x2b]);

/// A colour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Color([u8; 3]);

impl Color {
    /// Takes `#rrggbb` and nothing else: it is written into the page as it is.
    fn find(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
        let channel = |at| u8::from_str_radix(digits.get(at)?, 16).ok();
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then_some(Self([channel(0..2)?, channel(2..4)?, channel(4..6)?]))
    }

    /// Returns the contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio").
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|channel| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// Returns this colour where it can be read on `behind`, otherwise black or white.
    fn readable_on(self, behind: Self) -> Self {
        if self.contrast(behind) >= READABLE {
            self
        } else if BLACK.contrast(behind) > WHITE.contrast(behind) {
            BLACK
        } else {
            WHITE
        }
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// The colours of a mail that a theme decides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Palette {
    /// Behind the organisation's name.
    pub(super) header: Color,
    /// The organisation's name.
    pub(super) header_text: Color,
    /// The button.
    pub(super) accent: Color,
    /// The words on it.
    pub(super) accent_text: Color,
    /// Round the button, so that it is seen whatever its colour.
    pub(super) edge: Color,
    /// Round the button on a dark screen.
    pub(super) dark_edge: Color,
}

impl Palette {
    /// Returns a theme's colours; the built-in one where there is none.
    fn new(colors: Option<&Colors>) -> Self {
        let of = |text: fn(&Colors) -> &str, built_in| {
            colors.and_then(|colors| Color::find(text(colors))).unwrap_or(built_in)
        };
        let header = of(|colors| &colors.header, Color([0x1f, 0x3a, 0x5f]));
        let accent = of(|colors| &colors.accent, Color([0x1d, 0x5f, 0xbf]));
        let header_text = of(|colors| &colors.header_text, WHITE).readable_on(header);
        let accent_text = of(|colors| &colors.accent_text, WHITE).readable_on(accent);
        let edge = |behind| if accent.contrast(behind) < VISIBLE { accent_text } else { accent };
        Self { header, header_text, accent, accent_text, edge: edge(CARD), dark_edge: edge(DARK_CARD) }
    }
}

/// An organisation's logo, small enough to travel with a mail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Logo {
    pub(super) image: Arc<[u8]>,
    pub(super) content_type: &'static str,
    width_px: u32,
    height_px: u32,
}

impl Logo {
    /// Takes a PNG or JPEG of at most 128 KiB; nothing where it is something else.
    pub(crate) fn find(image: &[u8], content_type: &str, width_px: i32, height_px: i32) -> Option<Self> {
        let content_type = ["image/png", "image/jpeg"].into_iter().find(|known| *known == content_type)?;
        let width_px = u32::try_from(width_px).ok().filter(|width| (1..=4_096).contains(width))?;
        let height_px = u32::try_from(height_px).ok().filter(|height| (1..=4_096).contains(height))?;
        let is_small = !image.is_empty() && image.len() <= MAX_LOGO_BYTES;
        is_small.then(|| Self { image: image.into(), content_type, width_px, height_px })
    }

    /// Returns width and height as shown: scaled to fit, never enlarged, at least 1.
    fn shown_px(&self) -> (u32, u32) {
        let (width, height) = (self.width_px, self.height_px);
        let (by_width, by_height) = (height * LOGO_PX.0 / width, width * LOGO_PX.1 / height);
        if width <= LOGO_PX.0 && height <= LOGO_PX.1 {
            (width, height)
        } else if by_height <= LOGO_PX.0 {
            (by_height.max(1), LOGO_PX.1)
        } else {
            (LOGO_PX.0, by_width.max(1))
        }
    }
}

/// How the mails of an organisation look.
#[derive(Clone)]
pub(crate) struct Look {
    organization: Line,
    palette: Palette,
    logo: Option<Logo>,
}

impl Look {
    /// Returns a look; `organization` may be empty where nobody has told the name, the colours are the built-in ones where
    /// there are none.
    pub(crate) fn new(organization: &str, colors: Option<&Colors>, logo: Option<Logo>) -> Self {
        Self { organization: Line::new(organization), palette: Palette::new(colors), logo }
    }

    /// Returns the logo.
    pub(super) fn logo(&self) -> Option<&Logo> {
        self.logo.as_ref()
    }
}

/// How a mail is muted (R12.3).
#[derive(Clone)]
pub(crate) struct Mute {
    /// Where mail programs post to (RFC 8058).
    pub(super) one_click: Link,
    /// Where people unsubscribe.
    pub(super) page: Link,
    /// Where people choose which mails they get.
    pub(super) settings: Link,
}

impl Mute {
    /// Takes three addresses of the web. Errors: one is something else.
    pub(crate) fn try_new(one_click: &str, page: &str, settings: &str) -> Result<Self, Setback> {
        let [one_click, page, settings] = [one_click, page, settings].map(Link::try_new);
        Ok(Self { one_click: one_click?, page: page?, settings: settings? })
    }
}

/// What stands around the words of one mail, as its templates read it.
pub(super) struct Frame<'a> {
    /// The organisation's name; may be empty.
    pub(super) organization: &'a Line,
    /// Whom the mail greets; empty: nobody by name.
    pub(super) name: Line,
    pub(super) palette: &'a Palette,
    pub(super) logo: Option<Picture>,
    pub(super) mute: Option<&'a Mute>,
}

/// The logo in a page.
pub(super) struct Picture {
    pub(super) src: String,
    pub(super) width_px: u32,
    pub(super) height_px: u32,
}

/// Longest name that a mail greets with; what is longer is no name.
const MAX_GREETED: usize = 60;

impl<'a> Frame<'a> {
    /// Returns what stands around a mail to somebody; `src` is where its page finds the logo.
    pub(super) fn new(look: &'a Look, mute: Option<&'a Mute>, name: &str, src: String) -> Self {
        let name = if name.chars().count() <= MAX_GREETED { Line::new(name) } else { Line::new("") };
        let logo = look.logo.as_ref().map(|logo| {
            let (width_px, height_px) = logo.shown_px();
            Picture { src, width_px, height_px }
        });
        Self { organization: &look.organization, name, palette: &look.palette, logo, mute }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colors(header: &str, header_text: &str, accent: &str, accent_text: &str) -> Colors {
        let [header, header_text, accent, accent_text] =
            [header, header_text, accent, accent_text].map(str::to_owned);
        Colors { background: String::new(), text: String::new(), header, header_text, accent, accent_text }
    }

    #[test]
    fn a_theme_gives_header_and_button_their_colours() {
        let palette = Palette::new(Some(&colors("#0B6B4F", "#ffffff", "#ffcc00", "#101010")));
        let shown = [palette.header, palette.header_text, palette.accent, palette.accent_text];
        assert_eq!(shown.map(|color| color.to_string()), ["#0b6b4f", "#ffffff", "#ffcc00", "#101010"]);
    }

    #[test]
    fn what_is_no_colour_is_the_built_in_one() {
        let built_in = Palette::new(None);
        for bad in
            ["", "#fff", "red", "#12345g", "#1234567", "#+12345", "#ffffff;background:url(x)", "#1f3aé"]
        {
            assert_eq!(Palette::new(Some(&colors(bad, bad, bad, bad))), built_in, "{bad}");
        }
    }

    #[test]
    fn words_that_would_vanish_become_black_or_white() {
        for (behind, words, expected) in [
            ("#ffffff", "#ffffff", "#000000"),
            ("#000000", "#111111", "#ffffff"),
            ("#ffff00", "#eeee00", "#000000"),
            ("#1d5fbf", "#ffffff", "#ffffff"),
        ] {
            let palette = Palette::new(Some(&colors(behind, words, behind, words)));
            assert_eq!(palette.header_text.to_string(), expected, "{words} on {behind}");
            assert_eq!(palette.accent_text.to_string(), expected, "{words} on {behind}");
        }
    }

    #[test]
    fn a_button_of_the_colour_behind_it_has_an_edge() {
        let white = Palette::new(Some(&colors("#ffffff", "#000000", "#ffffff", "#000000")));
        assert_eq!((white.edge, white.dark_edge), (BLACK, WHITE));
        let dark = Palette::new(Some(&colors("#20252b", "#ffffff", "#20252b", "#ffffff")));
        assert_eq!((dark.edge, dark.dark_edge), (DARK_CARD, WHITE));
    }

    #[test]
    fn a_logo_is_a_small_png_or_jpeg_and_shown_within_its_place() {
        let logo = |content_type, width, height| Logo::find(&[1], content_type, width, height);
        for (side, shown) in [
            ((320, 120), (128, 48)),
            ((320, 32), (160, 16)),
            ((40, 20), (40, 20)),
            ((320, 1), (160, 1)),
            ((1, 120), (1, 48)),
        ] {
            assert_eq!(logo("image/png", side.0, side.1).unwrap().shown_px(), shown, "{side:?}");
        }
        for bad in ["", "image/webp", "image/svg+xml", "image/png\r\nX: y", "text/html"] {
            assert!(logo(bad, 40, 20).is_none(), "{bad}");
        }
        for (width, height) in [(0, 20), (20, 0), (-1, 20), (20, 4_097)] {
            assert!(logo("image/jpeg", width, height).is_none(), "{width} {height}");
        }
        assert!(Logo::find(&vec![0; MAX_LOGO_BYTES], "image/png", 40, 20).is_some());
        assert!(Logo::find(&vec![0; MAX_LOGO_BYTES + 1], "image/png", 40, 20).is_none());
        assert!(Logo::find(&[], "image/png", 40, 20).is_none());
    }

    #[test]
    fn a_name_too_long_to_be_one_is_not_greeted() {
        let look = Look::new("Acme", None, None);
        let greeted = |name: &str| Frame::new(&look, None, name, String::new()).name.to_string();
        assert_eq!(greeted(&"n".repeat(60)), "n".repeat(60));
        assert_eq!(greeted(&"n".repeat(61)), "");
    }
}
