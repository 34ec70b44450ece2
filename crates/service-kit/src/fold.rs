//! Text as it is compared when people search.
//!
//! Owns what counts as the same letter: case, accents and compatibility forms make no difference. Must not know what is
//! searched. What was folded may be stored, so changing a rule here means folding stored text anew.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Folds a text: compatibility forms taken apart (NFKD), marks stripped, lower case. Folding again changes nothing.
pub fn fold(text: &str) -> String {
    // Taken apart once more: the lower case of `İ` is an i and a mark.
    let lower: String = text.nfkd().flat_map(char::to_lowercase).collect();
    // Letters that no mark tells from their plain form, as people without that key on their keyboard write them.
    let plain = |c: char| match c {
        'ß' => "ss",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'æ' => "ae",
        'œ' => "oe",
        'ı' => "i",
        'þ' => "th",
        // The lower case of Σ within a word; at its end people write ς.
        'ς' => "σ",
        _ => "",
    };
    let mut folded = String::with_capacity(lower.len());
    for c in lower.nfkd().filter(|c| !is_combining_mark(*c)) {
        match plain(c) {
            "" => folded.push(c),
            instead => folded.push_str(instead),
        }
    }
    folded
}

/// Returns the words of a folded text: what stands between characters that are neither letters nor digits.
pub fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_compatibility_forms_make_no_difference() {
        for (one, other) in [
            ("Élan", "ELAN"),
            ("e\u{301}lan", "élan"),
            ("Zoë Müller", "zoe muller"),
            ("STRASSE", "straße"),
            ("Łódź", "lodz"),
            ("Ｆｕｌｌ ﬁt", "full fit"),
            ("İstanbul", "istanbul"),
            ("Søren Ærø", "soren aero"),
            ("ΟΔΟΣ", "οδός"),
        ] {
            assert_eq!(fold(one), fold(other), "{one:?} {other:?}");
        }
        assert_ne!(fold("Anna"), fold("Anne"));
    }

    #[test]
    fn folding_again_changes_nothing() {
        for text in ["Ünïcödé", "İ", "ẞ", "ﬃ", "Ω", "ǅ", "한국어", "日本", "½"] {
            assert_eq!(fold(&fold(text)), fold(text), "{text:?}");
        }
    }

    #[test]
    fn words_are_what_stands_between_signs() {
        let found: Vec<_> = words("jean-luc o'neill <a.b+c@d.example> 4").collect();
        assert_eq!(found, ["jean", "luc", "o", "neill", "a", "b", "c", "d", "example", "4"]);
        assert_eq!(words(" -- ").count(), 0);
    }
}
