//! The first page of a PDF as a picture.
//!
//! Owns where that is done: in a process of its own, which has neither settings nor connections nor anybody else's data,
//! whose memory and time are bounded, and whose answer is decoded like a picture that a stranger sent. Must not read a
//! PDF in this process.

mod child;
mod page;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::sync::{Semaphore, mpsc};

use crate::storage::StoreError;

pub use page::{RENDER_PREVIEW, render_preview};

/// Largest file that is rendered, in bytes, inclusive: the process holds it in memory.
pub(crate) const MAX_BYTES: i64 = 64 * 1024 * 1024;
/// How long a page may take, with its way to the process.
const WITHIN: Duration = Duration::from_secs(10);
/// Pieces on their way to the process.
const PIECES: usize = 4;

/// Renders first pages, one at a time.
#[derive(Clone)]
pub(crate) struct PageRenderer {
    program: Arc<PathBuf>,
    places: Arc<Semaphore>,
    within: Duration,
}

impl PageRenderer {
    /// Returns one that starts this very program. Errors: the system does not say what that is.
    pub(crate) fn try_new() -> anyhow::Result<Self> {
        Ok(Self::of(std::env::current_exe().context("the program does not know where it is")?, WITHIN))
    }

    fn of(program: PathBuf, within: Duration) -> Self {
        Self { program: Arc::new(program), places: Arc::new(Semaphore::new(1)), within }
    }

    /// Returns the first page as PNG. None: there is none that can be rendered within the limits. Errors: the content
    /// could not be read to its end, or no process could be started; trying again may help.
    pub(crate) async fn first_page<S>(&self, mut content: S) -> anyhow::Result<Option<Vec<u8>>>
    where
        S: Stream<Item = Result<Bytes, StoreError>> + Unpin,
    {
        let place = Arc::clone(&self.places).acquire_owned().await?;
        let (sender, pieces) = mpsc::channel(PIECES);
        let (program, within) = (Arc::clone(&self.program), self.within);
        let rendering = tokio::task::spawn_blocking(move || {
            let rendered = child::render(&program, pieces, within);
            drop(place);
            rendered
        });
        while let Some(piece) = content.next().await {
            // Where nobody takes it the process has ended, which tells more.
            if sender.send(piece?).await.is_err() {
                break;
            }
        }
        drop(sender);
        Ok(rendering.await.context("a process that renders could not be watched")??)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Instant;

    use futures_util::stream;

    use super::*;

    /// A program that does what a script says, which has the arguments that the renderer gives.
    fn program(script: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("assets-page-{}", testkit::ids().next::<uuid::Uuid>()));
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    async fn run(script: &str, within: Duration, bytes: usize) -> Option<Vec<u8>> {
        let program = program(script);
        let pieces = (0..bytes).step_by(1_000).map(|_| Ok(Bytes::from(vec![7; 1_000])));
        let renderer = PageRenderer::of(program.clone(), within);
        let rendered = renderer.first_page(stream::iter(pieces.collect::<Vec<_>>())).await.unwrap();
        std::fs::remove_file(program).unwrap();
        rendered
    }

    #[tokio::test]
    async fn what_the_process_says_is_taken_where_it_ends_well_and_nothing_else() {
        assert_eq!(run("test \"$1\" = render-preview && wc -c", WITHIN, 900_000).await.unwrap(), b"900000\n");
        assert_eq!(run("cat > /dev/null; echo half; exit 1", WITHIN, 1_000).await, None);
        assert_eq!(run("cat > /dev/null; kill -9 $$", WITHIN, 1_000).await, None);
        // One that does not even read what it is sent.
        assert_eq!(run("exit 1", WITHIN, 9_000_000).await, None);
    }

    #[tokio::test]
    async fn a_process_that_hangs_is_ended_in_time() {
        for script in ["exec sleep 60", "cat > /dev/null; exec sleep 60"] {
            let begin = Instant::now();
            assert_eq!(run(script, Duration::from_millis(200), 9_000_000).await, None);
            assert!(begin.elapsed() < Duration::from_secs(10), "{script}: {:?}", begin.elapsed());
        }
    }

    #[tokio::test]
    async fn a_process_that_answers_without_end_is_not_listened_to() {
        assert_eq!(run("cat > /dev/null; exec cat /dev/zero", WITHIN, 1_000).await, None);
    }

    #[tokio::test]
    async fn a_process_is_told_nothing_of_this_ones_environment() {
        assert_eq!(
            run("cat > /dev/null; echo \"$HOME$CARGO_MANIFEST_DIR\"", WITHIN, 1_000).await.unwrap(),
            b"\n"
        );
    }
}
