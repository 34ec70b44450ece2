//! Owns the committed `.sqlx` directories: makes them anew from the migrations, and tells whether they are right.
//!
//! Must not touch any database but the server it is given, which should be a throw-away one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use xtask::databases::{database_name, owner_role, prepare, psql_files};
use xtask::process::run;
use xtask::secrets::{random_hex, write_private};
use xtask::servers::Postgres;
use xtask::throwaway::Throwaway;
use xtask::workspace::{SERVICES, Workspace, setting_prefix};

/// Gives every package a database and a directory of its own: the variables serve all of one cargo run.
const WRAPPER: &str = "#!/bin/sh\n\
    if [ -n \"$CARGO_PKG_NAME\" ] && [ -d \"$XTASK_SQLX_OUT/$CARGO_PKG_NAME\" ]; then\n\
    SQLX_OFFLINE_DIR=\"$XTASK_SQLX_OUT/$CARGO_PKG_NAME\"\n\
    DATABASE_URL=$(cat \"$XTASK_SQLX_OUT/$CARGO_PKG_NAME.url\")\n\
    export SQLX_OFFLINE_DIR DATABASE_URL\n\
    fi\n\
    exec \"$@\"\n";

/// File name to content.
type Queries = BTreeMap<String, String>;

/// Writes every service's `.sqlx` anew and gives the number of queries.
///
/// # Errors
/// Fails when a migration or a query is wrong.
pub(crate) fn regenerate(workspace: &Workspace, server: &Postgres) -> Result<usize> {
    let mut count = 0;
    for (service, queries) in describe_all(workspace, server)? {
        let dir = committed_dir(workspace, &service);
        count += queries.len();
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        if queries.is_empty() {
            continue;
        }
        fs::create_dir_all(&dir)?;
        for (name, content) in queries {
            fs::write(dir.join(name), content)?;
        }
    }
    Ok(count)
}

/// Tells whether what is committed is what the migrations and queries give now.
///
/// # Errors
/// Fails with the names of the services whose `.sqlx` is out of date, or when a migration or a query is wrong.
pub(crate) fn verify(workspace: &Workspace, server: &Postgres) -> Result<()> {
    let mut stale = Vec::new();
    for (service, queries) in describe_all(workspace, server)? {
        if read_queries(&committed_dir(workspace, &service))? != queries {
            stale.push(service);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!(
        "the saved queries of {} are out of date; run `cargo xtask sqlx` and commit .sqlx",
        stale.join(", ")
    )
}

fn committed_dir(workspace: &Workspace, service: &str) -> PathBuf {
    workspace.root().join("services").join(service).join(".sqlx")
}

/// Migrates a database per service and lets the compiler describe every query against it.
fn describe_all(workspace: &Workspace, server: &Postgres) -> Result<BTreeMap<String, Queries>> {
    let out = Throwaway::create("sqlx")?;
    let wrapper = write_wrapper(&workspace.target()?.join("xtask"))?;
    let mut command = workspace.cargo();
    command
        .args(["check", "--workspace", "--all-targets", "--exclude", "journeys", "--exclude", "xtask"])
        .env("RUSTC_WORKSPACE_WRAPPER", wrapper)
        .env("XTASK_SQLX_OUT", out.path())
        .env("SQLX_OFFLINE", "false")
        .env_remove("DATABASE_URL");
    for service in SERVICES {
        let url = migrated_database(workspace, server, service)?;
        // For packages whose sqlx.toml names a variable of their own; the wrapper sets the usual one.
        command.env(format!("{}_DATABASE_URL", setting_prefix(service)), &url);
        write_private(&out.path().join(format!("{service}.url")), &url)?;
        fs::create_dir(out.path().join(service))?;
    }
    let touched = Touched::sources(workspace)?;
    let status = run(&mut command)?;
    drop(touched);
    if !status.success() {
        bail!("the queries could not be checked against the migrated databases; see the errors above");
    }
    SERVICES
        .into_iter()
        .map(|service| Ok((service.to_owned(), read_queries(&out.path().join(service))?)))
        .collect()
}

fn migrated_database(workspace: &Workspace, server: &Postgres, service: &str) -> Result<String> {
    let (owner, app) = (random_hex()?, random_hex()?);
    let database = database_name(service);
    prepare(&server.superuser_url(), service, &database, &owner, &app)?;
    let url = server.url(&database, &owner_role(service), &owner)?;
    let own = format!("services/{service}");
    // In the order in which `migrate` applies them.
    let files: Vec<PathBuf> = ["crates/service-kit", "crates/messaging", &own]
        .into_iter()
        .flat_map(|package| migrations_in(&workspace.root().join(package).join("migrations")))
        .collect();
    if !files.is_empty() {
        psql_files(&url, &files).with_context(|| format!("the migrations of {service} do not apply"))?;
    }
    Ok(url)
}

/// The migrations of one package, in the order of their names.
fn migrations_in(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    files
}

fn read_queries(dir: &Path) -> Result<Queries> {
    let mut queries = Queries::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            queries.insert(name, fs::read_to_string(&path)?);
        }
    }
    Ok(queries)
}

