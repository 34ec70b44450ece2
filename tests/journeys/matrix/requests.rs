//! Requests made from the descriptors: every field filled with what a client of the matrix's own organisation would send.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind as Type, MessageDescriptor, Value};

use super::kinds::{FieldKind, Kind, kind_of};
use super::tenant::Tenant;

const MASK: &str = "google.protobuf.FieldMask";
/// What a mask names where the attacked field is not one to change.
const HARMLESS: [&str; 6] =
    ["title", "display_name", "name", "allow_download", "organization_logo_height_px", "comments"];

/// A field that takes the id of one of our objects, with the fields that lead to it.
#[derive(Clone, Debug)]
pub(crate) struct IdField {
    pub(crate) path: Vec<FieldDescriptor>,
    pub(crate) kind: Kind,
}

impl IdField {
    /// `crm_target.connection_id`, for instance.
    pub(crate) fn name(&self) -> String {
        self.path.iter().map(FieldDescriptor::name).collect::<Vec<_>>().join(".")
    }

    fn leads_through(&self, field: &FieldDescriptor) -> bool {
        self.path.iter().any(|step| step == field)
    }
}

/// Returns all fields of a message, and of those in it, that take an id; panics where it is not known whose.
pub(crate) fn id_fields(message: &MessageDescriptor) -> Vec<IdField> {
    let mut found = Vec::new();
    collect(message, &mut Vec::new(), &mut found);
    found
}

fn collect(message: &MessageDescriptor, path: &mut Vec<FieldDescriptor>, found: &mut Vec<IdField>) {
    for field in message.fields() {
        path.push(field.clone());
        match field.kind() {
            Type::String if field.name().ends_with("_id") || field.name().ends_with("_ids") => {
                match kind_of(&field) {
                    Some(FieldKind::Object(kind)) => found.push(IdField { path: path.clone(), kind }),
                    Some(FieldKind::NotOurs) => {}
                    None => panic!("the matrix has no kind of object for {}", field.full_name()),
                }
            }
            Type::Message(inner) if inner.full_name().starts_with("sharedspaces.") => {
                collect(&inner, path, found);
            }
            _ => {}
        }
        path.pop();
    }
}

/// Builds a request of `tenant`; `attack` puts another id into one field.
pub(crate) fn request(
    message: &MessageDescriptor,
    tenant: &Tenant,
    attack: Option<(&IdField, &str)>,
) -> DynamicMessage {
    let mut request = DynamicMessage::new(message.clone());
    for field in message.fields() {
        let attacked = attack.filter(|(attacked, _)| attacked.leads_through(&field));
        let value = match field.kind() {
            Type::String => text(&field, tenant, attacked.map(|(_, id)| id)),
            Type::Bool if field.name() == "consent_given" => Some(Value::Bool(true)),
            Type::Int32 if field.name().ends_with("_height_px") => Some(Value::I32(100)),
            Type::Int64 if field.name() == "size_bytes" => Some(Value::I64(100)),
            Type::Enum(values) if !field.is_list() => {
                values.get_value(1).map(|v| Value::EnumNumber(v.number()))
            }
            // Names go with addresses of the same request, of which each is a new one.
            Type::Message(_) if field.name() == "guest_names" => None,
            Type::Message(inner) if inner.full_name() == MASK => mask(message, &field, attack, &inner),
            Type::Message(inner) if inner.full_name().starts_with("sharedspaces.") => {
                let inner = Value::Message(self::request(&inner, tenant, attacked));
                Some(if field.is_list() { Value::List(vec![inner]) } else { inner })
            }
            _ => None,
        };
        if let Some(value) = value {
            request.set_field(&field, value);
        }
    }
    request
}

fn text(field: &FieldDescriptor, tenant: &Tenant, attack: Option<&str>) -> Option<Value> {
    let value = match (attack, kind_of(field)) {
        (Some(id), _) => id.to_owned(),
        (None, Some(FieldKind::Object(kind))) => tenant.id(kind).to_owned(),
        (None, _) => tenant.text(field)?,
    };
    let value = Value::String(value);
    Some(if field.is_list() { Value::List(vec![value]) } else { value })
}

/// Names the attacked field where it comes behind the mask, which is where the fields to change are.
fn mask(
    message: &MessageDescriptor,
    field: &FieldDescriptor,
    attack: Option<(&IdField, &str)>,
    mask: &MessageDescriptor,
) -> Option<Value> {
    let attacked =
        attack.and_then(|(attacked, _)| attacked.path.iter().find(|step| step.parent_message() == message));
    let changed = match attacked.filter(|attacked| attacked.number() > field.number()) {
        Some(attacked) => attacked.name().to_owned(),
        None => harmless(message)?.to_owned(),
    };
    let mut paths = DynamicMessage::new(mask.clone());
    paths.set_field_by_name("paths", Value::List(vec![Value::String(changed)]));
    Some(Value::Message(paths))
}

fn harmless(message: &MessageDescriptor) -> Option<&'static str> {
    let has = |message: &MessageDescriptor, name: &str| message.get_field_by_name(name).is_some();
    let holds = |name: &str| {
        has(message, name)
            || message.fields().any(|field| matches!(field.kind(), Type::Message(inner) if has(&inner, name)))
    };
    HARMLESS.into_iter().find(|name| holds(name))
}
