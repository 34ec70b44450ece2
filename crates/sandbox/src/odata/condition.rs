//! Owns what a condition means: values against a record's values.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::parser::moment;

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare { field: String, operator: Operator, value: Literal },
    Call { function: Function, field: String, text: String },
    In { field: String, values: Vec<String> },
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A function of a field and a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Contains,
    StartsWith,
    EndsWith,
}

/// A value in a condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Number(f64),
    Boolean(bool),
    Guid(String),
    Moment(DateTime<Utc>),
    Null,
}

/// Which characters of a text stand for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wildcards {
    /// None do.
    None,
    /// `%`, `_` and `[…]`, in Dataverse.
    Sql,
    /// `*`, in C4C.
    Star,
}

/// A piece of a text with wildcards.
enum Piece {
    Any,
    One,
    OneOf(Vec<char>, bool),
    Exactly(char),
}

impl Condition {
    /// The fields it names.
    pub(crate) fn fields(&self) -> Vec<&str> {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().flat_map(Self::fields).collect(),
            Self::Not(term) => term.fields(),
            Self::Compare { field, .. } | Self::Call { field, .. } | Self::In { field, .. } => vec![field],
        }
    }

    /// Tells whether a record meets it; text is compared without regard to case.
    pub(crate) fn holds<'a>(&self, value: &dyn Fn(&str) -> &'a Value, wildcards: Wildcards) -> bool {
        match self {
            Self::And(terms) => terms.iter().all(|term| term.holds(value, wildcards)),
            Self::Or(terms) => terms.iter().any(|term| term.holds(value, wildcards)),
            Self::Not(term) => !term.holds(value, wildcards),
            Self::Compare { field, operator, value: wanted } => {
                compare(value(field), *operator, wanted, wildcards)
            }
            Self::Call { function, field, text } => {
                value(field).as_str().is_some_and(|found| call(*function, found, text, wildcards))
            }
            Self::In { field, values } => value(field)
                .as_str()
                .is_some_and(|found| values.iter().any(|wanted| matches(found, wanted, Wildcards::None))),
        }
    }
}

