//! Owns single operations of the Web API: which record is meant, whether the request's conditions hold, and the answer.
//!
//! What a body may say is body's business, what a list gives is query's.

use bytes::Bytes;
use http::header::{ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Map, Value, json};

use super::body::{self, References};
use super::query;
use super::reply::ApiError;
use super::schema::{ENTITIES, Entity, OF_SALES, by_logical};
use super::seed::{BUSINESS_UNIT, ORGANIZATION};
use super::switches::Settings;
use crate::odata::{self, Dialect, Key, Options, Segment, Wildcards};
use crate::shelf::{Change, Draft, Row};

/// The kind of the fields that hold one of several values.
const PICKLISTS: &str = "Microsoft.Dynamics.CRM.PicklistAttributeMetadata";

/// What every operation of a request knows.
pub(super) struct Context<'a> {
    /// The address of the Web API, with a slash at its end.
    pub(super) base: &'a str,
    /// Who calls.
    pub(super) user: &'a str,
    pub(super) settings: &'a Settings,
    /// The version that records get which are written now.
    pub(super) version: u64,
}

impl Context<'_> {
    /// Finds an entity that the environment has, by a test.
    pub(super) fn entity(&self, wanted: impl Fn(&Entity) -> bool) -> Option<&'static Entity> {
        ENTITIES.iter().find(|entity| wanted(entity) && self.has(entity.logical))
    }

    /// Tells whether the environment has an entity.
    pub(super) fn has(&self, logical: &str) -> bool {
        self.settings.sales_app || !OF_SALES.contains(&logical)
    }
}

/// One request, alone or of a batch.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: Method,
    /// Below the address of the Web API, still percent-encoded.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What answers it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: Option<Value>,
}

impl Outcome {
    /// A 200 with a body.
    pub(super) fn of(body: Value) -> Self {
        Self { status: StatusCode::OK, headers: Vec::new(), body: Some(body) }
    }

    fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: Vec::new(), body: None }
    }

    /// Adds a header.
    pub(super) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What a client prefers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Prefer {
    pub(super) page_size: Option<usize>,
    pub(super) representation: bool,
    pub(super) annotations: bool,
    pub(super) continue_on_error: bool,
}

impl Prefer {
    /// Reads the headers; what is not known is passed over.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        for value in headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok()) {
            for part in value.split([',', ';']).map(str::trim) {
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                match name {
                    "odata.maxpagesize" => prefer.page_size = value.parse().ok().filter(|size| *size > 0),
                    "return" => prefer.representation = value == "representation",
                    "odata.include-annotations" => prefer.annotations = true,
                    "odata.continue-on-error" => prefer.continue_on_error = value != "false",
                    _other => {}
                }
            }
        }
        prefer
    }
}

/// Carries out one operation; what it changes goes into the draft.
pub(super) fn operate(
    cx: &Context<'_>,
    draft: &mut Draft<'_>,
    operation: &Operation,
    references: &References,
) -> Result<Outcome, ApiError> {
    let path = references.resolve(&operation.path)?;
    let segments =
        odata::path(&path).ok_or_else(|| ApiError::query("Bad Request - Error in query syntax."))?;
    let get = operation.method == Method::GET;
    match segments.as_slice() {
        [Segment { name, key: None }] if name.is_empty() && get => Ok(Outcome::of(service_document(cx))),
        [Segment { name, .. }] if name == "WhoAmI" && get => Ok(Outcome::of(who_am_i(cx))),
        [Segment { name, key: None }] if name == "EntityDefinitions" && get => definitions(cx, operation),
        [Segment { name, key: Some(key) }] if name == "EntityDefinitions" && get => definition(cx, key),
        [Segment { name, key: Some(key) }, Segment { name: attributes, .. }, Segment { name: kind, .. }]
            if name == "EntityDefinitions" && attributes == "Attributes" && kind == PICKLISTS && get =>
        {
            picklists(cx, key)
        }
        [Segment { name, key }] => {
            let entity = cx.entity(|known| known.set == *name).ok_or_else(|| ApiError::no_segment(name))?;
            match key {
                None => collection(cx, draft, operation, references, entity),
                Some(key) => record(cx, draft, operation, references, entity, key),
            }
        }
        [Segment { name, key: Some(key) }, Segment { name: rest, key: None }] if get => {
            let entity = cx.entity(|known| known.set == *name).ok_or_else(|| ApiError::no_segment(name))?;
            let (id, _row) = existing(draft, entity, key)?;
            query::parties_of(cx, draft.shelf(), entity, &id, rest)
        }
        other => Err(ApiError::no_segment(other.last().map_or("", |segment| &segment.name))),
    }
}

