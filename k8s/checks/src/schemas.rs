//! Custom resources have only the fields they have.
//!
//! Owns reading the schemas of `k8s/schemas/`: what of a kind we use, written down from its vendor's reference. A field
//! that does not stand there is a mistake until it does. Kinds of Kubernetes' own are another tool's.

use serde_json::Value;

use crate::code::Code;
use crate::objects::{Objects, items, text, title};

/// Groups whose kinds are Kubernetes' own.
const BUILT_IN: [&str; 6] =
    ["v1", "apps/v1", "batch/v1", "autoscaling/v2", "networking.k8s.io/v1", "policy/v1"];

/// Tells whether an object is of Kubernetes' own kinds.
#[must_use]
pub fn is_built_in(object: &Value) -> bool {
    BUILT_IN.contains(&text(&object["apiVersion"]))
}

/// Returns what a schema does not allow, and kinds that have none.
#[must_use]
pub fn check(objects: &Objects, code: &Code) -> Vec<String> {
    let mut found = Vec::new();
    for object in objects.0.iter().filter(|object| !is_built_in(object)) {
        let kind = format!("{}/{}", text(&object["apiVersion"]), text(&object["kind"]));
        let Some(schema) = code.schemas.get(&kind) else {
            found.push(format!("{}: k8s/schemas has no {kind}", title(object)));
            continue;
        };
        let mut mistakes = Vec::new();
        validate(&object["spec"], schema, "spec", &mut mistakes);
        found.extend(mistakes.into_iter().map(|mistake| format!("{}: {mistake}", title(object))));
    }
    found
}

/// The part of JSON Schema that the files use; objects are closed.
fn validate(value: &Value, schema: &Value, path: &str, found: &mut Vec<String>) {
    let mut tell = |what: String| found.push(format!("{path} {what}"));
    match text(&schema["type"]) {
        "object" => {
            let Some(object) = value.as_object() else {
                tell("is no object".to_owned());
                return;
            };
            for required in
                items(&schema["required"]).iter().map(text).filter(|key| !object.contains_key(*key))
            {
                tell(format!("lacks {required}"));
            }
            for (key, value) in object {
                let inner = &schema["properties"][key.as_str()];
                let inner = if inner.is_null() { &schema["additionalProperties"] } else { inner };
                if inner.is_object() {
                    validate(value, inner, &format!("{path}.{key}"), found);
                } else {
                    found.push(format!("{path} has no field {key}"));
                }
            }
        }
        "array" => match value.as_array() {
            Some(elements) => {
                for (at, element) in elements.iter().enumerate() {
                    validate(element, &schema["items"], &format!("{path}[{at}]"), found);
                }
            }
            None => tell("is no list".to_owned()),
        },
        "string" if !value.is_string() => tell("is no text".to_owned()),
        "integer" if !value.is_u64() => tell("is no number".to_owned()),
        "boolean" if !value.is_boolean() => tell("is neither true nor false".to_owned()),
        "string" | "integer" | "boolean" => {
            let choices = items(&schema["enum"]);
            if !choices.is_empty() && !choices.contains(value) {
                tell(format!("is none of {choices:?}"));
            }
        }
        other => tell(format!("has no known type in its schema: {other:?}")),
    }
}
