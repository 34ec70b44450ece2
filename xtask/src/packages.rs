//! Owns finding PostgreSQL and RabbitMQ on this machine, and installing them where that can be done by itself.
//!
//! Must not start or enable the system's own servers, nor change packages that are there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process::{output, say};

/// Tells Debian's tools whether a package may start its service (invoke-rc.d(8)).
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// Tells Debian's PostgreSQL packages whether to create a cluster of their own.
const CLUSTER_POLICY: &str = "/etc/postgresql-common/createcluster.conf";

/// Something that has to be installed on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// The PostgreSQL server with its contributed extensions, 15 or newer.
    Postgres,
    /// The RabbitMQ server, 3.10 or newer.
    RabbitMq,
    /// Python with what makes environments of its own, to fetch tools with.
    Python,
    /// The browser that tests look at the web client with, and what drives it (W3C WebDriver).
    Chromium,
}

impl Package {
    /// The name of the program in sentences.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::RabbitMq => "RabbitMQ",
            Self::Python => "Python",
            Self::Chromium => "Chromium",
        }
    }

    /// Tells whether its programs are found.
    #[must_use]
    pub fn is_installed(self) -> bool {
        match self {
            Self::Postgres => !postgres_bin_dirs().is_empty(),
            Self::RabbitMq => find_rabbitmq().is_some() && find_epmd().is_some(),
            Self::Chromium => path_dirs().iter().any(|dir| is_program(&dir.join("chromedriver"))),
            Self::Python => output(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_ok(),
        }
    }

    fn in_apt(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::RabbitMq => "rabbitmq-server",
            Self::Python => "python3-venv",
            Self::Chromium => "chromium-driver",
        }
    }
}

/// Makes sure that each package is installed, installing what is missing through apt.
///
/// # Errors
/// Fails with the exact command to run where it cannot be installed by itself: no apt, no privilege, no network.
pub fn ensure(wanted: &[Package]) -> Result<()> {
    let missing: Vec<Package> = wanted.iter().copied().filter(|package| !package.is_installed()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let Some(manager) = Manager::find() else {
        bail!("{} missing and no package manager known here; install it by hand", names(&missing));
    };
    if manager != Manager::Apt {
        bail!("{} missing; install with: {}", names(&missing), manager.command_for(&missing));
    }
    let Some(privilege) = Privilege::find() else {
        bail!("{} missing and no right to install; run: {}", names(&missing), manager.command_for(&missing));
    };
    say(&format!(
        "Installing {} through apt …",
        names(&missing).trim_end_matches(" are").trim_end_matches(" is")
    ));
    install_quietly(privilege, &missing).with_context(|| {
        format!("apt could not install it; check the network, then run: {}", manager.command_for(&missing))
    })?;
    missing.into_iter().try_for_each(require)
}

/// Fails when the package's programs are not found.
///
/// # Errors
/// Names the command that installs it.
pub fn require(package: Package) -> Result<()> {
    if package.is_installed() {
        return Ok(());
    }
    let how = Manager::find().map_or_else(
        || "install it by hand".to_owned(),
        |manager| format!("install with: {}", manager.command_for(&[package])),
    );
    bail!("{} missing; {how}", names(&[package]))
}

/// The directories that hold PostgreSQL's server programs, newest version first.
#[must_use]
pub fn postgres_bin_dirs() -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    for (base, below) in [
        ("/usr/lib/postgresql", "bin"),
        ("/opt/homebrew/opt", "bin"),
        ("/usr/local/opt", "bin"),
        ("/usr", "bin"),
    ] {
        let mut found: Vec<PathBuf> = fs::read_dir(base)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                base == "/usr/lib/postgresql" || name.starts_with("postgresql") || name.starts_with("pgsql-")
            })
            .map(|entry| entry.path().join(below))
            .collect();
        found.sort_by_key(|dir| std::cmp::Reverse(version_in(dir)));
        dirs.extend(found);
    }
    dirs.extend(path_dirs());
    dirs.retain(|dir| is_program(&dir.join("initdb")) && is_program(&dir.join("postgres")));
    dirs
}

