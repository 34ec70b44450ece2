//! The database and nothing else: the statements of a call, sent by PostgreSQL's own load generator.
//!
//! Owns the scripts, which must be what the service sends: same role, same row-level security, same round trips.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use tokio::task::block_in_place;
use url::Url;
use xtask::packages::find_postgres_tool;
use xtask::process::output;

const THREADS: u32 = 2;

/// What one call sends between BEGIN and COMMIT.
pub(crate) enum Script<'a> {
    /// CreateSpace.
    Create(&'a Event),
    /// GetSpace.
    Get,
}

/// The event that the service appended in its own run: type, body and trace context go into the script as they are.
#[derive(sqlx::FromRow)]
pub(crate) struct Event {
    /// In hexadecimal.
    pub(crate) body: String,
    pub(crate) traceparent: Option<String>,
}

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
        match script {
            Script::Get => text.push_str(GET),
            Script::Create(event) => {
                text.push_str(CREATE);
                let traceparent =
                    event.traceparent.as_ref().map_or("NULL".to_owned(), |text| format!("'{text}'"));
                writeln!(
                    text,
                    "WITH appended AS (INSERT INTO outbox (event_id, routing_key, type, organization_id, \
                     aggregate_id, aggregate_version, body, traceparent) \
                     VALUES (gen_random_uuid(), 'spaces.space.created.v1', \
                     'sharedspaces.spaces.events.v1.SpaceCreated', :organization, :new_space, 1, \
                     '\\x{}', {traceparent}) RETURNING id) SELECT pg_notify('outbox', '') FROM appended;",
                    event.body
                )?;
            }
        }
        // What the pool does with a connection that comes back.
        text.push_str("COMMIT;\n\\startpipeline\nROLLBACK;\nRESET ALL;\n\\endpipeline\n");
        Ok(text)
    }
}

const GET: &str = "\
SELECT s.title, s.address, s.description, s.allow_download, s.allow_invite, s.allow_upload, s.owner_user_id, \
s.logo_id, s.logo_width_px, s.logo_height_px, s.version, s.create_time, s.update_time, \
o.base_url || '/' || o.slug || '/' || s.address AS url, p.kind \
FROM spaces s \
JOIN participants p ON p.organization_id = s.organization_id AND p.space_id = s.space_id AND p.user_id = :user \
JOIN organizations o ON o.organization_id = s.organization_id \
WHERE s.organization_id = :organization AND s.space_id = :space;
";

const CREATE: &str = "\
SELECT organization_id, slug, base_url, plan = 'ULTIMATE' AS has_crm FROM organizations \
WHERE organization_id = :organization;
INSERT INTO spaces (organization_id, space_id, title, address, description, allow_download, allow_invite, \
allow_upload, owner_user_id, version, create_time, update_time) \
VALUES (:organization, gen_random_uuid(), 'Contoso 2027 renewal', 'r-' || gen_random_uuid(), \
'Welcome! Here you find **everything** about the offer.', true, false, false, :user, 1, now(), now()) \
RETURNING space_id AS new_space \\gset
INSERT INTO participants (organization_id, participant_id, space_id, user_id, kind, state, create_time) \
VALUES (:organization, gen_random_uuid(), :new_space, :user, 'OWNER', 'ACTIVE', now());
";
