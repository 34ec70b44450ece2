//! Made-up mails: what each says about people who do not exist.
//!
//! Owns one sample of each mail in each language, for previews and for the pictures in the docs. Nothing here is sent.

use chrono::{DateTime, TimeDelta, Utc};
use service_kit::locale::Locale;

use super::moment::{Moment, Span};
use super::words::{Visit, Words};
use crate::delivery::{Added, Asked, MailKind, Said, Setback};

/// What the made-up people write, in one language.
struct Sayings {
    title: &'static str,
    note: &'static str,
    note_to_colleague: &'static str,
    message: &'static str,
    comment: &'static str,
    reply: &'static str,
    offer: &'static str,
    plan: &'static str,
}

const ENGLISH: Sayings = Sayings {
    title: "Globex and Acme: new production line",
    note: "Dear Gil,\n\nas promised, here is everything about the new line: the offer, the drawings and our schedule. Please have \
           a look before Thursday.\n\nKind regards\nInes",
    note_to_colleague: "Hi Mara,\n\nGlobex decides next month. Could you look after the technical questions?\n\nThanks\nInes",
    message: "I look after purchasing at Globex and would like to see the offer, too.",
    comment: "Could you tell us more about the delivery times of the second stage?",
    reply: "Gladly! We can deliver within eight weeks; details are on page 4.",
    offer: "Offer 2026-118.pdf",
    plan: "Schedule of the installation",
};
const FRENCH: Sayings = Sayings {
    title: "Globex et Acme : nouvelle ligne de production",
    note: "Bonjour Gil,\n\ncomme convenu, voici tout ce qui concerne la nouvelle ligne : l’offre, les plans et notre calendrier. \
           Merci d’y jeter un œil avant jeudi.\n\nBien à vous\nInes",
    note_to_colleague: "Bonjour Mara,\n\nGlobex décide le mois prochain. Peux-tu t’occuper des questions techniques ?\n\nMerci\nInes",
    message: "Je m’occupe des achats chez Globex et j’aimerais consulter l’offre, moi aussi.",
    comment: "Pourriez-vous préciser les délais de livraison de la deuxième étape ?",
    reply: "Avec plaisir ! Nous pouvons livrer sous huit semaines ; les détails sont en page 4.",
    offer: "Offre 2026-118.pdf",
    plan: "Calendrier de l’installation",
};
const GERMAN: Sayings = Sayings {
    title: "Globex und Acme: neue Fertigungslinie",
    note: "Guten Tag Herr Gold\n\nWie versprochen finden Sie hier alles zur neuen Linie: das Angebot, die Pläne und unseren \
           Zeitplan. Bitte sehen Sie vor Donnerstag hinein.\n\nFreundliche Grüße\nInes Quell",
    note_to_colleague: "Hallo Mara\n\nGlobex entscheidet nächsten Monat. Kannst du dich um die technischen Fragen kümmern?\n\nDanke\nInes",
    message: "Ich bin bei Globex für den Einkauf zuständig und würde das Angebot gern ebenfalls sehen.",
    comment: "Können Sie uns mehr zu den Lieferzeiten der zweiten Etappe sagen?",
    reply: "Gern! Wir können innerhalb von acht Wochen liefern; Näheres steht auf Seite 4.",
    offer: "Angebot 2026-118.pdf",
    plan: "Zeitplan der Montage",
};

const INVITER: &str = "Ines Quell";
const GUEST: &str = "Gil Gold";
const COLLEAGUE: &str = "Mara Lind";
const ASKING: &str = "Hana Moss";
const DEVICE: &str = "Firefox, Windows";
const CODE: &str = "483920";
/// 3 March 2026, 14:05 in UTC.
const START_SECONDS: i64 = 1_772_546_700;
const VISIT: TimeDelta = TimeDelta::minutes(27);

