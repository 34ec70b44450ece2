//! Lists of addresses as people paste them: `ann@a.example; "Lee, Bob" <bob@b.example>`. No I/O.
//!
//! Owns where one address ends and the next begins. What an address is, [`service_kit::address`] says.

use service_kit::validate::is_control;

/// Longest name of a guest, in characters.
const NAME_MAX: usize = 255;

/// One piece of a list, which should be an address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Piece {
    /// As it stands in the list.
    pub(super) given: String,
    /// What should be an address.
    pub(super) address: String,
    /// The name beside it; empty: none.
    pub(super) name: String,
}

/// Splits a list at commas, semicolons, white space and line breaks, outside of quotes and angle brackets. Words before an
/// address in angle brackets are its name; words without an address are a piece of their own, which is none.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut reader = Reader::default();
    let mut rest = text;
    // Whether a quote of this line was not closed: what follows is looked through once, not once for each quote.
    let mut is_literal = false;
    while let Some(c) = rest.chars().next() {
        let end = match c {
            '"' if !is_literal => {
                let end = closing_quote(rest);
                is_literal = end.is_none();
                end
            }
            '<' => closing_angle(rest),
            '\n' | '\r' => {
                is_literal = false;
                None
            }
            _ => None,
        };
        let (taken, after) = rest.split_at(end.unwrap_or(c.len_utf8()));
        match c {
            '<' if taken.len() > 1 => reader.angle(taken),
            ',' | ';' | '，' | '；' | '\n' | '\r' => reader.end(),
            c if c.is_whitespace() || matches!(c, '\u{200b}' | '\u{feff}') => reader.end_word(),
            _ => reader.word.push_str(taken),
        }
        rest = after;
    }
    reader.end();
    reader.pieces
}

/// Returns where the text after a quoted string begins; nothing where the quote is not closed on its line.
fn closing_quote(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        #[cfg(test)]
        tests::LOOKED_AT.set(tests::LOOKED_AT.get() + 1);
        match c {
            '\n' | '\r' => return None,
            '"' if !is_escaped => return Some(at + 1),
            _ => is_escaped = c == '\\' && !is_escaped,
        }
    }
    None
}

/// Returns where the text after an address in angle brackets begins; nothing where they are not closed.
fn closing_angle(text: &str) -> Option<usize> {
    let (at, c) = text.char_indices().skip(1).find(|(_, c)| matches!(c, '<' | '>' | '\n' | '\r'))?;
    (c == '>').then_some(at + 1)
}

#[derive(Default)]
struct Reader {
    pieces: Vec<Piece>,
    /// Words that are a name if an address in angle brackets follows.
    words: Vec<String>,
    word: String,
}

impl Reader {
    fn end_word(&mut self) {
        let word = std::mem::take(&mut self.word);
        if has_at_sign(&word) {
            self.end_words();
            self.pieces.push(Piece { given: word.clone(), address: word, name: String::new() });
        } else if !word.is_empty() {
            self.words.push(word);
        }
    }

    fn end_words(&mut self) {
        if !self.words.is_empty() {
            let given = std::mem::take(&mut self.words).join(" ");
            self.pieces.push(Piece { address: given.clone(), given, name: String::new() });
        }
    }

    fn end(&mut self) {
        self.end_word();
        self.end_words();
    }

    fn angle(&mut self, taken: &str) {
        self.end_word();
        let words = std::mem::take(&mut self.words);
        let given = words.iter().map(String::as_str).chain([taken]).collect::<Vec<_>>().join(" ");
        let address = taken.trim_start_matches('<').trim_end_matches('>').trim().to_owned();
        self.pieces.push(Piece { given, address, name: name_of(&words) });
    }
}

/// Tells whether there is an @ outside of quotes.
fn has_at_sign(word: &str) -> bool {
    let mut is_quoted = false;
    let mut is_escaped = false;
    word.chars().any(|c| {
        if c == '"' && !is_escaped {
            is_quoted = !is_quoted;
        }
        is_escaped = c == '\\' && !is_escaped;
        c == '@' && !is_quoted
    })
}

/// Puts the words of a name together, without their quotes; what looks like an address is no name.
fn name_of(words: &[String]) -> String {
    let mut name = String::new();
    for word in words {
        let quoted = word.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let word = quoted.map_or_else(|| word.clone(), unescaped);
        if !name.is_empty() {
            name.push(' ');
        }
        name.extend(word.chars().filter(|c| !is_control(*c)));
    }
    let name: String = name.trim().chars().take(NAME_MAX).collect();
    if name.contains('@') { String::new() } else { name.trim().to_owned() }
}

