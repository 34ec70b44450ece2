//! Owns how records are written: JSON with the tenant's wrapping, and Atom.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::body::rows_of;
use super::reply::ApiError;
use super::schema::{Child, Kind, Property, Set};
use crate::html::Escaped;
use crate::odata::Options;
use crate::shelf::{Row, Shelf};

/// The ETag of a record.
pub(super) fn etag(row: &Row) -> String {
    let at = row.get("ETag").and_then(Value::as_str).and_then(|at| at.parse::<DateTime<Utc>>().ok());
    let at = at.unwrap_or_default().format("%Y-%m-%dT%H%%3A%M%%3A%S%.6f0Z");
    format!("W/\"datetimeoffset'{at}'\"")
}

fn written(kind: Kind, value: &Value) -> Value {
    match (kind, value.as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok())) {
        (Kind::Moment, Some(at)) => json!(format!("/Date({})/", at.timestamp_millis())),
        _other => value.clone(),
    }
}

/// Writes a record for JSON.
pub(super) fn record(
    base: &str,
    shelf: &Shelf,
    set: &'static Set,
    row: &Row,
    options: &Options,
    custom_field: bool,
) -> Result<Map<String, Value>, ApiError> {
    let id = row.get("ObjectID").and_then(Value::as_str).unwrap_or_default();
    let uri = format!("{base}{}('{id}')", set.name);
    let mut shown = Map::new();
    let kind = format!("c4codata.{}", set.entity);
    shown.insert("__metadata".to_owned(), json!({"uri": uri, "type": kind, "etag": etag(row)}));
    for name in &options.select {
        if set.property(name).is_none() && set.child(name).is_none() {
            return Err(ApiError::no_property(set.entity, name));
        }
    }
    let wanted = |name: &str| options.select.is_empty() || options.select.iter().any(|known| known == name);
    let there = |property: &&Property| custom_field || property.name != super::schema::LOG_ID_FIELD;
    for property in set.all().filter(there).filter(|property| wanted(property.name)) {
        let value = row.get(property.name).unwrap_or(&Value::Null);
        shown.insert(property.name.to_owned(), written(property.kind, value));
    }
    for child in set.children.iter().filter(|child| wanted(child.navigation)) {
        let expanded = options.expand.iter().any(|name| name == child.navigation);
        let value = if expanded {
            Value::Array(children(base, shelf, child, id))
        } else {
            json!({"__deferred": {"uri": format!("{uri}/{}", child.navigation)}})
        };
        shown.insert(child.navigation.to_owned(), value);
    }
    if let Some(name) = options.expand.iter().find(|name| set.child(name).is_none()) {
        return Err(ApiError::no_property(set.entity, name));
    }
    Ok(shown)
}

/// Writes the rows that belong to a record.
pub(super) fn children(base: &str, shelf: &Shelf, child: &'static Child, parent: &str) -> Vec<Value> {
    let rows = rows_of(child);
    let of_parent = |row: &Row| row.get("ParentObjectID").and_then(Value::as_str) == Some(parent);
    shelf
        .rows(&rows)
        .filter(|(_, row)| of_parent(row))
        .map(|(id, row)| {
            let mut shown = Map::new();
            let kind = format!("c4codata.{}", child.entity);
            let metadata = json!({"uri": format!("{base}{rows}('{id}')"), "type": kind});
            shown.insert("__metadata".to_owned(), metadata);
            for property in child.all() {
                let value = row.get(property.name).unwrap_or(&Value::Null);
                shown.insert(property.name.to_owned(), written(property.kind, value));
            }
            Value::Object(shown)
        })
        .collect()
}

/// Writes records as an Atom feed, or one of them as an entry.
pub(super) fn atom(base: &str, set: &Set, rows: &[&Row], feed: bool) -> String {
    let namespaces = "xmlns=\"http://www.w3.org/2005/Atom\" \
        xmlns:m=\"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata\" \
        xmlns:d=\"http://schemas.microsoft.com/ado/2007/08/dataservices\"";
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    // Writing to a String cannot fail, here and below.
    if feed {
        let _ = write!(text, "<feed {namespaces}><title type=\"text\">{}</title>", set.name);
    }
    for row in rows {
        let id = row.get("ObjectID").and_then(Value::as_str).unwrap_or_default();
        let inside = if feed { "" } else { namespaces };
        let _ = write!(
            text,
            "<entry {inside} m:etag=\"{}\"><id>{}{}('{id}')</id>\
             <content type=\"application/xml\"><m:properties>",
            Escaped(&etag(row)),
            Escaped(base),
            set.name
        );
        for property in set.all() {
            let name = property.name;
            let value = row.get(name).and_then(Value::as_str).unwrap_or_default();
            let _ = match property.kind {
                _ if value.is_empty() => write!(text, "<d:{name} m:null=\"true\"/>"),
                _other => write!(text, "<d:{name}>{}</d:{name}>", Escaped(value)),
            };
        }
        text.push_str("</m:properties></content></entry>");
    }
    if feed {
        text.push_str("</feed>");
    }
    text
}

