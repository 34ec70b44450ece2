//! Every event's payload, as it was when it was first published: what is in outboxes and queues must stay readable.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
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
        assert!(read.fields().next().is_some(), "{routing_key} has an empty golden payload");
        assert_reads_the_same(routing_key, &read, &sample(&descriptor));
    }
}

/// Compares what is in a golden message with what a sample has there. A field that was added since is not in the
/// golden message; one that was there must read as it did, however deep.
fn assert_reads_the_same(path: &str, golden: &DynamicMessage, expected: &DynamicMessage) {
    assert_eq!(golden.unknown_fields().count(), 0, "{path} has lost a field");
    for (field, value) in golden.fields() {
        let path = format!("{path}: {}", field.name());
        assert_value_reads_the_same(&path, value, &expected.get_field(&field));
    }
}

fn assert_value_reads_the_same(path: &str, golden: &Value, expected: &Value) {
    match (golden, expected) {
        (Value::Message(golden), Value::Message(expected)) => assert_reads_the_same(path, golden, expected),
        (Value::List(golden), Value::List(expected)) => {
            assert_eq!(golden.len(), expected.len(), "{path}");
            for (golden, expected) in golden.iter().zip(expected) {
                assert_value_reads_the_same(path, golden, expected);
            }
        }
        _ => assert_eq!(golden, expected, "{path}"),
    }
}

#[test]
fn a_golden_payload_may_lack_what_was_added_since_but_not_read_otherwise_nor_hold_what_is_gone() {
    let pool = DescriptorPool::decode(sharedspaces_proto::FILE_DESCRIPTOR_SET).unwrap();
    let (routing_key, type_name) =
        events().into_iter().find(|(key, _)| key.starts_with("spaces.space.")).unwrap();
    let descriptor = pool.get_message_by_name(&type_name).unwrap();
    let now = sample(&descriptor);
    let inner = descriptor.fields().find(|field| matches!(field.kind(), Kind::Message(_))).unwrap();
    let Kind::Message(inner_type) = inner.kind() else { panic!("a message was asked for") };
    let with_inner = |bytes: &[u8]| {
        let mut golden = now.clone();
        let decoded = DynamicMessage::decode(inner_type.clone(), bytes).unwrap();
        golden.set_field(&inner, Value::Message(decoded));
        let judge = || assert_reads_the_same(routing_key, &golden, &now);
        catch_unwind(AssertUnwindSafe(judge)).is_ok()
    };
    let mut older = sample(&inner_type);
    let added = inner_type.fields().find(|field| matches!(field.kind(), Kind::String)).unwrap();
    older.clear_field(&added);
    assert!(with_inner(&older.encode_to_vec()), "a field was added");
    older.set_field(&added, Value::String("otherwise".to_owned()));
    assert!(!with_inner(&older.encode_to_vec()), "a field reads otherwise");
    // Field 1000 as a varint.
    let mut gone = sample(&inner_type).encode_to_vec();
    gone.extend([0xc0, 0x3e, 0x01]);
    assert!(!with_inner(&gone), "a field is gone");
}