fn unescaped(quoted: &str) -> String {
    let mut plain = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next()),
            _ => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    thread_local! {
        /// How many characters were looked at for a closing quote.
        pub(super) static LOOKED_AT: Cell<usize> = const { Cell::new(0) };
    }

    fn read(text: &str) -> Vec<(String, String)> {
        pieces(text).into_iter().map(|piece| (piece.address, piece.name)).collect()
    }

    fn of(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(address, name)| ((*address).to_owned(), (*name).to_owned())).collect()
    }

    #[test]
    fn a_list_is_split_at_commas_semicolons_spaces_and_line_breaks() {
        for text in [
            "a@x.example,b@x.example;c@x.example",
            "a@x.example b@x.example\tc@x.example",
            " a@x.example\r\nb@x.example\n\n;, c@x.example, ",
            "<a@x.example> <b@x.example><c@x.example>",
            "a@x.example，b@x.example；c@x.example",
            "a@x.example\u{a0}b@x.example\u{200b}c@x.example",
        ] {
            assert_eq!(
                read(text),
                of(&[("a@x.example", ""), ("b@x.example", ""), ("c@x.example", "")]),
                "{text:?}"
            );
        }
        assert!(pieces(" ,;\n").is_empty());
    }

    #[test]
    fn a_name_before_angle_brackets_is_the_name_of_that_address() {
        let text = r#"Ann Lee <ann@x.example>, "Lee, Bob" <bob@x.example>; "O\"Hara; E" < eve@x.example > Zoë<zoe@x.example>"#;
        let expected = [
            ("ann@x.example", "Ann Lee"),
            ("bob@x.example", "Lee, Bob"),
            ("eve@x.example", "O\"Hara; E"),
            ("zoe@x.example", "Zoë"),
        ];
        assert_eq!(read(text), of(&expected));
        // What stands between an address and a name ends the address; an address is no name.
        assert_eq!(
            read("a@x.example Bob B <b@x.example> \"c@x.example\" <c@x.example>"),
            of(&[("a@x.example", ""), ("b@x.example", "Bob B"), ("c@x.example", "")])
        );
    }

    #[test]
    fn words_without_an_address_are_a_piece_of_their_own() {
        assert_eq!(read("nobody here, a@x.example"), of(&[("nobody here", ""), ("a@x.example", "")]));
        assert_eq!(read("x a@x.example"), of(&[("x", ""), ("a@x.example", "")]));
        assert_eq!(read("Ann <>"), of(&[("", "Ann")]));
    }

    #[test]
    fn a_quote_or_bracket_that_is_not_closed_takes_no_other_line_with_it() {
        assert_eq!(read("\"a@x.example\nb@x.example")[1].0, "b@x.example");
        assert_eq!(read("<a@x.example\nb@x.example")[1].0, "b@x.example");
        assert_eq!(read("<a@x.example <b@x.example>")[1].0, "b@x.example");
    }

    #[test]
    fn no_text_of_quotes_is_looked_through_more_than_twice() {
        for (unit, length) in
            [("\"", 250_000), ("\"\\", 250_000), ("\\\"", 20_000), (" \"\\", 20_000), ("\" \\", 20_000)]
        {
            let text = unit.repeat(length / unit.len());
            LOOKED_AT.set(0);
            let _pieces = pieces(&text);
            assert!(LOOKED_AT.get() <= 2 * text.len(), "{unit:?}: {} of {}", LOOKED_AT.get(), text.len());
            // The next line is read like any other.
            let found = pieces(&format!("{text}\n\"Lee, Bob\" <bob@x.example>"));
            let last = found.last().map(|piece| (piece.address.as_str(), piece.name.as_str()));
            assert_eq!(last, Some(("bob@x.example", "Lee, Bob")), "{unit:?}");
        }
    }

    #[test]
    fn a_name_has_no_control_characters_and_at_most_255_characters() {
        let name = &pieces("\"An\u{7}n\u{202e}\" <a@x.example>")[0].name;
        assert_eq!(name, "Ann");
        let long = format!("{} <a@x.example>", "é".repeat(300));
        assert_eq!(pieces(&long)[0].name.chars().count(), NAME_MAX);
    }

    proptest! {
        #[test]
        fn whatever_is_pasted_good_addresses_on_lines_of_their_own_are_found(
            noise in prop::collection::vec("[^\r\n]{0,20}", 0..6),
        ) {
            let text = noise.join("\n") + "\nann@x.example\n" + &noise.join("\n");
            let found = pieces(&text);
            prop_assert!(found.iter().any(|piece| piece.address == "ann@x.example"), "{:?}", found);
            prop_assert!(found.iter().all(|piece| !piece.given.is_empty()));
        }
    }
}
