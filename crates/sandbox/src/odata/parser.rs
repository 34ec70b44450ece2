//! Owns the grammar of conditions: comparisons and functions joined by and, or, not and brackets.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use super::condition::{Condition, Function, Literal, Operator};
use super::lexer::{Kind, Token, tokens};
use super::{Dialect, Wrong};

/// How deep conditions may nest.
const MAX_DEPTH: usize = 20;

/// Reads a condition.
pub(crate) fn parse(text: &str, dialect: Dialect) -> Result<Condition, Wrong> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: tokens.into_iter().peekable(), end: text.len(), dialect };
    let condition = parser.either(0)?;
    match parser.tokens.next() {
        None => Ok(condition),
        Some(token) => Err(Wrong::Syntax(token.at)),
    }
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    end: usize,
    dialect: Dialect,
}

impl Parser {
    fn either(&mut self, depth: usize) -> Result<Condition, Wrong> {
        let mut terms = vec![self.all(depth)?];
        while self.keyword("or") {
            terms.push(self.all(depth)?);
        }
        Ok(joined(terms, Condition::Or))
    }

    fn all(&mut self, depth: usize) -> Result<Condition, Wrong> {
        let mut terms = vec![self.term(depth)?];
        while self.keyword("and") {
            terms.push(self.term(depth)?);
        }
        Ok(joined(terms, Condition::And))
    }

    fn term(&mut self, depth: usize) -> Result<Condition, Wrong> {
        if depth > MAX_DEPTH {
            return Err(self.unexpected());
        }
        if self.keyword("not") {
            return Ok(Condition::Not(Box::new(self.term(depth + 1)?)));
        }
        if self.sign('(') {
            let inside = self.either(depth + 1)?;
            self.expect(')')?;
            return Ok(inside);
        }
        let name = self.word()?;
        if self.sign('(') {
            return self.call(&name);
        }
        let operator = match self.word()?.as_str() {
            "eq" => Operator::Equal,
            "ne" => Operator::NotEqual,
            "gt" => Operator::Greater,
            "ge" => Operator::GreaterOrEqual,
            "lt" => Operator::Less,
            "le" => Operator::LessOrEqual,
            _other => return Err(self.unexpected()),
        };
        Ok(Condition::Compare { field: name, operator, value: self.literal()? })
    }

    fn call(&mut self, name: &str) -> Result<Condition, Wrong> {
        let function = match (name, self.dialect) {
            ("contains", Dialect::V4) => Function::Contains,
            ("startswith", _) => Function::StartsWith,
            ("endswith", _) => Function::EndsWith,
            ("Microsoft.Dynamics.CRM.In", Dialect::V4) => return self.one_of(),
            (other, _) => return Err(Wrong::Function(other.to_owned())),
        };
        let field = self.word()?;
        self.expect(',')?;
        let Literal::Text(text) = self.literal()? else {
            return Err(self.unexpected());
        };
        self.expect(')')?;
        // `startswith(a,'b') eq true` is the long form of the same.
        let mut call = Condition::Call { function, field, text };
        if self.keyword("eq") {
            match self.literal()? {
                Literal::Boolean(true) => {}
                Literal::Boolean(false) => call = Condition::Not(Box::new(call)),
                _other => return Err(self.unexpected()),
            }
        }
        Ok(call)
    }

    fn one_of(&mut self) -> Result<Condition, Wrong> {
        let wrong = self.unexpected();
        if self.word()? != "PropertyName" {
            return Err(wrong);
        }
        self.expect('=')?;
        let Literal::Text(field) = self.literal()? else {
            return Err(wrong);
        };
        self.expect(',')?;
        if self.word()? != "PropertyValues" {
            return Err(wrong);
        }
        self.expect('=')?;
        let Some(Kind::List(values)) = self.tokens.next().map(|token| token.kind) else {
            return Err(wrong);
        };
        self.expect(')')?;
        Ok(Condition::In { field, values })
    }

    fn literal(&mut self) -> Result<Literal, Wrong> {
        let token = self.tokens.next().ok_or(Wrong::Syntax(self.end))?;
        let wrong = Wrong::Syntax(token.at);
        let literal = match token.kind {
            Kind::Text(None, text) => Some(Literal::Text(text)),
            Kind::Text(Some(kind), text) if self.dialect == Dialect::V2 => match kind.as_str() {
                "guid" => guid(&text),
                "datetime" | "datetimeoffset" => moment(&text).map(Literal::Moment),
                _other => None,
            },
            Kind::Word(word) => self.bare(&word),
            _other => None,
        };
        literal.ok_or(wrong)
    }

    fn bare(&self, word: &str) -> Option<Literal> {
        match word {
            "null" => return Some(Literal::Null),
            "true" => return Some(Literal::Boolean(true)),
            "false" => return Some(Literal::Boolean(false)),
            _other => {}
        }
        if self.dialect == Dialect::V4
            && let Some(literal) = guid(word).or_else(|| moment(word).map(Literal::Moment))
        {
            return Some(literal);
        }
        let digits = match self.dialect {
            Dialect::V2 => word.trim_end_matches(['L', 'M', 'm', 'd', 'D', 'f']),
            Dialect::V4 => word,
        };
        digits.parse::<f64>().ok().filter(|number| number.is_finite()).map(Literal::Number)
    }

    fn word(&mut self) -> Result<String, Wrong> {
        match self.tokens.next() {
            Some(Token { kind: Kind::Word(word), .. }) => Ok(word),
            Some(token) => Err(Wrong::Syntax(token.at)),
            None => Err(Wrong::Syntax(self.end)),
        }
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        self.tokens.next_if(|token| matches!(&token.kind, Kind::Word(word) if word == keyword)).is_some()
    }

    fn sign(&mut self, sign: char) -> bool {
        self.tokens.next_if(|token| token.kind == Kind::Sign(sign)).is_some()
    }

    fn expect(&mut self, sign: char) -> Result<(), Wrong> {
        if self.sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&mut self) -> Wrong {
        Wrong::Syntax(self.tokens.peek().map_or(self.end, |token| token.at))
    }
}

fn joined(mut terms: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    match terms.pop() {
        Some(only) if terms.is_empty() => only,
        Some(last) => {
            terms.push(last);
            join(terms)
        }
        None => join(terms),
    }
}

fn guid(text: &str) -> Option<Literal> {
    let right = text.len() == 36 && uuid::Uuid::try_parse(text).is_ok();
    right.then(|| Literal::Guid(text.to_ascii_lowercase()))
}

/// Reads a moment, or the first moment of a day; without an offset it is UTC.
pub(super) fn moment(text: &str) -> Option<DateTime<Utc>> {
    let exact = DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc());
    exact
        .or_else(|_| text.parse::<NaiveDateTime>().map(|moment| moment.and_utc()))
        .or_else(|_| text.parse::<NaiveDate>().map(|day| day.and_time(NaiveTime::MIN).and_utc()))
        .ok()
}
