//! Owns what reads give: columns, annotations, expanded records, conditions, order and pages.

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::HeaderName;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::operate::{Context, Operation, Outcome, Prefer};
use super::reply::ApiError;
use super::schema::{Entity, by_logical, lookup};
use crate::odata::{Condition, Dialect, Options, Wildcards, parse};
use crate::shelf::{Row, Shelf};

/// The most records of a page, and how many where nothing is preferred.
const MAX_PAGE: usize = 5_000;
/// Where a count ends.
const MAX_COUNT: usize = 5_000;

/// The ETag of a record.
pub(super) fn etag(row: &Row) -> String {
    format!("W/\"{}\"", row.get("versionnumber").and_then(Value::as_u64).unwrap_or_default())
}

/// The error of an option that cannot be.
#[expect(clippy::needless_pass_by_value, reason = "used as a function of map_err")]
pub(super) fn no_option(name: String) -> ApiError {
    ApiError::query(format!("The query parameter {name} is not supported"))
}

/// Answers a list.
pub(super) fn list(
    cx: &Context<'_>,
    shelf: &Shelf,
    entity: &'static Entity,
    operation: &Operation,
) -> Result<Outcome, ApiError> {
    let options = Options::parse(&operation.query).map_err(no_option)?;
    for (name, given) in [
        ("$skip", options.skip.is_some()),
        ("$search", options.search.is_some()),
        ("$format", options.format.as_deref().is_some_and(|format| format != "json")),
    ] {
        if given {
            return Err(no_option(name.to_owned()));
        }
    }
    let prefer = Prefer::of(&operation.headers);
    let condition = options.filter.as_deref().map(|text| condition(entity, text)).transpose()?;
    for (name, _) in &options.order {
        column(entity, name)?;
    }
    let holds = |row: &Row| {
        let value = |name: &str| row.get(name).unwrap_or(&Value::Null);
        condition.as_ref().is_none_or(|condition| condition.holds(&value, Wildcards::Sql))
    };
    let mut found: Vec<&Row> = shelf.rows(entity.set).map(|(_, row)| row).filter(|row| holds(row)).collect();
    found.sort_by(|left, right| in_order(&options, left, right));
    let total = found.len();
    // With a page size asked for, $top says nothing.
    if prefer.page_size.is_none() {
        found.truncate(options.top.unwrap_or(usize::MAX));
    }
    let mark = mark(entity, &options);
    let from = options.skip_token.as_deref().map(|token| place(token, &mark)).transpose()?.unwrap_or(0);
    let size = prefer.page_size.unwrap_or(MAX_PAGE).min(MAX_PAGE);
    let more = from.saturating_add(size) < found.len();
    let page = found.into_iter().skip(from).take(size);
    let records = page
        .map(|row| view(cx, shelf, entity, row, &options, prefer.annotations).map(Value::Object))
        .collect::<Result<Vec<_>, _>>()?;
    let mut answer = Map::new();
    let columns =
        if options.select.is_empty() { String::new() } else { format!("({})", options.select.join(",")) };
    answer
        .insert("@odata.context".to_owned(), json!(format!("{}$metadata#{}{columns}", cx.base, entity.set)));
    if options.count {
        answer.insert("@odata.count".to_owned(), json!(total.min(MAX_COUNT)));
    }
    answer.insert("value".to_owned(), Value::Array(records));
    if more {
        answer.insert("@odata.nextLink".to_owned(), json!(next(cx, entity, operation, from + size, &mark)));
    }
    let outcome = Outcome::of(Value::Object(answer));
    Ok(match prefer.page_size {
        Some(size) => {
            outcome.with(HeaderName::from_static("preference-applied"), format!("odata.maxpagesize={size}"))
        }
        None => outcome,
    })
}

/// Reads a condition and checks its columns.
fn condition(entity: &Entity, text: &str) -> Result<Condition, ApiError> {
    let condition = parse(text, Dialect::V4).map_err(|wrong| ApiError::condition(&wrong, text))?;
    condition.fields().into_iter().try_for_each(|name| column(entity, name))?;
    Ok(condition)
}

fn column(entity: &Entity, name: &str) -> Result<(), ApiError> {
    if entity.has_column(name) { Ok(()) } else { Err(ApiError::no_column(entity.logical, name)) }
}

fn in_order(options: &Options, left: &Row, right: &Row) -> Ordering {
    let mut order = Ordering::Equal;
    for (name, descending) in &options.order {
        let (left, right) = (left.get(name), right.get(name));
        let found = match (left.and_then(Value::as_f64), right.and_then(Value::as_f64)) {
            (Some(left), Some(right)) => left.total_cmp(&right),
            _text => {
                let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_lowercase);
                text(left).cmp(&text(right))
            }
        };
        order = order.then(if *descending { found.reverse() } else { found });
    }
    order
}

/// What ties the token of a page to its query.
fn mark(entity: &Entity, options: &Options) -> String {
    let text = format!("{}\n{:?}\n{:?}", entity.set, options.filter, options.order);
    let hash = digest(&SHA256, text.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref().get(..9).unwrap_or_default())
}

fn place(token: &str, mark: &str) -> Result<usize, ApiError> {
    let wrong = || ApiError::query("Malformed XML in the Paging Cookie");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    let (place, of) = text.split_once(':').ok_or_else(wrong)?;
    if of == mark { place.parse().map_err(|_| wrong()) } else { Err(wrong()) }
}

