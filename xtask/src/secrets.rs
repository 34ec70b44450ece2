//! Owns the secrets of a development set-up: made once from the system's randomness, kept in a file only its owner reads.
//!
//! Must not print them.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Named secrets, backed by a file or only held in memory.
#[derive(Debug, Default)]
pub struct Secrets {
    file: Option<PathBuf>,
    kept: BTreeMap<String, String>,
}

impl Secrets {
    /// Reads the secrets of earlier starts; a missing file is an empty list.
    ///
    /// # Errors
    /// Fails when the file is not a JSON object of strings.
    pub fn load(file: &Path) -> Result<Self> {
        let kept = match fs::read_to_string(file) {
            Ok(text) => serde_json::from_str(&text).with_context(|| {
                format!(
                    "{} is not a list of secrets; remove the directory it is in to start afresh",
                    file.display()
                )
            })?,
            Err(_) => BTreeMap::new(),
        };
        Ok(Self { file: Some(file.to_owned()), kept })
    }

    /// Gives the password of this name, 48 hexadecimal digits, made when asked for the first time.
    ///
    /// # Errors
    /// Fails when there is no randomness or the file cannot be written.
    pub fn password(&mut self, name: &str) -> Result<String> {
        self.get_or_make(name, random_hex)
    }

    /// Gives the key of this name, 32 bytes in base64, made when asked for the first time.
    ///
    /// # Errors
    /// Fails when there is no randomness or the file cannot be written.
    pub fn key(&mut self, name: &str) -> Result<String> {
        self.get_or_make(name, || Ok(base64(&random()?)))
    }

    fn get_or_make(&mut self, name: &str, make: impl FnOnce() -> Result<String>) -> Result<String> {
        if let Some(secret) = self.kept.get(name) {
            return Ok(secret.clone());
        }
        let secret = make()?;
        self.kept.insert(name.to_owned(), secret.clone());
        if let Some(file) = &self.file {
            write_private(file, &(serde_json::to_string_pretty(&self.kept)? + "\n"))?;
        }
        Ok(secret)
    }
}

/// Gives 192 random bits as hexadecimal digits, which need no escaping in a URL or in SQL.
///
/// # Errors
/// Fails when the system has no source of randomness.
pub fn random_hex() -> Result<String> {
    Ok(random()?.iter().take(24).map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a file that only its owner may read.
///
/// # Errors
/// Fails when the file cannot be written.
pub fn write_private(file: &Path, text: &str) -> Result<()> {
    OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut out| out.write_all(text.as_bytes()))
        .with_context(|| format!("{} cannot be written", file.display()))
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("/dev/urandom cannot be read")?;
    Ok(bytes)
}

/// Base64 with padding (RFC 4648 §4); here so that this crate stays free of dependencies.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0_u32, |group, i| group << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        for position in 0..4 {
            let sextet = usize::try_from(group >> (18 - 6 * position) & 63).unwrap_or(0);
            let letter = ALPHABET.get(sextet).copied().map_or('A', char::from);
            text.push(if position <= chunk.len() { letter } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::throwaway::Throwaway;

    #[test]
    fn base64_agrees_with_the_vectors_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[255, 254, 253]), "//79");
        assert_eq!(base64(&[0; 32]).len(), 44);
    }

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_reads_the_file() {
        let dir = Throwaway::create("secrets").unwrap();
        let file = dir.path().join("secrets.json");
        let first = Secrets::load(&file).unwrap().password("spaces_app").unwrap();
        let mut again = Secrets::load(&file).unwrap();
        assert_eq!(again.password("spaces_app").unwrap(), first);
        assert_ne!(again.password("spaces_owner").unwrap(), first);
        assert_eq!(first.len(), 48);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
