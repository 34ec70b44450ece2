//! Owns the object store: S3 over a directory, with one key pair whose signatures are checked.
//!
//! Adds the scripted failures around it; buckets and objects are the directory's business.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};

use crate::faults::{Call, Fault, Faults, Phase, Target};
use crate::html::Escaped;
use crate::http::dropped;
use crate::store::Directory;

/// The object store with its failures.
#[derive(Clone)]
pub(crate) struct Store {
    service: S3Service,
    faults: Arc<Faults>,
}

impl Store {
    /// Opens the store of a directory and makes the buckets that are not there yet.
    pub(crate) fn open(
        dir: &Path,
        access_key: &str,
        secret_key: &str,
        buckets: &[String],
        faults: Arc<Faults>,
    ) -> anyhow::Result<Self> {
        for bucket in buckets {
            anyhow::ensure!(is_bucket_name(bucket), "bucket: {bucket:?} is not a name S3 allows");
            let path = dir.join(bucket);
            std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        }
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let mut builder = S3ServiceBuilder::new(Directory::open(dir.to_owned())?);
        builder.set_auth(SimpleAuth::from_single(access_key, secret_key));
        Ok(Self { service: builder.build(), faults })
    }

    /// Answers one request.
    pub(crate) async fn handle(self, request: Request<Incoming>) -> Response {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let call = |phase| Call { target: Target::S3, phase, method: &method, path: &path, ordinary: true };
        if let Some(fault) = self.faults.take_http(&call(Phase::BeforeCommit)) {
            fault.stall().await;
            if let Some(response) = failed(&fault) {
                return response;
            }
        }
        let response = match self.service.call(request.map(s3s::Body::from)).await {
            Ok(response) => response.map(Body::new),
            Err(error) => {
                tracing::warn!(?error, "the object store failed");
                return error_body(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "the sandbox failed");
            }
        };
        if response.status().is_success()
            && let Some(fault) = self.faults.take_http(&call(Phase::AfterCommit))
        {
            fault.stall().await;
            return failed(&fault).unwrap_or(response);
        }
        response
    }
}

/// The answer a failure gives; None if it only delays.
fn failed(fault: &Fault) -> Option<Response> {
    if fault.drop {
        return Some(dropped());
    }
    let status = StatusCode::from_u16(fault.status?).ok()?;
    let usual = if status == StatusCode::SERVICE_UNAVAILABLE { "SlowDown" } else { "InternalError" };
    let code = fault.error_code.as_deref().unwrap_or(usual);
    Some(error_body(status, code, fault.message.as_deref().unwrap_or("scripted failure")))
}

fn error_body(status: StatusCode, code: &str, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{}</Code><Message>{}</Message></Error>",
        Escaped(code),
        Escaped(message)
    );
    (status, [(CONTENT_TYPE, "application/xml")], body).into_response()
}

/// The naming rules of general purpose buckets, as far as they matter for a directory's name.
fn is_bucket_name(name: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    (3..=63).contains(&name.len())
        && name.bytes().all(allowed)
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.ends_with(|last: char| last.is_ascii_alphanumeric())
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_name_keeps_to_its_limits() {
        assert!(is_bucket_name("abc") && is_bucket_name(&"a".repeat(63)));
        assert!(!is_bucket_name("ab") && !is_bucket_name(&"a".repeat(64)));
        assert!(!is_bucket_name("../x") && !is_bucket_name("a/b/c") && !is_bucket_name("Abc"));
    }
}
