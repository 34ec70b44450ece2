//! The message itself: its headers, its parts, and that nothing people write gets out of its place.

use std::collections::BTreeSet;

use mail_parser::{Message, MessageParser};
use proptest::prelude::{ProptestConfig, proptest};
use service_kit::clock::Clock;
use service_kit::ids::UserId;
use service_kit::locale::Locale;
use uuid::Uuid;

use super::hostile::{HOSTILE, made_up};
use crate::delivery::{Added, Asked, Delivery, DeliveryId, MailKind, Said, Setback, State};
use crate::mail::{Addressee, Logo, Look, Moment, Mute, Page, Span, Visit, Words, compose};

const HEADERS: [&str; 8] =
    ["Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"];

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
const SETTINGS: &str = "https://app.acme.test/acme/big-deal/settings";
const UNSUBSCRIBE: &str = "https://app.acme.test/unsubscribe#t0ken";
const ONE_CLICK: &str = "https://app.acme.test/v1/unsubscribe?token=t0ken";

/// Each mail with `text` wherever people write something, in each of its forms.
pub(super) fn each(text: &str) -> Vec<Words> {
    let asked = |proposer: Option<&str>| Asked {
        email_address: text.to_owned(),
        name: text.to_owned(),
        message: text.to_owned(),
        proposer: proposer.map(str::to_owned),
    };
    let said = |mentions_recipient| Said {
        author: text.to_owned(),
        item_title: text.to_owned(),
        excerpt: text.to_owned(),
        mentions_recipient,
    };
    let added = |is_external| Added { adder: text.to_owned(), title: text.to_owned(), is_external };
    let titles = vec![text.to_owned(); 21];
    let visit = |opened, downloaded| Visit {
        title: text,
        visitor: text,
        start: moment(text),
        span: Span::between(chrono::DateTime::UNIX_EPOCH, chrono::DateTime::UNIX_EPOCH),
        opened,
        downloaded,
    };
    let fallible = [
        Words::guest_invitation(text, text, text, LINK),
        Words::colleague_invitation(text, text, text, LINK),
        Words::invitation_accepted(text, text, Some(text), LINK),
        Words::invitation_accepted(text, text, None, LINK),
        Words::reminder(text, text, LINK),
        Words::access_requested(text, &[asked(Some(text))], LINK),
        Words::access_requested(text, &[asked(None), asked(Some(text))], LINK),
        Words::access_granted(text, text, true, LINK),
        Words::access_granted(text, text, false, LINK),
        Words::access_granted(text, "", false, LINK),
        Words::sign_in_link("123456", LINK),
        Words::password_reset(LINK),
        Words::request_link(LINK),
        Words::visit_summary(&visit(&[], &[]), LINK),
        Words::visit_summary(&visit(&titles, &titles[..1]), LINK),
        Words::new_joiner(text, &titles[..1], LINK),
        Words::new_joiner(text, &titles, LINK),
        Words::new_comment(text, &[said(false)], LINK),
        Words::new_comment(text, &[said(false), said(true)], LINK),
        Words::new_content(text, &[added(false)], LINK),
        Words::new_content(text, &[added(false), added(true)], LINK),
    ];
    let mut all: Vec<Words> = fallible.into_iter().map(|words| words.ok().unwrap()).collect();
    all.push(Words::access_declined(text));
    all.push(Words::new_device(text, moment(text)));
    all.push(Words::password_changed(text, moment(text)));
    all.push(Words::session_reused(text, moment(text)));
    all
}

fn moment(zone: &str) -> Moment {
    Moment::local(chrono::DateTime::UNIX_EPOCH.naive_utc(), zone)
}

/// Notices have no link at all, and who was declined has none to follow.
fn has_link(kind: MailKind) -> bool {
    !matches!(
        kind,
        MailKind::NewDevice | MailKind::PasswordChanged | MailKind::SessionReused | MailKind::AccessDeclined
    )
}

/// The page of a mail as the service makes it: what can be muted says how.
pub(super) fn page(words: Words, organization: &str) -> Page {
    let mute = words.kind().muted_by().map(|_| Mute::try_new(ONE_CLICK, UNSUBSCRIBE, SETTINGS).ok().unwrap());
    let logo = Logo::find(super::assets::PNG, "image/png", 320, 80);
    Page { words, look: Look::new(organization, None, logo), mute }
}

