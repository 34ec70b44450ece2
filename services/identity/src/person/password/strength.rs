//! Which passwords may be set.
//!
//! Owns their lengths (NIST SP 800-63B-4: 15 characters unless the organisation chose otherwise) and that none is easy to
//! guess for somebody who knows its owner. There is no rule on kinds of characters, and a password never expires.

use secrecy::{ExposeSecret, SecretString};
use service_kit::address::EmailAddress;
use service_kit::validate::Violations;
use zxcvbn::{Score, zxcvbn};

use super::NewPassword;
use crate::organization::Organization;

/// Largest password that is looked at on signing in, in bytes: the longest that may be set, in four-byte characters.
pub(crate) const PASSWORD_BYTES_MAX: usize = 4_096;
/// Most characters of a password that may be set.
const NEW_MAX: usize = 1_024;
/// Shorter words are within too many others to be taken out.
const WORD_MIN: usize = 3;
/// Most characters of a password that are looked at for words.
const LOOKED_AT: usize = 128;

/// Checks the length of a password to set as far as it holds everywhere; an empty one is none.
pub(crate) fn read_new_password(
    check: &mut Violations,
    field: &'static str,
    value: &str,
) -> Option<NewPassword> {
    if value.is_empty() {
        return None;
    }
    let characters = value.chars().count();
    if characters > NEW_MAX {
        check.add(field, format!("must have at most {NEW_MAX} characters, has {characters}"));
    }
    Some(NewPassword { text: SecretString::from(value), field })
}

/// Checks the length of a password to set that must be given.
pub(crate) fn read_password_to_set(check: &mut Violations, field: &'static str, value: &str) -> NewPassword {
    read_new_password(check, field, value).unwrap_or_else(|| {
        check.add(field, "must be given");
        NewPassword { text: SecretString::default(), field }
    })
}

/// What a password is held against.
pub(super) struct Rules {
    min_length: usize,
    /// What somebody who knows the person would try first, in lower case, the longest first.
    words: Vec<String>,
}

impl Rules {
    pub(super) fn new(organization: &Organization, display_name: &str, address: &EmailAddress) -> Self {
        let names = [display_name, &organization.display_name, &organization.slug, "Shared Spaces"];
        let parts = names.iter().flat_map(|name| name.split(|c: char| !c.is_alphanumeric()));
        let address = [address.as_str()].into_iter().chain(address.words());
        let words = names.iter().copied().chain(parts).chain(address).map(str::to_lowercase);
        // A stored length is 12 to 64, by a constraint of the table.
        let min_length = usize::try_from(organization.password_min_length).unwrap_or_default();
        Self::of(min_length, words.collect())
    }

    fn of(min_length: usize, mut words: Vec<String>) -> Self {
        words.retain(|word| !word.is_empty());
        words.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        words.dedup();
        Self { min_length, words }
    }
}

/// Returns the rule that a password breaks.
pub(super) fn broken_rule(password: &NewPassword, rules: &Rules) -> Option<Violations> {
    let text = password.text.expose_secret();
    let characters = text.chars().count();
    if characters < rules.min_length {
        let (min, max) = (rules.min_length, NEW_MAX);
        return Some(Violations::one(
            password.field,
            format!("must have {min} to {max} characters, has {characters}"),
        ));
    }
    let rule =
        "is too easy to guess: use several unrelated words, none from your name, address or organisation";
    (!is_strong(text, &rules.words)).then(|| Violations::one(password.field, rule))
}

/// A password must be hard to guess as it is, and also without the words that are known: joined by separators they look
/// long to an estimate that takes each for one choice among many.
fn is_strong(text: &str, words: &[String]) -> bool {
    let known: Vec<&str> = words.iter().map(String::as_str).collect();
    let is_hard = |text: &str| zxcvbn(text, &known).score() >= Score::Three;
    let text: String = text.chars().take(LOOKED_AT).collect();
    is_hard(&text) && readings(&text).iter().all(|reading| is_hard(&without(reading, words)))
}

