//! The OpenAPI 3.1 document of the REST form.
//!
//! Owns how messages look as JSON (proto3's JSON mapping), with the comments of the `.proto` files as descriptions. Path
//! fields are parameters of the path; the others of a call without a body are parameters of the query.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};
use sharedspaces_proto::Access;

use crate::interface::{HttpRoute, Method, comment};
use crate::table;

/// Returns the document.
#[must_use]
pub fn document(methods: &[Method]) -> Value {
    let mut schemas = Schemas::default();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut tags = BTreeMap::new();
    for method in methods {
        let service = method.descriptor.parent_service();
        tags.insert(method.tag(), comment(&service.parent_file(), service.path()));
        for (at, route) in method.routes.iter().enumerate() {
            let entry = paths.entry(json_path(route)).or_default();
            entry.insert(route.verb.to_owned(), operation(method, route, at, &mut schemas));
        }
    }
    let tags: Vec<Value> = tags
        .into_iter()
        .map(|(name, description)| json!({"name": name, "description": description}))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Shared Spaces",
            "version": "1.0.0",
            "description": "Virtual rooms where a seller invites buyers and colleagues. The REST form of the gRPC interfaces: \
                the same methods, limits and errors. Writes take the header `idempotency-key`; the same key again gives the \
                same answer for 24 hours.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"accessToken": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas.written(),
            "securitySchemes": {"accessToken": {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "The access token of SignInService; lives 5 minutes.",
            }},
            "responses": {
                "Error": refused("The call was refused (AIP-193)."),
                "TokenRefused": refused("The access token is missing, expired or not good."),
            },
        },
    })
}

fn refused(description: &str) -> Value {
    let schema = json!({"$ref": "#/components/schemas/Error"});
    json!({"description": description, "content": {"application/json": {"schema": schema}}})
}

/// Path fields are named as in JSON.
fn json_path(route: &HttpRoute) -> String {
    let mut path = String::new();
    for (at, part) in route.path.split('{').enumerate() {
        match part.split_once('}') {
            Some((field, rest)) if at > 0 => {
                path.push('{');
                path.push_str(&camel(field));
                path.push('}');
                path.push_str(rest);
            }
            _ => path.push_str(part),
        }
    }
    path
}

fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut name, part| {
        let mut letters = part.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
        name
    })
}

fn path_fields(route: &HttpRoute) -> BTreeSet<&str> {
    route.path.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(field, _)| field).collect()
}

