//! Owns `$batch`: cutting a multipart body into operations, changesets that happen as a whole, and the multipart answer.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::body::References;
use super::operate::{Context, Operation, Outcome, operate};
use super::reply::ApiError;
use crate::shelf::{Draft, Shelf};

/// The most operations of one batch.
const MAX_OPERATIONS: usize = 1_000;

/// One part of a batch.
enum Part {
    Single(Operation),
    /// Operations with their Content-IDs.
    Changeset(Vec<(String, Operation)>),
}

/// The answer of a batch.
pub(super) struct Answer {
    pub(super) boundary: String,
    pub(super) body: String,
    /// The error that ended it, if one did.
    pub(super) failed: Option<ApiError>,
}

fn malformed(message: &str) -> ApiError {
    ApiError::query(message)
}

/// Finds the boundary in a content type.
fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let value = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("boundary="))?;
    let value = value.trim_matches('"');
    (!value.is_empty()).then(|| value.to_owned())
}

/// Carries out a batch, committing each part before the next.
pub(super) fn run(
    cx: &Context<'_>,
    shelf: &mut Shelf,
    content_type: &str,
    body: &Bytes,
    continue_on_error: bool,
) -> Result<Answer, ApiError> {
    let outer =
        boundary(content_type).ok_or_else(|| malformed("The content type must be multipart/mixed."))?;
    let text = std::str::from_utf8(body).map_err(|_| malformed("The batch must be UTF-8."))?;
    let parts = parts(cx, text, &outer)?;
    let operations: usize = parts
        .iter()
        .map(|part| match part {
            Part::Single(_) => 1,
            Part::Changeset(operations) => operations.len(),
        })
        .sum();
    if operations > MAX_OPERATIONS {
        return Err(malformed("Maximum batch size exceeded."));
    }
    let id = crate::world::guid().map_err(|error| ApiError::internal(&error))?;
    let mut answer = Answer { boundary: format!("batchresponse_{id}"), body: String::new(), failed: None };
    for part in parts {
        let result = match part {
            Part::Single(operation) => single(cx, shelf, &operation).map(|outcome| envelope(&outcome, None)),
            Part::Changeset(operations) => changeset(cx, shelf, &operations),
        };
        let shown = result.as_ref().map_or_else(|error| envelope(&failure(error), None), Clone::clone);
        // Writing to a String cannot fail, here and below.
        let _ = write!(answer.body, "--{}\r\n{shown}\r\n", answer.boundary);
        if let Err(error) = result
            && !continue_on_error
        {
            answer.failed = Some(error);
            break;
        }
    }
    let _ = write!(answer.body, "--{}--\r\n", answer.boundary);
    Ok(answer)
}

fn failure(error: &ApiError) -> Outcome {
    Outcome { status: error.status, headers: Vec::new(), body: Some(error.body()) }
}

fn single(cx: &Context<'_>, shelf: &mut Shelf, operation: &Operation) -> Result<Outcome, ApiError> {
    let mut draft = Draft::new(shelf);
    let outcome = operate(cx, &mut draft, operation, &References::default())?;
    let changes = draft.into_changes();
    shelf.commit(changes).map_err(|error| ApiError::internal(&error))?;
    Ok(outcome)
}

fn changeset(
    cx: &Context<'_>,
    shelf: &mut Shelf,
    operations: &[(String, Operation)],
) -> Result<String, ApiError> {
    let id = crate::world::guid().map_err(|error| ApiError::internal(&error))?;
    let boundary = format!("changesetresponse_{id}");
    let mut shown = format!("Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n");
    let mut draft = Draft::new(shelf);
    let mut references = References::default();
    for (content_id, operation) in operations {
        let outcome = operate(cx, &mut draft, operation, &references)?;
        let made = outcome.headers.iter().find(|(name, _)| name.as_str() == "odata-entityid");
        if let Some((_, address)) = made {
            let path = address.strip_prefix(cx.base).unwrap_or(address);
            references.0.insert(content_id.clone(), path.to_owned());
        }
        let _ = write!(shown, "--{boundary}\r\n{}\r\n", envelope(&outcome, Some(content_id)));
    }
    let changes = draft.into_changes();
    shelf.commit(changes).map_err(|error| ApiError::internal(&error))?;
    let _ = write!(shown, "--{boundary}--\r\n");
    Ok(shown)
}

