//! The message itself: its headers, its parts, and that nothing people write gets out of its place.

use std::collections::BTreeSet;

use mail_parser::{Message, MessageParser};
use service_kit::clock::Clock;
use service_kit::ids::UserId;
use service_kit::locale::Locale;
use uuid::Uuid;

use crate::delivery::{Delivery, DeliveryId, MailKind, State};
use crate::mail::{Addressee, Moment, Words, compose};

const HEADERS: [&str; 8] =
    ["Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"];

const HOSTILE: [&str; 16] = [
    "x\r\nBcc: eve@evil.test",
    "x\nBcc: eve@evil.test\n\n<p>body</p>",
    "\r\n.\r\nMAIL FROM:<eve@evil.test>",
    "\n.\n",
    "%0d%0aBcc: eve@evil.test",
    "a\u{2028}Bcc: eve@evil.test\u{2029}b",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</td></tr></table><a href=\"http://evil.test\">x</a>",
    "http://evil.test/login www.evil.test eve@evil.test",
    "{{ mail.link }} {% include \"x\" %}",
    "=?utf-8?q?=0D=0ABcc:_eve@evil.test?=",
    "\"Ines\" <ines@evil.test>, eve",
    "\u{202e}tset\u{0}\u{7}\u{85}\u{9b}",
    "日本語のタイトル 🚀 عربى",
    "''\"\"&amp;&#10;",
];

fn delivery(kind: MailKind) -> Delivery {
    Delivery {
        delivery_id: DeliveryId::of(Uuid::from_u128(7), UserId::from(Uuid::from_u128(8))),
        kind,
        recipient_user_id: Some(UserId::from(Uuid::from_u128(8))),
        email_address: String::new(),
        state: State::Pending,
        reason: String::new(),
        attempts: 0,
        create_time: service_kit::clock::SystemClock.now(),
        sent_time: None,
        space_id: None,
        due_time: None,
    }
}

const LINK: &str = "https://app.acme.test/invitation#t.1.2";

/// Each mail with `text` wherever people write something.
fn each(text: &str) -> Vec<(MailKind, Words)> {
    vec![
        (MailKind::GuestInvitation, Words::guest_invitation(text, text, text, text, LINK).ok().unwrap()),
        (MailKind::ColleagueInvitation, Words::colleague_invitation(text, text, text, LINK).ok().unwrap()),
        (
            MailKind::InvitationAccepted,
            Words::invitation_accepted(text, text, Some(text), LINK).ok().unwrap(),
        ),
        (MailKind::SignInLink, Words::sign_in_link(text, "123456", LINK).ok().unwrap()),
        (MailKind::PasswordReset, Words::password_reset(text, LINK).ok().unwrap()),
        (MailKind::NewDevice, Words::new_device(text, text, moment(text))),
        (MailKind::PasswordChanged, Words::password_changed(text, text, moment(text))),
        (MailKind::SessionReused, Words::session_reused(text, text, moment(text))),
    ]
}

fn moment(zone: &str) -> Moment {
    Moment::local(chrono::DateTime::UNIX_EPOCH.naive_utc(), zone)
}

/// Notices have no link at all.
fn has_link(kind: MailKind) -> bool {
    !matches!(kind, MailKind::NewDevice | MailKind::PasswordChanged | MailKind::SessionReused)
}

fn written(kind: MailKind, words: &Words, name: &str, locale: Locale) -> Vec<u8> {
    let from = "Shared Spaces <no-reply@sharedspaces.test>".parse().unwrap();
    let to = Addressee::new("gil@globex.test".to_owned(), name.to_owned(), locale);
    compose(&from, &to, &delivery(kind), words).ok().unwrap().content().to_vec()
}

fn names_of(mail: &Message<'_>) -> BTreeSet<String> {
    mail.headers_raw().map(|(name, _)| name.to_owned()).collect()
}

/// Tags in their order, without attributes that hold words.
fn tags_of(html: &str) -> Vec<String> {
    html.split('<').skip(1).map(|rest| rest.split([' ', '>', '\n']).next().unwrap().to_owned()).collect()
}