fn service_document(cx: &Context<'_>) -> Value {
    let sets = ENTITIES.iter().filter(|entity| cx.has(entity.logical));
    let sets = sets.map(|entity| json!({"name": entity.set, "kind": "EntitySet", "url": entity.set}));
    json!({"@odata.context": format!("{}$metadata", cx.base), "value": sets.collect::<Vec<_>>()})
}

fn who_am_i(cx: &Context<'_>) -> Value {
    json!({
        "@odata.context": format!("{}$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse", cx.base),
        "BusinessUnitId": BUSINESS_UNIT,
        "UserId": cx.user,
        "OrganizationId": ORGANIZATION,
    })
}

/// Lists the fields of an entity that hold one of several values, with their values.
fn picklists(cx: &Context<'_>, key: &Key) -> Result<Outcome, ApiError> {
    let entity = defined(cx, key)?;
    let options = [(0, "Low"), (1, "Normal"), (2, "High")].map(|(value, label)| {
        let label = json!({"Label": label, "LanguageCode": 1033});
        json!({"Value": value, "Label": {"LocalizedLabels": [label], "UserLocalizedLabel": label}})
    });
    let priority = json!({"LogicalName": "prioritycode", "OptionSet": {"Options": options}});
    let value = if entity.is_activity() { vec![priority] } else { Vec::new() };
    Ok(Outcome::of(json!({"value": value})))
}

fn definition(cx: &Context<'_>, key: &Key) -> Result<Outcome, ApiError> {
    let mut shown = described(defined(cx, key)?);
    let context = format!("{}$metadata#EntityDefinitions/$entity", cx.base);
    shown.insert("@odata.context".to_owned(), json!(context));
    Ok(Outcome::of(Value::Object(shown)))
}

fn defined(cx: &Context<'_>, key: &Key) -> Result<&'static Entity, ApiError> {
    let named = key.field.as_deref() == Some("LogicalName");
    let entity = by_logical(&key.value).filter(|entity| named && cx.has(entity.logical));
    entity.ok_or_else(|| {
        let message = format!("Could not find an entity with name {} and object type code.", key.value);
        ApiError::new(StatusCode::NOT_FOUND, "0x80060888", message)
    })
}

fn described(entity: &Entity) -> Row {
    let mut row = Row::new();
    for (name, value) in [
        ("LogicalName", entity.logical),
        ("SchemaName", entity.logical),
        ("EntitySetName", entity.set),
        ("PrimaryIdAttribute", entity.key),
        ("PrimaryNameAttribute", entity.title),
    ] {
        row.insert(name.to_owned(), json!(value));
    }
    row
}

/// Lists the definitions that meet a condition.
fn definitions(cx: &Context<'_>, operation: &Operation) -> Result<Outcome, ApiError> {
    let options = Options::parse(&operation.query).map_err(query::no_option)?;
    let condition = options
        .filter
        .as_deref()
        .map(|text| odata::parse(text, Dialect::V4).map_err(|wrong| ApiError::condition(&wrong, text)))
        .transpose()?;
    let rows = ENTITIES.iter().filter(|entity| cx.has(entity.logical)).map(described);
    let rows = rows.filter(|row| {
        let value = |name: &str| row.get(name).unwrap_or(&Value::Null);
        condition.as_ref().is_none_or(|condition| condition.holds(&value, Wildcards::None))
    });
    let context = format!("{}$metadata#EntityDefinitions", cx.base);
    Ok(Outcome::of(json!({"@odata.context": context, "value": rows.collect::<Vec<_>>()})))
}

fn collection(
    cx: &Context<'_>,
    draft: &mut Draft<'_>,
    operation: &Operation,
    references: &References,
    entity: &'static Entity,
) -> Result<Outcome, ApiError> {
    match operation.method {
        Method::GET => query::list(cx, draft.shelf(), entity, operation),
        Method::POST => {
            let body = body::object_of(entity, &operation.body)?;
            let id = match body.get(entity.key).and_then(Value::as_str) {
                Some(id) => body::guid(id)?,
                None => crate::world::guid().map_err(|error| ApiError::internal(&error))?,
            };
            if draft.get(entity.set, &id).is_some() {
                return Err(ApiError::duplicate());
            }
            write(cx, draft, operation, references, entity, &id, &body)
        }
        _ => Err(not_allowed(&operation.method)),
    }
}

fn not_allowed(method: &Method) -> ApiError {
    let message = format!("The requested resource does not support http method '{method}'.");
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "0x0", message)
}

