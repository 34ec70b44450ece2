//! Conditions and queries of OData, for the CRMs that speak it (OData 4.01 URL conventions, §5.1.1.14 "Literals").
//!
//! Owns the one way in which what people type gets into a query: [`Filter`]s are made of constant names and encoded
//! literals, never of formatted text, and the whole query is percent-encoded once. Knows nothing of a single CRM but the
//! characters that its texts treat as wildcards.

use std::fmt::Write;

use url::Url;
use url::form_urlencoded::byte_serialize;

/// Which characters a CRM reads as wildcards inside a literal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wildcards {
    /// None.
    None,
    /// `%`, `_` and `[…]` (Dataverse, "Filter rows"): each is written as a class of itself.
    Sql,
    /// `*` (SAP C4C, "$filter"): nothing escapes it, so that it is left out, and answers have to be looked at again.
    Star,
}

/// A condition. Names are settings of the operator or constants; texts are always literals.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Filter(String);

impl Filter {
    /// The property is the text.
    pub(super) fn equals(property: &str, text: &str, wildcards: Wildcards) -> Self {
        Self(format!("{property} eq {}", literal(&plain(text, wildcards))))
    }

    /// The property contains the text (OData 4).
    pub(super) fn contains(property: &str, text: &str, wildcards: Wildcards) -> Self {
        Self(format!("contains({property},{})", literal(&plain(text, wildcards))))
    }

    /// The property ends with the text, which has no wildcard in it.
    pub(super) fn ends_with(property: &str, text: &str) -> Self {
        Self(format!("endswith({property},{})", literal(text)))
    }

    /// The property contains the text, where only the wildcard `*` can say so (SAP C4C).
    pub(super) fn between_stars(property: &str, text: &str) -> Self {
        Self(format!("{property} eq {}", literal(&format!("*{}*", plain(text, Wildcards::Star)))))
    }

    /// The property is the number.
    pub(super) fn equals_number(property: &str, number: i32) -> Self {
        Self(format!("{property} eq {number}"))
    }

    /// The property is one of the texts: `In` of Dataverse, whose list is JSON.
    pub(super) fn one_of(property: &str, texts: &[&str]) -> Self {
        let list = serde_json::Value::from(texts.to_vec());
        Self(format!("Microsoft.Dynamics.CRM.In(PropertyName={},PropertyValues={list})", literal(property)))
    }

    /// Both hold.
    pub(super) fn and(self, other: &Self) -> Self {
        Self(format!("({}) and ({})", self.0, other.0))
    }

    /// One of both holds.
    pub(super) fn or(self, other: &Self) -> Self {
        Self(format!("{} or {}", self.0, other.0))
    }

    /// Any of them holds; None where there is none.
    pub(super) fn any(filters: impl IntoIterator<Item = Self>) -> Option<Self> {
        filters.into_iter().reduce(|left, right| left.or(&right))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text in quotes; a quote inside is doubled. Control characters have no place in a name and could end a line.
fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for character in text.chars() {
        match character {
            '\'' => literal.push_str("''"),
            control if control.is_control() => literal.push(' '),
            other => literal.push(other),
        }
    }
    literal.push('\'');
    literal
}

/// Takes the meaning of wildcards from a text.
fn plain(text: &str, wildcards: Wildcards) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match (wildcards, character) {
            (Wildcards::Sql, '%' | '_' | '[') => {
                plain.push('[');
                plain.push(character);
                plain.push(']');
            }
            (Wildcards::Star, '*') => {}
            (_, other) => plain.push(other),
        }
    }
    plain
}

/// Tells whether a found text contains what was asked for, as it was typed; for CRMs whose search is wider than that.
pub(super) fn is_literal_match(found: &str, asked: &str) -> bool {
    found.to_lowercase().contains(&asked.to_lowercase())
}