fn written(page: &Page, name: &str, locale: Locale) -> Vec<u8> {
    let from = "Shared Spaces <no-reply@sharedspaces.test>".parse().unwrap();
    let to = Addressee::new("gil@globex.test".to_owned(), name.to_owned(), locale);
    compose(&from, &to, &delivery(page.words.kind()), page).ok().unwrap().content().to_vec()
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
    texts.extend(made_up(20));
    for locale in Locale::ALL {
        let plain = plain_elements("x", locale);
        for hostile in &texts {
            check_all(hostile, &plain, locale);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_at_all_stays_in_its_place(text in "(?s).{0,300}", which in 0..3_usize) {
        let locale = Locale::ALL[which];
        // What has nothing to show is left out, as an empty text is.
        let shows = text.chars().any(|c| !c.is_whitespace() && !service_kit::validate::is_control(c));
        check_all(&text, &plain_elements(if shows { "x" } else { "" }, locale), locale);
    }
}

fn plain_elements(text: &str, locale: Locale) -> Vec<Vec<String>> {
    each(text).into_iter().map(|words| elements(&written(&page(words, text), text, locale))).collect()
}

fn check_all(text: &str, plain: &[Vec<String>], locale: Locale) {
    for (words, plain) in each(text).into_iter().zip(plain) {
        let page = page(words, text);
        let raw = written(&page, text, locale);
        check(&raw, page.words.kind(), plain, text);
    }
}

fn check(raw: &[u8], kind: MailKind, plain: &[String], written: &str) {
    let told = || format!("{kind:?} {written:?}\n{}", String::from_utf8_lossy(raw));
    let mail = MessageParser::default().parse(raw).unwrap();
    let is_muteable = kind.muted_by().is_some();
    let mut headers: BTreeSet<String> = HEADERS.map(str::to_owned).into();
    if is_muteable {
        headers.extend(["List-Unsubscribe", "List-Unsubscribe-Post"].map(str::to_owned));
    }
    assert_eq!(names_of(&mail), headers, "{}", told());
    assert_eq!(mail.to().unwrap().iter().count(), 1, "{}", told());
    assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("gil@globex.test"), "{}", told());
    assert_eq!((mail.text_body.len(), mail.html_body.len(), mail.parts.len()), (1, 1, 5), "{}", told());
    assert_eq!(elements(raw), plain, "{}", told());
    let (html, text) = (mail.body_html(0).unwrap(), mail.body_text(0).unwrap());
    let mut links: Vec<&str> = if has_link(kind) { vec![LINK] } else { Vec::new() };
    if is_muteable {
        links.extend([SETTINGS, UNSUBSCRIBE]);
    }
    assert_eq!(links_of(&html), links, "{}", told());
    for body in [&html, &text] {
        assert!(!body.contains("http://evil") && !body.contains("evil.test"), "{}", told());
        assert!(!body.contains(['\u{202e}', '\u{2066}', '\u{2028}', '\u{0}', '\u{9b}']), "{}", told());
        assert_eq!(body.contains(LINK), has_link(kind), "{}", told());
    }
    let subject = mail.subject().unwrap();
    assert!(!subject.contains(service_kit::validate::is_control), "{}", told());
    assert!((1..=200).contains(&subject.chars().count()), "{}", told());
    assert!(!raw.contains(&0), "{}", told());
    assert!(is_well_formed(raw), "{}", told());
}

/// The page's elements but line breaks: a note's and a device's lines have as many as were written.
fn elements(raw: &[u8]) -> Vec<String> {
    let mail = MessageParser::default().parse(raw).unwrap();
    let html = mail.body_html(0).unwrap();
    tags_of(&html).into_iter().filter(|tag| tag != "br").collect()
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
        for words in each("\r\n.\r\nx") {
            let raw = written(&page(words, "Acme"), "x", locale);
            let mail = MessageParser::default().parse(&raw).unwrap();
            let text = mail.body_text(0).unwrap();
            assert!(text.trim_end().lines().last().unwrap().starts_with(start), "{text}");
            assert!(mail.body_html(0).unwrap().trim_end().ends_with("</html>"));
        }
    }
}