/// Finds the record a key means: its id, and the record if it is there.
fn meant(draft: &Draft<'_>, entity: &Entity, key: &Key) -> Result<(Option<String>, String), ApiError> {
    match key.field.as_deref() {
        Some(field) if field != entity.key => {
            if entity.alternate_key != Some(field) {
                let message = format!(
                    "The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.{}'.",
                    entity.logical
                );
                return Err(ApiError::query(message));
            }
            if key.value.is_empty() || key.value.contains(['/', '<', '>', '*', '%', '&', ':', '\\', '?', '+'])
            {
                return Err(ApiError::query(format!("Invalid value for the key '{field}'.")));
            }
            Ok((draft.key_by(entity.set, field, &key.value), key.value.clone()))
        }
        _primary => {
            let id = body::guid(&key.value)?;
            Ok((draft.get(entity.set, &id).map(|_| id.clone()), id))
        }
    }
}

fn existing<'a>(draft: &'a Draft<'_>, entity: &Entity, key: &Key) -> Result<(String, &'a Row), ApiError> {
    let (id, shown) = meant(draft, entity, key)?;
    let row = id.as_deref().and_then(|id| draft.get(entity.set, id));
    id.clone().zip(row).ok_or_else(|| ApiError::no_record(entity.logical, &shown))
}

fn record(
    cx: &Context<'_>,
    draft: &mut Draft<'_>,
    operation: &Operation,
    references: &References,
    entity: &'static Entity,
    key: &Key,
) -> Result<Outcome, ApiError> {
    let (id, shown) = meant(draft, entity, key)?;
    let known = id.as_deref().and_then(|id| draft.get(entity.set, id));
    let missing = || ApiError::no_record(entity.logical, &shown);
    match operation.method {
        Method::GET => {
            let row = known.ok_or_else(missing)?;
            let options = Options::parse(&operation.query).map_err(query::no_option)?;
            let prefer = Prefer::of(&operation.headers);
            let shown = query::record(cx, draft.shelf(), entity, row, &options, &prefer)?;
            Ok(Outcome::of(shown).with(ETAG, query::etag(row)))
        }
        Method::PATCH => {
            conditions(&operation.headers, known, &missing)?;
            let mut body = body::object_of(entity, &operation.body)?;
            let id = match (id, key.field.as_deref().filter(|field| *field != entity.key)) {
                (Some(id), _) => id,
                (None, None) => shown,
                (None, Some(field)) => {
                    body.insert(field.to_owned(), Value::String(key.value.clone()));
                    crate::world::guid().map_err(|error| ApiError::internal(&error))?
                }
            };
            write(cx, draft, operation, references, entity, &id, &body)
        }
        Method::DELETE => {
            conditions(&operation.headers, Some(known.ok_or_else(missing)?), &missing)?;
            body::check_writable(entity)?;
            draft.push(Change::remove(entity.set, &id.unwrap_or_default()));
            Ok(Outcome::empty())
        }
        _ => Err(not_allowed(&operation.method)),
    }
}

/// Checks If-Match and If-None-Match.
fn conditions(
    headers: &HeaderMap,
    known: Option<&Row>,
    missing: &dyn Fn() -> ApiError,
) -> Result<(), ApiError> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if header(IF_NONE_MATCH) == Some("*") && known.is_some() {
        return Err(ApiError::duplicate());
    }
    match (header(IF_MATCH), known) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(missing()),
        (Some(wanted), Some(row)) if wanted == "*" || wanted == query::etag(row) => Ok(()),
        (Some(_), Some(_)) => {
            let message =
                "The version of the existing record doesn't match the RowVersion property provided.";
            Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "0x80060882", message))
        }
    }
}

fn write(
    cx: &Context<'_>,
    draft: &mut Draft<'_>,
    operation: &Operation,
    references: &References,
    entity: &'static Entity,
    id: &str,
    body: &Map<String, Value>,
) -> Result<Outcome, ApiError> {
    let created = draft.get(entity.set, id).is_none();
    body::apply(cx, draft, references, entity, id, body)?;
    let prefer = Prefer::of(&operation.headers);
    let address = format!("{}{}({id})", cx.base, entity.set);
    let row = draft.get(entity.set, id).ok_or_else(|| ApiError::no_record(entity.logical, id))?;
    if prefer.representation {
        let options = Options::parse(&operation.query).map_err(query::no_option)?;
        let mut outcome = Outcome::of(query::record(cx, draft.shelf(), entity, row, &options, &prefer)?)
            .with(ETAG, query::etag(row));
        if created {
            outcome.status = StatusCode::CREATED;
        }
        return Ok(outcome.with(HeaderName::from_static("preference-applied"), "return=representation"));
    }
    Ok(Outcome::empty().with(HeaderName::from_static("odata-entityid"), address))
}
