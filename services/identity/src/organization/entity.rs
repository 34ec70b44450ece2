//! The rules of an organisation.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};
use service_kit::ids::OrganizationId;
use service_kit::validate::Violations;
use url::{Host, Url};

use crate::locale::Locale;
use crate::person::NewMember;

/// Longest name of an organisation, in characters.
pub(crate) const DISPLAY_NAME_MAX: usize = 255;
/// Longest address that links are made from, in characters.
const BASE_URL_MAX: usize = 255;
/// Least and greatest that an admin may choose as the fewest characters of a password.
pub(crate) const PASSWORD_MIN_LENGTHS: RangeInclusive<i32> = 12..=64;
/// Lengths of a slug, in characters.
const SLUG_MIN: usize = 2;
const SLUG_MAX: usize = 63;
/// Fewest characters of a new password, unless an admin chooses otherwise.
pub(crate) const PASSWORD_MIN_LENGTH: i32 = 15;

/// What the product's own addresses begin with, now or perhaps later.
const RESERVED_SLUGS: &[&str] = &[
    "about",
    "account",
    "accounts",
    "admin",
    "api",
    "app",
    "apps",
    "assets",
    "auth",
    "billing",
    "blog",
    "cdn",
    "config",
    "contact",
    "dashboard",
    "demo",
    "dev",
    "docs",
    "email",
    "favicon",
    "files",
    "ftp",
    "grpc",
    "health",
    "healthz",
    "help",
    "home",
    "identity",
    "imap",
    "img",
    "images",
    "internal",
    "invitation",
    "invitations",
    "jobs",
    "legal",
    "livez",
    "login",
    "logout",
    "mail",
    "me",
    "metrics",
    "news",
    "oauth",
    "oidc",
    "operator",
    "pop",
    "pricing",
    "privacy",
    "public",
    "readyz",
    "robots",
    "root",
    "security",
    "settings",
    "sign-in",
    "sign-out",
    "signin",
    "signout",
    "signup",
    "smtp",
    "spaces",
    "static",
    "status",
    "support",
    "system",
    "terms",
    "test",
    "tos",
    "v1",
    "v2",
    "web",
    "webmail",
    "well-known",
    "www",
];

service_kit::text_enum! {
    /// What an organisation has paid for.
    pub(crate) enum Plan {
        /// Spaces, without CRM logging.
        Plus = "PLUS",
        /// Spaces and CRM logging.
        Ultimate = "ULTIMATE",
    }
}

service_kit::text_enum! {
    /// How "is this address known?" is answered to somebody who has not signed in.
    pub(crate) enum SignInMode {
        /// The same answer always; only the mail differs.
        VerifyFirst = "VERIFY_FIRST",
        /// The answer says what to do next, behind budgets.
        Guided = "GUIDED",
    }
}

/// A tenant.
#[derive(Clone)]
pub(crate) struct Organization {
    pub(crate) organization_id: OrganizationId,
    pub(crate) slug: String,
    pub(crate) display_name: String,
    pub(crate) plan: Plan,
    pub(crate) locale: Locale,
    /// Where its links lead, without a trailing slash.
    pub(crate) base_url: String,
    pub(crate) create_time: DateTime<Utc>,
    pub(crate) sign_in_mode: SignInMode,
    /// Fewest characters of a new password.
    pub(crate) password_min_length: i32,
    /// Counts up with each change; the etag.
    pub(crate) version: i64,
    pub(crate) update_time: DateTime<Utc>,
}

impl Organization {
    /// Returns what tells this state from any other (AIP-154).
    pub(crate) fn etag(&self) -> String {
        format!("v{}", self.version)
    }
}

/// What an admin wants to change, checked. Absent: stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrganizationChange {
    pub(crate) display_name: Option<String>,
    pub(crate) locale: Option<Locale>,
    pub(crate) sign_in_mode: Option<SignInMode>,
    pub(crate) password_min_length: Option<i32>,
    /// The etag last read.
    pub(crate) etag: Option<String>,
}

impl OrganizationChange {
    /// Changes the organisation; false where it is as wanted already.
    pub(crate) fn apply(self, to: &mut Organization) -> bool {
        let before = (to.display_name.clone(), to.locale, to.sign_in_mode, to.password_min_length);
        let Self { display_name, locale, sign_in_mode, password_min_length, etag: _ } = self;
        to.display_name = display_name.unwrap_or_else(|| before.0.clone());
        to.locale = locale.unwrap_or(to.locale);
        to.sign_in_mode = sign_in_mode.unwrap_or(to.sign_in_mode);
        to.password_min_length = password_min_length.unwrap_or(to.password_min_length);
        before != (to.display_name.clone(), to.locale, to.sign_in_mode, to.password_min_length)
    }
}

