//! Owns the choice of free ports on the loopback address.
//!
//! Must not hand out the same port twice in one process.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

/// Below the range that systems take for outgoing connections, so that none of those gets in between.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

static GIVEN: LazyLock<Mutex<BTreeSet<u16>>> = LazyLock::new(Mutex::default);

/// Tells whether nothing listens on this loopback port.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Gives a free loopback port that this process has not given before.
///
/// # Errors
/// Fails when no port is free between 20000 and 31999.
pub fn free() -> Result<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let start = scatter();
    for step in 0..COUNT {
        let port = FIRST + (start + step) % COUNT;
        if !given.contains(&port) && is_free(port) {
            given.insert(port);
            return Ok(port);
        }
    }
    bail!(
        "no port between {FIRST} and {} is free on 127.0.0.1; stop a program that holds them",
        FIRST + COUNT - 1
    )
}

/// Where to begin: differs from process to process, so that two that start together do not race for one port.
fn scatter() -> u16 {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.subsec_nanos());
    let mixed = nanos.wrapping_mul(2_654_435_761) ^ std::process::id().wrapping_mul(40_503);
    u16::try_from((mixed >> 8) % u32::from(COUNT)).unwrap_or(0)
}

/// Ports by name, kept in a file so that the addresses stay the same from one start to the next.
#[derive(Debug)]
pub struct Ports {
    file: PathBuf,
    kept: BTreeMap<String, u16>,
}

impl Ports {
    /// Reads the ports of earlier starts; a missing file is an empty list.
    ///
    /// # Errors
    /// Fails when the file is not a JSON object of port numbers.
    pub fn load(file: &Path) -> Result<Self> {
        let kept = match fs::read_to_string(file) {
            Ok(text) => serde_json::from_str(&text).with_context(|| {
                format!("{} is not a list of ports; remove it, new ports are chosen then", file.display())
            })?,
            Err(_) => BTreeMap::new(),
        };
        Ok(Self { file: file.to_owned(), kept })
    }

    /// Gives the port of this name: the earlier one while it is free, else a new one, and remembers it.
    ///
    /// # Errors
    /// Fails when no port is free or the file cannot be written.
    pub fn get(&mut self, name: &str) -> Result<u16> {
        let port = match self.kept.get(name) {
            Some(port) if is_free(*port) => *port,
            _ => loop {
                let port = free()?;
                if !self.kept.values().any(|kept| *kept == port) {
                    break port;
                }
            },
        };
        self.kept.insert(name.to_owned(), port);
        let text = serde_json::to_string_pretty(&self.kept)?;
        fs::write(&self.file, text + "\n")
            .with_context(|| format!("{} cannot be written", self.file.display()))?;
        Ok(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::throwaway::Throwaway;

    #[test]
    fn free_ports_differ_and_can_be_bound() {
        let ports: BTreeSet<u16> = (0..20).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 20);
        for port in ports {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        }
    }

    #[test]
    fn a_port_is_kept_until_somebody_else_takes_it() {
        let dir = Throwaway::create("ports").unwrap();
        let file = dir.path().join("ports.json");
        let first = Ports::load(&file).unwrap().get("spaces").unwrap();
        assert_eq!(Ports::load(&file).unwrap().get("spaces").unwrap(), first);
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        assert_ne!(Ports::load(&file).unwrap().get("spaces").unwrap(), first);
    }

    #[test]
    fn a_broken_file_is_refused_with_what_to_do() {
        let dir = Throwaway::create("ports").unwrap();
        let file = dir.path().join("ports.json");
        fs::write(&file, "[]").unwrap();
        assert!(Ports::load(&file).unwrap_err().to_string().contains("remove it"));
    }
}
