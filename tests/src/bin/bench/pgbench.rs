//! The database and nothing else: the statements of a call, sent by PostgreSQL's own load generator.
//!
//! Owns running the [`Script`]s as the service does: same role, same row-level security, same round trips.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use tokio::task::block_in_place;
use url::Url;
use xtask::packages::find_postgres_tool;
use xtask::process::output;

use crate::scripts::Script;

const THREADS: u32 = 2;

/// Runs pgbench against one service's database, in its role.
pub(crate) struct Pgbench {
    program: PathBuf,
    url: Url,
    file: PathBuf,
    organization: String,
    user: String,
    space: String,
}

impl Pgbench {
    /// Returns one that acts as `user` on `space`; scripts are written below `dir`.
    pub(crate) fn new(
        database_url: &str,
        dir: &Path,
        (organization, user, space): (&str, &str, &str),
    ) -> anyhow::Result<Self> {
        Ok(Self {
            program: find_postgres_tool("pgbench")
                .context("pgbench is missing; it comes with PostgreSQL's server package")?,
            url: database_url.parse()?,
            file: dir.join("script.sql"),
            organization: organization.to_owned(),
            user: user.to_owned(),
            space: space.to_owned(),
        })
    }

    /// Returns how many transactions a second so many clients had done.
    pub(crate) fn measure(&self, script: &Script, clients: usize, time: Duration) -> anyhow::Result<f64> {
        std::fs::write(&self.file, self.text(script)?)?;
        let mut command = Command::new(&self.program);
        command
            .args(["--no-vacuum", "--protocol=prepared", "--jobs", &THREADS.to_string()])
            .args(["--client", &clients.to_string(), "--time", &time.as_secs().to_string()])
            .args(["--define", &format!("organization={}", self.organization)])
            .args(["--define", &format!("user={}", self.user), "--define", &format!("space={}", self.space)])
            .arg("--file")
            .arg(&self.file)
            .args(["--host", self.url.host_str().unwrap_or_default(), "--username", self.url.username()])
            .args(["--port", &self.url.port().unwrap_or_default().to_string()])
            .arg(self.url.path().trim_start_matches('/'))
            .env("PGOPTIONS", "-c client_min_messages=error")
            .env("PGPASSWORD", self.url.password().unwrap_or_default());
        let told = block_in_place(|| output(&mut command))?;
        let rate = told.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
        Ok(rate.context("pgbench told no rate")?.parse()?)
    }

    fn text(&self, script: &Script) -> anyhow::Result<String> {
        // One round trip, as the unit of work sends it.
        let mut text = format!(
            "\\startpipeline\nBEGIN;\nSET LOCAL app.organization_id = '{}';\n\\endpipeline\n",
            self.organization
        );
        text.push_str(&script.statements()?);
        // What the pool does with a connection that comes back.
        text.push_str("COMMIT;\n\\startpipeline\nROLLBACK;\nRESET ALL;\n\\endpipeline\n");
        Ok(text)
    }
}