#[test]
fn the_same_delivery_is_the_same_message_byte_for_byte() {
    let from = "Shared Spaces <no-reply@sharedspaces.test>".parse().unwrap();
    let to = Addressee::new("gil@globex.test".to_owned(), "Gil".to_owned(), Locale::English);
    for words in each("Big deal é") {
        let (delivery, page) = (delivery(words.kind()), page(words, "Acme"));
        let write = || compose(&from, &to, &delivery, &page).ok().unwrap().content().to_vec();
        let first = write();
        assert_eq!(first, write());
        let mail = String::from_utf8(first).unwrap();
        for boundary in ["--=_", "--=_logo_"] {
            assert!(mail.contains(&format!("{boundary}{}", delivery.delivery_id.uuid().simple())), "{mail}");
        }
    }
}

#[test]
fn names_and_titles_arrive_as_they_were_written() {
    let title = "Ça “va” — 日本 \"2.0\", (x) <y>";
    let words = Words::invitation_accepted(title, "Žofie \"Z\" O'Neil", None, LINK).ok().unwrap();
    let raw = written(&page(words, "Acme"), "Gil, \"le\" Grand <é>", Locale::English);
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
    let words = Words::guest_invitation(&"W".repeat(255), &"é".repeat(255), &"n".repeat(1_000), LINK);
    let raw = written(&page(words.ok().unwrap(), &"A".repeat(255)), &"ü".repeat(255), Locale::French);
    assert!(is_well_formed(&raw));
    let mail = MessageParser::default().parse(&raw).unwrap();
    assert!(mail.body_text(0).unwrap().contains(&"n".repeat(1_000)));
    assert!(mail.body_text(0).unwrap().contains(&"W".repeat(255)), "only the subject is cut");
    let subject = mail.subject().unwrap();
    assert!(subject.contains(&format!("« {}… »", "W".repeat(79))), "{subject}");
    assert!(subject.starts_with(&format!("{}… vous invite", "é".repeat(59))), "{subject}");
}

#[test]
fn a_subject_has_at_most_200_characters_whatever_people_write() {
    for locale in Locale::ALL {
        for words in each(&"W".repeat(255)) {
            let (kind, raw) = (words.kind(), written(&page(words, &"A".repeat(255)), "x", locale));
            let mail = MessageParser::default().parse(&raw).unwrap();
            let subject = mail.subject().unwrap();
            assert!(subject.chars().count() <= 200, "{kind:?} {locale:?} {subject}");
            // Each text is cut by itself, so that the sentence still ends as it should.
            assert!(
                !subject.ends_with('…') || kind == MailKind::NewContent || subject.len() < 150,
                "{subject}"
            );
        }
    }
}

