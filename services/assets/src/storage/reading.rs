//! Reading objects piece by piece.
//!
//! Owns streams of any length at the memory of a chunk, each chunk within a deadline.

use std::time::Duration;

use axum::http::header::RANGE;
use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use tokio::time::timeout;

use super::{ObjectStore, StoreError};

/// Longest wait for the next piece.
const IDLE: Duration = Duration::from_secs(30);

/// The content of an object, piece by piece.
pub(crate) type Content = BoxStream<'static, Result<Bytes, StoreError>>;

impl ObjectStore {
    /// Returns how many bytes an object has. None: it is not there.
    #[tracing::instrument(name = "s3.size_of", skip_all)]
    pub(crate) async fn size_of(&self, key: &str) -> Result<Option<i64>, StoreError> {
        match self.ask("HEAD", self.bucket.head_object(key)).await {
            Ok((head, _)) => Ok(Some(head.content_length.unwrap_or_default())),
            Err(StoreError::Refused(404)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens an object, or these bytes of it, the last one included.
    #[tracing::instrument(name = "s3.open", skip_all)]
    pub(crate) async fn open(&self, key: &str, range: Option<(i64, i64)>) -> Result<Content, StoreError> {
        let mut headers = HeaderMap::new();
        if let Some((first, last)) = range {
            let range =
                HeaderValue::try_from(format!("bytes={first}-{last}")).map_err(|_| StoreError::Unreadable)?;
            headers.insert(RANGE, range);
        }
        let bucket = self.patient.with_extra_headers(headers)?;
        let opened = self.ask("GET", bucket.get_object_stream(key)).await?;
        let pieces = unfold(Some(opened.bytes), |pieces| async {
            let mut pieces = pieces?;
            match timeout(IDLE, pieces.next()).await {
                Ok(Some(Ok(piece))) => Some((Ok(piece), Some(pieces))),
                Ok(Some(Err(error))) => Some((Err(error.into()), None)),
                Ok(None) => None,
                Err(_) => Some((Err(StoreError::TooSlow), None)),
            }
        });
        Ok(pieces.boxed())
    }
}
