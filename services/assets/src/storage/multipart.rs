//! Objects that arrive in parts.
//!
//! Owns S3's multipart uploads: beginning, putting, listing, ending them, and addresses at which others put parts. Once
//! an upload has ended, its addresses are good for nothing, so that nobody changes an object that was checked.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use s3::serde_types::Part as ListedPart;

use super::{ObjectStore, StoreError};

/// How long an address to put a part to lives.
pub(crate) const PART_TTL: Duration = Duration::from_secs(15 * 60);
/// How long the store may take for one part.
const PART_WITHIN: Duration = Duration::from_secs(120);
/// How long the store may take to make one object of the parts.
const JOIN_WITHIN: Duration = Duration::from_secs(600);
const OCTET_STREAM: &str = "application/octet-stream";

/// A part as the store has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StoredPart {
    pub(crate) number: u32,
    pub(crate) size_bytes: i64,
    /// As it stands in the list, escaped as XML is.
    etag: String,
}

impl ObjectStore {
    /// Begins an upload; returns what the store calls it.
    #[tracing::instrument(name = "s3.begin_upload", skip_all)]
    pub(crate) async fn begin_upload(&self, key: &str) -> Result<String, StoreError> {
        let begun = self.ask("POST", self.bucket.initiate_multipart_upload(key, OCTET_STREAM)).await?;
        Ok(begun.upload_id)
    }

    /// Puts a part; one of the same number is replaced. The signature covers its SHA-256.
    #[tracing::instrument(name = "s3.put_part", skip_all)]
    pub(crate) async fn put_part(
        &self,
        key: &str,
        upload_id: &str,
        number: u32,
        content: Vec<u8>,
    ) -> Result<(), StoreError> {
        let put = self.patient.put_multipart_chunk(content, key, number, upload_id, OCTET_STREAM);
        self.ask_within(PART_WITHIN, "PUT", put).await?;
        Ok(())
    }

    /// Signs an address to PUT a part of exactly this size to, for [`PART_TTL`].
    pub(crate) async fn part_address(
        &self,
        key: &str,
        upload_id: &str,
        number: u32,
        size_bytes: i64,
    ) -> Result<String, StoreError> {
        let seconds = u32::try_from(PART_TTL.as_secs()).unwrap_or_default();
        let headers = HeaderMap::from_iter([(CONTENT_LENGTH, size_bytes.into())]);
        let queries = HashMap::from([
            ("partNumber".to_owned(), number.to_string()),
            ("uploadId".to_owned(), upload_id.to_owned()),
        ]);
        Ok(self.public.presign_put(key, seconds, Some(headers), Some(queries)).await?)
    }

