//! Every event's payload, as it was when it was first published: what is in outboxes and queues must stay readable.

use std::collections::BTreeSet;
use std::path::PathBuf;

use messaging::topology::SUBSCRIPTIONS;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

fn file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden")).join(format!("{name}.hex"))
}

/// A message with every field filled in, the same every time.
fn sample(descriptor: &MessageDescriptor) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        let value = if field.is_list() { Value::List(vec![value(&field)]) } else { value(&field) };
        message.set_field(&field, value);
    }
    message
}

fn value(field: &FieldDescriptor) -> Value {
    match field.kind() {
        Kind::String => Value::String(format!("{}-{}", field.name(), field.number())),
        Kind::Bool => Value::Bool(true),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(7),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(7),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(7),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(7),
        Kind::Double => Value::F64(0.5),
        Kind::Float => Value::F32(0.5),
        Kind::Bytes => Value::Bytes(b"bytes".as_slice().into()),
        Kind::Enum(_) => Value::EnumNumber(1),
        Kind::Message(descriptor) => Value::Message(sample(&descriptor)),
    }
}

/// Every event there is: routing key and full name.
pub(crate) fn events() -> BTreeSet<(&'static str, String)> {
    let all = SUBSCRIPTIONS.iter().flat_map(|subscription| subscription.events);
    all.map(|event| (event.routing_key, event.type_name())).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let text = text.trim();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn every_event_type_has_a_golden_payload_that_still_reads_the_same() {
    let pool = DescriptorPool::decode(sharedspaces_proto::FILE_DESCRIPTOR_SET).unwrap();
    for (routing_key, type_name) in events() {
        let descriptor = pool.get_message_by_name(&type_name).unwrap();
        let path = file(routing_key);
        let golden = std::fs::read_to_string(&path).unwrap_or_else(|_| {
            let expected = hex(&sample(&descriptor).encode_to_vec());
            panic!("{} is missing; a new event's golden payload is:\n{expected}", path.display())
        });
        let read = DynamicMessage::decode(descriptor.clone(), unhex(&golden).as_slice()).unwrap();
        // A field that was added since is not in the golden payload; one that was there must read as it did.
        for (field, value) in read.fields() {
            assert_eq!(
                value,
                sample(&descriptor).get_field(&field).as_ref(),
                "{routing_key}: {}",
                field.name()
            );
        }
        assert_eq!(read.unknown_fields().count(), 0, "{routing_key} has lost a field");
    }
}