fn links_of(html: &str) -> Vec<&str> {
    html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn whatever_people_write_the_mail_has_the_same_headers_parts_and_elements() {
    let mut texts: Vec<String> = HOSTILE.iter().map(|text| (*text).to_owned()).collect();
    texts.extend(made_up(100));
    for locale in Locale::ALL {
        let plain: Vec<Vec<String>> =
            each("x").iter().map(|(kind, words)| elements(&written(*kind, words, "x", locale))).collect();
        for hostile in &texts {
            for ((kind, words), plain) in each(hostile).iter().zip(&plain) {
                let raw = written(*kind, words, hostile, locale);
                let told = format!("{kind:?} {hostile:?}\n{}", String::from_utf8_lossy(&raw));
                check(&raw, *kind, plain, &told);
            }
        }
    }
}

fn check(raw: &[u8], kind: MailKind, plain: &[String], told: &str) {
    let mail = MessageParser::default().parse(raw).unwrap();
    assert_eq!(names_of(&mail), HEADERS.map(str::to_owned).into(), "{told}");
    assert_eq!(mail.to().unwrap().iter().count(), 1, "{told}");
    assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("gil@globex.test"), "{told}");
    assert_eq!((mail.text_body.len(), mail.html_body.len(), mail.attachments.len()), (1, 1, 0), "{told}");
    assert_eq!(elements(raw), plain, "{told}");
    let (html, text) = (mail.body_html(0).unwrap(), mail.body_text(0).unwrap());
    let links: &[&str] = if has_link(kind) { &[LINK] } else { &[] };
    assert_eq!(links_of(&html), links, "{told}");
    for body in [&html, &text] {
        assert!(!body.contains("http://evil") && !body.contains("evil.test"), "{told}");
        assert!(!body.contains(['\u{202e}', '\u{2066}', '\u{2028}', '\u{0}', '\u{9b}']), "{told}");
        assert_eq!(body.contains(LINK), has_link(kind), "{told}");
    }
    let subject = mail.subject().unwrap();
    assert!(!subject.contains(service_kit::validate::is_control), "{told}");
    assert!(!raw.contains(&0), "{told}");
    assert!(is_well_formed(raw), "{told}");
}

/// The page's elements but line breaks: a note's and a device's lines have as many as were written.
fn elements(raw: &[u8]) -> Vec<String> {
    let mail = MessageParser::default().parse(raw).unwrap();
    let html = mail.body_html(0).unwrap();
    tags_of(&html).into_iter().filter(|tag| tag != "br").collect()
}

/// Texts made of what is dangerous somewhere, the same at every run.
fn made_up(count: usize) -> Vec<String> {
    const PIECES: [&str; 24] = [
        "\r\n",
        "\n",
        "\r",
        ".",
        "<",
        ">",
        "\"",
        "'",
        "&",
        "=",
        "?",
        "Bcc: ",
        "evil.test",
        "http://",
        "@",
        ",",
        ";",
        "\u{202e}",
        "\u{2066}",
        "\u{2028}",
        "\u{0}",
        "\u{9b}",
        "é日",
        "x",
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        PIECES[usize::try_from(state % 24).unwrap()]
    };
    // What is left must be seen: a text of nothing but spaces is left out of a mail.
    (0..count).map(|_| std::iter::once("x").chain((0..40).map(|_| next())).collect()).collect()
}

/// Lines end in CRLF only and have at most 998 octets; all is ASCII.
fn is_well_formed(raw: &[u8]) -> bool {
    let text = std::str::from_utf8(raw).unwrap();
    let rest = text.replace("\r\n", "");
    text.is_ascii() && !rest.contains(['\r', '\n']) && text.split("\r\n").all(|line| line.len() <= 998)
}

#[test]
fn the_footer_ends_both_parts() {
    for (locale, start) in [
        (Locale::English, "Sent by Shared Spaces"),
        (Locale::French, "Envoyé par Shared Spaces"),
        (Locale::German, "Gesendet von Shared Spaces"),
    ] {
        for (kind, words) in each("\r\n.\r\nx") {
            let raw = written(kind, &words, "x", locale);
            let mail = MessageParser::default().parse(&raw).unwrap();
            let text = mail.body_text(0).unwrap();
            assert!(text.trim_end().lines().last().unwrap().starts_with(start), "{text}");
            assert!(mail.body_html(0).unwrap().trim_end().ends_with("</html>"));
        }
    }
}