/// The password in lower case, and with the digits and signs that people write for letters read as letters.
fn readings(text: &str) -> [String; 3] {
    let plain = text.to_lowercase();
    let read = |one: char| {
        let letter = |c: char| match c {
            '0' => 'o',
            '1' | '!' | '|' => one,
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' | '+' => 't',
            other => other,
        };
        plain.chars().map(letter).collect::<String>()
    };
    [read('i'), read('l'), plain.clone()]
}

/// Takes the known words out, and of separators in a row all but one.
fn without(text: &str, words: &[String]) -> String {
    let mut rest = text.to_owned();
    for word in words.iter().filter(|word| word.chars().count() >= WORD_MIN) {
        rest = rest.replace(word.as_str(), "");
    }
    let mut last_is_separator = false;
    rest.retain(|c| {
        let is_separator = !c.is_alphanumeric();
        let is_repeated = is_separator && last_is_separator;
        last_is_separator = is_separator;
        !is_repeated
    });
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<NewPassword>, Violations> {
        let mut check = Violations::default();
        let password = read_new_password(&mut check, "password", text);
        check.into_result().map(|()| password)
    }

    fn rules(min_length: usize) -> Rules {
        let words = ["wilhelmina featherstone", "wilhelmina", "featherstone", "acme", "acme inc.", "ada"];
        Rules::of(min_length, words.map(str::to_owned).to_vec())
    }

    fn broken(text: &str, min_length: usize) -> Option<String> {
        let password = NewPassword { text: text.into(), field: "member.password" };
        broken_rule(&password, &rules(min_length)).map(|broken| broken.to_string())
    }

    #[test]
    fn a_new_password_is_taken_within_its_limits_and_refused_beyond() {
        assert!(read("").unwrap().is_none());
        assert!(read(&"é".repeat(1_024)).unwrap().is_some());
        assert!(
            read(&"é".repeat(1_025)).unwrap_err().to_string().starts_with("password: must have at most 1024")
        );
        let mut check = Violations::default();
        read_password_to_set(&mut check, "new_password", "");
        assert!(check.into_result().is_err());
    }

    #[test]
    fn the_least_length_is_the_organisations() {
        for (text, min_length, good) in [
            ("plum-Kettle-or", 15, false),
            ("plum-Kettle-orb", 15, true),
            ("plum-Kettle", 12, false),
            ("plum-Kettle9", 12, true),
            ("plum-Kettle-orb", 16, false),
        ] {
            let broken = broken(text, min_length);
            assert_eq!(broken.is_none(), good, "{text} {min_length} {broken:?}");
        }
        assert!(broken("short", 15).unwrap().contains("15 to 1024 characters, has 5"));
    }

    #[test]
    fn a_password_that_is_easy_to_guess_is_refused_with_its_field() {
        for weak in [
            "aaaaaaaaaaaaaaa",
            "password12345678",
            "WilhelminaFeatherstone",
            "acmeacmeacmeacme",
            "Wilhelmina-Featherstone-acme",
            "wilhelmina.featherstone.ACME.1",
            "acme_Featherstone_acme_Wilhelmina",
            "W1lhelmina-F3atherst0ne-4cme",
            "wilhe1mina!featherstone!2026",
            "acme acme acme acme ada",
            "qwertyuiopasdfghjkl",
        ] {
            let broken = broken(weak, 15).unwrap_or_else(|| panic!("{weak} was taken"));
            assert!(broken.starts_with("member.password: ") && !broken.contains(weak), "{broken}");
        }
    }

    #[test]
    fn a_good_password_is_taken_even_where_it_also_has_a_known_word() {
        for good in [
            "plum-Kettle-orbit-77",
            "acme plum-Kettle-orbit-77",
            "canada goose kettle orbit",
            "Zürich Abendlicht Kessel",
        ] {
            assert_eq!(broken(good, 15), None, "{good}");
        }
        assert_eq!(broken(&"plum Kettle orbit 77 ".repeat(48), 15), None);
    }
}
