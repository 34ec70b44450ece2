//! The rules of a link in a mail that somebody asked for.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use service_kit::address::EmailAddress;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::locale::Locale;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::budget::Limit;
use crate::mac::MacKey;
use crate::organization::Organization;
use crate::person::Person;
use crate::session::{Device, Tokens};
use crate::token::Token;

/// How long link and code work.
pub(crate) const LINK_TTL: TimeDelta = TimeDelta::minutes(10);
/// How long a link that proves an address works, for asking for access takes filling in a form.
pub(crate) const REQUEST_LINK_TTL: TimeDelta = TimeDelta::minutes(60);
/// How many wrong codes void a link.
pub(crate) const CODE_TRIES: i32 = 5;
/// Wrong codes for one address from one network. A browser may ask for the links of somebody else's address and guess
/// their codes; so a guess has to be hopeless however many are asked for, and who guesses must not use up what the
/// address's owner has elsewhere. Links go on.
pub(crate) const WRONG_CODES: Limit = Limit { count: 20, window: TimeDelta::days(1) };
/// How many wrong codes one address takes within a day, over all its links and from anywhere.
pub(crate) const CODE_TRIES_PER_DAY: i64 = 60;
const CODES: u64 = 1_000_000;
/// Mails to one address that one network asks for, whether it is known or not. What another network asks for leaves it.
pub(crate) const PER_ADDRESS_AND_NETWORK: Limit = Limit { count: 5, window: TimeDelta::minutes(15) };
/// Mails to one address, from anywhere.
pub(crate) const PER_ADDRESS: Limit = Limit { count: 30, window: TimeDelta::hours(1) };
/// Mails asked for from one network.
pub(crate) const PER_NETWORK: Limit = Limit { count: 100, window: TimeDelta::minutes(15) };
/// Links and codes from one network that did not work.
pub(crate) const FAILURES_PER_NETWORK: Limit = Limit { count: 50, window: TimeDelta::minutes(15) };

service_kit::typed_id! {
    /// A link that was asked for.
    SignInLinkId
}

service_kit::text_enum! {
    /// What a link is for.
    pub(crate) enum Purpose {
        /// Signing in by one click or by code.
        SignIn = "SIGN_IN",
        /// Setting a new password.
        ResetPassword = "RESET_PASSWORD",
    }
}

/// Which link, of which organisation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkKey {
    pub(crate) organization_id: OrganizationId,
    pub(crate) sign_in_link_id: SignInLinkId,
}

impl LinkKey {
    /// Returns the token of the link. It is made from the key alone, so that it can be printed again byte by byte while
    /// nothing secret is stored or queued.
    pub(crate) fn token(&self, mac: &MacKey, purpose: Purpose) -> Token {
        let purpose = match purpose {
            Purpose::SignIn => "sign-in link",
            Purpose::ResetPassword => "password reset link",
        };
        Token::new(self.organization_id, self.hash(mac, purpose))
    }

    /// Returns the token that proves the address where nobody has it yet.
    pub(crate) fn request_token(&self, mac: &MacKey) -> Token {
        Token::new(self.organization_id, self.hash(mac, "request access link"))
    }

    /// Returns the six digits beside the link.
    pub(crate) fn code(&self, mac: &MacKey) -> SecretString {
        let number = self
            .hash(mac, "sign-in code")
            .iter()
            .take(8)
            .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        SecretString::from(format!("{:06}", number % CODES))
    }

    /// Tells whether a code is that of the link, in the same time wherever it differs.
    pub(crate) fn has_code(&self, mac: &MacKey, code: &SecretString) -> bool {
        let expected = self.code(mac);
        expected.expose_secret().as_bytes().ct_eq(code.expose_secret().as_bytes()).into()
    }

    fn hash(&self, mac: &MacKey, purpose: &str) -> [u8; crate::mac::MAC_BYTES] {
        let (organization, link) = (self.organization_id.uuid(), self.sign_in_link_id.uuid());
        mac.hash(purpose, &[organization.as_bytes(), link.as_bytes()])
    }
}

/// Somebody asks for a mail, checked.
#[derive(Clone, Debug)]
pub(crate) struct LinkWanted {
    /// The organisation's slug.
    pub(crate) slug: String,
    pub(crate) email_address: EmailAddress,
    /// Where to go after signing in.
    pub(crate) space_id: Option<SpaceId>,
    /// Of the space whose link was opened: who has no account may ask for access to it.
    pub(crate) space_address: Option<String>,
    pub(crate) purpose: Purpose,
}

/// A mail was asked for.
pub(crate) struct LinkRequested {
    /// What the browser keeps; any browser may set a new password.
    pub(crate) login_request: Option<Token>,
}

/// Somebody opens a link.
#[derive(Clone, Debug)]
pub(crate) struct LinkRedemption {
    pub(crate) token: SecretString,
    pub(crate) login_request: SecretString,
    pub(crate) device: Device,
}

/// Somebody types a code.
#[derive(Clone, Debug)]
pub(crate) struct CodeRedemption {
    pub(crate) login_request: SecretString,
    /// The digits, without spaces.
    pub(crate) code: SecretString,
    pub(crate) device: Device,
}

/// A link that still works.
#[derive(Clone, Debug)]
pub(crate) struct OpenLink {
    pub(crate) sign_in_link_id: SignInLinkId,
    pub(crate) purpose: Purpose,
    pub(crate) email_address: EmailAddress,
    pub(crate) space_id: Option<SpaceId>,
    pub(crate) expire_time: DateTime<Utc>,
}

