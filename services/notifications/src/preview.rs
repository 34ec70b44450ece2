//! Showing mails as they would look, with made-up people.
//!
//! Owns putting a sample into an organisation's look. Must not send, nor name anybody who exists.

use anyhow::anyhow;
use service_kit::caller::Caller;
use service_kit::error::CommonError;
use service_kit::locale::Locale;
use service_kit::validate::Violations;

use crate::delivery::{DeliveryError, MailKind, Setback};
use crate::mail::{Look, Mute, Page, Preview, preview, recipient, sample};
use crate::organization::{Logos, Organizations};

/// Where made-up links lead while the organisation's own address is not known.
const EXAMPLE_URL: &str = "https://spaces.example";

/// Shows mails.
#[derive(Clone)]
pub(crate) struct Previews {
    organizations: Organizations,
    logos: Logos,
}

/// Which mail is to be shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Wanted {
    /// One that has a template.
    pub(crate) kind: MailKind,
    /// Absent: the organisation's language.
    pub(crate) locale: Option<Locale>,
}

impl Previews {
    /// Returns what shows mails in the look of their organisation.
    pub(crate) fn new(organizations: Organizations, logos: Logos) -> Self {
        Self { organizations, logos }
    }

    /// Shows a mail in the look of the caller's organisation. Errors: it has no template.
    pub(crate) async fn show(&self, caller: &Caller, wanted: Wanted) -> Result<Preview, DeliveryError> {
        let organization_id = caller.organization_id;
        let organization = self.organizations.find(organization_id).await?;
        let known = organization.as_ref();
        let locale = wanted.locale.or(known.map(|known| known.locale)).unwrap_or(Locale::English);
        let base_url = known.map_or(EXAMPLE_URL, |known| known.base_url.as_str());
        let name = known.map_or("", |known| known.display_name.as_str());
        let look = Look::new(name, None, self.logos.find(organization_id).await);
        let shown = shown(wanted.kind, locale, base_url, look);
        let shown = shown.map_err(|setback| CommonError::Unexpected(anyhow!(setback)))?;
        shown.ok_or_else(|| Violations::one("kind", "must be a mail that has a template").into())
    }
}

/// Shows a made-up mail.
pub(crate) fn shown(
    kind: MailKind,
    locale: Locale,
    base_url: &str,
    look: Look,
) -> Result<Option<Preview>, Setback> {
    let Some(words) = sample(kind, locale, base_url)? else { return Ok(None) };
    let mute = match kind.muted_by() {
        Some(_) => Some(Mute::try_new(
            &format!("{base_url}/v1/unsubscribe?token=preview"),
            &format!("{base_url}/unsubscribe#preview"),
            &format!("{base_url}/acme/globex/settings"),
        )?),
        None => None,
    };
    preview(&Page { words, look, mute }, recipient(kind), locale).map(Some)
}