/// Gives an address its query, each value percent-encoded; a space is `%20`, which every OData server reads.
pub(super) fn set_query(url: &mut Url, options: &[(&str, &str)]) {
    let mut query = String::new();
    for (name, value) in options {
        let mark = if query.is_empty() { "" } else { "&" };
        let value: String = byte_serialize(value.as_bytes()).collect();
        // Writing to a text cannot fail.
        let _written = write!(query, "{mark}{name}={}", value.replace('+', "%20"));
    }
    url.set_query(Some(&query));
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &[&str] = &[
        "' OR Name LIKE '%",
        "\\",
        "%27",
        "*",
        "O\u{2019}Hara",
        "''",
        "'",
        "') or (name ne '",
        "&$top=5000",
        "#",
        "+",
        "?$skip=1",
        "a\r\nb",
        "\u{0}",
        "é",
        "[x]",
        "100%",
        "a_b",
        "\"]) or true",
        "",
    ];

    /// Reads a literal as OData does; gives the text inside and what follows.
    fn read(literal: &str) -> (String, &str) {
        let mut rest = literal.strip_prefix('\'').unwrap();
        let mut text = String::new();
        loop {
            let (before, after) = rest.split_once('\'').unwrap();
            text.push_str(before);
            match after.strip_prefix('\'') {
                Some(more) => {
                    text.push('\'');
                    rest = more;
                }
                None => return (text, after),
            }
        }
    }

    fn pairs() -> Vec<String> {
        let two = |first: &&str| HOSTILE.iter().map(|second| format!("{first}{second}")).collect::<Vec<_>>();
        HOSTILE.iter().flat_map(two).collect()
    }

    fn without_controls(text: &str) -> String {
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    #[test]
    fn hostile_text_stays_inside_its_literal_and_means_itself() {
        for text in pairs() {
            let equals = Filter::equals("name", &text, Wildcards::None);
            let (inside, rest) = read(equals.as_str().strip_prefix("name eq ").unwrap());
            assert_eq!((inside, rest), (without_controls(&text), ""), "{text:?}");
            let contains = Filter::contains("name", &text, Wildcards::None);
            let (inside, rest) = read(contains.as_str().strip_prefix("contains(name,").unwrap());
            assert_eq!((inside, rest), (without_controls(&text), ")"), "{text:?}");
            let both =
                Filter::equals("name", &text, Wildcards::None).and(&Filter::equals_number("statecode", 0));
            let (_, rest) = read(both.as_str().strip_prefix("(name eq ").unwrap());
            assert_eq!(rest, ") and (statecode eq 0)", "{text:?}");
        }
    }

    #[test]
    fn hostile_text_stays_inside_its_query_option() {
        for text in pairs() {
            let mut url: Url = "https://acme.crm.dynamics.com/api/data/v9.2/accounts".parse().unwrap();
            let filter = Filter::equals("name", &text, Wildcards::None);
            set_query(&mut url, &[("$filter", filter.as_str()), ("$top", "10")]);
            let read: Vec<_> = url.query_pairs().into_owned().collect();
            assert_eq!(
                read,
                [("$filter", filter.as_str()), ("$top", "10")].map(|(n, v)| (n.to_owned(), v.to_owned()))
            );
            assert!(!url.query().unwrap().contains(['+', '\'', ' ']), "{url}");
        }
    }

    #[test]
    fn wildcards_of_dataverse_become_classes_of_themselves() {
        let text = |text| Filter::contains("name", text, Wildcards::Sql).0;
        assert_eq!(text("100%"), "contains(name,'100[%]')");
        assert_eq!(text("a_b[^c]"), "contains(name,'a[_]b[[]^c]')");
    }

    #[test]
    fn stars_are_left_out_where_nothing_escapes_them() {
        assert_eq!(Filter::between_stars("Name", "Con*to*so'").as_str(), "Name eq '*Contoso''*'");
        assert_eq!(Filter::equals("Email", "*@x", Wildcards::Star).as_str(), "Email eq '@x'");
        assert!(is_literal_match("Contoso Ltd", "CONTOSO") && !is_literal_match("Contoso Ltd", "Con*toso"));
    }

    #[test]
    fn a_list_of_texts_is_json_so_that_no_text_ends_it() {
        let filter = Filter::one_of("emailaddress1", &["a@x", "b\"]) or true\\", "o'hara@x"]);
        assert_eq!(
            filter.as_str(),
            r#"Microsoft.Dynamics.CRM.In(PropertyName='emailaddress1',PropertyValues=["a@x","b\"]) or true\\","o'hara@x"])"#
        );
    }

    #[test]
    fn any_of_nothing_is_no_condition() {
        assert_eq!(Filter::any([]), None);
        let two = ["a", "b"].map(|text| Filter::equals("Email", text, Wildcards::Star));
        assert_eq!(Filter::any(two).unwrap().as_str(), "Email eq 'a' or Email eq 'b'");
    }
}