#[test]
fn the_same_delivery_is_the_same_message_byte_for_byte() {
    for (kind, words) in each("Big deal é") {
        let delivery = delivery(kind);
        let from = "Shared Spaces <no-reply@sharedspaces.test>".parse().unwrap();
        let to = Addressee::new("gil@globex.test".to_owned(), "Gil".to_owned(), Locale::English);
        let write = || compose(&from, &to, &delivery, &words).ok().unwrap().content().to_vec();
        assert_eq!(write(), write());
    }
}

#[test]
fn names_and_titles_arrive_as_they_were_written() {
    let title = "Ça “va” — 日本 \"2.0\", (x) <y>";
    let words = Words::invitation_accepted(title, "Žofie \"Z\" O'Neil", None, LINK).ok().unwrap();
    let raw = written(MailKind::InvitationAccepted, &words, "Gil, \"le\" Grand <é>", Locale::English);
    let mail = MessageParser::default().parse(&raw).unwrap();
    assert_eq!(mail.to().unwrap().first().unwrap().name(), Some("Gil, \"le\" Grand <é>"));
    let subject = format!("Žofie \"Z\" O'Neil accepted your invitation to “{title}”");
    assert_eq!(mail.subject(), Some(subject.as_str()));
    assert!(mail.body_text(0).unwrap().contains(title));
    let (_, value) = mail.headers_raw().find(|(name, _)| *name == "Auto-Submitted").unwrap();
    assert_eq!(value.trim(), "auto-generated");
}

#[test]
fn a_long_title_and_note_are_folded_within_the_limits() {
    let words = Words::guest_invitation(&"W".repeat(255), &"é".repeat(255), "Acme", &"n".repeat(1_000), LINK);
    let raw = written(MailKind::GuestInvitation, &words.ok().unwrap(), &"ü".repeat(255), Locale::French);
    assert!(is_well_formed(&raw));
    let mail = MessageParser::default().parse(&raw).unwrap();
    assert!(mail.body_text(0).unwrap().contains(&"n".repeat(1_000)));
    assert!(mail.subject().unwrap().contains(&"W".repeat(255)));
}

#[test]
fn each_mail_is_written_in_each_language_and_fits_small_screens() {
    for (locale, lang) in [(Locale::English, "en"), (Locale::French, "fr"), (Locale::German, "de")] {
        for (kind, words) in each("x") {
            let raw = written(kind, &words, "x", locale);
            let mail = MessageParser::default().parse(&raw).unwrap();
            let html = mail.body_html(0).unwrap();
            assert!(html.contains(&format!("<html lang=\"{lang}\">")));
            assert!(
                html.contains("name=\"color-scheme\" content=\"light dark\"")
                    && html.contains("max-width:600px")
            );
            assert!(!html.contains("<img") && !html.contains("<script"), "nothing is loaded, nothing runs");
        }
    }
}

#[test]
fn a_language_is_told_by_its_primary_tag_and_english_where_there_is_none() {
    for (tag, locale) in [
        ("fr", Locale::French),
        ("FR-ca", Locale::French),
        ("de", Locale::German),
        ("de_CH", Locale::German),
        ("en", Locale::English),
    ] {
        assert_eq!(Locale::of(tag), locale);
    }
    for tag in ["", "it", "frr", "x-fr", "den"] {
        assert_eq!(Locale::of(tag), Locale::English);
    }
}

#[test]
fn a_mail_without_a_note_says_nothing_of_one() {
    let words = Words::colleague_invitation("t", "Ines", " \r\n", LINK).ok().unwrap();
    let raw = written(MailKind::ColleagueInvitation, &words, "", Locale::English);
    let mail = MessageParser::default().parse(&raw).unwrap();
    assert!(!mail.body_text(0).unwrap().contains("writes") && !mail.body_html(0).unwrap().contains("writes"));
}

