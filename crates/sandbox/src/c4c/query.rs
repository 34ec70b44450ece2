//! Owns lists: the few conditions that the tenant knows, searching, order and pages.

use std::cmp::Ordering;

use serde_json::Value;

use super::body;
use super::reply::ApiError;
use super::schema::{Kind, Set};
use super::switches::Settings;
use crate::odata::{Condition, Dialect, Options, Wildcards, parse};
use crate::shelf::{Row, Shelf};

/// The most records of a page that the client did not size, with nested records.
const EXPANDED_PAGE: usize = 100;

/// What a list gives.
pub(super) struct Page<'a> {
    pub(super) rows: Vec<&'a Row>,
    pub(super) total: usize,
    /// The token of the next page; none if this is the last.
    pub(super) next: Option<usize>,
}

/// Finds the records of a page.
pub(super) fn page<'a>(
    settings: &Settings,
    shelf: &'a Shelf,
    set: &'static Set,
    options: &Options,
) -> Result<Page<'a>, ApiError> {
    let condition = options.filter.as_deref().map(|text| condition(settings, set, text)).transpose()?;
    for (name, _) in &options.order {
        body::property(settings, set, name)?;
    }
    let terms = options.search.as_deref().map(terms).unwrap_or_default();
    let meets = |row: &Row| {
        let value = |name: &str| row.get(name).unwrap_or(&Value::Null);
        condition.as_ref().is_none_or(|condition| condition.holds(&value, Wildcards::Star))
            && terms.iter().all(|term| found_in(row, term))
    };
    let mut rows: Vec<&Row> = shelf.rows(set.name).map(|(_, row)| row).filter(|row| meets(row)).collect();
    rows.sort_by(|left, right| in_order(&options.order, left, right));
    let total = rows.len();
    let rows = rows.into_iter().skip(options.skip.unwrap_or(0)).take(options.top.unwrap_or(usize::MAX));
    let from = match options.skip_token.as_deref().map(str::parse::<usize>) {
        None => 0,
        Some(Ok(first)) if first > 0 => first - 1,
        Some(_) => return Err(ApiError::bad("Invalid $skiptoken")),
    };
    let size = match (options.top, options.expand.is_empty()) {
        (Some(_), true) => usize::MAX,
        (_, true) => settings.page_size,
        (_, false) => settings.page_size.min(EXPANDED_PAGE),
    };
    let rows: Vec<&Row> = rows.skip(from).collect();
    let next = (rows.len() > size).then(|| from.saturating_add(size).saturating_add(1));
    Ok(Page { rows: rows.into_iter().take(size).collect(), total, next })
}

fn condition(settings: &Settings, set: &Set, text: &str) -> Result<Condition, ApiError> {
    let condition = parse(text, Dialect::V2).map_err(|wrong| ApiError::condition(&wrong))?;
    for name in condition.fields() {
        if name.contains('/') {
            return Err(ApiError::bad(format!("Filtering by navigation property is not supported: {name}")));
        }
        let property = body::property(settings, set, name)?;
        if property.kind == Kind::LargeText {
            return Err(ApiError::bad(format!("Property {name} is not filterable")));
        }
    }
    check_or(&condition)?;
    Ok(condition)
}

/// Refuses an `or` between different properties.
fn check_or(condition: &Condition) -> Result<(), ApiError> {
    match condition {
        Condition::Or(terms) => {
            let fields = condition.fields();
            if fields.iter().any(|name| Some(name) != fields.first()) {
                let message = "The 'or' operator is supported only between conditions on the same property";
                return Err(ApiError::bad(message));
            }
            terms.iter().try_for_each(check_or)
        }
        Condition::And(terms) => terms.iter().try_for_each(check_or),
        Condition::Not(term) => check_or(term),
        Condition::Compare { .. } | Condition::Call { .. } | Condition::In { .. } => Ok(()),
    }
}

/// The words of a search, each with whether it is a prefix.
fn terms(text: &str) -> Vec<(String, bool)> {
    text.split_whitespace()
        .map(|word| (word.trim_end_matches('*').to_lowercase(), word.ends_with('*')))
        .collect()
}

fn found_in(row: &Row, (term, prefix): &(String, bool)) -> bool {
    row.values()
        .filter_map(Value::as_str)
        .flat_map(|text| text.split(|character: char| !character.is_alphanumeric()))
        .map(str::to_lowercase)
        .any(|word| if *prefix { word.starts_with(term) } else { word == *term })
}

fn in_order(keys: &[(String, bool)], left: &Row, right: &Row) -> Ordering {
    keys.iter().fold(Ordering::Equal, |order, (name, descending)| {
        let text = |row: &Row| row.get(name).and_then(Value::as_str).map(str::to_lowercase);
        let found = text(left).cmp(&text(right));
        order.then(if *descending { found.reverse() } else { found })
    })
}
