//! Each mail in a real browser: that it fits, that nothing vanishes, and its picture for the docs.
//!
//! `WRITE_MAIL_PICTURES=1 cargo test -p notifications pictures` writes `docs/mails` anew. Where no browser is installed
//! nothing is measured; that each mail has a picture of what it says now is looked at everywhere.

use std::fmt::Write;
use std::path::PathBuf;

use service_kit::locale::Locale;
use uuid::Uuid;

use super::browser::{Browser, Scheme};
use crate::delivery::{Colors, MailKind};
use crate::mail::{Logo, Look};
use crate::preview::shown;

const LOGO: &[u8] = include_bytes!("logo.png");
const BASE_URL: &str = "https://spaces.acme.example";
/// Which pictures show what, each with a hash of the page it was taken of.
const LIST: &str = "pictures.txt";
const WIDTH_PX: u32 = 640;
/// Largest picture, in bytes.
const MAX_BYTES: u64 = 60_000;
/// What text needs on its background (WCAG 2.2, success criterion 1.4.3).
const READABLE: f64 = 4.5;

const ALL: [MailKind; 18] = [
    MailKind::GuestInvitation,
    MailKind::ColleagueInvitation,
    MailKind::InvitationAccepted,
    MailKind::AccountLink,
    MailKind::SignInLink,
    MailKind::PasswordReset,
    MailKind::NewDevice,
    MailKind::PasswordChanged,
    MailKind::SessionReused,
    MailKind::Reminder,
    MailKind::AccessRequested,
    MailKind::AccessGranted,
    MailKind::AccessDeclined,
    MailKind::RequestLink,
    MailKind::VisitSummary,
    MailKind::NewJoiner,
    MailKind::NewComment,
    MailKind::NewContent,
];

fn look(kind: MailKind) -> Look {
    let is_about_a_space = !matches!(
        kind,
        MailKind::SignInLink
            | MailKind::PasswordReset
            | MailKind::RequestLink
            | MailKind::NewDevice
            | MailKind::PasswordChanged
            | MailKind::SessionReused
    );
    let colors = Colors {
        background: "#ffffff".to_owned(),
        text: "#1f2933".to_owned(),
        header: "#0f3d3e".to_owned(),
        header_text: "#ffffff".to_owned(),
        accent: "#b5452e".to_owned(),
        accent_text: "#ffffff".to_owned(),
    };
    let logo = Logo::find(LOGO, "image/png", 250, 80);
    assert!(logo.is_some());
    Look::new("Acme", is_about_a_space.then_some(&colors), logo)
}

/// The page of a mail; nothing where it has no template.
fn page_of(kind: MailKind, locale: Locale) -> Option<String> {
    shown(kind, locale, BASE_URL, look(kind)).ok().unwrap().map(|preview| preview.html)
}

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/mails")
}

struct Picture {
    file: String,
    page: String,
    scheme: Scheme,
}

/// Every mail in English, two in each other language, and two on a dark screen.
fn pictures() -> Vec<Picture> {
    let mut wanted: Vec<(MailKind, Locale, Scheme)> =
        ALL.into_iter().map(|kind| (kind, Locale::English, Scheme::Light)).collect();
    for kind in [MailKind::GuestInvitation, MailKind::VisitSummary] {
        wanted.extend([Locale::French, Locale::German].map(|locale| (kind, locale, Scheme::Light)));
        wanted.push((kind, Locale::English, Scheme::Dark));
    }
    let picture = |(kind, locale, scheme): (MailKind, Locale, Scheme)| {
        let dark = if scheme == Scheme::Dark { "-dark" } else { "" };
        let file = format!("{}-{}{dark}.png", kind.as_str().to_lowercase(), locale.as_str());
        page_of(kind, locale).map(|page| Picture { file, page, scheme })
    };
    wanted.into_iter().filter_map(picture).collect()
}

/// One line for each picture.
fn list(pictures: &[Picture]) -> String {
    let mut list = String::new();
    for picture in pictures {
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, picture.page.as_bytes()).simple();
        writeln!(list, "{hash} {}", picture.file).unwrap();
    }
    list
}

