//! Owns what a body may say: fields, lookups, parties and states; and the record that comes out of it.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, SecondsFormat};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::operate::Context;
use super::reply::ApiError;
use super::schema::{Entity, Kind, Navigation, by_logical, lookup};
use crate::odata;
use crate::shelf::{Change, Draft, Row};
use crate::world::now;

/// The records that a changeset made so far, by Content-ID.
#[derive(Debug, Default)]
pub(super) struct References(pub(super) BTreeMap<String, String>);

impl References {
    /// Puts the record in the place of a `$1` that a path begins with.
    pub(super) fn resolve(&self, path: &str) -> Result<String, ApiError> {
        let Some(rest) = path.strip_prefix('$').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        else {
            return Ok(path.to_owned());
        };
        let (id, tail) = rest.split_once('/').map_or((rest, ""), |(id, tail)| (id, tail));
        let record = self.0.get(id).ok_or_else(|| {
            let message = format!("Content-ID Reference: '${id}' does not exist in the batch context.");
            ApiError::query(message)
        })?;
        Ok(if tail.is_empty() { record.clone() } else { format!("{record}/{tail}") })
    }
}

/// Reads a body as one JSON object.
pub(super) fn object_of(entity: &Entity, body: &Bytes) -> Result<Map<String, Value>, ApiError> {
    check_writable(entity)?;
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_other) => Err(ApiError::payload(entity.set, "The body must be one JSON object.")),
        Err(error) => Err(ApiError::payload(entity.set, &format!("Invalid JSON. {error}"))),
    }
}

/// Refuses entities that clients only read.
pub(super) fn check_writable(entity: &Entity) -> Result<(), ApiError> {
    if entity.writable {
        return Ok(());
    }
    let message = format!("The entity '{}' cannot be written here.", entity.logical);
    Err(ApiError::new(StatusCode::FORBIDDEN, "0x80040220", message))
}

/// Reads a GUID, in small letters.
pub(super) fn guid(text: &str) -> Result<String, ApiError> {
    let right = text.len() == 36 && uuid::Uuid::try_parse(text).is_ok();
    if right {
        return Ok(text.to_ascii_lowercase());
    }
    Err(ApiError::query(format!("Unrecognized 'Edm.Guid' literal '{text}'.")))
}

/// Lays a body over the record with an id, or over nothing, and drafts the result.
pub(super) fn apply(
    cx: &Context<'_>,
    draft: &mut Draft<'_>,
    references: &References,
    entity: &'static Entity,
    id: &str,
    body: &Map<String, Value>,
) -> Result<(), ApiError> {
    let known = draft.get(entity.set, id);
    let created = known.is_none();
    let closed = |row: &Row| matches!(row.get("statecode").and_then(Value::as_i64), Some(1 | 2));
    if entity.is_activity() && known.is_some_and(closed) {
        let message = "Cannot update Closed or Cancelled Activity";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "0x80040203", message));
    }
    let mut row = known.cloned().unwrap_or_default();
    let mut bound: Vec<&str> = Vec::new();
    let mut parties = None;
    for (name, value) in body {
        if let Some(name) = name.strip_suffix("@odata.bind") {
            let navigation = bind(cx, draft, references, entity, name, value, &mut row)?;
            if bound.contains(&navigation.attribute) {
                let inner = format!("'{}' is bound more than once.", navigation.attribute);
                return Err(ApiError::payload(entity.set, &inner));
            }
            bound.push(navigation.attribute);
        } else if entity.parties == Some(name) {
            parties = Some(value);
        } else if !name.contains('@') {
            set(entity, &mut row, name, value)?;
        }
    }
    complete(cx, entity, id, created, body, &mut row)?;
    unique(draft, entity, id, &row)?;
    draft.push(Change::put(entity.set, id, row));
    match parties {
        Some(parties) => replace_parties(cx, draft, references, entity, id, parties),
        None => Ok(()),
    }
}

fn set(entity: &Entity, row: &mut Row, name: &str, value: &Value) -> Result<(), ApiError> {
    if entity.every_navigation().any(|navigation| lookup(navigation.attribute) == *name) {
        let message = "CRM do not support direct update of Entity Reference properties, Use Navigation \
                       properties instead.";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "0x80048d19", message));
    }
    let field = entity.field(name).ok_or_else(|| ApiError::undeclared(entity.set, name))?;
    if !value.is_null() {
        check(entity, name, field.kind, value)?;
    }
    if field.kept {
        row.insert(name.to_owned(), value.clone());
    }
    Ok(())
}

