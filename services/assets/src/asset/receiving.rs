//! Taking in a file as a stream.
//!
//! Owns how much and how slowly may be sent. Sends each part on as it fills, so that no more than one is held, and
//! notes it, so that a later stream goes on from there. Counts what comes, never what was announced.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use service_kit::caller::Caller;
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use service_kit::validate::Violations;
use tokio::time::timeout;
use uuid::Uuid;

use super::{Asset, AssetError, AssetId, Assets, Part, repo};

/// Largest chunk in bytes, inclusive.
pub(crate) const MAX_CHUNK_BYTES: usize = 256 * 1024;

/// Crash point: a part is stored, the row does not say so.
pub(crate) const AFTER_PART_BEFORE_ROW: &str = "assets.after_part_before_row";

/// How slow a stream may be.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Longest wait for the next chunk.
    idle: Duration,
    /// Longest time for a part.
    part: Duration,
}

/// Longest wait for the next message of a stream.
pub(crate) const IDLE: Duration = Duration::from_secs(10);

const PACE: Pace = Pace { idle: IDLE, part: Duration::from_secs(300) };

impl Assets {
    /// Takes the bytes of a file from `offset_bytes` on, as far as they come; returns what has arrived. What comes
    /// after the last whole part is not kept, unless it ends the file. Reads no byte before the caller is known to be
    /// the uploader.
    pub(crate) async fn receive<S>(
        &self,
        caller: &Caller,
        asset_id: AssetId,
        offset_bytes: i64,
        chunks: S,
    ) -> Result<Asset, AssetError>
    where
        S: Stream<Item = Result<Bytes, AssetError>> + Unpin,
    {
        let asset = self.find_own(caller, asset_id).await?;
        let upload_id = asset.open_upload()?;
        if asset.is_direct {
            return Err(Violations::one("header.asset_id", "must be of an upload that is streamed").into());
        }
        if offset_bytes != asset.received_bytes {
            let rule = format!("must be {}, as many bytes as have arrived", asset.received_bytes);
            return Err(Violations::one("header.offset_bytes", rule).into());
        }
        let _place = self.streams.try_acquire().map_err(|_| AssetError::Busy)?;
        let stream_id = self.ids.next();
        self.begin_stream(caller.organization_id, asset_id, stream_id).await?;
        let mut source = Source { chunks, rest: Bytes::new() };
        let missing = asset.parts().into_iter().filter(|part| part.offset_bytes >= offset_bytes);
        for part in missing {
            let Some(content) = source.part(part, PACE).await? else {
                return self.find_own(caller, asset_id).await;
            };
            if part.offset_bytes + part.size_bytes == asset.size_bytes {
                source.expect_end(PACE).await?;
            }
            self.store.put_part(&asset.object_key(), upload_id, part.number, content).await?;
            messaging::failpoint(AFTER_PART_BEFORE_ROW);
            self.advance(caller.organization_id, asset_id, stream_id, part).await?;
        }
        self.find_own(caller, asset_id).await
    }

    async fn begin_stream(
        &self,
        organization_id: OrganizationId,
        asset_id: AssetId,
        stream_id: Uuid,
    ) -> Result<(), AssetError> {
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(
                    async move { Ok(repo::begin_stream(tx, organization_id, asset_id, stream_id).await?) },
                )
            })
            .await
    }

    /// Notes that a part is stored. Errors: the upload has ended, or another stream has taken over.
    async fn advance(
        &self,
        organization_id: OrganizationId,
        asset_id: AssetId,
        stream_id: Uuid,
        part: Part,
    ) -> Result<(), AssetError> {
        let received_bytes = part.offset_bytes + part.size_bytes;
        let is_ours = self
            .database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    let advanced =
                        repo::advance(tx, organization_id, asset_id, stream_id, received_bytes).await?;
                    Ok::<_, AssetError>(advanced)
                })
            })
            .await?;
        if is_ours { Ok(()) } else { Err(AssetError::Interrupted) }
    }
}

/// Where the bytes come from.
struct Source<S> {
    chunks: S,
    /// What of the last chunk belongs to the next part.
    rest: Bytes,
}