fn next(cx: &Context<'_>, entity: &Entity, operation: &Operation, from: usize, mark: &str) -> String {
    let kept = operation.query.split('&').filter(|pair| {
        !pair.is_empty() && !pair.starts_with("$skiptoken=") && !pair.starts_with("%24skiptoken=")
    });
    let token = format!("$skiptoken={}", URL_SAFE_NO_PAD.encode(format!("{from}:{mark}")));
    let query: Vec<&str> = kept.chain([token.as_str()]).collect();
    format!("{}{}?{}", cx.base, entity.set, query.join("&"))
}

/// Shows one record by itself.
pub(super) fn record(
    cx: &Context<'_>,
    shelf: &Shelf,
    entity: &'static Entity,
    row: &Row,
    options: &Options,
    prefer: &Prefer,
) -> Result<Value, ApiError> {
    let mut shown = Map::new();
    let context = format!("{}$metadata#{}/$entity", cx.base, entity.set);
    shown.insert("@odata.context".to_owned(), json!(context));
    shown.extend(view(cx, shelf, entity, row, options, prefer.annotations)?);
    Ok(Value::Object(shown))
}

fn view(
    cx: &Context<'_>,
    shelf: &Shelf,
    entity: &'static Entity,
    row: &Row,
    options: &Options,
    annotations: bool,
) -> Result<Map<String, Value>, ApiError> {
    options.select.iter().try_for_each(|name| column(entity, name))?;
    let mut shown = Map::new();
    shown.insert("@odata.etag".to_owned(), json!(etag(row)));
    let mut columns = if options.select.is_empty() { entity.columns() } else { options.select.clone() };
    if !columns.iter().any(|name| name == entity.key) {
        columns.push(entity.key.to_owned());
    }
    for name in columns {
        let value = row.get(&name).cloned().unwrap_or(Value::Null);
        let target = annotations.then(|| leads_to(row, &name)).flatten();
        if let Some((logical, id)) = target {
            let target = by_logical(logical);
            let title = target.and_then(|target| shelf.get(target.set, id)?.get(target.title));
            let annotation = |kind: &str| format!("{name}@{kind}");
            shown.insert(
                annotation("OData.Community.Display.V1.FormattedValue"),
                title.cloned().unwrap_or(Value::Null),
            );
            shown.insert(annotation("Microsoft.Dynamics.CRM.lookuplogicalname"), json!(logical));
        }
        shown.insert(name, value);
    }
    for wanted in &options.expand {
        expand(cx, shelf, entity, row, wanted, &mut shown)?;
    }
    Ok(shown)
}

/// The logical name and the id that a lookup's column leads to.
pub(super) fn leads_to<'a>(row: &'a Row, column: &str) -> Option<(&'a str, &'a str)> {
    let attribute = column.strip_prefix('_')?.strip_suffix("_value")?;
    let logical = row.get(&format!("@{attribute}"))?.as_str()?;
    Some((logical, row.get(column)?.as_str()?))
}

fn expand(
    cx: &Context<'_>,
    shelf: &Shelf,
    entity: &'static Entity,
    row: &Row,
    wanted: &str,
    shown: &mut Map<String, Value>,
) -> Result<(), ApiError> {
    let (name, inside) = wanted.split_once('(').map_or((wanted, ""), |(name, rest)| (name, rest));
    let query = inside.strip_suffix(')').unwrap_or(inside).replace(';', "&");
    let options = Options::parse(&query).map_err(no_option)?;
    if entity.parties == Some(name) {
        let id = row.get(entity.key).and_then(Value::as_str).unwrap_or_default();
        shown.insert(name.to_owned(), Value::Array(parties(cx, shelf, id, &options)?));
        return Ok(());
    }
    let navigation = entity
        .every_navigation()
        .find(|navigation| navigation.name == name && cx.has(navigation.target))
        .ok_or_else(|| ApiError::no_column(entity.logical, name))?;
    let target = leads_to(row, &lookup(navigation.attribute))
        .filter(|(logical, _)| *logical == navigation.target)
        .and_then(|(logical, id)| Some((by_logical(logical)?, id)));
    let found = target.and_then(|(target, id)| Some((target, shelf.get(target.set, id)?)));
    let value = match found {
        Some((target, found)) => Value::Object(view(cx, shelf, target, found, &options, false)?),
        None => Value::Null,
    };
    shown.insert(name.to_owned(), value);
    Ok(())
}

fn parties(cx: &Context<'_>, shelf: &Shelf, id: &str, options: &Options) -> Result<Vec<Value>, ApiError> {
    let party = by_logical("activityparty").ok_or_else(|| ApiError::no_segment("activityparties"))?;
    shelf
        .rows(party.set)
        .filter(|(_, row)| row.get("_activityid_value").and_then(Value::as_str) == Some(id))
        .map(|(_, row)| view(cx, shelf, party, row, options, false).map(Value::Object))
        .collect()
}

/// Answers the collection of an activity's parties.
pub(super) fn parties_of(
    cx: &Context<'_>,
    shelf: &Shelf,
    entity: &Entity,
    id: &str,
    name: &str,
) -> Result<Outcome, ApiError> {
    if entity.parties != Some(name) {
        return Err(ApiError::no_segment(name));
    }
    let value = parties(cx, shelf, id, &Options::default())?;
    let context = format!("{}$metadata#activityparties", cx.base);
    Ok(Outcome::of(json!({"@odata.context": context, "value": value})))
}
