//! Owns what a query means: fields checked against the schema, conditions against records.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::super::ids::normalize;
use super::super::reply::ApiError;
use super::super::schema::{Field, Kind, Object, object};
use super::super::seed::Record;
use super::super::sobjects::url_of;
use super::lexer::Pattern;
use super::parser::{Condition, Literal, Operator, Order, Query};

/// What a query gives.
pub(super) struct Answer {
    pub(super) total: usize,
    pub(super) records: Vec<Value>,
}

/// Runs a query over the seeded records and the tasks.
pub(super) fn run(
    query: &Query,
    seeded: &[Record],
    tasks: &[Record],
    version: &str,
) -> Result<Answer, ApiError> {
    let object = object(&query.object).ok_or_else(|| {
        ApiError::bad("INVALID_TYPE", format!("sObject type '{}' is not supported.", query.object))
    })?;
    for field in query.fields.iter().flatten().chain(query.order.iter().map(|order| &order.field)) {
        resolve(object, field)?;
    }
    if let Some(condition) = &query.condition {
        check_condition(object, condition)?;
    }
    let mut found: Vec<&Record> = seeded
        .iter()
        .chain(tasks)
        .filter(|record| record.object == object.name)
        .filter(|record| query.condition.as_ref().is_none_or(|condition| holds(condition, record, seeded)))
        .collect();
    found.sort_by(|left, right| compare_by(&query.order, left, right, seeded));
    let found = found.into_iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX));
    Ok(match &query.fields {
        None => Answer { total: found.count(), records: Vec::new() },
        Some(fields) => {
            let records: Vec<Value> = found.map(|record| view(record, fields, seeded, version)).collect();
            Answer { total: records.len(), records }
        }
    })
}

