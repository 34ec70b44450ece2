//! Owns the grammar: SELECT … FROM … [WHERE …] [ORDER BY …] [LIMIT n] [OFFSET n].
//!
//! Knows no objects and no fields.

use super::super::reply::ApiError;
use super::lexer::{Pattern, Token, literal, pattern, tokens};
use super::malformed;

/// How deep conditions may nest.
const MAX_DEPTH: usize = 20;
/// The longest query, in characters.
const MAX_LENGTH: usize = 100_000;

/// A query.
#[derive(Debug)]
pub(super) struct Query {
    /// The fields; None for COUNT().
    pub(super) fields: Option<Vec<String>>,
    pub(super) object: String,
    pub(super) condition: Option<Condition>,
    pub(super) order: Vec<Order>,
    pub(super) limit: Option<usize>,
    pub(super) offset: usize,
}

/// One key of the order.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) field: String,
    pub(super) descending: bool,
    pub(super) nulls_last: bool,
}

/// A condition.
#[derive(Debug)]
pub(super) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare { field: String, operator: Operator, value: Literal },
    Like { field: String, pattern: Vec<Pattern> },
    In { field: String, values: Vec<Literal> },
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A value in a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Number(f64),
    Boolean(bool),
    /// A date or a moment, as written.
    Date(String),
    Null,
}

/// Reads a query.
pub(super) fn parse(text: &str) -> Result<Query, ApiError> {
    let mut parser = Parser::new(text)?;
    let query = parser.query()?;
    parser.end()?;
    Ok(query)
}