fn check(entity: &Entity, name: &str, kind: Kind, value: &Value) -> Result<(), ApiError> {
    let text = value.as_str();
    let (right, edm) = match kind {
        Kind::Text(max) => {
            if text.is_some_and(|text| text.encode_utf16().count() > max) {
                let message = format!(
                    "A validation error occurred.  The length of the '{name}' attribute of the '{}' entity \
                     exceeded the maximum allowed length of '{max}'.",
                    entity.logical
                );
                return Err(ApiError::new(StatusCode::BAD_REQUEST, "0x80044331", message));
            }
            (text.is_some(), "Edm.String")
        }
        Kind::Integer => (value.is_i64(), "Edm.Int32"),
        Kind::Number => (value.is_number(), "Edm.Decimal"),
        Kind::Boolean => (value.is_boolean(), "Edm.Boolean"),
        Kind::Moment => (
            text.is_some_and(|text| DateTime::parse_from_rfc3339(text).is_ok() || is_day(text)),
            "Edm.DateTimeOffset",
        ),
        Kind::Date => (text.is_some_and(is_day), "Edm.Date"),
        Kind::Id => (text.is_some_and(|text| guid(text).is_ok()), "Edm.Guid"),
    };
    if right {
        return Ok(());
    }
    let inner = format!("Cannot convert the literal '{value}' to the expected type '{edm}'.");
    Err(ApiError::payload(entity.set, &inner))
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<NaiveDate>().is_ok()
}

/// Fills a lookup from `"name@odata.bind": "/set(id)"`.
fn bind(
    cx: &Context<'_>,
    draft: &Draft<'_>,
    references: &References,
    entity: &'static Entity,
    name: &str,
    value: &Value,
    row: &mut Row,
) -> Result<&'static Navigation, ApiError> {
    let navigation = entity
        .every_navigation()
        .find(|navigation| navigation.name == name && cx.has(navigation.target))
        .ok_or_else(|| ApiError::undeclared(entity.set, name))?;
    let column = lookup(navigation.attribute);
    let kind = format!("@{}", navigation.attribute);
    if value.is_null() {
        row.insert(column, Value::Null);
        row.remove(&kind);
        return Ok(navigation);
    }
    let inner = || format!("The value of '{name}@odata.bind' leads to no record.");
    let address = value.as_str().ok_or_else(|| ApiError::payload(entity.set, &inner()))?;
    let path = address.strip_prefix(cx.base).unwrap_or(address).trim_start_matches('/');
    let path = references.resolve(path)?;
    let segments = odata::path(&path).ok_or_else(|| ApiError::payload(entity.set, &inner()))?;
    let target = by_logical(navigation.target).ok_or_else(|| ApiError::payload(entity.set, &inner()))?;
    let [segment] = segments.as_slice() else {
        return Err(ApiError::payload(entity.set, &inner()));
    };
    let key = segment.key.as_ref().filter(|_| segment.name == target.set);
    let id = guid(&key.ok_or_else(|| ApiError::payload(entity.set, &inner()))?.value)?;
    if draft.get(target.set, &id).is_none() {
        return Err(ApiError::no_record(target.logical, &id));
    }
    row.insert(column, Value::String(id));
    row.insert(kind, Value::String(target.logical.to_owned()));
    Ok(navigation)
}