#[test]
fn each_mail_has_a_picture_of_what_it_says_now() {
    let pictures = pictures();
    if std::env::var_os("WRITE_MAIL_PICTURES").is_some() {
        write(&pictures);
    }
    let told = "run: WRITE_MAIL_PICTURES=1 cargo test -p notifications pictures";
    let listed = std::fs::read_to_string(docs().join(LIST)).unwrap();
    assert_eq!(listed, list(&pictures), "pictures are missing or old; {told}");
    for picture in &pictures {
        let file = std::fs::read(docs().join(&picture.file)).unwrap();
        assert!(file.starts_with(b"\x89PNG"), "{}; {told}", picture.file);
        let width = u32::from_be_bytes(file[16..20].try_into().unwrap());
        assert!((600..=640).contains(&width), "{} is {width} pixels wide", picture.file);
        assert!(u64::try_from(file.len()).unwrap() < MAX_BYTES, "{} has {} bytes", picture.file, file.len());
    }
    let with_template = ALL.into_iter().filter(|kind| *kind != MailKind::AccountLink);
    for kind in with_template {
        let file = format!("{}-en.png", kind.as_str().to_lowercase());
        assert!(pictures.iter().any(|picture| picture.file == file), "{kind:?} has no picture");
    }
}

fn write(pictures: &[Picture]) {
    let browser = Browser::find().expect("a browser to take pictures with");
    std::fs::create_dir_all(docs()).unwrap();
    let pages: Vec<String> = pictures.iter().map(|picture| picture.page.clone()).collect();
    let measured = browser.measure(&pages, WIDTH_PX, Scheme::Light);
    for (picture, measured) in pictures.iter().zip(measured) {
        let to = docs().join(&picture.file);
        browser.picture(&picture.page, WIDTH_PX, measured.height, picture.scheme, &to);
    }
    std::fs::write(docs().join(LIST), list(pictures)).unwrap();
}

#[test]
fn each_mail_fits_and_can_be_read_in_a_browser_on_light_and_dark_screens_wide_and_narrow() {
    let Some(browser) = Browser::find() else { return };
    let mut pages = Vec::new();
    let mut names = Vec::new();
    for locale in Locale::ALL {
        for kind in ALL {
            let Some(page) = page_of(kind, locale) else { continue };
            pages.push(page);
            names.push(format!("{kind:?} {locale:?}"));
        }
    }
    assert_eq!(pages.len(), 17 * 3);
    for scheme in [Scheme::Light, Scheme::Dark] {
        for width in [WIDTH_PX, 320] {
            let measured = browser.measure(&pages, width, scheme);
            for (name, measured) in names.iter().zip(measured) {
                let told = format!("{name} {scheme:?} {width}: {measured:?}");
                assert_eq!(measured.width, width, "it must be scrolled sideways: {told}");
                assert!((200..3_000).contains(&measured.height), "{told}");
                assert!(measured.contrast >= READABLE, "{}: {told}", measured.faintest);
            }
        }
    }
}

#[test]
fn no_theme_makes_anything_vanish_in_a_browser() {
    let Some(browser) = Browser::find() else { return };
    let theme = |color: &str| Colors {
        background: color.to_owned(),
        text: color.to_owned(),
        header: color.to_owned(),
        header_text: color.to_owned(),
        accent: color.to_owned(),
        accent_text: color.to_owned(),
    };
    let pages: Vec<String> = ["#ffffff", "#000000", "#20252b", "#777777", "#ffff00", "#ff0000", "#f2f4f6"]
        .map(|color| {
            let look = Look::new("Acme", Some(&theme(color)), None);
            let shown = shown(MailKind::GuestInvitation, Locale::English, BASE_URL, look);
            shown.ok().unwrap().unwrap().html
        })
        .into();
    for scheme in [Scheme::Light, Scheme::Dark] {
        for measured in browser.measure(&pages, WIDTH_PX, scheme) {
            assert!(measured.contrast >= 3.0, "{scheme:?} {measured:?}");
        }
    }
}