impl<S> Source<S>
where
    S: Stream<Item = Result<Bytes, AssetError>> + Unpin,
{
    /// Returns the content of a part. None: the stream has ended before it was whole.
    async fn part(&mut self, part: Part, pace: Pace) -> Result<Option<Vec<u8>>, AssetError> {
        let size = usize::try_from(part.size_bytes).map_err(|error| CommonError::Unexpected(error.into()))?;
        let filling = async {
            let mut content = Vec::with_capacity(size);
            while content.len() < size {
                if self.rest.is_empty() {
                    let Some(chunk) = self.next(pace.idle).await? else { return Ok(None) };
                    self.rest = chunk;
                }
                let wanted = self.rest.len().min(size - content.len());
                content.extend_from_slice(&self.rest.split_to(wanted));
            }
            Ok(Some(content))
        };
        timeout(pace.part, filling).await.map_err(|_| AssetError::TooSlow)?
    }

    /// Errors: there are more bytes.
    async fn expect_end(&mut self, pace: Pace) -> Result<(), AssetError> {
        let ending = async {
            while self.rest.is_empty() {
                let Some(chunk) = self.next(pace.idle).await? else { return Ok(()) };
                self.rest = chunk;
            }
            Err(Violations::one("chunk", "must not go on beyond the size that was announced").into())
        };
        timeout(pace.part, ending).await.map_err(|_| AssetError::TooSlow)?
    }

    async fn next(&mut self, idle: Duration) -> Result<Option<Bytes>, AssetError> {
        let chunk = timeout(idle, self.chunks.next()).await.map_err(|_| AssetError::TooSlow)?.transpose()?;
        if chunk.as_ref().is_some_and(|chunk| chunk.len() > MAX_CHUNK_BYTES) {
            let rule = format!("must have at most {MAX_CHUNK_BYTES} bytes each");
            return Err(Violations::one("chunk", rule).into());
        }
        Ok(chunk)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream::{self, pending};
    use service_kit::error::DomainError;

    use super::*;

    const QUICK: Pace = Pace { idle: Duration::from_millis(40), part: Duration::from_millis(200) };

    fn source(sizes: &[usize]) -> Source<impl Stream<Item = Result<Bytes, AssetError>> + Unpin + use<>> {
        let chunks = sizes.iter().map(|size| Ok(Bytes::from(vec![7; *size]))).collect::<Vec<_>>();
        Source { chunks: stream::iter(chunks), rest: Bytes::new() }
    }

    fn part(size_bytes: i64) -> Part {
        Part { number: 1, offset_bytes: 0, size_bytes }
    }

    #[tokio::test]
    async fn parts_are_cut_where_they_end_and_not_where_chunks_do() {
        let mut source = source(&[7, 0, 5]);
        assert_eq!(source.part(part(4), PACE).await.unwrap().unwrap().len(), 4);
        assert_eq!(source.part(part(4), PACE).await.unwrap().unwrap().len(), 4);
        assert_eq!(source.part(part(5), PACE).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_stream_that_ends_with_the_file_is_taken_and_one_byte_more_is_refused() {
        for (sizes, is_good) in [(&[4][..], true), (&[4, 0], true), (&[5], false), (&[4, 0, 1], false)] {
            let mut source = source(sizes);
            source.part(part(4), PACE).await.unwrap().unwrap();
            let ended = source.expect_end(PACE).await;
            assert_eq!(ended.is_ok(), is_good, "{sizes:?}");
            if let Err(refused) = ended {
                assert_eq!(refused.violations().iter().next().unwrap().field, "chunk");
            }
        }
    }

    #[tokio::test]
    async fn a_chunk_is_taken_up_to_its_limit_and_refused_beyond() {
        let limit = part(i64::try_from(MAX_CHUNK_BYTES).unwrap());
        assert!(source(&[MAX_CHUNK_BYTES]).part(limit, PACE).await.unwrap().is_some());
        let refused = source(&[MAX_CHUNK_BYTES + 1]).part(limit, PACE).await.unwrap_err();
        assert_eq!(refused.violations(), Violations::one("chunk", "must have at most 262144 bytes each"));
    }

    #[tokio::test]
    async fn a_stream_that_pauses_or_trickles_is_refused() {
        let one = stream::iter([Ok(Bytes::from_static(b"x"))]);
        let mut pauses = Source { chunks: one.chain(pending()), rest: Bytes::new() };
        assert!(matches!(pauses.part(part(9), QUICK).await, Err(AssetError::TooSlow)));
        let trickle = Box::pin(stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Some((Ok(Bytes::from_static(b"x")), ()))
        }));
        let mut trickles = Source { chunks: trickle, rest: Bytes::new() };
        assert!(matches!(trickles.part(part(9_999), QUICK).await, Err(AssetError::TooSlow)));
    }
}