/// Fills in what the environment itself writes, and checks the state.
fn complete(
    cx: &Context<'_>,
    entity: &Entity,
    id: &str,
    created: bool,
    body: &Map<String, Value>,
    row: &mut Row,
) -> Result<(), ApiError> {
    let at = Value::String(now().to_rfc3339_opts(SecondsFormat::Secs, true));
    if created {
        // Both are taken without an error and have no effect at creation.
        let first = entity.statuses.first().copied().unwrap_or((0, 1));
        row.insert("statecode".to_owned(), json!(first.0));
        row.insert("statuscode".to_owned(), json!(first.1));
        let backdated = row.get("overriddencreatedon").filter(|moment| !moment.is_null()).cloned();
        row.insert("createdon".to_owned(), backdated.unwrap_or_else(|| at.clone()));
        row.entry("_ownerid_value").or_insert_with(|| json!(cx.user));
        row.entry("@ownerid").or_insert_with(|| json!("systemuser"));
        if entity.is_activity() {
            row.insert("activitytypecode".to_owned(), json!(entity.logical));
            row.entry("prioritycode").or_insert(json!(1));
        }
    } else if entity.is_activity() && (body.contains_key("statecode") || body.contains_key("statuscode")) {
        state(entity, id, body, row)?;
    }
    if entity.field("firstname").is_some() {
        let names = ["firstname", "lastname"].map(|name| row.get(name).and_then(Value::as_str).unwrap_or(""));
        let full = names.join(" ").trim().to_owned();
        row.insert("fullname".to_owned(), json!(full));
    }
    if entity.field("documentbody").is_some() {
        let document = row.get("documentbody").is_some_and(|document| !document.is_null());
        row.insert("isdocument".to_owned(), json!(document));
    }
    row.insert(entity.key.to_owned(), json!(id));
    row.insert("modifiedon".to_owned(), at);
    row.insert("versionnumber".to_owned(), json!(cx.version));
    Ok(())
}

fn state(entity: &Entity, id: &str, body: &Map<String, Value>, row: &mut Row) -> Result<(), ApiError> {
    let number = |name: &str| row.get(name).and_then(Value::as_i64);
    let state = number("statecode").unwrap_or_default();
    let usual = entity.statuses.iter().find(|(of, _)| *of == state).map(|(_, status)| *status);
    let status = if body.contains_key("statuscode") { number("statuscode") } else { usual };
    let fits = status.is_some_and(|status| entity.statuses.contains(&(state, status)));
    if !fits {
        let message = format!(
            "{} is not a valid status code for state code {state} on {} with Id {id}.",
            status.unwrap_or_default(),
            entity.logical
        );
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "0x80048408", message));
    }
    row.insert("statuscode".to_owned(), json!(status));
    Ok(())
}

fn unique(draft: &Draft<'_>, entity: &Entity, id: &str, row: &Row) -> Result<(), ApiError> {
    let key = entity.alternate_key.and_then(|field| Some((field, row.get(field)?.as_str()?)));
    let Some((field, text)) = key else { return Ok(()) };
    if draft.key_by(entity.set, field, text).is_none_or(|twin| twin == id) {
        return Ok(());
    }
    let message = format!(
        "A record that has the attribute values {field} already exists. The entity key requires that this \
         set of attributes contains unique values. Select unique values and try again."
    );
    Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "0x80060892", message))
}

fn replace_parties(
    cx: &Context<'_>,
    draft: &mut Draft<'_>,
    references: &References,
    entity: &'static Entity,
    id: &str,
    parties: &Value,
) -> Result<(), ApiError> {
    let wrong = |inner: &str| ApiError::payload(entity.set, inner);
    let parties = parties.as_array().ok_or_else(|| wrong("Parties must be an array."))?;
    let party = by_logical("activityparty").ok_or_else(|| wrong("There are no parties."))?;
    let old: Vec<String> = draft
        .shelf()
        .rows(party.set)
        .filter(|(_, row)| row.get("_activityid_value").and_then(Value::as_str) == Some(id))
        .map(|(key, _)| key.to_owned())
        .collect();
    for key in old {
        draft.push(Change::remove(party.set, &key));
    }
    for fields in parties {
        let fields = fields.as_object().ok_or_else(|| wrong("A party must be an object."))?;
        let mut row = Row::new();
        for (name, value) in fields {
            if let Some(name) = name.strip_suffix("@odata.bind") {
                bind(cx, draft, references, party, name, value, &mut row)?;
            } else if !name.contains('@') {
                set(party, &mut row, name, value)?;
            }
        }
        let mask = row.get("participationtypemask").and_then(Value::as_i64);
        if !mask.is_some_and(|mask| (1..=12).contains(&mask)) {
            return Err(wrong("participationtypemask must be from 1 to 12."));
        }
        if !row.contains_key("_partyid_value") && !row.contains_key("addressused") {
            return Err(wrong("A party needs partyid or addressused."));
        }
        let key = crate::world::guid().map_err(|error| ApiError::internal(&error))?;
        row.insert(party.key.to_owned(), json!(key));
        row.insert("_activityid_value".to_owned(), json!(id));
        row.insert("@activityid".to_owned(), json!(entity.logical));
        row.insert("versionnumber".to_owned(), json!(cx.version));
        draft.push(Change::put(party.set, &key, row));
    }
    Ok(())
}
