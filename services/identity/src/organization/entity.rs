//! The rules of an organisation.

use chrono::{DateTime, Utc};
use service_kit::ids::OrganizationId;
use service_kit::validate::Violations;

use crate::locale::Locale;
use crate::person::NewMember;

/// Longest name of an organisation, in characters.
pub(crate) const DISPLAY_NAME_MAX: usize = 255;
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

/// An organisation to create, checked.
pub(crate) struct NewOrganization {
    pub(crate) slug: String,
    pub(crate) display_name: String,
    pub(crate) plan: Plan,
    pub(crate) locale: Locale,
    pub(crate) admin: NewMember,
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
    fn a_reserved_slug_is_refused() {
        for reserved in ["api", "admin", "www", "app", "mail", "static", "assets", "invitation"] {
            assert!(!is_taken(reserved), "{reserved:?}");
        }
    }
}