/// What the mails say where nobody is hostile, each word in its place.
fn ordinary() -> Vec<(MailKind, Words, Vec<&'static str>)> {
    let space = ["Big deal", "Ines Quell", LINK];
    let with = |more: &[&'static str]| space.iter().chain(more).copied().collect::<Vec<_>>();
    let moment = || Moment::local(chrono::DateTime::UNIX_EPOCH.naive_utc(), "Europe/Zurich");
    let notice = vec!["Acme & Söhne", "Firefox on Windows", "1970", "00:00 (Europe/Zurich)"];
    let (acme, device) = ("Acme & Söhne", "Firefox on Windows");
    vec![
        (
            MailKind::GuestInvitation,
            Words::guest_invitation("Big deal", "Ines Quell", acme, "Hello Gil", LINK).ok().unwrap(),
            with(&["Acme & Söhne", "Hello Gil"]),
        ),
        (
            MailKind::ColleagueInvitation,
            Words::colleague_invitation("Big deal", "Ines Quell", "Hello Gil", LINK).ok().unwrap(),
            with(&["Hello Gil"]),
        ),
        (
            MailKind::InvitationAccepted,
            Words::invitation_accepted("Big deal", "Gil Gold", Some("Ines Quell"), LINK).ok().unwrap(),
            with(&["Gil Gold"]),
        ),
        (
            MailKind::SignInLink,
            Words::sign_in_link(acme, "012345", LINK).ok().unwrap(),
            vec!["Acme & Söhne", "012 345", LINK],
        ),
        (
            MailKind::PasswordReset,
            Words::password_reset(acme, LINK).ok().unwrap(),
            vec!["Acme & Söhne", LINK],
        ),
        (MailKind::NewDevice, Words::new_device(acme, device, moment()), notice.clone()),
        (MailKind::PasswordChanged, Words::password_changed(acme, device, moment()), notice.clone()),
        (MailKind::SessionReused, Words::session_reused(acme, device, moment()), notice),
    ]
}

#[test]
fn each_mail_says_all_it_has_to_say_in_each_language_and_both_parts() {
    for (kind, words, said) in ordinary() {
        let mut seen = BTreeSet::new();
        for locale in Locale::ALL {
            let raw = written(kind, &words, "Gil Gold", locale);
            let mail = MessageParser::default().parse(&raw).unwrap();
            let (html, text) = (mail.body_html(0).unwrap(), mail.body_text(0).unwrap());
            let subject = mail.subject().unwrap().to_owned();
            for said in &said {
                assert!(text.contains(said), "{kind:?} {locale:?} lacks {said}: {text}");
                let escaped = said.replace('&', "&#38;");
                assert!(html.contains(&escaped), "{kind:?} {locale:?} lacks {escaped}: {html}");
            }
            for part in [&subject, &html.to_string(), &text.to_string()] {
                assert!(!part.contains("{{") && !part.contains("{%"), "{part}");
            }
            assert!(subject.chars().count() <= 78, "{kind:?} {locale:?}: {subject}");
            assert!(
                seen.insert(subject) && seen.insert(text.into_owned()),
                "{kind:?} {locale:?} is another's"
            );
            let head = raw.split(|byte| *byte == b'\n').take_while(|line| line.len() > 1);
            let mut of_subject = false;
            for line in head {
                of_subject = line.starts_with(b"Subject:") || (of_subject && line.starts_with(b" "));
                assert!(!of_subject || line.len() <= 79, "{}", String::from_utf8_lossy(line));
            }
        }
    }
}

#[test]
fn a_device_that_says_nothing_of_itself_is_not_shown() {
    for device in ["", " \r\n\u{202e}"] {
        let words = Words::new_device("Acme", device, moment("UTC"));
        let raw = written(MailKind::NewDevice, &words, "Gil", Locale::English);
        let mail = MessageParser::default().parse(&raw).unwrap();
        assert!(
            !mail.body_text(0).unwrap().contains("Device:")
                && !mail.body_html(0).unwrap().contains("Device:")
        );
    }
}
