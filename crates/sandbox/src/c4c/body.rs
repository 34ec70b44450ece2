//! Owns what a body may say, its nested collections among it, and the records that come out of it.

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::reply::ApiError;
use super::schema::{Child, Kind, Property, SETS, Set};
use super::seed::uuid;
use super::switches::Settings;
use crate::shelf::{Change, Draft, Row};
use crate::world::now;

/// The collection of a child's rows.
pub(super) fn rows_of(child: &Child) -> String {
    format!("{}Collection", child.entity)
}

/// A new id: 32 hexadecimal digits.
fn object_id() -> Result<String, ApiError> {
    let id = crate::world::guid().map_err(|error| ApiError::internal(&error))?;
    Ok(id.replace('-', "").to_uppercase())
}

fn moment() -> Value {
    json!(now().to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// Makes a record with all that is nested in it; gives its key.
pub(super) fn create(
    settings: &Settings,
    draft: &mut Draft<'_>,
    set: &'static Set,
    body: &Map<String, Value>,
) -> Result<String, ApiError> {
    check_writable(set)?;
    let id = object_id()?;
    let mut row = Row::new();
    for (name, value) in body {
        if let Some(child) = set.child(name) {
            nest(draft, &id, child, value)?;
        } else {
            let property = property(settings, set, name)?;
            if !property.creatable {
                // Those that always have a value are taken and forgotten; the others are an error.
                if property.nullable {
                    let message = format!("Property {name} is not creatable");
                    return Err(ApiError::bad(message));
                }
                continue;
            }
            row.insert(name.clone(), check(set.entity, property, value)?);
        }
    }
    row.insert("ObjectID".to_owned(), json!(id));
    row.insert("UUID".to_owned(), json!(uuid(&id)));
    let number = 5001 + draft.shelf().rows(set.name).count();
    row.entry(set.readable).or_insert_with(|| json!(number.to_string()));
    row.entry("Status").or_insert_with(|| json!("1"));
    for name in ["CreationDateTime", "EntityLastChangedOn", "ETag"] {
        row.insert(name.to_owned(), moment());
    }
    check_links(draft, &row)?;
    draft.push(Change::put(set.name, &id, row));
    Ok(id)
}

/// Changes a record.
pub(super) fn update(
    settings: &Settings,
    draft: &mut Draft<'_>,
    set: &'static Set,
    known: &Row,
    body: &Map<String, Value>,
) -> Result<(), ApiError> {
    check_writable(set)?;
    let mut row = known.clone();
    for (name, value) in body {
        if set.child(name).is_some() {
            return Err(ApiError::bad(format!("Navigation property {name} cannot be updated inline")));
        }
        let property = property(settings, set, name)?;
        if !property.updatable {
            return Err(ApiError::bad(format!("Property {name} is not updatable")));
        }
        row.insert(name.clone(), check(set.entity, property, value)?);
    }
    for name in ["EntityLastChangedOn", "ETag"] {
        row.insert(name.to_owned(), moment());
    }
    check_links(draft, &row)?;
    let id = row.get("ObjectID").and_then(Value::as_str).unwrap_or_default().to_owned();
    draft.push(Change::put(set.name, &id, row));
    Ok(())
}

/// Refuses collections that clients only read here.
pub(super) fn check_writable(set: &Set) -> Result<(), ApiError> {
    if set.writable {
        Ok(())
    } else {
        Err(ApiError::bad(format!("{} is read only in this tenant", set.name)))
    }
}

/// Finds a property that the tenant has.
pub(super) fn property(settings: &Settings, set: &Set, name: &str) -> Result<&'static Property, ApiError> {
    set.property(name)
        .filter(|property| settings.custom_field || property.name != super::schema::LOG_ID_FIELD)
        .ok_or_else(|| ApiError::no_property(set.entity, name))
}

fn nest(draft: &mut Draft<'_>, parent: &str, child: &Child, value: &Value) -> Result<(), ApiError> {
    let wrong = || ApiError::bad(format!("{} must be an array of objects", child.navigation));
    let nested = value.get("results").unwrap_or(value).as_array().ok_or_else(wrong)?;
    for entry in nested {
        let mut row = Row::new();
        for (name, value) in entry.as_object().ok_or_else(wrong)? {
            let property = child.property(name).ok_or_else(|| ApiError::no_property(child.entity, name))?;
            if !property.creatable {
                return Err(ApiError::bad(format!("Property {name} is not creatable")));
            }
            row.insert(name.clone(), check(child.entity, property, value)?);
        }
        let id = object_id()?;
        row.insert("ObjectID".to_owned(), json!(id));
        row.insert("ParentObjectID".to_owned(), json!(parent));
        draft.push(Change::put(&rows_of(child), &id, row));
    }
    Ok(())
}

/// Checks a value; moments are kept as RFC 3339.
fn check(entity: &str, property: &Property, value: &Value) -> Result<Value, ApiError> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let wrong = || ApiError::bad(format!("Invalid value for property {} of type {entity}", property.name));
    let text = value.as_str();
    match property.kind {
        Kind::Text(max) => {
            let text = text.ok_or_else(wrong)?;
            if text.chars().count() > max {
                let message =
                    format!("Value of property {} exceeds its maximum length of {max}", property.name);
                return Err(ApiError::bad(message));
            }
        }
        Kind::LargeText => drop(text.ok_or_else(wrong)?),
        Kind::Guid => {
            let text = text.filter(|text| text.len() == 36 && uuid::Uuid::try_parse(text).is_ok());
            return Ok(json!(text.ok_or_else(wrong)?.to_lowercase()));
        }
        Kind::Moment => {
            let at = text.and_then(read_moment).ok_or_else(wrong)?;
            return Ok(json!(at.to_rfc3339_opts(SecondsFormat::Millis, true)));
        }
        Kind::Boolean => drop(value.as_bool().ok_or_else(wrong)?),
        Kind::Decimal => drop(text.and_then(|text| text.parse::<f64>().ok()).ok_or_else(wrong)?),
    }
    Ok(value.clone())
}

/// Reads `/Date(ms)/`, or a moment as XML writes it.
fn read_moment(text: &str) -> Option<DateTime<Utc>> {
    if let Some(inside) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
        // What follows the sign is the offset it is shown with; the moment is the same.
        let end = inside.char_indices().skip(1).find(|(_, sign)| matches!(sign, '+' | '-'));
        let milliseconds = end.map_or(Some(inside), |(at, _)| inside.get(..at))?;
        return DateTime::from_timestamp_millis(milliseconds.parse().ok()?);
    }
    let exact = DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc());
    exact.or_else(|_| text.parse::<NaiveDateTime>().map(|moment| moment.and_utc())).ok()
}

/// Refuses accounts and contacts that are not there.
fn check_links(draft: &Draft<'_>, row: &Row) -> Result<(), ApiError> {
    for (name, target, field) in [
        ("AccountUUID", "CorporateAccountCollection", "UUID"),
        ("PrimaryContactUUID", "ContactCollection", "UUID"),
        ("MainAccountPartyID", "CorporateAccountCollection", "AccountID"),
        ("MainContactPartyID", "ContactCollection", "ContactID"),
    ] {
        let Some(wanted) = row.get(name).and_then(Value::as_str) else { continue };
        let known =
            SETS.iter().any(|set| set.name == target) && draft.key_by(target, field, wanted).is_some();
        if !known {
            return Err(ApiError::bad(format!("{name} {wanted} does not exist")));
        }
    }
    Ok(())
}