/// An organisation to create, checked.
pub(crate) struct NewOrganization {
    pub(crate) slug: String,
    pub(crate) display_name: String,
    pub(crate) plan: Plan,
    pub(crate) locale: Locale,
    pub(crate) admin: NewMember,
    /// Absent: the installation's own.
    pub(crate) base_url: Option<String>,
}

/// Checks where the links of an organisation lead: https, or http within this machine, written as browsers would write
/// it, so that what is appended to it stays below it. An empty one is none.
pub(crate) fn read_base_url(check: &mut Violations, field: &str, value: &str) -> Option<String> {
    if value.is_empty() {
        return None;
    }
    if !is_base_url(value) {
        check.add(
            field,
            "must be an address such as https://share.example or https://share.example/app, of at most 255 \
             characters, in normal form, without user, query, fragment or trailing slash",
        );
    }
    Some(value.to_owned())
}

fn is_base_url(value: &str) -> bool {
    let Ok(url) = Url::parse(value) else { return false };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    value.len() <= BASE_URL_MAX
        && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback))
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.path().chars().all(is_plain)
        && !url.path().contains("//")
        // What the parser had to mend (dots that climb, case, a default port) is not taken.
        && url.as_str().strip_suffix('/').unwrap_or(url.as_str()) == value
}

/// Checks a slug for a new organisation: `[a-z0-9][a-z0-9-]{1,62}`, not one of the product's own.
pub(crate) fn read_slug(check: &mut Violations, field: &str, value: &str) -> String {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_well_formed = (SLUG_MIN..=SLUG_MAX).contains(&value.len())
        && value.starts_with(is_letter)
        && value.chars().all(|c| is_letter(c) || c == '-');
    if !is_well_formed {
        check.add(
            field,
            "must have 2 to 63 characters, each a-z, 0-9 or a dash, and must not begin with a dash",
        );
    } else if RESERVED_SLUGS.contains(&value) {
        check.add(field, "is reserved");
    }
    value.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_taken(slug: &str) -> bool {
        let mut check = Violations::default();
        read_slug(&mut check, "slug", slug);
        check.into_result().is_ok()
    }

    #[test]
    fn a_slug_is_taken_within_its_limits_and_refused_beyond() {
        let (longest, too_long) = ("a".repeat(63), "a".repeat(64));
        for good in ["ab", "a1", "1a", "acme-corp", "a-", longest.as_str()] {
            assert!(is_taken(good), "{good:?}");
        }
        for bad in ["", "a", "-a", "Acme", "a_b", "a.b", "a b", "é1", too_long.as_str()] {
            assert!(!is_taken(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_base_url_is_https_or_within_this_machine_and_in_normal_form() {
        let longest = format!("https://share.example/{}", "a".repeat(255 - 22));
        let too_long = format!("{longest}a");
        let good = [
            "https://share.example",
            "https://share.example/app",
            "https://share.example:8443/a/b-c",
            "http://localhost:8080",
            "http://127.0.0.1:8080/x",
            "http://[::1]:8080",
            longest.as_str(),
        ];
        let bad = [
            "http://share.example",
            "http://localhost.evil.example",
            "https://share.example/",
            "https://share.example/app/",
            "https://share.example/a/../b",
            "https://share.example/..",
            "https://share.example/%2e%2e/b",
            "https://share.example/a//b",
            "https://share.example/a%2fb",
            "https://share.example?x=1",
            "https://share.example/#x",
            "https://share.example?",
            "https://user@share.example",
            "https://user:secret@share.example",
            "https://SHARE.example",
            "https://share.example\\@evil.example",
            " https://share.example",
            "https://share.example:443",
            "javascript:alert(1)",
            "https://",
            "share.example",
            too_long.as_str(),
        ];
        let is_taken = |value: &str| {
            let mut check = Violations::default();
            read_base_url(&mut check, "base_url", value);
            check.into_result().is_ok()
        };
        for value in good {
            assert!(is_taken(value), "{value:?}");
        }
        for value in bad {
            assert!(!is_taken(value), "{value:?}");
        }
        assert_eq!(read_base_url(&mut Violations::default(), "base_url", ""), None);
    }

    #[test]
    fn a_reserved_slug_is_refused() {
        for reserved in ["api", "admin", "www", "app", "mail", "static", "assets", "invitation"] {
            assert!(!is_taken(reserved), "{reserved:?}");
        }
    }
}