/// Reads a condition alone.
pub(super) fn parse_condition(text: &str) -> Result<Condition, ApiError> {
    let mut parser = Parser::new(text)?;
    let condition = parser.condition(0)?;
    parser.end()?;
    Ok(condition)
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

impl Parser {
    fn new(text: &str) -> Result<Self, ApiError> {
        if text.chars().count() > MAX_LENGTH {
            return Err(ApiError::bad(
                "QUERY_TOO_COMPLICATED",
                "the query is longer than 100,000 characters",
            ));
        }
        Ok(Self { tokens: tokens(text)?.into_iter().peekable() })
    }

    fn query(&mut self) -> Result<Query, ApiError> {
        self.expect("SELECT")?;
        let fields = self.fields()?;
        self.expect("FROM")?;
        let object = self.name()?;
        let condition = if self.keyword("WHERE") { Some(self.condition(0)?) } else { None };
        let order = if self.keyword("ORDER") { self.order()? } else { Vec::new() };
        let limit = if self.keyword("LIMIT") { Some(self.count()?) } else { None };
        let offset = if self.keyword("OFFSET") { self.count()? } else { 0 };
        Ok(Query { fields, object, condition, order, limit, offset })
    }

    fn fields(&mut self) -> Result<Option<Vec<String>>, ApiError> {
        let first = self.name()?;
        if first.eq_ignore_ascii_case("COUNT") && self.sign("(") {
            return if self.sign(")") { Ok(None) } else { Err(self.unexpected()) };
        }
        let mut fields = vec![first];
        while self.sign(",") {
            fields.push(self.name()?);
        }
        Ok(Some(fields))
    }

    fn order(&mut self) -> Result<Vec<Order>, ApiError> {
        self.expect("BY")?;
        let mut order = Vec::new();
        loop {
            let field = self.name()?;
            let descending = self.keyword("DESC");
            if !descending {
                self.keyword("ASC");
            }
            let mut nulls_last = false;
            if self.keyword("NULLS") {
                nulls_last = self.keyword("LAST");
                if !nulls_last {
                    self.expect("FIRST")?;
                }
            }
            order.push(Order { field, descending, nulls_last });
            if !self.sign(",") {
                return Ok(order);
            }
        }
    }

    /// Terms joined by AND or by OR; a mixture needs brackets.
    fn condition(&mut self, depth: usize) -> Result<Condition, ApiError> {
        let first = self.term(depth)?;
        for (word, other) in [("AND", "OR"), ("OR", "AND")] {
            let mut terms = Vec::new();
            while self.keyword(word) {
                terms.push(self.term(depth)?);
            }
            if terms.is_empty() {
                continue;
            }
            if self.peeks(other) {
                return Err(malformed("AND and OR need brackets where they meet"));
            }
            terms.insert(0, first);
            return Ok(if word == "AND" { Condition::And(terms) } else { Condition::Or(terms) });
        }
        Ok(first)
    }

    fn term(&mut self, depth: usize) -> Result<Condition, ApiError> {
        if depth > MAX_DEPTH {
            return Err(malformed("the condition is nested too deeply"));
        }
        if self.keyword("NOT") {
            return Ok(Condition::Not(Box::new(self.term(depth + 1)?)));
        }
        if self.sign("(") {
            let inside = self.condition(depth + 1)?;
            return if self.sign(")") { Ok(inside) } else { Err(self.unexpected()) };
        }
        let field = self.name()?;
        if self.keyword("LIKE") {
            return match self.tokens.next() {
                Some(Token::Quoted(inside)) => Ok(Condition::Like { field, pattern: pattern(&inside)? }),
                other => Err(unexpected(other.as_ref())),
            };
        }
        if self.keyword("IN") {
            return Ok(Condition::In { field, values: self.values()? });
        }
        if self.keyword("NOT") {
            self.expect("IN")?;
            return Ok(Condition::Not(Box::new(Condition::In { field, values: self.values()? })));
        }
        let operator = match self.tokens.next() {
            Some(Token::Sign("=")) => Operator::Equal,
            Some(Token::Sign("!=" | "<>")) => Operator::NotEqual,
            Some(Token::Sign("<")) => Operator::Less,
            Some(Token::Sign("<=")) => Operator::LessOrEqual,
            Some(Token::Sign(">")) => Operator::Greater,
            Some(Token::Sign(">=")) => Operator::GreaterOrEqual,
            other => return Err(unexpected(other.as_ref())),
        };
        Ok(Condition::Compare { field, operator, value: self.value()? })
    }

    fn values(&mut self) -> Result<Vec<Literal>, ApiError> {
        if !self.sign("(") {
            return Err(self.unexpected());
        }
        let mut values = vec![self.value()?];
        while self.sign(",") {
            values.push(self.value()?);
        }
        if self.sign(")") { Ok(values) } else { Err(self.unexpected()) }
    }

    fn value(&mut self) -> Result<Literal, ApiError> {
        match self.tokens.next() {
            Some(Token::Quoted(inside)) => literal(&inside).map(Literal::Text),
            Some(Token::Word(word)) => match word.to_ascii_lowercase().as_str() {
                "null" => Ok(Literal::Null),
                "true" => Ok(Literal::Boolean(true)),
                "false" => Ok(Literal::Boolean(false)),
                other if is_date(other) => Ok(Literal::Date(word)),
                other => match other.parse::<f64>() {
                    Ok(number) if number.is_finite() => Ok(Literal::Number(number)),
                    _no_number => Err(malformed(format!("unexpected token: '{word}'"))),
                },
            },
            other => Err(unexpected(other.as_ref())),
        }
    }

    fn count(&mut self) -> Result<usize, ApiError> {
        match self.tokens.next() {
            Some(Token::Word(word)) => {
                word.parse().map_err(|_| malformed(format!("unexpected token: '{word}'")))
            }
            other => Err(unexpected(other.as_ref())),
        }
    }

    fn name(&mut self) -> Result<String, ApiError> {
        match self.tokens.next() {
            Some(Token::Word(word)) if word.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                Ok(word)
            }
            other => Err(unexpected(other.as_ref())),
        }
    }

    fn peeks(&mut self, keyword: &str) -> bool {
        matches!(self.tokens.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let there = self.peeks(keyword);
        if there {
            self.tokens.next();
        }
        there
    }

    fn sign(&mut self, sign: &'static str) -> bool {
        self.tokens.next_if_eq(&Token::Sign(sign)).is_some()
    }

    fn expect(&mut self, keyword: &str) -> Result<(), ApiError> {
        if self.keyword(keyword) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn end(&mut self) -> Result<(), ApiError> {
        if self.tokens.peek().is_none() { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&mut self) -> ApiError {
        unexpected(self.tokens.peek())
    }
}

fn unexpected(token: Option<&Token>) -> ApiError {
    malformed(match token {
        Some(Token::Word(word)) => format!("unexpected token: '{word}'"),
        Some(Token::Quoted(_)) => "unexpected token: a literal".to_owned(),
        Some(Token::Sign(sign)) => format!("unexpected token: '{sign}'"),
        None => "unexpected end of the query".to_owned(),
    })
}

/// `YYYY-MM-DD`, alone or as the start of a moment.
fn is_date(word: &str) -> bool {
    let shape = word.get(..10).map(|day| chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d"));
    matches!(shape, Some(Ok(_)))
}
