//! The process that renders.
//!
//! Owns starting, feeding, hearing and ending it, from a thread that may block.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc::Receiver;

use super::RENDER_PREVIEW;

/// Largest picture that is taken from it, inclusive: 1,280 by 1,280 pixels of four bytes, and some more.
const MAX_PICTURE_BYTES: u64 = 8 * 1024 * 1024;
/// How often it is looked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Returns what the process made of the pieces. None: it failed, said too much, or did not end in time.
pub(super) fn render(
    program: &Path,
    pieces: Receiver<Bytes>,
    within: Duration,
) -> std::io::Result<Option<Vec<u8>>> {
    let mut child = Command::new(program)
        .arg(RENDER_PREVIEW)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    // Both end when the process does: its side of their pipes is gone then.
    let feeding = thread::spawn(move || feed(stdin, pieces));
    let hearing = thread::spawn(move || hear(stdout));
    let status = end(&mut child, within);
    drop(feeding);
    let picture = hearing.join().unwrap_or(None);
    Ok(picture.filter(|_| status.is_ok_and(|status| status.is_some_and(|status| status.success()))))
}

fn feed(stdin: Option<ChildStdin>, mut pieces: Receiver<Bytes>) {
    let Some(mut stdin) = stdin else { return };
    while let Some(piece) = pieces.blocking_recv() {
        if stdin.write_all(&piece).is_err() {
            return;
        }
    }
}

fn hear(stdout: Option<ChildStdout>) -> Option<Vec<u8>> {
    let mut picture = Vec::new();
    let read = stdout?.take(MAX_PICTURE_BYTES + 1).read_to_end(&mut picture).ok()?;
    u64::try_from(read).is_ok_and(|read| read <= MAX_PICTURE_BYTES).then_some(picture)
}

/// Waits for the process, and ends it where it takes too long. None: it had to be ended.
fn end(child: &mut Child, within: Duration) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + within;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(LOOK_EVERY);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}