/// Describes the collections, as `$metadata` does.
pub(super) fn metadata(sets: &'static [Set], custom_field: bool) -> String {
    let mut types = String::new();
    let mut links = String::new();
    let mut container = String::new();
    for set in sets {
        let _ =
            write!(types, "<EntityType Name=\"{}\"><Key><PropertyRef Name=\"ObjectID\"/></Key>", set.entity);
        let there = |property: &&Property| custom_field || property.name != super::schema::LOG_ID_FIELD;
        set.all().filter(there).for_each(|property| describe(&mut types, property));
        let _ =
            write!(container, "<EntitySet Name=\"{}\" EntityType=\"c4codata.{}\"/>", set.name, set.entity);
        let mut nested = String::new();
        for child in set.children {
            let relation = format!("{}_{}", set.entity, child.entity);
            let _ = write!(
                types,
                "<NavigationProperty Name=\"{}\" Relationship=\"c4codata.{relation}\" FromRole=\"{}\" ToRole=\"{}\"/>",
                child.navigation, set.entity, child.entity
            );
            let _ = write!(
                nested,
                "<EntityType Name=\"{}\"><Key><PropertyRef Name=\"ObjectID\"/></Key>",
                child.entity
            );
            child.all().for_each(|property| describe(&mut nested, property));
            nested.push_str("</EntityType>");
            let _ = write!(
                links,
                "<Association Name=\"{relation}\"><End Type=\"c4codata.{0}\" Multiplicity=\"1\" Role=\"{0}\"/>\
                 <End Type=\"c4codata.{1}\" Multiplicity=\"*\" Role=\"{1}\"/></Association>",
                set.entity, child.entity
            );
            let rows = rows_of(child);
            let _ = write!(
                container,
                "<EntitySet Name=\"{rows}\" EntityType=\"c4codata.{1}\"/><AssociationSet Name=\"{relation}\" \
                 Association=\"c4codata.{relation}\"><End EntitySet=\"{2}\" Role=\"{0}\"/>\
                 <End EntitySet=\"{rows}\" Role=\"{1}\"/></AssociationSet>",
                set.entity, child.entity, set.name
            );
        }
        let _ = write!(types, "</EntityType>{nested}");
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <edmx:Edmx Version=\"1.0\" xmlns:edmx=\"http://schemas.microsoft.com/ado/2007/06/edmx\" \
         xmlns:m=\"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata\" \
         xmlns:sap=\"http://www.sap.com/Protocols/SAPData\"><edmx:DataServices m:DataServiceVersion=\"2.0\">\
         <Schema Namespace=\"c4codata\" xmlns=\"http://schemas.microsoft.com/ado/2008/09/edm\">{types}{links}\
         <EntityContainer Name=\"c4codata\" m:IsDefaultEntityContainer=\"true\">{container}</EntityContainer>\
         </Schema></edmx:DataServices></edmx:Edmx>"
    )
}

fn describe(text: &mut String, property: &Property) {
    let (kind, length) = match property.kind {
        Kind::Text(max) => ("String", format!(" MaxLength=\"{max}\"")),
        Kind::LargeText => ("String", String::new()),
        Kind::Guid => ("Guid", String::new()),
        Kind::Moment => ("DateTimeOffset", String::new()),
        Kind::Boolean => ("Boolean", String::new()),
        Kind::Decimal => ("Decimal", " Precision=\"28\" Scale=\"6\"".to_owned()),
    };
    let _ = write!(
        text,
        "<Property Name=\"{}\" Type=\"Edm.{kind}\" Nullable=\"{}\"{length} sap:creatable=\"{}\" \
         sap:updatable=\"{}\" sap:filterable=\"{}\"/>",
        property.name,
        property.nullable,
        property.creatable,
        property.updatable,
        property.kind != Kind::LargeText
    );
}

/// A moment as the pages show it.
pub(super) fn shown_moment(text: &str) -> String {
    text.parse::<DateTime<Utc>>()
        .map_or_else(|_| text.to_owned(), |at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
}
