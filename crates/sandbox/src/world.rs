//! Owns what the sandbox takes from the machine: the time, random bytes and files replaced as a whole.
//!
//! Nothing else in the crate reads the clock or the generator. The sandbox is a tool for development
//! and plays parties outside the product, so it does not use the product's clock.

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use ring::rand::SecureRandom as _;

/// Returns the time of the machine.
#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox plays the outside world and has a clock of its own"
)]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Makes a random token of `bytes` bytes, written as base64url without padding.
pub(crate) fn token(bytes: usize) -> io::Result<String> {
    let mut raw = vec![0; bytes];
    ring::rand::SystemRandom::new()
        .fill(&mut raw)
        .map_err(|_| io::Error::other("the system gave no random bytes"))?;
    Ok(URL_SAFE_NO_PAD.encode(raw))
}

/// Makes a random id in the form of a UUID of version 4.
pub(crate) fn guid() -> io::Result<String> {
    let mut raw = [0; 16];
    ring::rand::SystemRandom::new()
        .fill(&mut raw)
        .map_err(|_| io::Error::other("the system gave no random bytes"))?;
    Ok(uuid::Builder::from_random_bytes(raw).into_uuid().to_string())
}

/// Locks, also after another holder panicked: every holder leaves the data whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Replaces a file as a whole, so that a reader sees the old text or the new one; mode 0600.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    std::fs::rename(&temporary, path)
}
