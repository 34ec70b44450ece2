//! `$batch` of Dataverse: one changeset, which happens as a whole or not at all ("Execute batch operations using the Web
//! API"). Pure: no I/O.
//!
//! Owns the multipart form of the request and reading the answer. Decides nothing: a refusal comes back as status, wait
//! and body of the part.

use std::fmt::Write;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

/// The boundaries. No JSON has a line of its own that begins with dashes, so that they need not be random.
const BATCH: &str = "batch_shared_spaces";
const CHANGESET: &str = "changeset_shared_spaces";
/// The content type of a batch.
pub(super) const CONTENT_TYPE: &str = "multipart/mixed; boundary=batch_shared_spaces";

/// One upsert of a changeset.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Part {
    /// Below the address of the Web API, such as `tasks(…)`.
    pub(super) path: String,
    /// The record.
    pub(super) body: Value,
}

/// What a part asks of the record that it writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Condition {
    /// Not to be there.
    New,
    /// To be there.
    Known,
    /// Nothing.
    Any,
}

/// What became of a batch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// All parts took effect.
    Done,
    /// None did; this is the refusal of one of them.
    Refused { status: StatusCode, retry_after: Option<Duration>, body: String },
    /// The answer cannot be read, so that it is not known what took effect.
    Unknown,
}

/// Writes a batch of one changeset. `root` is the path of the Web API, with a slash at its end.
pub(super) fn write(root: &str, parts: &[Part], condition: Condition) -> String {
    let mut text = format!("--{BATCH}\r\nContent-Type: multipart/mixed; boundary={CHANGESET}\r\n\r\n");
    let condition = match condition {
        Condition::New => "If-None-Match: *\r\n",
        Condition::Known => "If-Match: *\r\n",
        Condition::Any => "",
    };
    for (number, Part { path, body }) in (1..).zip(parts) {
        // Writing to a text cannot fail.
        let _written = write!(
            text,
            "--{CHANGESET}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\
             Content-ID: {number}\r\n\r\nPATCH {root}{path} HTTP/1.1\r\n\
             Content-Type: application/json; charset=utf-8\r\n{condition}\r\n{body}\r\n"
        );
    }
    text.push_str(&format!("--{CHANGESET}--\r\n\r\n--{BATCH}--\r\n"));
    text
}

/// Reads the answer to a batch of `parts` upserts.
pub(super) fn read(answer: &str, parts: usize) -> Outcome {
    let mut done = 0;
    for part in answer.split("\r\n--") {
        let Some((_, operation)) = part.split_once("HTTP/1.1 ") else { continue };
        let (head, body) = operation.split_once("\r\n\r\n").unwrap_or((operation, ""));
        let status = head.get(..3).and_then(|digits| StatusCode::from_bytes(digits.as_bytes()).ok());
        let Some(status) = status else { return Outcome::Unknown };
        if !status.is_success() {
            let retry_after = retry_after(head);
            return Outcome::Refused { status, retry_after, body: body.trim().to_owned() };
        }
        done += 1;
    }
    if done == parts { Outcome::Done } else { Outcome::Unknown }
}

fn retry_after(head: &str) -> Option<Duration> {
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let (_, seconds) = headers.find(|(name, _)| name.trim().eq_ignore_ascii_case("retry-after"))?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_changeset_is_written_with_lines_ids_and_conditions_as_documented() {
        let part = |path: &str| Part { path: path.to_owned(), body: json!({"subject": "é"}) };
        let text = write("/api/data/v9.2/", &[part("tasks(1)"), part("annotations(2)")], Condition::New);
        assert_eq!(
            text,
            "--batch_shared_spaces\r\nContent-Type: multipart/mixed; boundary=changeset_shared_spaces\r\n\r\n\
             --changeset_shared_spaces\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\
             Content-ID: 1\r\n\r\nPATCH /api/data/v9.2/tasks(1) HTTP/1.1\r\n\
             Content-Type: application/json; charset=utf-8\r\nIf-None-Match: *\r\n\r\n{\"subject\":\"é\"}\r\n\
             --changeset_shared_spaces\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\
             Content-ID: 2\r\n\r\nPATCH /api/data/v9.2/annotations(2) HTTP/1.1\r\n\
             Content-Type: application/json; charset=utf-8\r\nIf-None-Match: *\r\n\r\n{\"subject\":\"é\"}\r\n\
             --changeset_shared_spaces--\r\n\r\n--batch_shared_spaces--\r\n"
        );
        assert!(write("/", &[part("tasks(1)")], Condition::Known).contains("\r\nIf-Match: *\r\n\r\n{"));
        assert!(!write("/", &[part("tasks(1)")], Condition::Any).contains("Match"));
    }

    #[test]
    fn no_text_of_a_log_ends_a_part() {
        let body = json!({"description": "x\r\n--changeset_shared_spaces--\r\n--batch_shared_spaces--\r\n"});
        let text = write("/", &[Part { path: "tasks(1)".to_owned(), body }], Condition::New);
        assert_eq!(text.matches("\r\n--changeset_shared_spaces--").count(), 1);
        assert_eq!(text.matches("\r\n--batch_shared_spaces--").count(), 1);
    }

    const ONE: &str = "--changesetresponse_1\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\n\
                       HTTP/1.1 204 No Content\r\nOData-Version: 4.0\r\n\r\n\r\n";

    #[test]
    fn an_answer_tells_whether_all_took_effect() {
        let answer = |parts: usize| {
            format!(
                "--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_1\r\n\r\n{}\
                 --changesetresponse_1--\r\n--batchresponse_1--\r\n",
                ONE.repeat(parts)
            )
        };
        assert_eq!(read(&answer(2), 2), Outcome::Done);
        assert_eq!(read(&answer(1), 2), Outcome::Unknown);
        assert_eq!(read("<html>", 1), Outcome::Unknown);
        let refused = "--batchresponse_1\r\nContent-Type: application/http\r\n\r\n\
                       HTTP/1.1 412 Precondition Failed\r\nRetry-After: 7\r\n\r\n{\"error\":{}}\r\n--batchresponse_1--\r\n";
        let expected = Outcome::Refused {
            status: StatusCode::PRECONDITION_FAILED,
            retry_after: Some(Duration::from_secs(7)),
            body: "{\"error\":{}}".to_owned(),
        };
        assert_eq!(read(refused, 2), expected);
    }
}
