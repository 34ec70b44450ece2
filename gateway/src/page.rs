//! A page of the OpenAPI document.
//!
//! Owns how it reads: one file, no script, nothing from anywhere else; a browser's own search opens what it finds in.
//! Must not say anything that the document does not.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

const STYLE: &str = include_str!("page.css");

/// An operation with where it stands.
struct Operation<'d> {
    verb: &'d str,
    path: &'d str,
    operation: &'d Value,
}

/// Returns the page.
#[must_use]
pub fn page(document: &Value) -> String {
    let by_tag = by_tag(document);
    let mut contents = String::new();
    let mut body = String::new();
    for tag in array(at(document, "/tags")) {
        let name = text(at(tag, "/name"));
        let operations = by_tag.get(name).map(Vec::as_slice).unwrap_or_default();
        let count = operations.len();
        add(
            &mut contents,
            &format!("<li><a href=\"#{name}\">{name} <span class=\"count\">{count}</span></a></li>"),
        );
        let about = prose(text(at(tag, "/description")));
        add(&mut body, &format!("<h2 id=\"{name}\">{name}</h2><p class=\"about\">{about}</p>"));
        for operation in operations {
            add(&mut body, &show(operation));
        }
    }
    let schemas: String =
        at(document, "/components/schemas").as_object().into_iter().flatten().map(schema).collect();
    let info = at(document, "/info");
    let (title, about) = (escape(text(at(info, "/title"))), prose(text(at(info, "/description"))));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}: the REST interface</title><style>{STYLE}</style></head>\n<body><div class=\"frame\">\
         <nav aria-label=\"Services\"><p>Services</p><ul>{contents}</ul>\
         <p>More</p><ul><li><a href=\"#schemas\">Messages</a></li><li><a href=\"/openapi.json\">openapi.json</a></li></ul></nav>\n\
         <main><h1>{title}</h1><p class=\"lead\">{about}</p>\n{body}\
         <h2 id=\"schemas\">Messages</h2><p class=\"about\">What calls take and give, by name.</p>\n{schemas}\
         </main></div></body></html>\n"
    )
}

fn by_tag(document: &Value) -> BTreeMap<&str, Vec<Operation<'_>>> {
    let mut by_tag: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    for (path, operations) in at(document, "/paths").as_object().into_iter().flatten() {
        for (verb, operation) in operations.as_object().into_iter().flatten() {
            let tag = text(at(operation, "/tags/0"));
            by_tag.entry(tag).or_default().push(Operation { verb, path, operation });
        }
    }
    by_tag
}

fn show(shown: &Operation<'_>) -> String {
    let Operation { verb, path, operation } = shown;
    let id = text(at(operation, "/operationId"));
    let mut inside = format!(
        "<p>{}</p><dl><dt>Who</dt><dd>{}</dd><dt>gRPC</dt><dd><code>{}</code></dd></dl>",
        prose(text(at(operation, "/description"))),
        who(text(at(operation, "/x-access"))),
        escape(text(at(operation, "/x-grpc-method"))),
    );
    let parameters = array(at(operation, "/parameters")).iter().map(|parameter| {
        let place = format!(" <span class=\"in\">{}</span>", escape(text(at(parameter, "/in"))));
        row(
            text(at(parameter, "/name")),
            &place,
            at(parameter, "/schema"),
            text(at(parameter, "/description")),
        )
    });
    inside.push_str(&table("Parameters", &parameters.collect::<String>()));
    let body = at(operation, "/requestBody/content/application~1json/schema");
    inside.push_str(&table("Body", &properties(body)));
    for (media, content) in at(operation, "/responses/200/content").as_object().into_iter().flatten() {
        add(
            &mut inside,
            &format!("<h3>Answer</h3><p>{} as <code>{media}</code></p>", kind(at(content, "/schema"))),
        );
    }
    format!(
        "<details id=\"{id}\"><summary><span class=\"verb {verb}\">{}</span><code>{}</code>\
         <span class=\"does\">{}</span></summary><div class=\"inside\">{inside}</div></details>\n",
        verb.to_uppercase(),
        escape(path),
        prose(text(at(operation, "/summary"))),
    )
}