/// Writes the wrapper once: cargo builds anew whenever its path or its time changes.
fn write_wrapper(dir: &Path) -> Result<PathBuf> {
    let path = dir.join("sqlx-wrapper.sh");
    if fs::read_to_string(&path).is_ok_and(|content| content == WRAPPER) {
        return Ok(path);
    }
    fs::create_dir_all(dir)?;
    fs::write(&path, WRAPPER)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

/// Sources that look changed while this lives, so that the compiler runs the macros again.
///
/// Their times are put back afterwards: other builds need not be done again for it.
struct Touched(Vec<(PathBuf, SystemTime)>);

impl Touched {
    fn sources(workspace: &Workspace) -> Result<Self> {
        let mut touched = Self(Vec::new());
        for service in SERVICES {
            for name in ["src/lib.rs", "src/main.rs"] {
                let path = workspace.root().join("services").join(service).join(name);
                let Ok(file) = File::options().write(true).open(&path) else { continue };
                let modified = file.metadata()?.modified()?;
                touched.0.push((path, modified));
                file.set_modified(SystemTime::now())?;
            }
        }
        Ok(touched)
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        for (path, modified) in &self.0 {
            // At worst the next build does too much.
            let _ = File::options().write(true).open(path).and_then(|file| file.set_modified(*modified));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_queries_are_read_by_name_and_other_files_are_left_out() {
        let dir = Throwaway::create("queries").unwrap();
        fs::write(dir.path().join("query-1.json"), "{}").unwrap();
        fs::write(dir.path().join("note.txt"), "x").unwrap();
        let queries = read_queries(dir.path()).unwrap();
        assert_eq!(queries.into_iter().collect::<Vec<_>>(), [("query-1.json".to_owned(), "{}".to_owned())]);
        assert!(read_queries(&dir.path().join("missing")).unwrap().is_empty());
    }

    #[test]
    fn migrations_come_in_the_order_of_their_names() {
        let dir = Throwaway::create("migrations").unwrap();
        for name in ["2_b.sql", "1_a.sql", "note.md"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(migrations_in(dir.path()), [dir.path().join("1_a.sql"), dir.path().join("2_b.sql")]);
    }

    #[test]
    fn the_wrapper_is_written_once_and_can_be_run() {
        let dir = Throwaway::create("wrapper").unwrap();
        let path = write_wrapper(dir.path()).unwrap();
        let first = fs::metadata(&path).unwrap().modified().unwrap();
        write_wrapper(dir.path()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), first);
        assert_eq!(
            xtask::process::output(std::process::Command::new(&path).args(["echo", "ran"])).unwrap(),
            "ran\n"
        );
    }
}