/// Finds one of PostgreSQL's programs, for instance `psql` or `pgbench`.
#[must_use]
pub fn find_postgres_tool(name: &str) -> Option<PathBuf> {
    postgres_bin_dirs().into_iter().chain(path_dirs()).map(|dir| dir.join(name)).find(|path| is_program(path))
}

/// Finds RabbitMQ's own start script, not the wrapper of Debian that changes the user.
#[must_use]
pub fn find_rabbitmq() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/rabbitmq/lib").into_iter().flatten().flatten();
    [PathBuf::from("/usr/lib/rabbitmq/bin")]
        .into_iter()
        .chain(versions.map(|entry| entry.path().join("sbin")))
        .chain(["/opt/homebrew/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .chain(path_dirs())
        .map(|dir| dir.join("rabbitmq-server"))
        .find(|path| is_program(path))
}

/// Finds Erlang's port mapper.
#[must_use]
pub fn find_epmd() -> Option<PathBuf> {
    path_dirs()
        .into_iter()
        .chain(["/usr/lib/erlang/bin", "/usr/lib64/erlang/bin", "/opt/homebrew/bin"].map(PathBuf::from))
        .map(|dir| dir.join("epmd"))
        .find(|path| is_program(path))
}

fn path_dirs() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// The first number in a path, for instance 15 in `/usr/lib/postgresql/15/bin`.
fn version_in(dir: &Path) -> u32 {
    let text = dir.to_string_lossy();
    text.split(|letter: char| !letter.is_ascii_digit()).find_map(|digits| digits.parse().ok()).unwrap_or(0)
}

fn names(packages: &[Package]) -> String {
    let verb = if packages.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", packages.iter().map(|package| package.name()).collect::<Vec<_>>().join(" and "))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manager {
    Apt,
    Dnf,
    Pacman,
    Apk,
    Brew,
}

impl Manager {
    fn find() -> Option<Self> {
        let known = [
            ("apt-get", Self::Apt),
            ("dnf", Self::Dnf),
            ("pacman", Self::Pacman),
            ("apk", Self::Apk),
            ("brew", Self::Brew),
        ];
        let dirs = path_dirs();
        known
            .into_iter()
            .find(|(program, _)| dirs.iter().any(|dir| is_program(&dir.join(program))))
            .map(|(_, found)| found)
    }

    fn command_for(self, packages: &[Package]) -> String {
        let (start, postgres, rabbitmq, python, chromium) = match self {
            Self::Apt => (
                "sudo apt-get update && sudo apt-get install --no-install-recommends",
                "postgresql",
                "rabbitmq-server",
                "python3-venv",
                "chromium-driver",
            ),
            Self::Dnf => {
                let postgres = "postgresql-server postgresql-contrib";
                ("sudo dnf install", postgres, "rabbitmq-server", "python3", "chromedriver")
            }
            Self::Pacman => ("sudo pacman -S", "postgresql", "rabbitmq", "python", "chromium"),
            Self::Apk => {
                let postgres = "postgresql postgresql-contrib";
                ("sudo apk add", postgres, "rabbitmq-server", "python3", "chromium-chromedriver")
            }
            Self::Brew => ("brew install", "postgresql@17", "rabbitmq", "python", "chromedriver"),
        };
        packages.iter().fold(start.to_owned(), |command, package| match package {
            Package::Postgres => format!("{command} {postgres}"),
            Package::RabbitMq => format!("{command} {rabbitmq}"),
            Package::Python => format!("{command} {python}"),
            Package::Chromium => format!("{command} {chromium}"),
        })
    }
}

#[derive(Clone, Copy, Debug)]
enum Privilege {
    Root,
    Sudo,
}

impl Privilege {
    fn find() -> Option<Self> {
        if output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0") {
            return Some(Self::Root);
        }
        let sudo = Command::new("sudo")
            .args(["-n", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        sudo.is_ok_and(|status| status.success()).then_some(Self::Sudo)
    }

    fn command(self, program: &str) -> Command {
        match self {
            Self::Root => Command::new(program),
            Self::Sudo => {
                let mut command = Command::new("sudo");
                command.args(["-n", program]);
                command
            }
        }
    }

    fn shell(self, script: &str) -> Result<()> {
        output(self.command("/bin/sh").args(["-c", script])).map(drop)
    }
}

/// Installs through apt, without the packages starting servers on the standard ports.
fn install_quietly(privilege: Privilege, packages: &[Package]) -> Result<()> {
    let quiet = Quiet::begin(privilege, packages)?;
    // Lists that are old are good enough as long as what they name is still there.
    let update = output(privilege.command("apt-get").args(["-qq", "update"]));
    let install = output(
        privilege
            .command("env")
            .args([
                "DEBIAN_FRONTEND=noninteractive",
                "apt-get",
                "-qq",
                "install",
                "-y",
                "--no-install-recommends",
            ])
            .args(packages.iter().map(|package| package.in_apt())),
    );
    quiet.end()?;
    install.map(drop).map_err(|error| {
        let words = update.err().unwrap_or(error).to_string();
        anyhow::anyhow!("{}", words.lines().next_back().unwrap_or_default().to_owned())
    })
}

/// Holds back what the packages would start, and takes that back afterwards.
struct Quiet {
    privilege: Privilege,
    remove: Vec<&'static str>,
}

impl Quiet {
    fn begin(privilege: Privilege, packages: &[Package]) -> Result<Self> {
        let mut this = Self { privilege, remove: Vec::new() };
        if !Path::new(POLICY).exists() {
            this.remove.push(POLICY);
            privilege.shell(&format!("printf '#!/bin/sh\\nexit 101\\n' > {POLICY} && chmod 755 {POLICY}"))?;
        }
        // Read when the package is configured; one that is there belongs to somebody and stays.
        if packages.contains(&Package::Postgres) && !Path::new(CLUSTER_POLICY).exists() {
            let dir = Path::new(CLUSTER_POLICY).parent().unwrap_or(Path::new("/"));
            this.remove.push(CLUSTER_POLICY);
            privilege.shell(&format!(
                "mkdir -p {} && echo 'create_main_cluster = false' > {CLUSTER_POLICY}",
                dir.display()
            ))?;
        }
        Ok(this)
    }

    fn end(mut self) -> Result<()> {
        self.put_back()
    }

    fn put_back(&mut self) -> Result<()> {
        // The cluster policy stays: removing a package's configuration file would make the next upgrade ask.
        let policies = std::mem::take(&mut self.remove);
        policies
            .iter()
            .filter(|file| **file == POLICY)
            .try_for_each(|file| self.privilege.shell(&format!("rm -f {file}")))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // On the way out of an error that says more than this one would.
        let _ = self.put_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_to_run_names_the_missing_packages_only() {
        let command = Manager::Apt.command_for(&[Package::RabbitMq]);
        assert!(command.contains("rabbitmq-server") && !command.contains("postgresql"), "{command}");
        let command = Manager::Dnf.command_for(&[Package::Postgres, Package::RabbitMq]);
        assert!(command.contains("dnf install") && command.contains("postgresql-server"), "{command}");
    }

    #[test]
    fn a_version_is_read_from_a_path() {
        assert_eq!(version_in(Path::new("/usr/lib/postgresql/15/bin")), 15);
        assert_eq!(version_in(Path::new("/opt/homebrew/opt/postgresql@17/bin")), 17);
        assert_eq!(version_in(Path::new("/usr/bin")), 0);
    }

    #[test]
    fn what_is_missing_is_named_in_a_sentence() {
        assert_eq!(names(&[Package::Postgres]), "PostgreSQL is");
        assert_eq!(names(&[Package::Postgres, Package::RabbitMq]), "PostgreSQL and RabbitMQ are");
    }
}