    /// Lists the parts that have arrived, by number. None: nothing has, or the upload has ended.
    #[tracing::instrument(name = "s3.list_parts", skip_all)]
    pub(crate) async fn list_parts(&self, key: &str, upload_id: &str) -> Result<Vec<StoredPart>, StoreError> {
        let query = HashMap::from([("uploadId".to_owned(), upload_id.to_owned())]);
        let bucket = self.bucket.with_extra_query(query)?;
        let list = match self.ask("GET", bucket.get_object(key)).await {
            Ok(list) => list,
            Err(StoreError::Refused(404)) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let text = list.as_str().map_err(|_| StoreError::Unreadable)?;
        read_parts(text).ok_or(StoreError::Unreadable)
    }

    /// Makes one object of the parts, and ends the upload.
    #[tracing::instrument(name = "s3.end_upload", skip_all)]
    pub(crate) async fn end_upload(
        &self,
        key: &str,
        upload_id: &str,
        parts: Vec<StoredPart>,
    ) -> Result<(), StoreError> {
        let parts = parts.into_iter().map(|part| ListedPart { part_number: part.number, etag: part.etag });
        let end = self.patient.complete_multipart_upload(key, upload_id, parts.collect());
        self.ask_within(JOIN_WITHIN, "POST", end).await?;
        Ok(())
    }

    /// Gives an upload up, with all of its parts; one that has ended is as good as given up.
    #[tracing::instrument(name = "s3.abort_upload", skip_all)]
    pub(crate) async fn abort_upload(&self, key: &str, upload_id: &str) -> Result<(), StoreError> {
        match self.ask("DELETE", self.bucket.abort_upload(key, upload_id)).await {
            Ok(()) | Err(StoreError::Refused(404)) => Ok(()),
            // Some stores say so of one that has ended; where it is a matter of rights, listing is refused as well.
            Err(StoreError::Refused(403)) if self.list_parts(key, upload_id).await?.is_empty() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl ObjectStore {
    /// Gives up whatever uploads of an object go on, also one that nobody knows the name of any more. A store that
    /// does not list them is left to its own rule for incomplete uploads.
    #[tracing::instrument(name = "s3.abort_uploads", skip_all)]
    pub(crate) async fn abort_uploads(&self, key: &str) -> Result<(), StoreError> {
        let lists = match self.ask("GET", self.bucket.list_multiparts_uploads(Some(key), None)).await {
            Ok(lists) => lists,
            Err(StoreError::Refused(501)) => return Ok(()),
            Err(error) => return Err(error),
        };
        let uploads = lists.iter().flat_map(|list| &list.uploads);
        for upload in uploads.filter(|upload| upload.key == key) {
            self.abort_upload(key, &upload.id).await?;
        }
        Ok(())
    }
}

/// Reads a `ListPartsResult`: values in it are numbers, times and ETags, none of which has a tag in it. A store that
/// tells no ETag does not ask for one either.
fn read_parts(list: &str) -> Option<Vec<StoredPart>> {
    let (_, list) = list.split_once("<ListPartsResult")?;
    let mut parts = Vec::new();
    for part in list.split("<Part>").skip(1) {
        let (part, _) = part.split_once("</Part>")?;
        parts.push(StoredPart {
            number: value(part, "PartNumber")?.parse().ok()?,
            size_bytes: value(part, "Size")?.parse().ok()?,
            etag: value(part, "ETag").unwrap_or("&quot;&quot;").to_owned(),
        });
    }
    parts.sort_by_key(|part| part.number);
    Some(parts)
}

fn value<'a>(element: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = element.split_once(&format!("<{tag}>"))?;
    rest.split_once(&format!("</{tag}>")).map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::extract::Request;
    use axum::http::{Method, StatusCode};
    use axum::response::IntoResponse;
    use tokio::net::TcpListener;

    use super::*;
    use crate::tests::world::s3_settings;

    /// Plays a store in which two objects have uploads; returns it with what it was told to delete.
    async fn store() -> (ObjectStore, Arc<Mutex<Vec<String>>>) {
        const LIST: &str = "<?xml version=\"1.0\"?><ListMultipartUploadsResult><Bucket>b</Bucket><KeyMarker/>\
            <UploadIdMarker/><MaxUploads>1000</MaxUploads><IsTruncated>false</IsTruncated>\
            <Upload><Key>assets/a</Key><UploadId>one</UploadId><Initiated>2026-11-22T00:00:00Z</Initiated>\
            <StorageClass>STANDARD</StorageClass></Upload>\
            <Upload><Key>assets/a.preview-small</Key><UploadId>two</UploadId>\
            <Initiated>2026-11-22T00:00:00Z</Initiated><StorageClass>STANDARD</StorageClass></Upload>\
            </ListMultipartUploadsResult>";
        let deleted = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&deleted);
        let routes = Router::new().fallback(move |request: Request| {
            let told = Arc::clone(&told);
            async move {
                if request.method() == Method::DELETE {
                    told.lock().unwrap().push(request.uri().to_string());
                    return StatusCode::NO_CONTENT.into_response();
                }
                LIST.into_response()
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = s3_settings(listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (ObjectStore::try_new(&settings).unwrap(), deleted)
    }

    #[tokio::test]
    async fn an_upload_that_nobody_knows_of_is_given_up_and_none_of_another_object() {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (store, deleted) = store().await;
        store.abort_uploads("assets/a").await.unwrap();
        assert_eq!(*deleted.lock().unwrap(), ["/sharedspaces/assets/a?uploadId=one"]);
    }

    #[test]
    fn a_list_of_parts_is_read_in_their_order_with_their_tags() {
        let list = "<?xml version=\"1.0\"?>\n<ListPartsResult xmlns=\"x\"><UploadId>u</UploadId>\
            <Part><PartNumber>2</PartNumber><ETag>&quot;b&quot;</ETag><Size>3</Size></Part>\
            <Part><Size>16777216</Size><PartNumber>1</PartNumber></Part></ListPartsResult>";
        let part = |number, size_bytes, etag: &str| StoredPart { number, size_bytes, etag: etag.to_owned() };
        let expected = [part(1, 16_777_216, "&quot;&quot;"), part(2, 3, "&quot;b&quot;")];
        assert_eq!(read_parts(list).unwrap(), expected);
    }

    #[test]
    fn a_list_without_parts_is_empty_and_anything_else_is_not_read() {
        assert_eq!(read_parts("<ListPartsResult><UploadId>u</UploadId></ListPartsResult>"), Some(Vec::new()));
        for bad in ["", "content", "<ListPartsResult><Part><Size>1</Size></Part></ListPartsResult>"] {
            assert_eq!(read_parts(bad), None, "{bad}");
        }
    }
}
