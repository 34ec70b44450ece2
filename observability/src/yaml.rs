//! Writing YAML.
//!
//! Owns the one form in which the generated objects are written: block style, keys in order, text in quotes unless it is
//! plain beyond doubt. Must not be fed from outside: only what this package makes.

use serde_json::Value;

/// Returns several documents as one text.
#[must_use]
pub fn documents(values: &[Value]) -> String {
    values.iter().map(document).collect::<Vec<_>>().join("---\n")
}

/// Returns a document.
#[must_use]
pub fn document(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(_) | Value::Array(_) => block(value, 0, &mut text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&scalar(value));
            text.push('\n');
        }
    }
    text
}

fn block(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(entries) => {
            for (index, (key, value)) in entries.iter().enumerate() {
                // What begins an entry of a list stands behind its dash.
                if index > 0 || !text.ends_with("- ") {
                    text.push_str(&" ".repeat(indent));
                }
                text.push_str(&word(key));
                text.push(':');
                below(value, indent, text);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                if index > 0 || !text.ends_with("- ") {
                    text.push_str(&" ".repeat(indent));
                }
                text.push_str("- ");
                if is_block(value) {
                    block(value, indent + 2, text);
                } else {
                    text.push_str(&scalar(value));
                    text.push('\n');
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn below(value: &Value, indent: usize, text: &mut String) {
    if let Value::String(lines) = value
        && lines.contains(['\n', '"'])
    {
        text.push_str(" |-\n");
        for line in lines.lines() {
            text.push_str(&" ".repeat(indent + 2));
            text.push_str(line);
            text.push('\n');
        }
    } else if is_block(value) {
        text.push('\n');
        block(value, indent + 2, text);
    } else {
        text.push(' ');
        text.push_str(&scalar(value));
        text.push('\n');
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(entries) => !entries.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => word(text),
        // Empty ones too: JSON is YAML in flow style.
        Value::Object(_) | Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {
            value.to_string()
        }
    }
}

fn word(text: &str) -> String {
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-./".contains(letter))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_nested_is_indented_and_what_is_not_plain_is_quoted() {
        let value = json!({
            "empty": [], "flag": true, "list": [{"a": 1, "b": "on"}, "two words", ["x"]],
            "text": "one\n  two", "map": {"expr": "a > 0"}, "quoted": "a{b=\"c\"}",
        });
        let expected = "empty: []\nflag: true\nlist:\n  - a: 1\n    b: \"on\"\n  - \"two words\"\n  - - x\nmap:\n  \
             expr: \"a > 0\"\nquoted: |-\n  a{b=\"c\"}\ntext: |-\n  one\n    two\n";
        assert_eq!(document(&value), expected);
    }

    #[test]
    fn documents_are_parted() {
        assert_eq!(documents(&[json!({"a": 1}), json!({"b": 2})]), "a: 1\n---\nb: 2\n");
    }
}
