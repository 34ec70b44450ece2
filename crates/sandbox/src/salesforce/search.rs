//! Owns parameterizedSearch over Account, Opportunity, Contact and Lead.
//!
//! A term matches whole words; only a `*` at its end makes it a prefix, as in SOSL. All terms must match.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Salesforce;
use super::reply::ApiError;
use super::schema::{Object, object};
use super::seed::Record;
use super::sobjects::url_of;
use super::soql::Condition;

/// The most records one search gives.
const MAX_OVERALL: usize = 2000;
/// How many of one object where nothing is said.
const USUAL_LIMIT: usize = 200;

/// The body of a search.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Asked {
    q: String,
    #[serde(default, rename = "in")]
    scope: Scope,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    sobjects: Vec<Wanted>,
    overall_limit: Option<usize>,
    default_limit: Option<usize>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Scope {
    #[default]
    All,
    Name,
    Email,
    Phone,
    Sidebar,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    #[serde(default)]
    fields: Vec<String>,
    limit: Option<usize>,
    #[serde(rename = "where")]
    condition: Option<String>,
}

/// Searches as the body says.
pub(super) async fn by_body(
    State(org): State<Arc<Salesforce>>,
    Path(version): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let asked = serde_json::from_slice(&body)
        .map_err(|error| ApiError::bad("JSON_PARSER_ERROR", format!("the body is no search: {error}")))?;
    search(&org, &version, &asked).map(Json)
}

/// Searches as the address says: `q`, `in`, `fields`, `sobject` (repeatable), `Account.fields`, `Account.limit`.
pub(super) async fn by_query(
    State(org): State<Arc<Salesforce>>,
    Path(version): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, ApiError> {
    let mut body = Map::new();
    let mut sobjects: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let number = |text: &str| text.parse::<usize>().map_or_else(|_| json!(text), |number| json!(number));
    let list = |text: &str| json!(text.split(',').map(str::trim).collect::<Vec<_>>());
    for (key, value) in pairs {
        match (key.as_str(), key.split_once('.')) {
            ("sobject", _) => {
                sobjects.entry(value).or_default();
            }
            (_, Some((name, "fields"))) => {
                sobjects.entry(name.to_owned()).or_default().insert("fields".to_owned(), list(&value));
            }
            (_, Some((name, "limit"))) => {
                sobjects.entry(name.to_owned()).or_default().insert("limit".to_owned(), number(&value));
            }
            (_, Some((name, "where"))) => {
                sobjects.entry(name.to_owned()).or_default().insert("where".to_owned(), json!(value));
            }
            ("fields", _) => {
                body.insert(key, list(&value));
            }
            ("overallLimit" | "defaultLimit", _) => {
                body.insert(key, number(&value));
            }
            _other => {
                body.insert(key, json!(value));
            }
        }
    }
    let wanted = sobjects.into_iter().map(|(name, mut entry)| {
        entry.insert("name".to_owned(), json!(name));
        Value::Object(entry)
    });
    body.insert("sobjects".to_owned(), Value::Array(wanted.collect()));
    let asked = serde_json::from_value(Value::Object(body))
        .map_err(|error| ApiError::bad("MALFORMED_SEARCH", format!("the address is no search: {error}")))?;
    search(&org, &version, &asked).map(Json)
}

fn search(org: &Salesforce, version: &str, asked: &Asked) -> Result<Value, ApiError> {
    let terms = terms(&asked.q)?;
    let everything: Vec<Wanted> = ["Account", "Opportunity", "Contact", "Lead"]
        .into_iter()
        .map(|name| Wanted { name: name.to_owned(), fields: Vec::new(), limit: None, condition: None })
        .collect();
    let wanted = if asked.sobjects.is_empty() { &everything } else { &asked.sobjects };
    let overall = asked.overall_limit.unwrap_or(MAX_OVERALL);
    if overall > MAX_OVERALL {
        return Err(ApiError::bad("MALFORMED_SEARCH", "overallLimit must be at most 2000"));
    }
    let mut found = Vec::new();
    for wanted in wanted {
        let object =
            object(&wanted.name).filter(|object| object.field("Name").is_some()).ok_or_else(|| {
                ApiError::bad("INVALID_TYPE", format!("sObject type '{}' is not supported.", wanted.name))
            })?;
        let fields = if wanted.fields.is_empty() { &asked.fields } else { &wanted.fields };
        let fields = checked_fields(object, fields)?;
        let condition = wanted.condition.as_deref().map(|text| Condition::parse(text, object)).transpose()?;
        let limit = wanted.limit.or(asked.default_limit).unwrap_or(USUAL_LIMIT);
        let hits = org
            .records
            .iter()
            .filter(|record| record.object == object.name)
            .filter(|record| matches(record, asked.scope, &terms))
            .filter(|record| {
                condition.as_ref().is_none_or(|condition| condition.holds(record, &org.records))
            });
        found.extend(hits.take(limit).map(|record| view(record, &fields, version)));
    }
    found.truncate(overall);
    Ok(json!({"searchRecords": found}))
}

fn checked_fields(object: &Object, wanted: &[String]) -> Result<Vec<&'static str>, ApiError> {
    if wanted.is_empty() {
        return Ok(vec!["Id"]);
    }
    let find = |name: &String| {
        object.field(name).map(|field| field.name).ok_or_else(|| {
            let message = format!("No such column '{name}' on entity '{}'.", object.name);
            ApiError::bad("INVALID_FIELD", message)
        })
    };
    wanted.iter().map(find).collect()
}

fn view(record: &Record, fields: &[&str], version: &str) -> Value {
    let mut shown = Map::new();
    shown.insert("attributes".to_owned(), json!({"type": record.object, "url": url_of(version, record)}));
    for name in fields {
        shown.insert((*name).to_owned(), record.value(name).clone());
    }
    Value::Object(shown)
}

/// The words of a search, each with whether it is a prefix.
fn terms(text: &str) -> Result<Vec<(String, bool)>, ApiError> {
    let significant = text.chars().filter(|character| character.is_alphanumeric()).count();
    if significant < 2 {
        let message = format!("search term must be longer than one character: {text}");
        return Err(ApiError::bad("MALFORMED_SEARCH", message));
    }
    let pieces = text.split(|character: char| !character.is_alphanumeric() && character != '*');
    Ok(pieces
        .map(|piece| (piece.replace('*', "").to_lowercase(), piece.ends_with('*')))
        .filter(|(word, _)| !word.is_empty())
        .collect())
}

fn matches(record: &Record, scope: Scope, terms: &[(String, bool)]) -> bool {
    let names: &[&str] = match scope {
        Scope::All | Scope::Sidebar => &["Name", "Email", "Phone", "Title", "Company", "BillingCity"],
        Scope::Name => &["Name"],
        Scope::Email => &["Email"],
        Scope::Phone => &["Phone"],
    };
    let words: Vec<String> = names
        .iter()
        .filter_map(|name| record.text(name))
        .flat_map(|text| text.split(|character: char| !character.is_alphanumeric()))
        .map(str::to_lowercase)
        .collect();
    terms.iter().all(|(term, prefix)| {
        words.iter().any(|word| if *prefix { word.starts_with(term) } else { word == term })
    })
}