/// A link that still proves an address.
#[derive(Clone, Debug)]
pub(crate) struct OpenRequestLink {
    pub(crate) email_address: EmailAddress,
    pub(crate) expire_time: DateTime<Utc>,
}

/// Somebody asks for access by a link that proves their address.
#[derive(Clone, Debug)]
pub(crate) struct RequestLinkUse {
    pub(crate) token: SecretString,
    /// What it is used for.
    pub(crate) use_id: Uuid,
}

/// Whose address a link proved, and which space it was asked for from.
#[derive(Clone, Debug)]
pub(crate) struct ProvedAddress {
    pub(crate) organization_id: OrganizationId,
    pub(crate) email_address: EmailAddress,
    pub(crate) space_address: String,
}

/// Somebody came in by a mail.
#[derive(Debug)]
pub(crate) struct Redeemed {
    pub(crate) tokens: Tokens,
    pub(crate) user_id: UserId,
    pub(crate) space_id: Option<SpaceId>,
}

/// Whom a mail goes to.
pub(crate) enum Addressee {
    /// Somebody with an account.
    Known(Person),
    /// Somebody without, of whom nothing but the address is known: the organisation's language.
    Stranger { email_address: EmailAddress, locale: Locale },
}

/// What the mail is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PrintedPurpose {
    SignIn,
    ResetPassword,
    RequestAccess,
}

/// What notifications prints.
pub(crate) struct PrintedLink {
    pub(crate) purpose: PrintedPurpose,
    pub(crate) url: SecretString,
    /// Only for signing in.
    pub(crate) code: Option<SecretString>,
    pub(crate) expire_time: DateTime<Utc>,
    pub(crate) addressee: Addressee,
    pub(crate) organization_display_name: String,
}

/// What there is to print; nothing where no mail is to be sent.
pub(crate) struct MailDue(pub(crate) Option<PrintedLink>);

impl PrintedLink {
    /// Puts the token into the fragment, which browsers send to nobody.
    pub(crate) fn new(mac: &MacKey, link: &OpenLink, (person, organization): (Person, Organization)) -> Self {
        let OpenLink { sign_in_link_id, purpose, expire_time, .. } = *link;
        let key = LinkKey { organization_id: organization.organization_id, sign_in_link_id };
        let Organization { base_url, slug, display_name, .. } = organization;
        let (printed, page, code) = match purpose {
            Purpose::SignIn => (PrintedPurpose::SignIn, "sign-in", Some(key.code(mac))),
            Purpose::ResetPassword => (PrintedPurpose::ResetPassword, "reset-password", None),
        };
        let token = key.token(mac, purpose).text();
        let url = format!("{base_url}/{slug}/{page}#{}", token.expose_secret()).into();
        let addressee = Addressee::Known(person);
        Self { purpose: printed, url, code, expire_time, addressee, organization_display_name: display_name }
    }

    /// Leads somebody without an account to asking for access.
    pub(crate) fn to_request_access(
        mac: &MacKey,
        key: LinkKey,
        (link, organization): (OpenRequestLink, Organization),
    ) -> Self {
        let Organization { base_url, slug, display_name, locale, .. } = organization;
        let token = key.request_token(mac).text();
        Self {
            purpose: PrintedPurpose::RequestAccess,
            url: format!("{base_url}/{slug}/request-access#{}", token.expose_secret()).into(),
            code: None,
            expire_time: link.expire_time,
            addressee: Addressee::Stranger { email_address: link.email_address, locale },
            organization_display_name: display_name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;

    fn mac(byte: u8) -> MacKey {
        let key = base64::engine::general_purpose::STANDARD.encode([byte; 32]);
        MacKey::try_new(&SecretString::from(key)).unwrap()
    }

    fn key(organization: u128, link: u128) -> LinkKey {
        LinkKey {
            organization_id: Uuid::from_u128(organization).into(),
            sign_in_link_id: Uuid::from_u128(link).into(),
        }
    }

    #[test]
    fn token_and_code_depend_on_key_organisation_link_and_purpose_and_on_nothing_else() {
        let one = key(1, 2);
        let token = |key: LinkKey, byte, purpose| key.token(&mac(byte), purpose).sha256();
        let base = token(one, 1, Purpose::SignIn);
        assert_eq!(base, token(one, 1, Purpose::SignIn));
        for other in [
            one.request_token(&mac(1)).sha256(),
            token(one, 2, Purpose::SignIn),
            token(one, 1, Purpose::ResetPassword),
            token(key(1, 3), 1, Purpose::SignIn),
            token(key(2, 2), 1, Purpose::SignIn),
        ] {
            assert_ne!(base, other);
        }
        let codes: std::collections::BTreeSet<String> =
            (0..100).map(|link| key(1, link).code(&mac(1)).expose_secret().to_owned()).collect();
        assert!(codes.len() > 95, "{}", codes.len());
        assert!(codes.iter().all(|code| code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit())));
    }

    #[test]
    fn a_code_is_that_of_its_link_only() {
        let code = key(1, 2).code(&mac(1));
        assert!(key(1, 2).has_code(&mac(1), &code));
        assert!(!key(1, 3).has_code(&mac(1), &code));
        for wrong in ["", "1", "12345x", &format!("{}0", code.expose_secret())] {
            assert!(!key(1, 2).has_code(&mac(1), &SecretString::from(wrong)), "{wrong:?}");
        }
    }
}