#[test]
fn each_mail_is_written_in_each_language_and_fits_small_screens() {
    for (locale, lang) in [(Locale::English, "en"), (Locale::French, "fr"), (Locale::German, "de")] {
        for words in each("x") {
            let raw = written(&page(words, "x"), "x", locale);
            let mail = MessageParser::default().parse(&raw).unwrap();
            let html = mail.body_html(0).unwrap();
            assert!(html.contains(&format!("<html lang=\"{lang}\" dir=\"ltr\">")));
            assert!(
                html.contains("name=\"color-scheme\" content=\"light dark\"")
                    && html.contains("max-width:600px")
            );
            let sources: Vec<&str> = html.split("src=\"").skip(1).collect();
            assert!(
                sources.iter().all(|source| source.starts_with("cid:logo.")),
                "nothing is loaded: {html}"
            );
            assert!(!html.contains("<script") && !html.contains("url("), "nothing is loaded, nothing runs");
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
    let raw = written(&page(words, "Acme"), "", Locale::English);
    let mail = MessageParser::default().parse(&raw).unwrap();
    assert!(!mail.body_text(0).unwrap().contains("writes") && !mail.body_html(0).unwrap().contains("writes"));
}

/// What the mails say where nobody is hostile, each word in its place.
fn ordinary() -> Vec<(Words, Vec<&'static str>)> {
    let (title, ines, device) = ("Big deal", "Ines Quell", "Firefox on Windows");
    let moment = || Moment::local(chrono::DateTime::UNIX_EPOCH.naive_utc(), "Europe/Zurich");
    let notice = vec![device, "1970", "00:00 (Europe/Zurich)"];
    let requests = [Asked {
        email_address: "hana&moss".to_owned(),
        name: "Hana Moss".to_owned(),
        message: "Please let me in".to_owned(),
        proposer: Some("Gil Gold".to_owned()),
    }];
    let opened = ["Offer".to_owned(), "Plan".to_owned()];
    let visit = Visit {
        title,
        visitor: "Gil Gold",
        start: moment(),
        span: Span::between(
            chrono::DateTime::UNIX_EPOCH,
            chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::minutes(3),
        ),
        opened: &opened,
        downloaded: &["Drawing".to_owned()],
    };
    let comments = ["first", "second"].map(|excerpt| Said {
        author: ines.to_owned(),
        item_title: "Offer".to_owned(),
        excerpt: excerpt.to_owned(),
        mentions_recipient: false,
    });
    let item = Added { adder: ines.to_owned(), title: "Offer".to_owned(), is_external: true };
    let people = ["Gil Gold".to_owned(), "Mia Moss".to_owned()];
    let mute = [SETTINGS, UNSUBSCRIBE];
    let said = |words: Result<Words, Setback>, said: &[&'static str]| (words.ok().unwrap(), said.to_vec());
    vec![
        said(Words::guest_invitation(title, ines, "Hello Gil", LINK), &[title, ines, "Hello Gil", LINK]),
        said(Words::colleague_invitation(title, ines, "Hello Gil", LINK), &[title, ines, "Hello Gil", LINK]),
        said(
            Words::invitation_accepted(title, "Gil Gold", Some(ines), LINK),
            &[title, ines, "Gil Gold", LINK],
        ),
        said(Words::reminder(title, ines, LINK), &[title, ines, LINK]),
        said(
            Words::access_requested(title, &requests, LINK),
            &[title, "hana&moss", "Hana Moss", "Please let me in", "Gil Gold", LINK],
        ),
        said(Words::access_granted(title, ines, true, LINK), &[title, ines, LINK]),
        (Words::access_declined(title), vec![title]),
        said(Words::sign_in_link("012345", LINK), &["012 345", LINK]),
        said(Words::password_reset(LINK), &[LINK]),
        said(Words::request_link(LINK), &[LINK]),
        said(
            Words::visit_summary(&visit, LINK),
            &[title, "Gil Gold", "1970", "3 ", "Offer", "Plan", "Drawing", LINK, mute[0], mute[1]],
        ),
        said(
            Words::new_joiner(title, &people, LINK),
            &[title, "Gil Gold", "Mia Moss", "2 ", LINK, mute[0], mute[1]],
        ),
        said(
            Words::new_comment(title, &comments, LINK),
            &[title, ines, "Offer", "first", "second", LINK, mute[0], mute[1]],
        ),
        said(Words::new_content(title, &[item], LINK), &[title, ines, "Offer", "(", LINK, mute[0], mute[1]]),
        (Words::new_device(device, moment()), notice.clone()),
        (Words::password_changed(device, moment()), notice.clone()),
        (Words::session_reused(device, moment()), notice),
    ]
}

#[test]
fn each_mail_says_all_it_has_to_say_in_each_language_and_both_parts() {
    for (words, said) in ordinary() {
        let (kind, page, mut seen) = (words.kind(), page(words, "Acme & Söhne"), BTreeSet::new());
        for locale in Locale::ALL {
            let raw = written(&page, "Gustav Recipient", locale);
            let mail = MessageParser::default().parse(&raw).unwrap();
            let (html, text) = (mail.body_html(0).unwrap(), mail.body_text(0).unwrap());
            let subject = mail.subject().unwrap().to_owned();
            for said in said.iter().chain(&["Acme & Söhne", "Gustav Recipient"]) {
                assert!(text.contains(said), "{kind:?} {locale:?} lacks {said}: {text}");
                let escaped = said.replace('&', "&#38;");
                assert!(html.contains(&escaped), "{kind:?} {locale:?} lacks {escaped}: {html}");
            }
            for part in [&subject, &html.to_string(), &text.to_string()] {
                assert!(!part.contains("{{") && !part.contains("{%"), "{part}");
            }
            assert!(subject.chars().count() <= 78, "{kind:?} {locale:?}: {subject}");
            assert!(
                !text.contains("\n\n\n") && !text.contains("\r\n\r\n\r\n"),
                "{kind:?} {locale:?}: {text}"
            );
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
        let words = Words::new_device(device, moment("UTC"));
        let raw = written(&page(words, "Acme"), "Gil", Locale::English);
        let mail = MessageParser::default().parse(&raw).unwrap();
        assert!(
            !mail.body_text(0).unwrap().contains("Device:")
                && !mail.body_html(0).unwrap().contains("Device:")
        );
    }
}
