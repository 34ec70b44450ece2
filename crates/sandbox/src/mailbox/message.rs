//! Owns reading a message for display: its headers, its text and its HTML.
//!
//! Never changes the bytes that were received.

use std::collections::BTreeMap;

use mail_parser::{MessageParser, MimeHeaders as _, PartType};

/// What of a message is shown.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// The first address of From.
    pub(crate) from: Option<String>,
    /// The decoded subject.
    pub(crate) subject: String,
    /// Message-ID, without the angle brackets.
    pub(crate) message_id: Option<String>,
    /// Header fields in their order, unfolded but not decoded.
    pub(crate) headers: Vec<(String, String)>,
    /// The plain text part.
    pub(crate) text: Option<String>,
    /// The HTML part.
    pub(crate) html: Option<String>,
    /// The names of attached files.
    pub(crate) attachments: Vec<String>,
}

impl Message {
    /// Reads a message; what cannot be understood is left empty.
    pub(crate) fn read(raw: &[u8]) -> Self {
        let Some(parsed) = MessageParser::default().parse(raw) else {
            return Self::default();
        };
        let text = parsed.text_bodies().find_map(|part| match &part.body {
            PartType::Text(text) => Some(text.to_string()),
            _other => None,
        });
        let html = parsed.html_bodies().find_map(|part| match &part.body {
            PartType::Html(html) => Some(html.to_string()),
            _other => None,
        });
        Self {
            from: parsed
                .from()
                .and_then(|from| from.first())
                .and_then(|first| first.address.as_ref())
                .map(ToString::to_string),
            subject: parsed.subject().unwrap_or_default().to_owned(),
            message_id: parsed.message_id().map(ToOwned::to_owned),
            headers: parsed.headers_raw().map(|(name, value)| (name.to_owned(), unfold(value))).collect(),
            text,
            html,
            attachments: parsed
                .attachments()
                .map(|part| part.attachment_name().unwrap_or("(unnamed)").to_owned())
                .collect(),
        }
    }

    /// Gives the header fields by name; the values of a repeated one stand in lines below each other.
    pub(crate) fn header_map(&self) -> BTreeMap<&str, String> {
        let mut map: BTreeMap<&str, String> = BTreeMap::new();
        for (name, value) in &self.headers {
            map.entry(name)
                .and_modify(|known| {
                    known.push('\n');
                    known.push_str(value);
                })
                .or_insert_with(|| value.clone());
        }
        map
    }
}

/// Joins the lines of a folded header field (RFC 5322 §2.2.3).
fn unfold(value: &str) -> String {
    value.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_with_both_parts_gives_text_and_html() {
        let raw =
            b"From: Ann <ann@acme.test>\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\nMessage-ID: <1@acme.test>\r\n\
            List-Unsubscribe: <https://a.test/u>,\r\n <mailto:u@a.test>\r\nX-A: 1\r\nX-A: 2\r\n\
            MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
            --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhello\r\n\
            --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>hello</p>\r\n--b--\r\n";
        let message = Message::read(raw);
        assert_eq!(message.from.as_deref(), Some("ann@acme.test"));
        assert_eq!(message.subject, "Café");
        assert_eq!(message.message_id.as_deref(), Some("1@acme.test"));
        assert_eq!(message.text.as_deref().map(str::trim_end), Some("hello"));
        assert_eq!(message.html.as_deref().map(str::trim_end), Some("<p>hello</p>"));
        let headers = message.header_map();
        assert_eq!(headers["List-Unsubscribe"], "<https://a.test/u>, <mailto:u@a.test>");
        assert_eq!(headers["X-A"], "1\n2");
    }

    #[test]
    fn message_with_html_only_has_no_text() {
        let message = Message::read(b"Subject: x\r\nContent-Type: text/html\r\n\r\n<b>x</b>\r\n");
        assert_eq!(message.text, None);
        assert!(message.html.is_some());
    }
}
