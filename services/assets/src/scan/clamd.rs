//! ClamAV's daemon, over TCP.
//!
//! Owns `INSTREAM` (clamd(8)): each piece behind its length in four bytes, big-endian, then a length of zero, then one
//! answer that ends with a zero byte. Anything but `stream: OK` and `stream: … FOUND` is no verdict.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Scan, ScanError, Scanner, Verdict};

/// Largest piece: clamd reads each into memory.
const PIECE_BYTES: usize = 256 * 1024;
/// Longest answer that is read.
const ANSWER_BYTES: u64 = 4_096;

/// How long clamd may take.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// To take the next piece.
    piece: Duration,
    /// To answer, after the last one.
    verdict: Duration,
}

/// ClamAV's daemon.
#[derive(Clone, Debug)]
pub(crate) struct Clamd {
    address: String,
    patience: Patience,
}

impl Clamd {
    /// Returns the daemon at `host:port`; connects for each file.
    pub(crate) fn new(address: String) -> Self {
        let patience = Patience { piece: Duration::from_secs(10), verdict: Duration::from_secs(300) };
        Self { address, patience }
    }
}

impl Scanner for Clamd {
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Scan>, ScanError>> {
        Box::pin(async {
            let connected = timeout(self.patience.piece, TcpStream::connect(&self.address)).await;
            let mut stream = connected.map_err(|_| ScanError::TooSlow)??;
            stream.write_all(b"zINSTREAM\0").await?;
            Ok(Box::new(Look { stream, patience: self.patience }) as Box<dyn Scan>)
        })
    }
}

struct Look {
    stream: TcpStream,
    patience: Patience,
}

impl Look {
    async fn send(&mut self, piece: &[u8]) -> Result<(), ScanError> {
        let length = u32::try_from(piece.len()).map_err(|_| ScanError::NoVerdict)?;
        let sending = async {
            self.stream.write_all(&length.to_be_bytes()).await?;
            self.stream.write_all(piece).await
        };
        Ok(timeout(self.patience.piece, sending).await.map_err(|_| ScanError::TooSlow)??)
    }

    async fn answer(&mut self) -> Result<Verdict, ScanError> {
        self.send(&[]).await?;
        let mut answer = Vec::new();
        let mut rest = (&mut self.stream).take(ANSWER_BYTES);
        let reading = rest.read_to_end(&mut answer);
        timeout(self.patience.verdict, reading).await.map_err(|_| ScanError::TooSlow)??;
        verdict(&answer)
    }
}

impl Scan for Look {
    fn feed<'a>(&'a mut self, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), ScanError>> {
        Box::pin(async move {
            // A length of zero would end the stream.
            for piece in bytes.chunks(PIECE_BYTES).filter(|piece| !piece.is_empty()) {
                self.send(piece).await?;
            }
            Ok(())
        })
    }

    fn verdict(mut self: Box<Self>) -> BoxFuture<'static, Result<Verdict, ScanError>> {
        Box::pin(async move { self.answer().await })
    }
}

/// Reads an answer, which must be whole.
fn verdict(answer: &[u8]) -> Result<Verdict, ScanError> {
    let answer = answer.strip_suffix(b"\0").ok_or(ScanError::NoVerdict)?;
    let answer = answer.strip_prefix(b"stream: ").ok_or(ScanError::NoVerdict)?;
    match answer {
        b"OK" => Ok(Verdict::Clean),
        found if found.ends_with(b" FOUND") && !found.contains(&0) => Ok(Verdict::Found),
        _ => Err(ScanError::NoVerdict),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::clamd::{EICAR, Plays, play};

    async fn clamd(plays: Plays) -> Clamd {
        let patience = Patience { piece: Duration::from_millis(300), verdict: Duration::from_millis(300) };
        Clamd { address: play(plays).await, patience }
    }

    async fn look(clamd: Clamd, content: &[u8]) -> Result<Verdict, ScanError> {
        let mut scan = clamd.begin().await?;
        scan.feed(content).await?;
        scan.feed(&[]).await?;
        scan.verdict().await
    }

    #[tokio::test]
    async fn the_test_virus_is_found_also_across_pieces_and_other_content_is_clean() {
        let mut far = vec![b'x'; PIECE_BYTES - 20];
        far.extend(EICAR);
        assert_eq!(look(clamd(Plays::Verdict).await, EICAR).await.unwrap(), Verdict::Found);
        assert_eq!(look(clamd(Plays::Verdict).await, &far).await.unwrap(), Verdict::Found);
        let clean = look(clamd(Plays::Verdict).await, &vec![b'x'; 3 * PIECE_BYTES + 1]).await;
        assert_eq!(clean.unwrap(), Verdict::Clean);
    }

    #[tokio::test]
    async fn a_daemon_that_hangs_or_hangs_up_gives_no_verdict() {
        let hangs = look(clamd(Plays::Sleeps).await, &vec![0; 32 * 1024 * 1024]).await;
        assert!(matches!(hangs, Err(ScanError::TooSlow)), "{hangs:?}");
        let silent = look(clamd(Plays::Sleeps).await, b"x").await;
        assert!(matches!(silent, Err(ScanError::TooSlow)), "{silent:?}");
        assert!(look(clamd(Plays::HangsUp).await, b"x").await.is_err());
        let away = Clamd::new("127.0.0.1:1".to_owned());
        assert!(matches!(look(away, b"x").await, Err(ScanError::Unreachable(_))));
    }

    #[tokio::test]
    async fn an_answer_that_is_no_verdict_is_none() {
        let garbage: [&[u8]; 8] = [
            b"",
            b"\0",
            b"stream: OK",
            b"stream: OK\0stream: OK\0",
            b"OK\0",
            b"stream: O\0",
            b"INSTREAM size limit exceeded. ERROR\0",
            b"stream: x\0y FOUND\0",
        ];
        for says in garbage {
            let verdict = look(clamd(Plays::Says(says)).await, b"x").await;
            assert!(matches!(verdict, Err(ScanError::NoVerdict)), "{says:?}: {verdict:?}");
        }
    }
}
