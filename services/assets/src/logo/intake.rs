//! Taking in an upload.
//!
//! Owns how much and how slowly may be sent. Counts what comes, never what was announced, and holds no more than the
//! limit and one chunk.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use service_kit::validate::Violations;
use tokio::time::timeout;

use super::error::LogoError;

/// Largest upload in bytes, inclusive (R3.2).
pub(crate) const MAX_BYTES: usize = 5_242_880;
/// Largest chunk in bytes, inclusive.
pub(crate) const MAX_CHUNK_BYTES: usize = 256 * 1024;

/// How slow an upload may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Longest wait for the next part.
    pub(crate) idle: Duration,
    /// Longest time for all of it.
    pub(crate) total: Duration,
}

/// How slow an upload may be.
pub(crate) const PACE: Pace = Pace { idle: Duration::from_secs(5), total: Duration::from_secs(60) };

/// Returns the whole content. Errors: more than [`MAX_BYTES`] (at the first byte beyond), a chunk of more than
/// [`MAX_CHUNK_BYTES`], nothing at all, slower than `pace`, and whatever the chunks fail with.
pub(crate) async fn read<S>(chunks: S, pace: Pace) -> Result<Vec<u8>, LogoError>
where
    S: Stream<Item = Result<Bytes, LogoError>> + Unpin,
{
    let content = timeout(pace.total, collect(chunks, pace.idle)).await.map_err(|_| LogoError::TooSlow)??;
    if content.is_empty() {
        return Err(Violations::one("chunk", "must come at least once, with at least 1 byte").into());
    }
    Ok(content)
}

async fn collect<S>(mut chunks: S, idle: Duration) -> Result<Vec<u8>, LogoError>
where
    S: Stream<Item = Result<Bytes, LogoError>> + Unpin,
{
    let mut content = Vec::new();
    while let Some(chunk) = timeout(idle, chunks.next()).await.map_err(|_| LogoError::TooSlow)? {
        let chunk = chunk?;
        if content.len() + chunk.len() > MAX_BYTES {
            return Err(LogoError::TooLarge);
        }
        if chunk.len() > MAX_CHUNK_BYTES {
            return Err(
                Violations::one("chunk", format!("must have at most {MAX_CHUNK_BYTES} bytes each")).into()
            );
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::stream::{self, pending};
    use service_kit::error::DomainError;

    use super::*;

    const QUICK: Pace = Pace { idle: Duration::from_millis(40), total: Duration::from_millis(200) };

    fn chunks(sizes: &[usize]) -> impl Stream<Item = Result<Bytes, LogoError>> + Unpin + use<> {
        stream::iter(sizes.iter().map(|size| Ok(Bytes::from(vec![7; *size]))).collect::<Vec<_>>())
    }

    #[tokio::test]
    async fn five_mebibytes_are_taken_and_one_byte_more_is_refused_at_that_byte() {
        let full = [MAX_CHUNK_BYTES; 20];
        assert_eq!(read(chunks(&full), PACE).await.unwrap().len(), MAX_BYTES);

        let asked = Cell::new(0);
        let endless = stream::repeat_with(|| {
            asked.set(asked.get() + 1);
            let size = if asked.get() <= 20 { MAX_CHUNK_BYTES } else { 1 };
            Ok(Bytes::from(vec![7; size]))
        });
        assert!(matches!(read(endless, PACE).await, Err(LogoError::TooLarge)));
        assert_eq!(asked.get(), 21);
    }

    #[tokio::test]
    async fn a_chunk_is_taken_up_to_its_limit_and_refused_beyond() {
        assert!(read(chunks(&[MAX_CHUNK_BYTES]), PACE).await.is_ok());
        let refused = read(chunks(&[MAX_CHUNK_BYTES + 1]), PACE).await.unwrap_err();
        assert_eq!(refused.violations(), Violations::one("chunk", "must have at most 262144 bytes each"));
    }

    #[tokio::test]
    async fn an_empty_upload_is_refused() {
        for nothing in [&[][..], &[0, 0]] {
            let refused = read(chunks(nothing), PACE).await.unwrap_err();
            assert_eq!(refused.violations().iter().next().unwrap().field, "chunk");
        }
    }

    #[tokio::test]
    async fn an_upload_that_pauses_or_trickles_is_refused() {
        let pauses = chunks(&[1]).chain(pending());
        assert!(matches!(read(pauses, QUICK).await, Err(LogoError::TooSlow)));

        let trickle = Box::pin(stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Some((Ok(Bytes::from_static(b"x")), ()))
        }));
        assert!(matches!(read(trickle, QUICK).await, Err(LogoError::TooSlow)));
    }
}
