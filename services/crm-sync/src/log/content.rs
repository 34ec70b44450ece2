//! What is logged, and the text that a CRM gets of it. Pure.
//!
//! Owns the shape that is kept and the words in three languages. Cutting a text to what a CRM takes is its connector's.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::locale::Locale;

use super::LogKind;

/// What is logged of a space, as it was when the log was asked for. Fields that a kind does not have are empty, also in
/// rows from before there were several kinds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Content {
    /// The space's title.
    pub(crate) title: String,
    /// The space's whole address.
    pub(crate) url: String,
    /// The welcome text.
    pub(crate) description: String,
    /// When the space was created.
    pub(crate) create_time: DateTime<Utc>,
    /// BCP 47 language of the text; empty: English.
    #[serde(default)]
    pub(crate) locale: String,
    /// Who invited.
    #[serde(default)]
    pub(crate) inviter: Option<Person>,
    /// Who was invited.
    #[serde(default)]
    pub(crate) invited: Vec<Person>,
    /// The personal note of an invitation.
    #[serde(default)]
    pub(crate) note: String,
    /// Who takes part.
    #[serde(default)]
    pub(crate) participants: Vec<Participant>,
    /// What is in the space: titles with those of their folders.
    #[serde(default)]
    pub(crate) items: Vec<String>,
    /// How much is in it altogether.
    #[serde(default)]
    pub(crate) item_count: i32,
}

/// Somebody with an address.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Person {
    /// May be empty.
    pub(crate) display_name: String,
    /// E-mail address, normalised.
    pub(crate) address: String,
}

/// Somebody in a space.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Participant {
    /// Who it is.
    #[serde(flatten)]
    pub(crate) person: Person,
    /// Has not come in yet.
    pub(crate) is_invited: bool,
}

impl Person {
    fn shown(&self) -> String {
        if self.display_name.is_empty() {
            return self.address.clone();
        }
        format!("{} <{}>", self.display_name, self.address)
    }
}

/// The words of a text in one language.
struct Words {
    created: &'static str,
    invited: &'static str,
    snapshot: &'static str,
    created_on: &'static str,
    by: &'static str,
    to: &'static str,
    note: &'static str,
    participants: &'static str,
    not_yet: &'static str,
    content: &'static str,
    more: &'static str,
    nothing: &'static str,
}

const ENGLISH: Words = Words {
    created: "Space created",
    invited: "Invitation to space",
    snapshot: "Space log",
    created_on: "Created on",
    by: "Invited by",
    to: "Invited",
    note: "Note",
    participants: "Participants",
    not_yet: "invited",
    content: "Content",
    more: "more",
    nothing: "none",
};
const FRENCH: Words = Words {
    created: "Espace créé",
    invited: "Invitation à l’espace",
    snapshot: "État de l’espace",
    created_on: "Créé le",
    by: "Invité par",
    to: "Invités",
    note: "Message",
    participants: "Participants",
    not_yet: "invité",
    content: "Contenu",
    more: "de plus",
    nothing: "aucun",
};
const GERMAN: Words = Words {
    created: "Space erstellt",
    invited: "Einladung in den Space",
    snapshot: "Stand des Space",
    created_on: "Erstellt am",
    by: "Eingeladen von",
    to: "Eingeladen",
    note: "Nachricht",
    participants: "Teilnehmende",
    not_yet: "eingeladen",
    content: "Inhalt",
    more: "weitere",
    nothing: "keine",
};

fn words(content: &Content) -> &'static Words {
    match Locale::of(&content.locale) {
        Locale::English => &ENGLISH,
        Locale::French => &FRENCH,
        Locale::German => &GERMAN,
    }
}

impl Content {
    /// Returns the log's title.
    pub(crate) fn log_title(&self, kind: LogKind) -> String {
        let words = words(self);
        let about = match kind {
            LogKind::Creation => words.created,
            LogKind::Invitation => words.invited,
            LogKind::Snapshot => words.snapshot,
        };
        format!("{about}: {}", self.title)
    }

    /// Returns the log's whole text; `match_note` tells how people were found.
    pub(crate) fn log_body(&self, kind: LogKind, match_note: &str) -> String {
        let words = words(self);
        let date = self.create_time.format("%Y-%m-%d");
        let mut parts = vec![format!("{}\n{} {date} (UTC)", self.url, words.created_on)];
        match kind {
            LogKind::Creation => parts.push(self.description.clone()),
            LogKind::Invitation => parts.extend(self.invitation(words)),
            LogKind::Snapshot => {
                parts.extend([self.description.clone(), self.people(words), self.list(words)]);
            }
        }
        parts.push(match_note.to_owned());
        parts.retain(|part| !part.is_empty());
        parts.join("\n\n")
    }