/// Writes an answer as a part.
fn envelope(outcome: &Outcome, content_id: Option<&String>) -> String {
    let mut part = String::from("Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n");
    if let Some(id) = content_id {
        let _ = write!(part, "Content-ID: {id}\r\n");
    }
    let _ = write!(part, "\r\nHTTP/1.1 {}\r\nOData-Version: 4.0\r\n", outcome.status);
    for (name, value) in &outcome.headers {
        let _ = write!(part, "{name}: {value}\r\n");
    }
    match &outcome.body {
        Some(body) => {
            let _ = write!(part, "Content-Type: application/json; odata.metadata=minimal\r\n\r\n{body}\r\n");
        }
        None => part.push_str("\r\n"),
    }
    part
}

fn parts(cx: &Context<'_>, text: &str, boundary: &str) -> Result<Vec<Part>, ApiError> {
    let mut found = Vec::new();
    for section in sections(text, boundary)? {
        let (headers, content) = head(section)?;
        let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if let Some(inner) = self::boundary(kind) {
            let mut operations = Vec::new();
            for section in sections(content, &inner)? {
                let (headers, content) = head(section)?;
                let id = headers.get("content-id").and_then(|id| id.to_str().ok());
                let id = id.ok_or_else(|| {
                    malformed("Each operation of a change set must have a Content-ID header.")
                })?;
                let operation = operation(cx, &headers, content)?;
                if operation.method == Method::GET {
                    return Err(malformed("An operation with method GET cannot be in a change set."));
                }
                operations.push((id.to_owned(), operation));
            }
            found.push(Part::Changeset(operations));
        } else {
            found.push(Part::Single(operation(cx, &headers, content)?));
        }
    }
    Ok(found)
}

/// Cuts a multipart text at its boundary; lines must end with CR and LF.
fn sections<'a>(text: &'a str, boundary: &str) -> Result<Vec<&'a str>, ApiError> {
    let mark = format!("--{boundary}");
    let begin = text.find(&mark).ok_or_else(|| malformed("The boundary of the batch is missing."))?;
    let mut rest = text.get(begin + mark.len()..).unwrap_or_default();
    let mut found = Vec::new();
    loop {
        if rest.starts_with("--") {
            return Ok(found);
        }
        let inside = rest.strip_prefix("\r\n").ok_or_else(|| malformed("Lines must end with CR LF."))?;
        let end = format!("\r\n{mark}");
        let (section, after) = inside.split_once(&end).ok_or_else(|| malformed("The batch has no end."))?;
        found.push(section);
        rest = after;
    }
}

/// Reads headers up to the blank line.
fn head(text: &str) -> Result<(HeaderMap, &str), ApiError> {
    let (lines, content) = match text.strip_prefix("\r\n") {
        Some(content) => ("", content),
        None => text.split_once("\r\n\r\n").unwrap_or((text, "")),
    };
    let mut headers = HeaderMap::new();
    for line in lines.split("\r\n").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("A header has no colon."))?;
        let name = HeaderName::from_bytes(name.trim().as_bytes());
        let value = HeaderValue::from_str(value.trim());
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(malformed("A header cannot be read."));
        };
        headers.append(name, value);
    }
    Ok((headers, content))
}

/// Reads the request inside a part.
fn operation(cx: &Context<'_>, part: &HeaderMap, text: &str) -> Result<Operation, ApiError> {
    let kind = part.get("content-type").and_then(|kind| kind.to_str().ok());
    if kind.is_none_or(|kind| !kind.starts_with("application/http")) {
        return Err(malformed("The content type of each operation must be application/http."));
    }
    let (line, rest) = text.split_once("\r\n").unwrap_or((text, ""));
    let mut words = line.split(' ');
    let (method, address) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if words.next() != Some("HTTP/1.1") {
        return Err(malformed("The request line of an operation cannot be read."));
    }
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| malformed("The request line of an operation cannot be read."))?;
    let path = match address.strip_prefix(cx.base) {
        Some(path) => path,
        None if address.contains("://") => return Err(malformed("The address leads elsewhere.")),
        None => address.strip_prefix(super::ROOT).unwrap_or(address).trim_start_matches('/'),
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    // The headers end at a blank line, which is all there is where a request has neither headers nor body.
    let (headers, body) = head(rest)?;
    Ok(Operation {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: Bytes::copy_from_slice(body.trim_end_matches("\r\n").as_bytes()),
    })
}
