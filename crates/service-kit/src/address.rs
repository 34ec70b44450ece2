//! E-mail addresses.
//!
//! Owns their checked, normalised form: trimmed, the domain in ASCII (UTS 46), all in lower case. Two addresses that are
//! equal here are the same person. Strictly the part before the @ may tell upper from lower case (RFC 5321, section
//! 2.4); no provider in use does, and telling them apart would let one person be invited twice.

use std::fmt;

use crate::validate::Violations;
use email_address::Options;

/// Longest address, in characters and in bytes (RFC 5321, section 4.5.3.1.3, without the angle brackets).
pub const ADDRESS_MAX: usize = 254;

/// A normalised e-mail address. Its `Debug` does not show it.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, sqlx::Type)]
#[sqlx(transparent)]
pub struct EmailAddress(String);

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

impl EmailAddress {
    /// Reads an address; a bad one is noted with the rule it breaks, never with itself.
    pub fn read(check: &mut Violations, field: &str, value: &str) -> Self {
        Self::normalized(value).unwrap_or_else(|rule| {
            check.add(field, rule);
            Self(String::new())
        })
    }

    fn normalized(value: &str) -> Result<Self, &'static str> {
        const MALFORMED: &str = "must be an e-mail address such as name@example.com";
        let value = value.trim();
        if value.len() > ADDRESS_MAX {
            return Err("must have at most 254 characters");
        }
        // Spaces and controls are legal within quotes, and have no place in a header of ours.
        if value.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(MALFORMED);
        }
        let options = Options::default().with_required_tld().without_display_text().without_domain_literal();
        let parsed =
            email_address::EmailAddress::parse_with_options(value, options).map_err(|_| MALFORMED)?;
        let domain = idna::domain_to_ascii_strict(parsed.domain()).map_err(|_| MALFORMED)?;
        let address = format!("{}@{domain}", parsed.local_part()).to_lowercase();
        if address.len() > ADDRESS_MAX {
            return Err("must have at most 254 characters");
        }
        Ok(Self(address))
    }

    /// Returns the address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the words of the address, which a password must not be made of.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split(['@', '.', '+', '-', '_']).filter(|word| word.len() > 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<String> {
        let mut check = Violations::default();
        let address = EmailAddress::read(&mut check, "email_address", value);
        check.into_result().ok().map(|()| address.0)
    }

    #[test]
    fn addresses_are_equal_whatever_their_case_spaces_and_script_of_domain() {
        let same = ["Zoë.K@bücher.example", " zoë.k@BÜCHER.example ", "zoë.k@xn--bcher-kva.example"];
        for value in same {
            assert_eq!(read(value).unwrap(), "zoë.k@xn--bcher-kva.example", "{value:?}");
        }
        assert_eq!(read("a+b@mail.example").unwrap(), "a+b@mail.example");
    }

    #[test]
    fn what_is_no_bare_address_is_refused() {
        let bad = [
            "",
            "a",
            "@b.example",
            "a@",
            "a@b",
            "a@b..example",
            "a b@c.example",
            "\"a b\"@c.example",
            "a@@b.example",
            "Ann <a@b.example>",
            "<a@b.example>",
            "a@[127.0.0.1]",
            "a@b.example\r\nBcc: c@d.example",
            "a\0@b.example",
            "a@b.example,c@d.example",
            "a@-b.example",
            "a@b_c.example",
        ];
        for value in bad {
            assert_eq!(read(value), None, "{value:?}");
        }
    }

    #[test]
    fn an_address_is_taken_up_to_its_limit_and_refused_beyond() {
        let label = "d".repeat(62);
        let domain = format!("{label}.{label}.{label}.ex");
        let of_length = |length: usize| format!("{}@{domain}", "l".repeat(length - domain.len() - 1));
        assert_eq!(of_length(ADDRESS_MAX).len(), 254);
        assert!(read(&of_length(ADDRESS_MAX)).is_some());
        assert!(read(&of_length(ADDRESS_MAX + 1)).is_none());
    }

    #[test]
    fn an_address_is_never_shown() {
        let mut check = Violations::default();
        let address = EmailAddress::read(&mut check, "email_address", "ann@acme.example");
        assert!(!format!("{address:?}").contains("ann"));
        EmailAddress::read(&mut check, "email_address", "secret@");
        assert!(!check.into_result().unwrap_err().to_string().contains("secret"));
    }
}