    fn invitation(&self, words: &Words) -> [String; 2] {
        let mut lines: Vec<String> = Vec::new();
        if let Some(inviter) = &self.inviter {
            lines.push(format!("{}: {}", words.by, inviter.shown()));
        }
        lines.push(format!("{}:", words.to));
        lines.extend(self.invited.iter().map(|person| format!("- {}", person.shown())));
        let note =
            if self.note.is_empty() { String::new() } else { format!("{}:\n{}", words.note, self.note) };
        [lines.join("\n"), note]
    }

    fn people(&self, words: &Words) -> String {
        let line = |participant: &Participant| {
            let state = if participant.is_invited { format!(" ({})", words.not_yet) } else { String::new() };
            format!("- {}{state}", participant.person.shown())
        };
        let lines: Vec<String> = self.participants.iter().map(line).collect();
        section(words.participants, words.nothing, &lines)
    }

    fn list(&self, words: &Words) -> String {
        let mut lines: Vec<String> = self.items.iter().map(|item| format!("- {item}")).collect();
        let all = usize::try_from(self.item_count).unwrap_or_default();
        if let Some(rest) = all.checked_sub(self.items.len()).filter(|rest| *rest > 0) {
            lines.push(format!("- … {rest} {}", words.more));
        }
        section(words.content, words.nothing, &lines)
    }
}

fn section(name: &str, nothing: &str, lines: &[String]) -> String {
    if lines.is_empty() { format!("{name}: {nothing}") } else { format!("{name}:\n{}", lines.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        let person =
            |name: &str, address: &str| Person { display_name: name.to_owned(), address: address.to_owned() };
        Content {
            title: "Contoso renewal".to_owned(),
            url: "https://spaces.example/acme/contoso".to_owned(),
            description: "Welcome!".to_owned(),
            create_time: "2026-11-22T23:59:59Z".parse().unwrap(),
            locale: String::new(),
            inviter: Some(person("Ada", "ada@acme.test")),
            invited: vec![person("", "nora.field@contoso.test")],
            note: "See you".to_owned(),
            participants: vec![Participant { person: person("Ada", "ada@acme.test"), is_invited: true }],
            items: vec!["Offers / Offer.pdf".to_owned()],
            item_count: 3,
        }
    }

    #[test]
    fn a_creation_says_where_when_and_what() {
        let content = content();
        assert_eq!(content.log_title(LogKind::Creation), "Space created: Contoso renewal");
        assert_eq!(
            content.log_body(LogKind::Creation, ""),
            "https://spaces.example/acme/contoso\nCreated on 2026-11-22 (UTC)\n\nWelcome!"
        );
    }

    #[test]
    fn an_invitation_says_who_invited_whom_with_the_note_and_how_they_were_found() {
        let content = Content { locale: "de-CH".to_owned(), ..content() };
        assert_eq!(content.log_title(LogKind::Invitation), "Einladung in den Space: Contoso renewal");
        assert_eq!(
            content.log_body(LogKind::Invitation, "x: two"),
            "https://spaces.example/acme/contoso\nErstellt am 2026-11-22 (UTC)\n\nEingeladen von: Ada \
             <ada@acme.test>\nEingeladen:\n- nora.field@contoso.test\n\nNachricht:\nSee you\n\nx: two"
        );
    }

    #[test]
    fn a_snapshot_has_title_description_creation_date_participants_and_content() {
        let content = content();
        assert_eq!(content.log_title(LogKind::Snapshot), "Space log: Contoso renewal");
        let body = content.log_body(LogKind::Snapshot, "");
        for part in [
            "Created on 2026-11-22",
            "Welcome!",
            "Participants:\n- Ada <ada@acme.test> (invited)",
            "Content:\n- Offers / Offer.pdf\n- … 2 more",
        ] {
            assert!(body.contains(part), "{part}: {body}");
        }
        let empty = Content { participants: Vec::new(), items: Vec::new(), item_count: 0, ..content };
        assert!(empty.log_body(LogKind::Snapshot, "").ends_with("Content: none"));
    }

    #[test]
    fn what_was_kept_before_there_were_several_kinds_is_read() {
        let kept = r#"{"title": "t", "url": "u", "description": "", "create_time": "2026-11-22T00:00:00Z"}"#;
        let content: Content = serde_json::from_str(kept).unwrap();
        assert_eq!(content.log_body(LogKind::Creation, ""), "u\nCreated on 2026-11-22 (UTC)");
    }
}