fn compare(found: &Value, operator: Operator, wanted: &Literal, wildcards: Wildcards) -> bool {
    if let (Some(found), Literal::Text(wanted), Operator::Equal | Operator::NotEqual) =
        (found.as_str(), wanted, operator)
    {
        return matches(found, wanted, wildcards) == (operator == Operator::Equal);
    }
    let order = match (found, wanted) {
        (Value::Null, Literal::Null) => Some(Ordering::Equal),
        (Value::Bool(found), Literal::Boolean(wanted)) => Some(found.cmp(wanted)),
        (Value::Number(found), Literal::Number(wanted)) => {
            found.as_f64().and_then(|found| found.partial_cmp(wanted))
        }
        (Value::String(found), Literal::Text(wanted) | Literal::Guid(wanted)) => {
            Some(found.to_lowercase().cmp(&wanted.to_lowercase()))
        }
        (Value::String(found), Literal::Moment(wanted)) => moment(found).map(|found| found.cmp(wanted)),
        _other => None,
    };
    match operator {
        Operator::Equal => order == Some(Ordering::Equal),
        Operator::NotEqual => order != Some(Ordering::Equal),
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

fn call(function: Function, found: &str, text: &str, wildcards: Wildcards) -> bool {
    let mut pieces = pieces(text, wildcards);
    if matches!(function, Function::Contains | Function::EndsWith) {
        pieces.insert(0, Piece::Any);
    }
    if matches!(function, Function::Contains | Function::StartsWith) {
        pieces.push(Piece::Any);
    }
    like(&lower(found), &pieces)
}

fn matches(found: &str, wanted: &str, wildcards: Wildcards) -> bool {
    like(&lower(found), &pieces(wanted, wildcards))
}

fn lower(text: &str) -> Vec<char> {
    text.to_lowercase().chars().collect()
}

fn pieces(text: &str, wildcards: Wildcards) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = lower(text).into_iter().peekable();
    while let Some(character) = rest.next() {
        pieces.push(match (character, wildcards) {
            ('%', Wildcards::Sql) | ('*', Wildcards::Star) => Piece::Any,
            ('_', Wildcards::Sql) => Piece::One,
            ('[', Wildcards::Sql) => {
                let wanted = rest.next_if_eq(&'^').is_none();
                Piece::OneOf(rest.by_ref().take_while(|inside| *inside != ']').collect(), wanted)
            }
            (other, _) => Piece::Exactly(other),
        });
    }
    pieces
}

/// Matches with one place to go back to, so that no pattern takes more than length times length steps.
fn like(text: &[char], pieces: &[Piece]) -> bool {
    let (mut at, mut piece) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        let fits = match (pieces.get(piece), text.get(at)) {
            (Some(Piece::Any), _) => {
                back = Some((piece, at));
                piece += 1;
                continue;
            }
            (None, None) => return true,
            (Some(Piece::One), Some(_)) => true,
            (Some(Piece::Exactly(wanted)), Some(found)) => wanted == found,
            (Some(Piece::OneOf(characters, wanted)), Some(found)) => characters.contains(found) == *wanted,
            _other => false,
        };
        if fits {
            at += 1;
            piece += 1;
        } else if let Some((star, from)) = back.filter(|(_, from)| *from < text.len()) {
            back = Some((star, from + 1));
            (at, piece) = (from + 1, star + 1);
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Dialect, Wrong, parse};
    use super::*;

    fn holds(text: &str, dialect: Dialect, wildcards: Wildcards) -> bool {
        let row = json!({"name": "O'Hara & Sons", "mail": "a_b@x.test", "size": 12, "open": true, "none": null,
            "id": "00000001-0000-4000-8000-000000000001", "at": "2026-11-22T10:00:00Z"});
        parse(text, dialect).unwrap().holds(&|name| &row[name], wildcards)
    }

    #[test]
    fn conditions_hold_as_they_say() {
        for (text, expected) in [
            ("name eq 'o''hara & sons'", true),
            ("name ne 'o''hara & sons'", false),
            ("contains(name,'HARA') and size gt 11.5", true),
            ("startswith(name,'o') and not endswith(name,'x')", true),
            ("size lt 12 or size ge 12 and open eq false", false),
            ("(size lt 12 or size ge 12) and open eq true", true),
            ("none eq null and id eq 00000001-0000-4000-8000-000000000001", true),
            ("at gt 2026-11-22 and at le 2026-11-22T10:00:00Z", true),
            ("Microsoft.Dynamics.CRM.In(PropertyName='mail',PropertyValues=[\"q\",\"A_B@x.test\"])", true),
        ] {
            assert_eq!(holds(text, Dialect::V4, Wildcards::None), expected, "{text}");
        }
        let at = "at ge datetimeoffset'2026-11-22T09:00:00Z' and size eq 12L";
        assert!(holds(at, Dialect::V2, Wildcards::None));
        assert!(holds("id eq guid'00000001-0000-4000-8000-000000000001'", Dialect::V2, Wildcards::None));
    }

    #[test]
    fn wildcards_are_live_only_where_the_crm_has_them() {
        for (text, wildcards, expected) in [
            ("mail eq 'a%'", Wildcards::Sql, true),
            ("mail eq 'aXb@x.test'", Wildcards::Sql, false),
            ("mail eq '[^b]_b@x.test'", Wildcards::Sql, true),
            ("contains(mail,'[ab]_b')", Wildcards::Sql, true),
            ("mail eq 'a%'", Wildcards::Star, false),
            ("mail eq '*X.test'", Wildcards::Star, true),
            ("mail eq '*'", Wildcards::None, false),
        ] {
            assert_eq!(holds(text, Dialect::V4, wildcards), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused_with_its_place() {
        for (text, dialect, wrong) in [
            ("name eq 'O'Hara'", Dialect::V4, Wrong::Unterminated(15)),
            ("name eq", Dialect::V4, Wrong::Syntax(7)),
            ("name like 'x'", Dialect::V4, Wrong::Syntax(10)),
            ("name eq 'x' name", Dialect::V4, Wrong::Syntax(12)),
            ("(name eq 'x'", Dialect::V4, Wrong::Syntax(12)),
            ("contains(name,'x')", Dialect::V2, Wrong::Function("contains".to_owned())),
            ("substringof('x',name)", Dialect::V2, Wrong::Function("substringof".to_owned())),
            ("tolower(name) eq 'x'", Dialect::V4, Wrong::Function("tolower".to_owned())),
        ] {
            assert_eq!(parse(text, dialect), Err(wrong), "{text}");
        }
        assert!(parse(&"(".repeat(5000), Dialect::V4).is_err());
    }
}
