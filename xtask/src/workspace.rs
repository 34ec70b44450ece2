//! Owns the knowledge of where things lie in a checkout: its root, its packages, its build directory.
//!
//! Must not write anything.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::output;

/// The five services, in the order in which they are prepared and started.
pub const SERVICES: [&str; 5] = ["identity", "spaces", "assets", "notifications", "crm-sync"];

/// A checkout of the workspace.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
    metadata: Value,
}

impl Workspace {
    /// Finds the checkout that the current directory lies in.
    ///
    /// # Errors
    /// Fails outside a checkout, and when cargo cannot read it.
    pub fn find() -> Result<Self> {
        let here = std::env::current_dir().context("the current directory cannot be read")?;
        let Some(root) = here.ancestors().find(|dir| dir.join("xtask/Cargo.toml").is_file()) else {
            bail!("{} is not inside a checkout of Shared Spaces; change into one", here.display());
        };
        let text = output(cargo(root).args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata = serde_json::from_str(&text).context("cargo metadata gave no JSON")?;
        Ok(Self { root: root.to_owned(), metadata })
    }

    /// The directory of the root `Cargo.toml`.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory that cargo builds into.
    ///
    /// # Errors
    /// Fails when cargo did not name it.
    pub fn target(&self) -> Result<PathBuf> {
        self.metadata
            .get("target_directory")
            .and_then(Value::as_str)
            .map(PathBuf::from)
            .context("cargo metadata names no target directory")
    }

    /// A binary of the workspace in its debug build.
    ///
    /// # Errors
    /// Fails when cargo did not name the build directory.
    pub fn binary(&self, name: &str) -> Result<PathBuf> {
        Ok(self.target()?.join("debug").join(name))
    }

    /// The packages that have a feature of this name, as cargo's `--features` wants them: `package/feature`.
    #[must_use]
    pub fn with_feature(&self, feature: &str) -> Vec<String> {
        self.packages()
            .filter(|package| package.get("features").is_some_and(|features| features.get(feature).is_some()))
            .filter_map(|package| package.get("name").and_then(Value::as_str))
            .map(|name| format!("{name}/{feature}"))
            .collect()
    }

    /// Tells whether any package of the workspace has a binary of this name.
    #[must_use]
    pub fn has_binary(&self, name: &str) -> bool {
        self.packages().filter_map(|package| package.get("targets").and_then(Value::as_array)).flatten().any(
            |target| {
                let is_binary = target
                    .get("kind")
                    .and_then(Value::as_array)
                    .is_some_and(|kinds| kinds.iter().any(|kind| kind == "bin"));
                is_binary && target.get("name").is_some_and(|found| found == name)
            },
        )
    }

    /// A cargo command that runs at the root, and never asks a database about its queries.
    #[must_use]
    pub fn cargo(&self) -> Command {
        cargo(&self.root)
    }

    fn packages(&self) -> impl Iterator<Item = &Value> {
        self.metadata.get("packages").and_then(Value::as_array).into_iter().flatten()
    }
}

fn cargo(root: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(root).env("SQLX_OFFLINE", "true");
    command
}

/// The prefix of a service's settings in the environment: `crm-sync` gives `CRM_SYNC`.
#[must_use]
pub fn setting_prefix(service: &str) -> String {
    snake(service).to_uppercase()
}

/// The name of a service inside SQL: `crm-sync` gives `crm_sync`.
#[must_use]
pub fn snake(service: &str) -> String {
    service.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkout_is_found_from_a_directory_inside_it() {
        let workspace = Workspace::find().unwrap();
        assert!(workspace.root().join("Cargo.toml").is_file());
        assert!(workspace.has_binary("xtask"));
        assert!(!workspace.has_binary("no-such-binary"));
        assert!(workspace.with_feature("failpoints").contains(&"journeys/failpoints".to_owned()));
    }

    #[test]
    fn names_of_services_become_names_of_settings_and_roles() {
        assert_eq!(setting_prefix("crm-sync"), "CRM_SYNC");
        assert_eq!(snake("crm-sync"), "crm_sync");
    }
}
