//! Owns how a service's database is laid out: two roles, one database, and who may connect.
//!
//! Must not know any table: those come from the services' migrations.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{output, output_of};
use crate::workspace::snake;

/// The name of a service's database outside tests.
#[must_use]
pub fn database_name(service: &str) -> String {
    format!("sharedspaces_{}", snake(service))
}

/// The role that owns a service's tables and migrates them.
#[must_use]
pub fn owner_role(service: &str) -> String {
    format!("{}_owner", snake(service))
}

/// The role a service works as: it owns nothing and does not bypass row-level security.
#[must_use]
pub fn app_role(service: &str) -> String {
    format!("{}_app", snake(service))
}

/// The statements that prepare one database of one service, each to be sent by itself, all safe to repeat.
#[derive(Clone, Debug)]
pub struct DatabaseSetup {
    /// Creates both roles and sets their passwords. On any database, as superuser.
    pub roles: String,
    /// Gives one row when the database exists already.
    pub exists: String,
    /// Creates the database; to be sent outside a transaction, only when it does not exist.
    pub create: String,
    /// Lets only the two roles connect. On any database, as superuser.
    pub connect: String,
    /// Lets only the owner create anything; `migrate` gives the service's role its rights on what it creates. On the
    /// new database, as superuser.
    pub inside: String,
}

/// Gives the statements that prepare `database` for `service`.
///
/// The names must be plain identifiers and the passwords must need no quoting, as [`crate::secrets::random_hex`]'s.
#[must_use]
pub fn database_setup_sql(
    service: &str,
    database: &str,
    owner_password: &str,
    app_password: &str,
) -> DatabaseSetup {
    let (owner, app) = (owner_role(service), app_role(service));
    let role = |name: &str, password: &str| {
        format!(
            "IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{name}') THEN CREATE ROLE {name}; END IF; \
             ALTER ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD '{password}'; "
        )
    };
    DatabaseSetup {
        // The lock keeps two set-ups that run side by side from changing one role at once.
        roles: format!(
            "DO $$ BEGIN PERFORM pg_advisory_xact_lock(hashtextextended('sharedspaces roles', 0)); {}{}END $$",
            role(&owner, owner_password),
            role(&app, app_password)
        ),
        exists: format!("SELECT 1 FROM pg_database WHERE datname = '{database}'"),
        create: format!("CREATE DATABASE {database} OWNER {owner}"),
        connect: format!(
            "REVOKE ALL ON DATABASE {database} FROM PUBLIC; GRANT CONNECT ON DATABASE {database} TO {app}"
        ),
        inside: format!(
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT ALL ON SCHEMA public TO {owner}; \
             GRANT USAGE ON SCHEMA public TO {app}"
        ),
    }
}

/// Creates or brings up to date `database` for `service` on the server of `superuser_url`.
///
/// # Errors
/// Fails when the server cannot be reached or refuses a statement.
pub fn prepare(
    superuser_url: &str,
    service: &str,
    database: &str,
    owner_password: &str,
    app_password: &str,
) -> Result<()> {
    let setup = database_setup_sql(service, database, owner_password, app_password);
    psql(superuser_url, &setup.roles)?;
    if psql(superuser_url, &setup.exists)?.trim().is_empty() {
        psql(superuser_url, &setup.create)?;
    }
    psql(superuser_url, &setup.connect)?;
    psql(&with_database(superuser_url, database)?, &setup.inside).map(drop)
}

/// Sends SQL through the psql program and gives the rows, unaligned and without headings.
///
/// # Errors
/// Fails when psql is missing or a statement fails; the message holds the server's words.
pub fn psql(url: &str, sql: &str) -> Result<String> {
    // Through standard input: it may hold a password, and arguments can be read by every user of the machine.
    output_of(psql_command(url)?.args(["-f", "-"]), sql)
}

/// Runs the SQL files in one transaction through the psql program.
///
/// # Errors
/// Fails when psql is missing or a statement fails; the message holds file, line and the server's words.
pub fn psql_files(url: &str, files: &[PathBuf]) -> Result<()> {
    let mut command = psql_command(url)?;
    command.arg("--single-transaction");
    for file in files {
        command.arg("-f").arg(file);
    }
    output(&mut command).map(drop)
}

