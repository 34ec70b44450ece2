//! The message itself: its headers, its parts, and that nothing people write gets out of its place.

use std::collections::BTreeSet;

use mail_parser::{Message, MessageParser};
use service_kit::clock::Clock;
use service_kit::ids::UserId;
use uuid::Uuid;

use crate::delivery::{Delivery, DeliveryId, MailKind, State};
use crate::mail::{Addressee, Locale, Words, compose};

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
        recipient_user_id: UserId::from(Uuid::from_u128(8)),
        email_address: String::new(),
        state: State::Pending,
        reason: String::new(),
        attempts: 0,
        create_time: service_kit::clock::SystemClock.now(),
        sent_time: None,
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
    ]
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
    for locale in [Locale::En, Locale::Fr] {
        let plain: Vec<Vec<String>> = each("x")
            .iter()
            .map(|(kind, words)| {
                let raw = written(*kind, words, "x", locale);
                tags_of(&MessageParser::default().parse(&raw).unwrap().body_html(0).unwrap())
            })
            .collect();
        for hostile in HOSTILE {
            // A note's lines are elements of their own: compare with the same number of lines.
            for ((kind, words), plain) in each(hostile).iter().zip(&plain) {
                let raw = written(*kind, words, hostile, locale);
                let mail = MessageParser::default().parse(&raw).unwrap();
                let told = format!("{kind:?} {hostile:?}\n{}", String::from_utf8_lossy(&raw));
                assert_eq!(names_of(&mail), HEADERS.map(str::to_owned).into(), "{told}");
                assert_eq!(mail.to().unwrap().iter().count(), 1, "{told}");
                assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("gil@globex.test"), "{told}");
                assert_eq!(
                    (mail.text_body.len(), mail.html_body.len(), mail.attachments.len()),
                    (1, 1, 0),
                    "{told}"
                );
                let html = mail.body_html(0).unwrap();
                let tags: Vec<_> = tags_of(&html).into_iter().filter(|tag| tag != "br").collect();
                let expected: Vec<_> = plain.iter().filter(|tag| *tag != "br").cloned().collect();
                assert_eq!(tags, expected, "{told}");
                assert_eq!(links_of(&html), [LINK], "{told}");
                let text = mail.body_text(0).unwrap();
                for body in [&html, &text] {
                    assert!(!body.contains("http://evil") && !body.contains("evil.test"), "{told}");
                    assert!(body.contains(LINK), "{told}");
                }
                assert!(!raw.contains(&0), "{told}");
                assert!(is_well_formed(&raw), "{told}");
            }
        }
    }
}

/// Lines end in CRLF only and have at most 998 octets; all is ASCII.
fn is_well_formed(raw: &[u8]) -> bool {
    let text = std::str::from_utf8(raw).unwrap();
    let rest = text.replace("\r\n", "");
    text.is_ascii() && !rest.contains(['\r', '\n']) && text.split("\r\n").all(|line| line.len() <= 998)
}

#[test]
fn the_footer_ends_both_parts() {
    for (locale, start) in [(Locale::En, "Sent by Shared Spaces"), (Locale::Fr, "Envoyé par Shared Spaces")]
    {
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
        let to = Addressee::new("gil@globex.test".to_owned(), "Gil".to_owned(), Locale::En);
        let write = || compose(&from, &to, &delivery, &words).ok().unwrap().content().to_vec();
        assert_eq!(write(), write());
    }
}

#[test]
fn names_and_titles_arrive_as_they_were_written() {
    let title = "Ça “va” — 日本 \"2.0\", (x) <y>";
    let words = Words::invitation_accepted(title, "Žofie \"Z\" O'Neil", None, LINK).ok().unwrap();
    let raw = written(MailKind::InvitationAccepted, &words, "Gil, \"le\" Grand <é>", Locale::En);
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
    let raw = written(MailKind::GuestInvitation, &words.ok().unwrap(), &"ü".repeat(255), Locale::Fr);
    assert!(is_well_formed(&raw));
    let mail = MessageParser::default().parse(&raw).unwrap();
    assert!(mail.body_text(0).unwrap().contains(&"n".repeat(1_000)));
    assert!(mail.subject().unwrap().contains(&"W".repeat(255)));
}

#[test]
fn each_mail_is_written_in_english_and_french_and_fits_small_screens() {
    for (locale, lang) in [(Locale::En, "en"), (Locale::Fr, "fr")] {
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
    for (tag, locale) in
        [("fr", Locale::Fr), ("FR-ca", Locale::Fr), ("fr_CH", Locale::Fr), ("en", Locale::En)]
    {
        assert_eq!(Locale::of(tag), locale);
    }
    for tag in ["", "de", "frr", "x-fr"] {
        assert_eq!(Locale::of(tag), Locale::En);
    }
}

#[test]
fn a_mail_without_a_note_says_nothing_of_one() {
    let words = Words::colleague_invitation("t", "Ines", " \r\n", LINK).ok().unwrap();
    let raw = written(MailKind::ColleagueInvitation, &words, "", Locale::En);
    let mail = MessageParser::default().parse(&raw).unwrap();
    assert!(!mail.body_text(0).unwrap().contains("writes") && !mail.body_html(0).unwrap().contains("writes"));
}
