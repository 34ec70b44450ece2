//! Owns directories that last as long as the process that made them.
//!
//! Must not remove a directory of a process that still runs.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::process::reap_all;

const PREFIX: &str = "sharedspaces-";
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A directory below the system's temporary one, removed with all it holds when dropped.
#[derive(Debug)]
pub struct Throwaway(PathBuf);

impl Throwaway {
    /// Makes a new empty directory that other users may enter but not list or write.
    ///
    /// # Errors
    /// Fails when the temporary directory cannot be written.
    pub fn create(purpose: &str) -> Result<Self> {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("{PREFIX}{}-{purpose}-{count}", process::id()));
        fs::create_dir(&path).with_context(|| {
            format!("{} cannot be created; set TMPDIR to a directory that can be written", path.display())
        })?;
        let this = Self(path);
        // A server may have to run as another user, who has to reach its own directory in here.
        fs::set_permissions(&this.0, fs::Permissions::from_mode(0o711))?;
        Ok(this)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run's `remove_left_behind`.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Ends the servers and removes the directories of earlier runs that were killed before they could.
///
/// # Errors
/// Fails when a left-over process does not end.
pub fn remove_left_behind() -> Result<()> {
    if !Path::new("/proc/self").exists() {
        return Ok(());
    }
    let me = fs::metadata("/proc/self")?.uid();
    for entry in fs::read_dir(std::env::temp_dir())?.flatten() {
        let name = entry.file_name();
        let owner =
            name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|rest| rest.split('-').next());
        let Some(owner) = owner.and_then(|pid| pid.parse::<u32>().ok()) else { continue };
        // Anybody may write to the temporary directory: only what this user left there is looked into.
        let ours = entry.metadata().is_ok_and(|entry| entry.is_dir() && entry.uid() == me);
        if !ours || Path::new(&format!("/proc/{owner}")).exists() {
            continue;
        }
        reap_all(&entry.path())?;
        for inner in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
            reap_all(&inner.path())?;
        }
        fs::remove_dir_all(entry.path())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throwaway_directory_is_removed_with_its_content() {
        let dir = Throwaway::create("unit").unwrap();
        let path = dir.path().to_owned();
        fs::write(path.join("file"), "x").unwrap();
        drop(dir);
        assert!(!path.exists());
    }

    #[test]
    fn a_directory_of_a_process_that_is_gone_is_removed_and_a_living_one_stays() {
        let living = Throwaway::create("living").unwrap();
        // Above the largest process id Linux can give (2^22).
        let left = std::env::temp_dir().join(format!("{PREFIX}4194305-left-{}", process::id()));
        fs::create_dir_all(&left).unwrap();
        remove_left_behind().unwrap();
        assert!(!left.exists());
        assert!(living.path().exists());
    }
}