fn who(access: &str) -> &'static str {
    match access {
        "PUBLIC" => "Anyone, without a token.",
        "VISITOR" => "Anyone; who sends a token is taken for whom it names.",
        "PARTICIPANT" => "Anyone signed in, member or guest.",
        "MEMBER" => "A member of the organisation.",
        "ADMIN" => "A member with the role ADMIN.",
        _ => "Nobody outside.",
    }
}

fn schema((name, schema): (&String, &Value)) -> String {
    let values: Vec<String> = array(at(schema, "/enum"))
        .iter()
        .map(|value| format!("<code>{}</code>", escape(text(value))))
        .collect();
    let values =
        if values.is_empty() { String::new() } else { format!("<p>One of {}.</p>", values.join(", ")) };
    format!(
        "<details id=\"schema-{name}\"><summary><code>{name}</code><span class=\"does\">{about}</span></summary>\
         <div class=\"inside\">{values}{fields}</div></details>\n",
        about = prose(text(at(schema, "/description"))),
        fields = table("Fields", &properties(schema)),
    )
}

fn properties(schema: &Value) -> String {
    let fields = at(schema, "/properties").as_object().into_iter().flatten();
    fields.map(|(name, field)| row(name, "", field, text(at(field, "/description")))).collect()
}

fn row(name: &str, beside: &str, schema: &Value, about: &str) -> String {
    let (name, kind, about) = (escape(name), kind(schema), prose(about));
    format!("<tr><td><code>{name}</code>{beside}</td><td>{kind}</td><td>{about}</td></tr>")
}

fn table(title: &str, rows: &str) -> String {
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "<h3>{title}</h3><table><thead><tr><th>Name</th><th>Kind</th><th>Meaning</th></tr></thead>\
         <tbody>{rows}</tbody></table>"
    )
}

fn kind(schema: &Value) -> String {
    if let Some(name) = at(schema, "/$ref").as_str().and_then(|reference| reference.rsplit('/').next()) {
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    match text(at(schema, "/type")) {
        "array" => format!("list of {}", kind(at(schema, "/items"))),
        "object" if at(schema, "/additionalProperties").is_object() => {
            format!("map to {}", kind(at(schema, "/additionalProperties")))
        }
        kind => match at(schema, "/format").as_str().or(at(schema, "/contentEncoding").as_str()) {
            Some(format) => format!("{kind}, {}", escape(format)),
            None => kind.to_owned(),
        },
    }
}

/// Finds what a pointer (RFC 6901) leads to; null where that is nothing.
fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    static NULL: Value = Value::Null;
    value.pointer(pointer).unwrap_or(&NULL)
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn add(to: &mut String, text: &str) {
    // A string takes whatever is written to it.
    let _ = writeln!(to, "{text}");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Escapes, and shows what stands between backticks as code.
fn prose(text: &str) -> String {
    let escaped = escape(text);
    let parts: Vec<&str> = escaped.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped;
    }
    let code = |(at, part): (usize, &&str)| {
        if at.is_multiple_of(2) { (*part).to_owned() } else { format!("<code>{part}</code>") }
    };
    parts.iter().enumerate().map(code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::{methods, pool};
    use crate::openapi::document;

    #[test]
    fn every_operation_and_message_is_on_the_page_and_every_link_leads_somewhere() {
        let document = document(&methods(&pool().unwrap()).unwrap());
        let page = page(&document);
        for operations in document["paths"].as_object().unwrap().values() {
            for operation in operations.as_object().unwrap().values() {
                let id = operation["operationId"].as_str().unwrap();
                assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
            }
        }
        for link in page.split("href=\"#").skip(1) {
            let target = link.split('"').next().unwrap();
            assert!(page.contains(&format!("id=\"{target}\"")), "{target}");
        }
    }

    #[test]
    fn the_page_asks_nobody_else_for_anything_and_has_no_script() {
        let page = page(&document(&methods(&pool().unwrap()).unwrap()));
        for word in ["<script", "src=", "<link", "@import", "url(", "onclick"] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(!page.contains("href=\"http"));
    }

    #[test]
    fn what_comes_from_comments_is_never_taken_for_markup() {
        assert_eq!(prose("a <b> & `x < y`"), "a &lt;b&gt; &amp; <code>x &lt; y</code>");
        assert_eq!(prose("one ` alone"), "one ` alone");
    }
}