/// Returns what a made-up mail says; its links begin with `base_url`, which has no slash at its end. Nothing where there is
/// no such mail: what a link is for is only known once it is sent.
pub(crate) fn sample(kind: MailKind, locale: Locale, base_url: &str) -> Result<Option<Words>, Setback> {
    let said = match locale {
        Locale::English => &ENGLISH,
        Locale::French => &FRENCH,
        Locale::German => &GERMAN,
    };
    let title = said.title;
    let space = format!("{base_url}/acme/globex");
    let personal = |place: &str| format!("{base_url}/{place}#preview");
    let moment = || Moment::utc(start());
    let words = match kind {
        MailKind::AccountLink => return Ok(None),
        MailKind::GuestInvitation => {
            Words::guest_invitation(title, INVITER, said.note, &personal("invitation"))
        }
        MailKind::ColleagueInvitation => {
            Words::colleague_invitation(title, INVITER, said.note_to_colleague, &space)
        }
        MailKind::InvitationAccepted => Words::invitation_accepted(title, GUEST, None, &space),
        MailKind::Reminder => Words::reminder(title, INVITER, &personal("invitation")),
        MailKind::AccessRequested => {
            Words::access_requested(title, &[asked(said)], &format!("{space}/people"))
        }
        MailKind::AccessGranted => Words::access_granted(title, INVITER, true, &personal("invitation")),
        MailKind::AccessDeclined => Ok(Words::access_declined(title)),
        MailKind::SignInLink => Words::sign_in_link(CODE, &personal("sign-in")),
        MailKind::PasswordReset => Words::password_reset(&personal("reset-password")),
        MailKind::RequestLink => Words::request_link(&personal("request-access")),
        MailKind::VisitSummary => visit_summary(said, &space),
        MailKind::NewJoiner => Words::new_joiner(title, &[GUEST, ASKING].map(str::to_owned), &space),
        MailKind::NewComment => Words::new_comment(title, &comments(said), &space),
        MailKind::NewContent => Words::new_content(title, &items(said), &space),
        MailKind::NewDevice => Ok(Words::new_device(DEVICE, moment())),
        MailKind::PasswordChanged => Ok(Words::password_changed(DEVICE, moment())),
        MailKind::SessionReused => Ok(Words::session_reused(DEVICE, moment())),
    };
    words.map(Some)
}

/// Returns whom a made-up mail greets.
pub(crate) fn recipient(kind: MailKind) -> &'static str {
    match kind {
        MailKind::ColleagueInvitation
        | MailKind::InvitationAccepted
        | MailKind::AccessRequested
        | MailKind::VisitSummary
        | MailKind::NewJoiner
        | MailKind::NewComment
        | MailKind::NewContent => COLLEAGUE,
        MailKind::AccessDeclined => "",
        MailKind::GuestInvitation
        | MailKind::AccountLink
        | MailKind::SignInLink
        | MailKind::PasswordReset
        | MailKind::NewDevice
        | MailKind::PasswordChanged
        | MailKind::SessionReused
        | MailKind::Reminder
        | MailKind::AccessGranted
        | MailKind::RequestLink => GUEST,
    }
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(START_SECONDS, 0).unwrap_or_default()
}

fn asked(said: &Sayings) -> Asked {
    Asked {
        email_address: "hana.moss@globex.example".to_owned(),
        name: ASKING.to_owned(),
        message: said.message.to_owned(),
        proposer: None,
    }
}

fn comments(said: &Sayings) -> [Said; 2] {
    [(GUEST, said.comment), (INVITER, said.reply)].map(|(author, excerpt)| Said {
        author: author.to_owned(),
        item_title: said.offer.to_owned(),
        excerpt: excerpt.to_owned(),
        mentions_recipient: false,
    })
}

fn items(said: &Sayings) -> [Added; 2] {
    [(INVITER, said.offer, false), (GUEST, said.plan, true)].map(|(adder, title, is_external)| Added {
        adder: adder.to_owned(),
        title: title.to_owned(),
        is_external,
    })
}

fn visit_summary(said: &Sayings, link: &str) -> Result<Words, Setback> {
    let opened = [said.offer, said.plan].map(str::to_owned);
    let visit = Visit {
        title: said.title,
        visitor: GUEST,
        start: Moment::utc(start()),
        span: Span::between(start(), start() + VISIT),
        opened: &opened,
        downloaded: opened.get(..1).unwrap_or_default(),
    };
    Words::visit_summary(&visit, link)
}
