//! S3.
//!
//! Owns the bucket: putting, getting, deleting, and addresses to fetch from, each within a deadline. Must not be called while a
//! transaction is open, and must not know what the objects are.

mod multipart;
mod reading;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use s3::creds::Credentials;
use s3::error::S3Error;
use s3::{Bucket, Region};
use secrecy::ExposeSecret;
use service_kit::telemetry::outgoing::{Outgoing, Told};
use url::Url;

use crate::config::S3Settings;

pub(crate) use multipart::{PART_TTL, StoredPart};
pub(crate) use reading::Content;

/// How long one call may take, repetitions by the client library included: it repeats a HEAD once.
const DEADLINE: Duration = Duration::from_secs(15);
/// How long an address to fetch an object from lives.
pub(crate) const LINK_TTL: Duration = Duration::from_secs(60);

/// The bucket.
#[derive(Clone)]
pub(crate) struct ObjectStore {
    endpoint: Url,
    bucket: Box<Bucket>,
    /// The same, as those reach it who fetch images and send parts of files.
    public: Box<Bucket>,
    /// The same, for what takes as long as it is large: deadlines are set at each call.
    patient: Box<Bucket>,
}

/// Why the object store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It answered with an error.
    #[error("the object store answered with HTTP status {0}")]
    Refused(u16),
    /// It could not be reached, or the connection broke.
    #[error("the object store could not be reached")]
    Unreachable(#[source] Box<S3Error>),
    /// It did not answer in time.
    #[error("the object store did not answer in time")]
    TooSlow,
    /// It took an object, but holds another number of bytes.
    #[error("the object store holds {held} bytes of {sent}")]
    NotKept {
        /// How many bytes it was sent.
        sent: usize,
        /// How many bytes it says it has.
        held: i64,
    },
    /// Its answer is not what S3 says.
    #[error("the object store's answer could not be read")]
    Unreadable,
}

impl From<S3Error> for StoreError {
    fn from(error: S3Error) -> Self {
        match error {
            // The body is left out: it may name keys.
            S3Error::HttpFailWithBody(status, _) => Self::Refused(status),
            S3Error::Reqwest(error) if error.is_timeout() => Self::TooSlow,
            error => Self::Unreachable(Box::new(error)),
        }
    }
}

impl ObjectStore {
    /// Returns the bucket; connects when it is first used.
    pub(crate) fn try_new(settings: &S3Settings) -> anyhow::Result<Self> {
        let credentials = Credentials::new(
            Some(settings.access_key.expose_secret()),
            Some(settings.secret_key.expose_secret()),
            None,
            None,
            None,
        )
        .context("settings s3.access_key, s3.secret_key")?;
        let bucket_at = |endpoint: &Url| {
            let endpoint = endpoint.as_str().trim_end_matches('/').to_owned();
            let region = Region::Custom { region: settings.region.clone(), endpoint };
            let mut bucket =
                Bucket::new(&settings.bucket, region, credentials.clone()).context("settings s3")?;
            bucket.set_path_style();
            bucket.set_request_timeout(Some(DEADLINE));
            anyhow::Ok(bucket)
        };
        let bucket = bucket_at(&settings.endpoint)?;
        let public = bucket_at(settings.public_endpoint.as_ref().unwrap_or(&settings.endpoint))?;
        let mut patient = bucket.clone();
        patient.set_request_timeout(None);
        Ok(Self { endpoint: settings.endpoint.clone(), bucket, public, patient })
    }

    /// Puts an object and looks whether it arrived whole. The signature covers the content's SHA-256, so the store
    /// refuses what changed on the way.
    #[tracing::instrument(name = "s3.put", skip_all)]
    pub(crate) async fn put(&self, key: &str, content: &[u8], content_type: &str) -> Result<(), StoreError> {
        self.ask("PUT", self.bucket.put_object_with_content_type(key, content, content_type)).await?;
        let (head, _) = self.ask("HEAD", self.bucket.head_object(key)).await?;
        let held = head.content_length.unwrap_or_default();
        if usize::try_from(held) != Ok(content.len()) {
            return Err(StoreError::NotKept { sent: content.len(), held });
        }
        Ok(())
    }

    /// Returns the content of an object.
    #[tracing::instrument(name = "s3.get", skip_all)]
    pub(crate) async fn get(&self, key: &str) -> Result<Vec<u8>, StoreError> {
        Ok(self.ask("GET", self.bucket.get_object(key)).await?.to_vec())
    }

    /// Deletes an object; one that is not there is as good as deleted.
    #[tracing::instrument(name = "s3.delete", skip_all)]
    pub(crate) async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self.ask("DELETE", self.bucket.delete_object(key)).await {
            Ok(_) | Err(StoreError::Refused(404)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Signs an address to fetch an object from, for [`LINK_TTL`]; what type and name it is shown with is signed too.
    /// Does not look whether the object is there.
    pub(crate) async fn link(
        &self,
        key: &str,
        content_type: &str,
        file_name: &str,
    ) -> Result<String, StoreError> {
        let shown = HashMap::from([
            ("response-content-type".to_owned(), content_type.to_owned()),
            ("response-content-disposition".to_owned(), format!("inline; filename=\"{file_name}\"")),
        ]);
        let seconds = u32::try_from(LINK_TTL.as_secs()).unwrap_or_default();
        Ok(self.public.presign_get(key, seconds, Some(shown)).await?)
    }
}

impl ObjectStore {
    /// Asks the store something within the usual deadline, observed.
    async fn ask<T>(
        &self,
        method: &str,
        call: impl Future<Output = Result<T, S3Error>>,
    ) -> Result<T, StoreError> {
        self.ask_within(DEADLINE, method, call).await
    }

    async fn ask_within<T>(
        &self,
        deadline: Duration,
        method: &str,
        call: impl Future<Output = Result<T, S3Error>>,
    ) -> Result<T, StoreError> {
        let answer = async {
            match tokio::time::timeout(deadline, call).await {
                Ok(answer) => Ok(answer?),
                Err(_) => Err(StoreError::TooSlow),
            }
        };
        Outgoing::new(method, &self.endpoint).observe(answer, tell).await
    }
}

/// The client tells no status of an answer that is good.
fn tell<T>(answer: &Result<T, StoreError>) -> Told {
    let failed = |error| Told { status: None, error: Some(error) };
    match answer {
        Ok(_) => Told::default(),
        Err(StoreError::Refused(status)) => Told { status: Some(*status), error: None },
        Err(StoreError::TooSlow) => failed("timeout"),
        Err(StoreError::Unreachable(_)) => failed("cut_off"),
        Err(StoreError::NotKept { .. } | StoreError::Unreadable) => failed("unreadable"),
    }
}
