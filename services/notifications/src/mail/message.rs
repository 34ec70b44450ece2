//! The message: headers, a text part and an HTML part with its logo (RFC 5322, RFC 2046 §5.1.4, RFC 2387).
//!
//! Owns making the same bytes from the same words at every try: Message-ID, date and boundaries come from the delivery.
//! Headers go through lettre's typed builders only, which fold and encode them.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::Address;
use lettre::address::AddressError;
use lettre::message::header::{ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Attachment, Body, Mailbox, Message, MultiPart, SinglePart};
use service_kit::locale::Locale;
use sharedspaces_proto::identity::v1::Person;

use super::look::{Frame, Logo, Look, Mute};
use super::render::{Rendered, render};
use super::text::Line;
use super::words::Words;
use crate::delivery::{Delivery, Setback};

/// Longest subject, in characters.
const MAX_SUBJECT: usize = 200;

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

/// What a mail says and how it looks.
pub(crate) struct Page {
    /// What it says.
    pub(crate) words: Words,
    /// How it looks.
    pub(crate) look: Look,
    /// How it is muted; absent: it cannot be (R12.2).
    pub(crate) mute: Option<Mute>,
}

/// A mail as it would look.
pub(crate) struct Preview {
    /// The subject.
    pub(crate) subject: String,
    /// The plain text.
    pub(crate) text: String,
    /// The page; the logo is in it.
    pub(crate) html: String,
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

/// Declares a header that has one value and is never read here.
macro_rules! header {
    ($(#[$doc:meta])* $name:ident, $text:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        struct $name(String);

        impl Header for $name {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($text)
            }

            fn parse(value: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Ok(Self(value.to_owned()))
            }

            fn display(&self) -> HeaderValue {
                HeaderValue::new(Self::name(), self.0.clone())
            }
        }
    };
}

header!(
    /// Tells other machines not to answer (RFC 3834 §5).
    AutoSubmitted,
    "Auto-Submitted"
);
header!(
    /// Where a mail program unsubscribes (RFC 2369 §3.2).
    ListUnsubscribe,
    "List-Unsubscribe"
);
header!(
    /// That it does so by one POST, without asking anything (RFC 8058 §3.1).
    ListUnsubscribePost,
    "List-Unsubscribe-Post"
);

/// Writes the message of a delivery.
pub(crate) fn compose(
    from: &Mailbox,
    to: &Addressee,
    delivery: &Delivery,
    page: &Page,
) -> Result<Letter, Setback> {
    let address: Address = to
        .email_address
        .parse()
        .map_err(|_: AddressError| Setback::permanent("the recipient's address is not a mail address"))?;
    let name = Line::new(&to.name).plain();
    let recipient = Mailbox::new((!name.is_empty()).then_some(name), address.clone());
    let id = delivery.delivery_id;
    let content_id = format!("logo.{id}@{}", from.email.domain());
    let Rendered { subject, text, html } = written(page, to, format!("cid:{content_id}"))?;
    let mut builder = Message::builder()
        .from(from.clone())
        .to(recipient)
        .subject(subject)
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .date(SystemTime::from(delivery.create_time))
        .header(AutoSubmitted("auto-generated".to_owned()));
    if let Some(mute) = &page.mute {
        builder = builder
            .header(ListUnsubscribe(format!("<{}>", mute.one_click)))
            .header(ListUnsubscribePost("List-Unsubscribe=One-Click".to_owned()));
    }
    // `=_` is in no part: quoted-printable writes it otherwise, and nobody who writes a text knows the id.
    let boundary = id.uuid().simple();
    let parts = MultiPart::alternative()
        .boundary(format!("=_{boundary}"))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text));
    let html = SinglePart::builder().header(ContentType::TEXT_HTML).body(html);
    let parts = match page.look.logo() {
        None => parts.singlepart(html),
        // Neither boundary begins with the other.
        Some(logo) => parts.multipart(
            MultiPart::related()
                .boundary(format!("=_logo_{boundary}"))
                .singlepart(html)
                .singlepart(logo_part(logo, content_id)?),
        ),
    };
    let message = builder.multipart(parts).map_err(|_| unwritable())?;
    Ok(Letter { from: from.email.clone(), to: address, content: message.formatted() })
}

/// Writes a mail as it would look to somebody of this name and language.
pub(crate) fn preview(page: &Page, name: &str, locale: Locale) -> Result<Preview, Setback> {
    let to = Addressee::new(String::new(), name.to_owned(), locale);
    let logo = page.look.logo();
    let data = |logo: &Logo| format!("data:{};base64,{}", logo.content_type, STANDARD.encode(&*logo.image));
    let Rendered { subject, text, html } = written(page, &to, logo.map(data).unwrap_or_default())?;
    Ok(Preview { subject, text, html })
}

/// `src` is where the page finds the logo.
fn written(page: &Page, to: &Addressee, src: String) -> Result<Rendered, Setback> {
    let frame = Frame::new(&page.look, page.mute.as_ref(), &to.name, src);
    let rendered = render(&page.words, &frame, to.locale).map_err(|_| unwritable())?;
    Ok(Rendered { subject: Line::new(&rendered.subject).short(MAX_SUBJECT), ..rendered })
}

fn logo_part(logo: &Logo, content_id: String) -> Result<SinglePart, Setback> {
    let content_type = ContentType::parse(logo.content_type).map_err(|_| unwritable())?;
    let body = Body::new_with_encoding(logo.image.to_vec(), ContentTransferEncoding::Base64);
    Ok(Attachment::new_inline(content_id).body(body.map_err(|_| unwritable())?, content_type))
}

fn unwritable() -> Setback {
    Setback::permanent("the mail could not be written")
}
