//! Addresses of spaces: what may be chosen, and what is drawn. No I/O.

use service_kit::validate::Violations;

const ADDRESS_MIN: usize = 3;
const ADDRESS_MAX: usize = 63;
/// No `l` and no `o`, which are read as digits; 32 letters carry five bits each.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Words that the client apps use or may come to use in the place of a space.
const RESERVED: [&str; 37] = [
    "about",
    "account",
    "admin",
    "api",
    "app",
    "assets",
    "auth",
    "consent",
    "crm",
    "deliveries",
    "help",
    "home",
    "invitation",
    "invitations",
    "link",
    "login",
    "logout",
    "me",
    "members",
    "new",
    "notifications",
    "password",
    "policy",
    "privacy",
    "profile",
    "request-access",
    "reset-password",
    "search",
    "settings",
    "sign-in",
    "sign-out",
    "spaces",
    "static",
    "support",
    "theme",
    "themes",
    "unsubscribe",
];

/// The last part of a space's address; never changes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Address(String);

impl Address {
    /// Checks a chosen address: `[a-z0-9][a-z0-9_-]{2,62}`, not a reserved word (R2.2).
    pub(crate) fn chosen(check: &mut Violations, field: &str, value: &str) -> Self {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let starts_well = value.chars().next().is_some_and(is_plain);
        let is_well_formed = value.chars().all(|c| is_plain(c) || c == '_' || c == '-');
        if !starts_well || !is_well_formed || !(ADDRESS_MIN..=ADDRESS_MAX).contains(&value.len()) {
            check.add(field, "must be 3 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit");
        } else if RESERVED.contains(&value) {
            check.add(field, "must not be a reserved word");
        }
        Self(value.to_owned())
    }

    /// Returns an address nobody can guess and anybody can type: 80 random bits in four groups.
    pub(crate) fn from_random(bytes: [u8; 10]) -> Self {
        let bits = bytes.iter().fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
        let letter = |index: u32| {
            let five = usize::try_from((bits >> (5 * index)) & 31).unwrap_or_default();
            char::from(ALPHABET.get(five).copied().unwrap_or(b'a'))
        };
        let group = |first: u32| (first..first + 4).map(letter).collect::<String>();
        Self([group(0), group(4), group(8), group(12)].join("-"))
    }

    /// Returns an address as it was stored.
    pub(super) fn stored(address: String) -> Self {
        Self(address)
    }

    /// Returns the text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(value: &str) -> bool {
        let mut check = Violations::default();
        Address::chosen(&mut check, "address", value);
        check.into_result().is_ok()
    }

    #[test]
    fn an_address_is_taken_within_its_rule_and_refused_outside() {
        for good in ["abc", "a-1", "0_x", &"a".repeat(63)] {
            assert!(chosen(good), "{good}");
        }
        for bad in ["", "ab", "-ab", "_ab", "Abc", "a c", "é12", "a/b", "admin", &"a".repeat(64)] {
            assert!(!chosen(bad), "{bad}");
        }
    }

    #[test]
    fn no_space_takes_the_address_of_a_page_that_identity_links_to() {
        for page in ["sign-in", "reset-password", "invitation", "request-access"] {
            assert!(!chosen(page), "{page}");
            assert!(chosen(&format!("{page}-2")));
        }
        for page in ["sign-out", "password", "consent", "privacy", "crm", "theme", "themes", "policy"] {
            assert!(!chosen(page), "{page}");
        }
        assert!(!chosen("notifications") && !chosen("deliveries"));
    }

    #[test]
    fn a_random_address_is_well_formed_and_follows_its_bits() {
        let address = Address::from_random([0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert!(chosen(address.as_str()), "{address:?}");
        assert_eq!(address.as_str().len(), 19);
        assert_ne!(address, Address::from_random([0xfe, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    }
}
