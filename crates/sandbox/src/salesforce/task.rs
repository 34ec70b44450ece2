//! Owns the rules of Task: what a body may say and how a task comes out of it.
//!
//! Neither stores a task nor looks for one.

use std::collections::BTreeMap;

use chrono::{NaiveDate, SecondsFormat};
use serde_json::{Map, Value};

use super::Salesforce;
use super::ids::normalize;
use super::reply::ApiError;
use super::schema::{Access, Field, Kind, TASK, TASK_PRIORITIES, TASK_STATUSES};
use super::seed::Record;
use crate::world::now;

/// Whether a body makes a task or changes one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Update,
}

/// Checks a body and lays it over what is there; the fields come back complete but for the id.
pub(super) fn apply(
    org: &Salesforce,
    verb: Verb,
    known: Option<&Record>,
    body: &Map<String, Value>,
) -> Result<BTreeMap<String, Value>, ApiError> {
    let mut fields = known.map(|task| task.fields.clone()).unwrap_or_default();
    for (name, value) in body {
        let field = TASK.field(name).ok_or_else(|| {
            ApiError::bad("INVALID_FIELD", format!("No such column '{name}' on sobject of type Task"))
        })?;
        if field.access == Access::ReadOnly || (field.access == Access::Create && verb == Verb::Update) {
            let message = format!(
                "Unable to create/update fields: {}. Please check the security settings of this field and \
                 verify that it is read/write for your profile or permission set.",
                field.name
            );
            return Err(ApiError::bad("INVALID_FIELD_FOR_INSERT_UPDATE", message).of(&[field.name]));
        }
        fields.insert(field.name.to_owned(), check(field, value)?);
    }
    let missing: Vec<&str> = ["Status", "Priority"]
        .into_iter()
        .filter(|name| fields.get(*name).is_none_or(Value::is_null))
        .collect();
    if !missing.is_empty() {
        let message = format!("Required fields are missing: [{}]", missing.join(", "));
        return Err(ApiError::bad("REQUIRED_FIELD_MISSING", message).of(&missing));
    }
    relate(org, &mut fields)?;
    complete(org, verb, &mut fields);
    Ok(fields)
}

fn check(field: &Field, value: &Value) -> Result<Value, ApiError> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let Some(text) = value.as_str() else {
        let message = format!("Cannot deserialize instance of string from value {value}");
        return Err(ApiError::bad("JSON_PARSER_ERROR", message).of(&[field.name]));
    };
    match field.kind {
        Kind::Text(max) | Kind::LongText(max) => check_length(field.name, text, max)?,
        Kind::Date => {
            let right = text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok();
            if !right {
                let message = format!("Cannot deserialize instance of date from VALUE_STRING value {text}");
                return Err(ApiError::bad("JSON_PARSER_ERROR", message).of(&[field.name]));
            }
        }
        Kind::Picklist => check_picklist(field.name, text)?,
        Kind::Reference(_) => {
            let id = normalize(text).ok_or_else(|| {
                ApiError::bad(
                    "MALFORMED_ID",
                    format!("{}: id value of incorrect type: {text}", label(field.name)),
                )
                .of(&[field.name])
            })?;
            return Ok(Value::String(id));
        }
        Kind::Id | Kind::DateTime | Kind::Boolean | Kind::Number => {}
    }
    Ok(value.clone())
}

/// Refuses text that is too long, counted in UTF-16 units, the strictest of the possible readings.
pub(super) fn check_length(name: &str, text: &str, max: usize) -> Result<(), ApiError> {
    if text.encode_utf16().count() <= max {
        return Ok(());
    }
    let start: String = text.chars().take(255).collect();
    let message = format!("{name}: data value too large: {start} (max length={max})");
    Err(ApiError::bad("STRING_TOO_LONG", message).of(&[name]))
}

fn check_picklist(name: &str, text: &str) -> Result<(), ApiError> {
    let known = match name {
        "Status" => TASK_STATUSES.iter().any(|(status, _)| *status == text),
        "Priority" => TASK_PRIORITIES.contains(&text),
        "TaskSubtype" => matches!(text, "Task" | "Email" | "Call" | "ListEmail" | "Cadence" | "LinkedIn"),
        _unrestricted => true,
    };
    if known {
        return Ok(());
    }
    let message = format!("{name}: bad value for restricted picklist field: {text}");
    Err(ApiError::bad("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message).of(&[name]))
}

/// Which record each relation may lead to, and the rule that a lead's task has no other relation.
fn relate(org: &Salesforce, fields: &mut BTreeMap<String, Value>) -> Result<(), ApiError> {
    let who = related(org, fields, "WhoId", &["003", "00Q"])?;
    let what = related(org, fields, "WhatId", &["001", "006"])?;
    let lead = who.is_some_and(|who| who.object == "Lead");
    if lead && what.is_some() {
        let message = "If WhoId refers to a Lead, then WhatId must be empty: WhoId, WhatId";
        return Err(ApiError::bad("FIELD_INTEGRITY_EXCEPTION", message).of(&["WhoId", "WhatId"]));
    }
    if lead && who.is_some_and(|who| who.is_true("IsConverted")) {
        return Err(ApiError::bad("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"));
    }
    let account = match what {
        Some(what) if what.object == "Account" => Value::String(what.id().to_owned()),
        Some(what) => what.value("AccountId").clone(),
        None => who.map_or(Value::Null, |who| who.value("AccountId").clone()),
    };
    fields.insert("AccountId".to_owned(), account);
    Ok(())
}

fn related<'a>(
    org: &'a Salesforce,
    fields: &BTreeMap<String, Value>,
    name: &str,
    prefixes: &[&str],
) -> Result<Option<&'a Record>, ApiError> {
    let Some(id) = fields.get(name).and_then(Value::as_str) else {
        return Ok(None);
    };
    if !prefixes.iter().any(|prefix| id.starts_with(prefix)) {
        let message = format!("{}: id value of incorrect type: {id}", label(name));
        return Err(ApiError::bad("FIELD_INTEGRITY_EXCEPTION", message).of(&[name]));
    }
    let record = org.seeded(id).ok_or_else(|| {
        ApiError::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id").of(&[name])
    })?;
    Ok(Some(record))
}

fn label(name: &str) -> &str {
    match name {
        "WhoId" => "Name ID",
        "WhatId" => "Related To ID",
        other => other,
    }
}

fn complete(org: &Salesforce, verb: Verb, fields: &mut BTreeMap<String, Value>) {
    let status = fields.get("Status").and_then(Value::as_str);
    let closed = TASK_STATUSES.iter().any(|(name, closed)| *closed && status == Some(*name));
    fields.insert("IsClosed".to_owned(), Value::Bool(closed));
    let at = Value::String(now().to_rfc3339_opts(SecondsFormat::Millis, true).replace('Z', "+0000"));
    if verb == Verb::Create {
        fields.insert("CreatedDate".to_owned(), at.clone());
        fields.insert("OwnerId".to_owned(), Value::String(org.user_id.clone()));
        fields.entry("TaskSubtype".to_owned()).or_insert_with(|| Value::String("Task".to_owned()));
    }
    fields.insert("LastModifiedDate".to_owned(), at);
}