fn operation(method: &Method, route: &HttpRoute, at: usize, schemas: &mut Schemas) -> Value {
    let (service, name) = (method.tag(), method.descriptor.name());
    let text = method.comment();
    let summary = text.split_inclusive(". ").next().unwrap_or_default().trim_end().to_owned();
    let in_path = path_fields(route);
    let input = method.descriptor.input();
    let mut parameters: Vec<Value> = Vec::new();
    for field in input.fields().filter(|field| in_path.contains(field.name())) {
        parameters.push(parameter(&field, "path", schemas));
    }
    let rest: Vec<FieldDescriptor> = input.fields().filter(|field| !in_path.contains(field.name())).collect();
    let mut operation = json!({
        "operationId": if at == 0 { format!("{service}_{name}") } else { format!("{service}_{name}_{at}") },
        "summary": summary,
        "description": text,
        "tags": [service],
        "x-grpc-method": method.path,
        "x-access": table::access(method.access),
    });
    let Some(object) = operation.as_object_mut() else { return operation };
    if route.has_body {
        let schema = schemas.object(rest.iter());
        let body = json!({"required": true, "content": {"application/json": {"schema": schema}}});
        object.insert("requestBody".to_owned(), body);
        parameters.push(json!({
            "name": "idempotency-key", "in": "header", "required": false,
            "description": "1 to 255 visible ASCII characters; the same key again gives the same answer.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        }));
    } else {
        parameters.extend(
            rest.iter().filter(|field| is_simple(field)).map(|field| parameter(field, "query", schemas)),
        );
    }
    if !parameters.is_empty() {
        object.insert("parameters".to_owned(), json!(parameters));
    }
    match method.access {
        Access::Public => _ = object.insert("security".to_owned(), json!([])),
        Access::Visitor => _ = object.insert("security".to_owned(), json!([{}, {"accessToken": []}])),
        Access::Participant | Access::Member | Access::Admin | Access::Service => {}
    }
    let media = if method.is_watched() { "application/x-ndjson" } else { "application/json" };
    let reference = schemas.reference(&method.descriptor.output());
    let mut responses = json!({
        "200": {"description": "Done.", "content": { media: {"schema": reference}}},
        "4XX": {"$ref": "#/components/responses/Error"},
        "5XX": {"$ref": "#/components/responses/Error"},
    });
    if let (true, Some(responses)) = (method.access != Access::Public, responses.as_object_mut()) {
        responses.insert("401".to_owned(), json!({"$ref": "#/components/responses/TokenRefused"}));
    }
    object.insert("responses".to_owned(), responses);
    operation
}

/// Messages other than times cannot be written into a query.
fn is_simple(field: &FieldDescriptor) -> bool {
    match field.kind() {
        Kind::Message(message) => well_known(&message).is_some(),
        _ => true,
    }
}

fn parameter(field: &FieldDescriptor, place: &str, schemas: &mut Schemas) -> Value {
    let schema = schemas.field(field);
    let text = comment(&field.parent_message().parent_file(), field.path());
    json!({
        "name": field.json_name(), "in": place, "required": place == "path", "description": text, "schema": schema,
    })
}

/// How a message of Google's looks as JSON.
fn well_known(message: &MessageDescriptor) -> Option<Value> {
    Some(match message.full_name() {
        "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
        "google.protobuf.Duration" => json!({"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$"}),
        "google.protobuf.FieldMask" => {
            json!({"type": "string", "description": "Names of fields, divided by commas."})
        }
        _ => return None,
    })
}

/// The messages and enumerations that are referred to.
#[derive(Default)]
struct Schemas {
    known: BTreeMap<String, Value>,
}

impl Schemas {
    fn written(mut self) -> BTreeMap<String, Value> {
        self.known.insert("Error".to_owned(), error_schema());
        self.known
    }

    /// Names are short: without packages, of which no two have the same.
    fn reference(&mut self, message: &MessageDescriptor) -> Value {
        if let Some(schema) = well_known(message) {
            return schema;
        }
        let name = message.name().to_owned();
        if !self.known.contains_key(&name) {
            // Before its fields, so that a message may hold itself.
            self.known.insert(name.clone(), Value::Null);
            let fields: Vec<FieldDescriptor> = message.fields().collect();
            let mut schema = self.object(fields.iter());
            let text = comment(&message.parent_file(), message.path());
            if let (false, Some(object)) = (text.is_empty(), schema.as_object_mut()) {
                object.insert("description".to_owned(), json!(text));
            }
            self.known.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    fn object<'f>(&mut self, fields: impl Iterator<Item = &'f FieldDescriptor>) -> Value {
        let mut properties = Map::new();
        for field in fields {
            let schema = self.field(field);
            let text = comment(&field.parent_message().parent_file(), field.path());
            let described = match schema.get("$ref") {
                // In 3.1 a description may stand beside a reference.
                Some(reference) => json!({"$ref": reference, "description": text}),
                None => with(schema, "description", json!(text)),
            };
            properties.insert(field.json_name().to_owned(), described);
        }
        json!({"type": "object", "properties": properties})
    }

    fn field(&mut self, field: &FieldDescriptor) -> Value {
        let one = match field.kind() {
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({"type": "integer", "format": "int32"}),
            Kind::Uint32 | Kind::Fixed32 => json!({"type": "integer", "minimum": 0}),
            // Too large for a number of JavaScript.
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => {
                json!({"type": "string", "format": "int64"})
            }
            Kind::Float | Kind::Double => json!({"type": "number"}),
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Enum(names) => {
                let values: Vec<String> = names.values().map(|value| value.name().to_owned()).collect();
                let name = names.name().to_owned();
                let text = comment(&names.parent_file(), names.path());
                self.known
                    .entry(name.clone())
                    .or_insert_with(|| json!({"type": "string", "enum": values, "description": text}));
                json!({"$ref": format!("#/components/schemas/{name}")})
            }
            Kind::Message(message) if field.is_map() => {
                let value = message.get_field_by_name("value").map(|value| self.field(&value));
                return json!({"type": "object", "additionalProperties": value});
            }
            Kind::Message(message) => self.reference(&message),
        };
        if field.is_list() { json!({"type": "array", "items": one}) } else { one }
    }
}

fn with(mut schema: Value, key: &str, value: Value) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
    schema
}

fn error_schema() -> Value {
    json!({
        "type": "object",
        "description": "Why a call was refused (AIP-193). docs/errors.md lists every reason.",
        "required": ["error"],
        "properties": {"error": {
            "type": "object",
            "required": ["code", "message", "status"],
            "properties": {
                "code": {"type": "integer", "description": "The HTTP status."},
                "status": {"type": "string", "description": "The gRPC status, such as `NOT_FOUND`."},
                "message": {"type": "string", "description": "In words, for developers."},
                "details": {
                    "type": "array",
                    "description": "ErrorInfo with the reason, BadRequest with each field and its rule, RetryInfo.",
                    "items": {"type": "object", "properties": {"@type": {"type": "string"}}, "additionalProperties": true},
                },
            },
        }},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::{methods, pool};

    #[test]
    fn every_reference_leads_somewhere_and_every_operation_has_its_own_name() {
        let document = document(&methods(&pool().unwrap()).unwrap());
        let text = document.to_string();
        for part in text.split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some_and(|target| !target.is_null()), "{pointer}");
        }
        let names: Vec<&str> =
            text.split("\"operationId\":\"").skip(1).map(|part| part.split('"').next().unwrap()).collect();
        let different: BTreeSet<&&str> = names.iter().collect();
        assert_eq!(different.len(), names.len());
        // What several services have is told apart by the service, and what one alone has is not.
        for name in
            ["SpacesJobService_ListDeadJobs", "CrmsyncJobService_RetryDeadJob", "SpaceService_GetSpace"]
        {
            assert!(names.contains(&name), "{name}");
        }
    }

    /// Every operation with its path and verb.
    fn operations(document: &Value) -> Vec<(String, &Value)> {
        let paths = document["paths"].as_object().unwrap().iter();
        paths
            .flat_map(|(path, verbs)| {
                let verbs = verbs.as_object().unwrap().iter();
                verbs.map(move |(verb, operation)| (format!("{verb} {path}"), operation))
            })
            .collect()
    }

    #[test]
    fn every_public_method_with_a_rest_route_is_an_operation() {
        let methods = methods(&pool().unwrap()).unwrap();
        let document = document(&methods);
        let described: BTreeSet<&str> = operations(&document)
            .into_iter()
            .map(|(_, operation)| operation["x-grpc-method"].as_str().unwrap())
            .collect();
        for method in &methods {
            assert_eq!(described.contains(method.path), !method.routes.is_empty(), "{}", method.path);
        }
        let routes: usize = methods.iter().map(|method| method.routes.len()).sum();
        assert_eq!(operations(&document).len(), routes, "no route hides another");
    }

    #[test]
    fn every_operation_says_what_it_does_who_may_and_how_it_is_refused() {
        let document = document(&methods(&pool().unwrap()).unwrap());
        let tags: BTreeSet<&str> =
            document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
        for (at, operation) in operations(&document) {
            for field in ["operationId", "summary", "description"] {
                assert!(operation[field].as_str().is_some_and(|text| text.len() > 9), "{at} has no {field}");
            }
            assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{at}");
            for class in ["4XX", "5XX"] {
                let reference =
                    operation["responses"][class]["$ref"].as_str().unwrap().trim_start_matches('#');
                let schema = "/content/application~1json/schema/$ref";
                let schema = document.pointer(&format!("{reference}{schema}")).unwrap();
                assert_eq!(schema, "#/components/schemas/Error", "{at}");
            }
            let is_open = operation["x-access"] == "PUBLIC";
            assert_eq!(operation["security"].as_array().is_some_and(Vec::is_empty), is_open, "{at}");
            assert_eq!(operation["responses"].get("401").is_none(), is_open, "{at}");
            assert!(operation["responses"]["200"]["content"].is_object(), "{at}");
        }
    }

    #[test]
    fn every_tag_parameter_and_field_is_described() {
        let document = document(&methods(&pool().unwrap()).unwrap());
        let described = |value: &Value| value["description"].as_str().is_some_and(|text| text.len() > 3);
        for tag in document["tags"].as_array().unwrap() {
            assert!(described(tag), "{tag}");
        }
        for (at, operation) in operations(&document) {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(described(parameter), "{at}: {parameter}");
            }
        }
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            assert!(described(schema), "{name}");
            for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
                assert!(described(schema) || name == "Error", "{name}.{field}");
            }
        }
    }

    #[test]
    fn two_messages_of_one_name_are_never_mixed_up() {
        let pool = pool().unwrap();
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        for message in pool.all_messages().filter(|message| {
            let package = message.package_name();
            package.starts_with("sharedspaces.") && !package.contains(".events.")
        }) {
            let first = seen.insert(message.name().to_owned(), message.full_name().to_owned());
            assert!(first.is_none(), "{first:?} and {}", message.full_name());
        }
    }

    #[test]
    fn path_fields_are_parameters_and_a_field_is_named_as_in_json() {
        let document = document(&methods(&pool().unwrap()).unwrap());
        let operation = &document["paths"]["/v1/spaces/{spaceId}"]["get"];
        assert_eq!(operation["parameters"][0]["name"], "spaceId");
        assert_eq!(operation["parameters"][0]["in"], "path");
        assert_eq!(operation["operationId"], "SpaceService_GetSpace");
    }
}
