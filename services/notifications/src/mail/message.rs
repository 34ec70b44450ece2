//! The message: headers, a text part and an HTML part (RFC 5322, RFC 2046 §5.1.4).
//!
//! Owns making the same bytes from the same words at every try: Message-ID, date and boundary come from the delivery.
//! Headers go through lettre's typed builders only, which fold and encode them.

use std::time::SystemTime;

use lettre::Address;
use lettre::address::AddressError;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use service_kit::locale::Locale;
use sharedspaces_proto::identity::v1::Person;

use super::render::{Rendered, render};
use super::text::Line;
use super::words::Words;
use crate::delivery::{Delivery, Setback};

/// Who a mail goes to.
#[derive(Clone)]
pub(crate) struct Addressee {
    /// The address, as identity knows it.
    pub(crate) email_address: String,
    name: String,
    locale: Locale,
}

impl Addressee {
    /// Returns somebody by address, name (may be empty) and language.
    pub(crate) fn new(email_address: String, name: String, locale: Locale) -> Self {
        Self { email_address, name, locale }
    }
}

impl From<Person> for Addressee {
    fn from(person: Person) -> Self {
        let locale = Locale::of(&person.locale);
        Self { email_address: person.email_address, name: person.display_name, locale }
    }
}

/// A message that is ready to be handed over. It holds a secret: the link.
pub(crate) struct Letter {
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) content: Vec<u8>,
}

#[cfg(test)]
impl Letter {
    /// Returns the bytes.
    pub(crate) fn content(&self) -> &[u8] {
        &self.content
    }
}

/// Tells other machines not to answer (RFC 3834 §5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Writes the message of a delivery.
pub(crate) fn compose(
    from: &Mailbox,
    to: &Addressee,
    delivery: &Delivery,
    words: &Words,
) -> Result<Letter, Setback> {
    let address: Address = to
        .email_address
        .parse()
        .map_err(|_: AddressError| Setback::permanent("the recipient's address is not a mail address"))?;
    let name = Line::new(&to.name).plain();
    let recipient = Mailbox::new((!name.is_empty()).then_some(name), address.clone());
    let Rendered { subject, text, html } = render(words, to.locale).map_err(|_| unwritable())?;
    let id = delivery.delivery_id;
    // `=_` is in no part: quoted-printable writes it otherwise, and nobody who writes a text knows the id.
    let parts = MultiPart::alternative()
        .boundary(format!("=_{}", id.uuid().simple()))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(html));
    let message = Message::builder()
        .from(from.clone())
        .to(recipient)
        .subject(Line::new(&subject).plain())
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .date(SystemTime::from(delivery.create_time))
        .header(AutoSubmitted)
        .multipart(parts)
        .map_err(|_| unwritable())?;
    Ok(Letter { from: from.email.clone(), to: address, content: message.formatted() })
}

fn unwritable() -> Setback {
    Setback::permanent("the mail could not be written")
}
