//! Names of files.
//!
//! Owns which names are taken: those that mean the same to every system and to every eye.

use service_kit::validate::{Violations, is_control};

/// Longest name, in characters.
pub(crate) const MAX_CHARACTERS: usize = 255;

/// Notes what is wrong with a name.
pub(crate) fn check(check: &mut Violations, field: &str, name: &str) {
    let characters = name.chars().count();
    if characters == 0 || characters > MAX_CHARACTERS {
        check.add(field, format!("must have 1 to {MAX_CHARACTERS} characters, has {characters}"));
    }
    if name.chars().any(is_separator) {
        check.add(field, "must not contain any of / \\ : * ? \" < > | or what looks like a slash");
    }
    if name.chars().any(is_invisible) {
        check.add(field, "must not contain control, direction or invisible characters");
    }
    if name.trim() != name || name.ends_with('.') {
        check.add(field, "must not begin with a space, nor end with a space or a dot");
    }
}

/// Tells what separates paths somewhere, cannot stand in a name somewhere, or looks so.
fn is_separator(c: char) -> bool {
    matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
        || matches!(
            c,
            '\u{2044}'
                | '\u{2215}'
                | '\u{29f5}'
                | '\u{29f8}'
                | '\u{29f9}'
                | '\u{fe68}'
                | '\u{ff0f}'
                | '\u{ff3c}'
        )
}

/// Tells what changes how a name is shown without being seen (Unicode's categories Cc, Cf, Zl and Zp, in short).
fn is_invisible(c: char) -> bool {
    is_control(c)
        || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Returns what comes after the last dot, in lower case. Empty: nothing.
pub(crate) fn extension(name: &str) -> String {
    name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_good(name: &str) -> bool {
        let mut violations = Violations::default();
        check(&mut violations, "file_name", name);
        violations.into_result().is_ok()
    }

    #[test]
    fn a_name_is_taken_between_one_and_255_characters_and_refused_beyond() {
        for (length, expected) in [(0, false), (1, true), (255, true), (256, false)] {
            assert_eq!(is_good(&"ä".repeat(length)), expected, "{length}");
        }
    }

    #[test]
    fn names_that_mean_another_place_are_refused() {
        for bad in [
            "../a",
            "a/b",
            "a\\b",
            "C:a",
            ".",
            "..",
            "...",
            "a\u{2215}b",
            "a\u{ff0f}b",
            "a|b",
            "a?",
            "a*",
            "\"a\"",
            "<a>",
        ] {
            assert!(!is_good(bad), "{bad:?}");
        }
        // As it is written, it leads nowhere: keys are made of ids alone.
        assert!(is_good("%2e%2e%2fa"));
    }

    #[test]
    fn names_that_look_like_another_are_refused() {
        for bad in [
            "a\u{202e}fdp.exe",
            "a\u{2066}b",
            "a\u{200f}b",
            "a\u{200b}.txt",
            "\u{feff}a",
            "a\nb",
            "a\0",
            "a\u{7f}",
            "a\u{e0041}",
        ] {
            assert!(!is_good(bad), "{bad:?}");
        }
    }

    #[test]
    fn names_that_a_system_would_change_are_refused() {
        for bad in ["a.", "a ", " a", "a. ", "\u{a0}a"] {
            assert!(!is_good(bad), "{bad:?}");
        }
        for good in [".gitignore", "a b.txt", "Angebot – März.pdf", "報告書.docx", "a..b"] {
            assert!(is_good(good), "{good:?}");
        }
    }

    #[test]
    fn an_extension_is_what_comes_after_the_last_dot() {
        for (name, expected) in [("a.tar.GZ", "gz"), ("a", ""), (".profile", "profile"), ("a.pdf", "pdf")] {
            assert_eq!(extension(name), expected, "{name}");
        }
    }
}
