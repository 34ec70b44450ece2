//! Writes the Kubernetes component of dashboards, rules and monitors.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Makes dashboards and alert rules from code")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes k8s/components/observability anew, below the current directory.
    Write,
}

fn main() -> Result<()> {
    let Arguments { command: Command::Write } = Arguments::parse();
    let component = Path::new(observability::COMPONENT);
    let dashboards = component.join("dashboards");
    if dashboards.exists() {
        // One that has been renamed must not stay.
        fs::remove_dir_all(&dashboards)?;
    }
    fs::create_dir_all(&dashboards).with_context(|| format!("{} cannot be made", dashboards.display()))?;
    for (path, text) in observability::files() {
        let path = component.join(path);
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}