/// Finds a field of an object, or of the object a relation leads to.
fn resolve(object: &'static Object, path: &str) -> Result<&'static Field, ApiError> {
    let wrong = || {
        let message = format!("No such column '{path}' on entity '{}'.", object.name);
        ApiError::bad("INVALID_FIELD", message)
    };
    let Some((relation, name)) = path.split_once('.') else {
        return object.field(path).ok_or_else(wrong);
    };
    let reference = object.fields.iter().find(|field| is_relation(field, relation)).ok_or_else(wrong)?;
    let Kind::Reference(targets) = reference.kind else {
        return Err(wrong());
    };
    targets.iter().find_map(|target| self::object(target)?.field(name)).ok_or_else(wrong)
}

fn is_relation(field: &Field, name: &str) -> bool {
    field.relation().is_some_and(|relation| relation.eq_ignore_ascii_case(name))
}

/// Checks that the fields of a condition exist, can be filtered on and are compared with values of their kind.
pub(super) fn check_condition(object: &'static Object, condition: &Condition) -> Result<(), ApiError> {
    match condition {
        Condition::And(terms) | Condition::Or(terms) => {
            terms.iter().try_for_each(|term| check_condition(object, term))
        }
        Condition::Not(term) => check_condition(object, term),
        Condition::Compare { field, value, .. } => check_value(filterable(object, field)?, value),
        Condition::Like { field, .. } => {
            check_value(filterable(object, field)?, &Literal::Text(String::new()))
        }
        Condition::In { field, values } => {
            let field = filterable(object, field)?;
            values.iter().try_for_each(|value| check_value(field, value))
        }
    }
}

fn filterable(object: &'static Object, path: &str) -> Result<&'static Field, ApiError> {
    let field = resolve(object, path)?;
    if matches!(field.kind, Kind::LongText(_)) {
        let message = format!("field '{path}' can not be filtered in a query call");
        return Err(ApiError::bad("INVALID_FIELD", message));
    }
    Ok(field)
}

fn check_value(field: &Field, value: &Literal) -> Result<(), ApiError> {
    let right = match (field.kind, value) {
        (_, Literal::Null)
        | (
            Kind::Id | Kind::Reference(_) | Kind::Text(_) | Kind::LongText(_) | Kind::Picklist,
            Literal::Text(_),
        )
        | (Kind::Boolean, Literal::Boolean(_))
        | (Kind::Number, Literal::Number(_)) => true,
        (Kind::Date, Literal::Date(date)) => date.len() == 10,
        (Kind::DateTime, Literal::Date(moment)) => moment.len() > 10,
        _other => false,
    };
    if right {
        return Ok(());
    }
    let message = format!("value of filter criterion for field '{}' must be of the field's type", field.name);
    Err(ApiError::bad("INVALID_FIELD", message))
}

/// Tells whether a record meets a condition that was checked.
pub(super) fn holds(condition: &Condition, record: &Record, all: &[Record]) -> bool {
    match condition {
        Condition::And(terms) => terms.iter().all(|term| holds(term, record, all)),
        Condition::Or(terms) => terms.iter().any(|term| holds(term, record, all)),
        Condition::Not(term) => !holds(term, record, all),
        Condition::Compare { field, operator, value } => {
            let (name, found) = value_at(record, field, all);
            compare(&name, found, *operator, value)
        }
        Condition::Like { field, pattern } => value_at(record, field, all).1.as_str().is_some_and(|text| {
            let text: Vec<char> = text.to_lowercase().chars().collect();
            let pattern: Vec<Pattern> = pattern.iter().flat_map(lower).collect();
            like(&text, &pattern)
        }),
        Condition::In { field, values } => {
            let (name, found) = value_at(record, field, all);
            values.iter().any(|value| compare(&name, found, Operator::Equal, value))
        }
    }
}

/// The value at a path and the last name of the path, as the schema writes it.
fn value_at<'a>(record: &'a Record, path: &str, all: &'a [Record]) -> (String, &'a Value) {
    let written = |object: &Object, name: &str| {
        object.field(name).map_or_else(|| name.to_owned(), |field| field.name.to_owned())
    };
    let Some(own) = object(&record.object) else {
        return (path.to_owned(), &Value::Null);
    };
    let Some((relation, name)) = path.split_once('.') else {
        let name = written(own, path);
        let value = record.value(&name);
        return (name, value);
    };
    let target = own
        .fields
        .iter()
        .find(|field| is_relation(field, relation))
        .and_then(|field| record.text(field.name))
        .and_then(|id| all.iter().find(|other| other.id() == id));
    let Some((target, target_object)) = target.and_then(|target| Some((target, object(&target.object)?)))
    else {
        return (name.to_owned(), &Value::Null);
    };
    let name = written(target_object, name);
    let value = target.value(&name);
    (name, value)
}

fn compare(name: &str, found: &Value, operator: Operator, wanted: &Literal) -> bool {
    let order = match (found, wanted) {
        (Value::Null, Literal::Null) => Some(Ordering::Equal),
        (Value::Bool(found), Literal::Boolean(wanted)) => Some(found.cmp(wanted)),
        (Value::Number(found), Literal::Number(wanted)) => {
            found.as_f64().and_then(|found| found.partial_cmp(wanted))
        }
        (Value::String(found), Literal::Text(wanted)) if name.ends_with("Id") => {
            Some(normalize(wanted).map_or(Ordering::Less, |wanted| found.as_str().cmp(wanted.as_str())))
        }
        (Value::String(found), Literal::Text(wanted)) => {
            Some(found.to_lowercase().cmp(&wanted.to_lowercase()))
        }
        (Value::String(found), Literal::Date(wanted)) => Some(found.as_str().cmp(wanted.as_str())),
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

fn lower(piece: &Pattern) -> Vec<Pattern> {
    match piece {
        Pattern::Exactly(character) => character.to_lowercase().map(Pattern::Exactly).collect(),
        wildcard @ (Pattern::Any | Pattern::One) => vec![wildcard.clone()],
    }
}

/// Matches without recursion: at a mismatch, the last `%` takes one character more.
fn like(text: &[char], pattern: &[Pattern]) -> bool {
    let (mut at, mut piece) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(character) = text.get(at) {
        match pattern.get(piece) {
            Some(Pattern::Any) => {
                retry = Some((piece + 1, at));
                piece += 1;
            }
            Some(Pattern::One) => (at, piece) = (at + 1, piece + 1),
            Some(Pattern::Exactly(wanted)) if wanted == character => (at, piece) = (at + 1, piece + 1),
            _mismatch => match retry {
                Some((after, from)) => {
                    retry = Some((after, from + 1));
                    (piece, at) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(piece).all(|rest| *rest == Pattern::Any)
}

fn compare_by(order: &[Order], left: &Record, right: &Record, all: &[Record]) -> Ordering {
    for key in order {
        let (left, right) = (value_at(left, &key.field, all).1, value_at(right, &key.field, all).1);
        let result = match (left.is_null(), right.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) if key.nulls_last => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, true) if key.nulls_last => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) if key.descending => sort_values(right, left),
            (false, false) => sort_values(left, right),
        };
        if result != Ordering::Equal {
            return result;
        }
    }
    Ordering::Equal
}

fn sort_values(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::String(left), Value::String(right)) => left.to_lowercase().cmp(&right.to_lowercase()),
        (Value::Number(left), Value::Number(right)) => {
            left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal)
        }
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        _other => Ordering::Equal,
    }
}

fn view(record: &Record, fields: &[String], all: &[Record], version: &str) -> Value {
    let mut shown = Map::new();
    shown.insert("attributes".to_owned(), json!({"type": record.object, "url": url_of(version, record)}));
    for path in fields {
        let (name, value) = value_at(record, path, all);
        match path.split_once('.') {
            None => {
                shown.insert(name, value.clone());
            }
            Some((relation, _)) => {
                let related = shown.entry(relation.to_owned()).or_insert_with(|| Value::Object(Map::new()));
                if let Some(related) = related.as_object_mut() {
                    related.insert(name, value.clone());
                }
            }
        }
    }
    Value::Object(shown)
}