fn psql_command(url: &str) -> Result<Command> {
    let Some(psql) = crate::packages::find_postgres_tool("psql") else {
        bail!(
            "psql is missing; install PostgreSQL's client programs (Debian: apt-get install postgresql-client)"
        );
    };
    let mut command = Command::new(psql);
    // The address goes by environment, since arguments can be read by every user of the machine.
    let parts = UrlParts::parse(url)?;
    command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "-v", "ON_ERROR_STOP=1", "-d"]);
    command.arg(format!("{}{}@{}/{}{}", parts.scheme, parts.user, parts.host, parts.database, parts.query));
    command
        .env("PGPASSWORD", percent_decoded(parts.password))
        .env("PGOPTIONS", "-c client_min_messages=warning");
    command.current_dir(Path::new("/"));
    Ok(command)
}

/// Gives the same address with another database.
///
/// # Errors
/// Fails when `url` is no PostgreSQL address.
pub fn with_database(url: &str, database: &str) -> Result<String> {
    let UrlParts { scheme, user, password, host, query, .. } = UrlParts::parse(url)?;
    let colon = if password.is_empty() { "" } else { ":" };
    Ok(format!("{scheme}{user}{colon}{password}@{host}/{database}{query}"))
}

/// Gives the same address with another role, its password and another database; options behind `?` stay.
///
/// # Errors
/// Fails when `url` is no PostgreSQL address.
pub fn with_login(url: &str, user: &str, password: &str, database: &str) -> Result<String> {
    let UrlParts { scheme, host, query, .. } = UrlParts::parse(url)?;
    Ok(format!("{scheme}{user}:{password}@{host}/{database}{query}"))
}

/// Undoes the percent-encoding of a URL's part (RFC 3986 §2.1); a lone `%` stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

struct UrlParts<'a> {
    scheme: &'a str,
    user: &'a str,
    password: &'a str,
    host: &'a str,
    database: &'a str,
    query: &'a str,
}

impl<'a> UrlParts<'a> {
    fn parse(url: &'a str) -> Result<Self> {
        let form = "a PostgreSQL address looks like postgres://user:password@host:port/database";
        let scheme = ["postgres://", "postgresql://"].into_iter().find(|scheme| url.starts_with(scheme));
        let (scheme, rest) = url.split_at(scheme.context(form)?.len());
        let (rest, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, "postgres"));
        let (login, host) = authority.rsplit_once('@').context(form)?;
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        Ok(Self { scheme, user, password, host, database, query })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_another_database_and_login() {
        let url = "postgres://root:secret@127.0.0.1:5432/postgres?sslmode=disable";
        assert_eq!(
            with_database(url, "a").unwrap(),
            "postgres://root:secret@127.0.0.1:5432/a?sslmode=disable"
        );
        assert_eq!(
            with_login(url, "spaces_app", "pw", "b").unwrap(),
            "postgres://spaces_app:pw@127.0.0.1:5432/b?sslmode=disable"
        );
        assert_eq!(with_database("postgresql://root@db", "a").unwrap(), "postgresql://root@db/a");
    }

    #[test]
    fn a_password_is_decoded_for_psql() {
        assert_eq!(percent_decoded("p%40ss%2Fw%C3%A9"), "p@ss/wé");
        assert_eq!(percent_decoded("100%"), "100%");
        assert_eq!(percent_decoded("plain"), "plain");
    }

    #[test]
    fn an_address_of_another_kind_is_refused() {
        for url in ["mysql://root@host/db", "postgres://host/db", ""] {
            assert!(with_database(url, "a").unwrap_err().to_string().contains("looks like"), "{url}");
        }
    }

    #[test]
    fn the_set_up_of_a_service_with_a_hyphen_uses_underscores() {
        let setup = database_setup_sql("crm-sync", &database_name("crm-sync"), "a", "b");
        assert!(setup.create.contains("CREATE DATABASE sharedspaces_crm_sync OWNER crm_sync_owner"));
        assert!(setup.roles.contains("crm_sync_app"));
    }
}
