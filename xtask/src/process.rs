//! Owns child processes: each runs in its own process group, writes into its own log, and is ended by its id.
//!
//! Must never end a process that was not started here: a process is recognised by its id together with its start time.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often a condition is looked at while waiting for it.
const POLL: Duration = Duration::from_millis(20);
/// How long a left-over process is given to end by itself.
const REAP_PATIENCE: Duration = Duration::from_secs(20);

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Makes Ctrl-C, SIGTERM and SIGHUP ask for an orderly end instead of ending the process at once.
///
/// # Errors
/// Fails when the signal handlers cannot be installed.
pub fn catch_signals() -> Result<()> {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(flag)).context("signals cannot be caught")?;
    }
    Ok(())
}

/// Tells whether the end was asked for since [`catch_signals`].
#[must_use]
pub fn interrupted() -> bool {
    INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// Prints one line for the user; a closed terminal is no reason to fail.
pub fn say(line: &str) {
    let mut out = io::stdout().lock();
    // The reader may have gone, and stopping what was started matters more than telling of it.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Polls until `condition` gives a value, the time is over (`None`), or the end was asked for (an error).
///
/// # Errors
/// Passes on the condition's own error.
pub fn wait_until<T>(time: Duration, mut condition: impl FnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    let deadline = Instant::now() + time;
    loop {
        if let Some(value) = condition()? {
            return Ok(Some(value));
        }
        if interrupted() {
            bail!("interrupted");
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        sleep(POLL);
    }
}

/// Runs a command in the foreground to its end, with the terminal's own input and output.
///
/// # Errors
/// Fails when the program cannot be started; when the end is asked for, the program is ended first.
pub fn run(command: &mut Command) -> Result<ExitStatus> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child =
        command.spawn().with_context(|| format!("`{program}` could not be started; is it installed?"))?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupted() {
            signal_process("TERM", &child.id().to_string())?;
            child.wait()?;
            bail!("interrupted");
        }
        sleep(POLL);
    }
}

/// Runs a command to its end and gives what it printed.
///
/// # Errors
/// Fails with the command's own words when it does not succeed.
pub fn output(command: &mut Command) -> Result<String> {
    output_of(command, "")
}

/// Runs a command to its end with `input` as its standard input and gives what it printed.
///
/// # Errors
/// Fails with the command's own words when it does not succeed.
pub fn output_of(command: &mut Command, input: &str) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let missing = || format!("`{program}` could not be started; is it installed?");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(missing)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that ends without reading is judged by how it ends.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().with_context(missing)?;
    if !output.status.success() {
        bail!("`{program}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A child process in a process group of its own, whose output goes to a log file.
///
/// Beside the log lies a `.pid` file while it runs, by which a later start finds a process that was left behind.
/// Dropping it kills the whole group.
#[derive(Debug)]
pub struct Child {
    name: String,
    inner: std::process::Child,
    log: PathBuf,
    pid_file: PathBuf,
    stop_signal: &'static str,
    was_asked: bool,
}

impl Child {
    /// Starts `command`; an earlier process with the same log that still runs is ended first.
    ///
    /// # Errors
    /// Fails when the log cannot be written or the program cannot be started.
    pub fn spawn(name: &str, command: Command, log: &Path) -> Result<Self> {
        Self::spawn_stopped_by("TERM", name, command, log)
    }

    /// Starts `command` like [`Child::spawn`], to be stopped by another signal than SIGTERM (its name without `SIG`).
    ///
    /// # Errors
    /// Fails when the log cannot be written or the program cannot be started.
    pub fn spawn_stopped_by(
        stop_signal: &'static str,
        name: &str,
        mut command: Command,
        log: &Path,
    ) -> Result<Self> {
        let pid_file = log.with_extension("pid");
        reap(&pid_file)?;
        let out = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("the log {} cannot be written", log.display()))?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).process_group(0);
        let inner = command.spawn().with_context(|| {
            format!("{name}: `{}` could not be started", command.get_program().to_string_lossy())
        })?;
        let child = Self {
            name: name.to_owned(),
            inner,
            log: log.to_owned(),
            pid_file,
            stop_signal,
            was_asked: false,
        };
        let started = start_time(child.id()).unwrap_or_default();
        fs::write(&child.pid_file, format!("{} {stop_signal} {started}\n", child.id()))?;
        Ok(child)
    }

    /// The name it was started under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id, which is also the id of its process group.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.inner.id()
    }

    /// The file that holds what it printed.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Tells whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.inner.try_wait(), Ok(None))
    }

    /// Gives how the process ended, or `None` while it runs.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.inner.try_wait().ok().flatten()
    }

    /// Asks the process to stop, once, without waiting for it: services take a second signal as "at once".
    ///
    /// # Errors
    /// Fails when no shell can be started to send the signal.
    pub fn ask_to_stop(&mut self) -> Result<()> {
        if self.was_asked || !self.is_running() {
            return Ok(());
        }
        self.was_asked = true;
        signal_group(self.stop_signal, self.id())
    }

    /// Asks the process to stop, waits for it, and kills its group when `patience` is over.
    ///
    /// Gives the exit status; a process that had ended before gives its status again.
    ///
    /// # Errors
    /// Fails when the process cannot be signalled or waited for.
    pub fn terminate(&mut self, patience: Duration) -> Result<ExitStatus> {
        self.ask_to_stop()?;
        let deadline = Instant::now() + patience;
        while self.is_running() {
            if Instant::now() >= deadline {
                return self.kill();
            }
            sleep(POLL);
        }
        let status = self.inner.wait()?;
        self.forget();
        Ok(status)
    }

    /// Kills the whole process group at once and waits for the process.
    ///
    /// # Errors
    /// Fails when the process cannot be signalled or waited for.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        if self.is_running() {
            signal_group("KILL", self.id())?;
        }
        let status = self.inner.wait()?;
        self.forget();
        Ok(status)
    }

    /// The last `count` lines of its log.
    #[must_use]
    pub fn last_lines(&self, count: usize) -> String {
        last_lines(&self.log, count)
    }

    fn forget(&self) {
        let own = format!("{} ", self.id());
        // The next process with the same log may have begun already, and the file is its own then.
        if fs::read_to_string(&self.pid_file).is_ok_and(|text| text.starts_with(&own)) {
            // At worst it stays: the start time in it keeps it from being mistaken.
            let _ = fs::remove_file(&self.pid_file);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Nobody is left to hear of a failure here.
        let _ = self.kill();
    }
}

/// The last `count` lines of a text file; empty when it cannot be read.
#[must_use]
pub fn last_lines(file: &Path, count: usize) -> String {
    let text = fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n")
}

/// Ends the process that a `.pid` file names, if it is still the one that wrote the file, and removes the file.
///
/// # Errors
/// Fails when the process does not end.
pub fn reap(pid_file: &Path) -> Result<()> {
    let Ok(text) = fs::read_to_string(pid_file) else { return Ok(()) };
    let mut words = text.trim().splitn(3, ' ');
    let (pid, signal, started) = (words.next(), words.next(), words.next().unwrap_or_default());
    if let (Some(pid), Some(signal)) = (pid.and_then(|pid| pid.parse().ok()), signal) {
        let same = || start_time(pid).is_some_and(|now| now == started);
        if same() {
            signal_group(signal, pid)?;
            if wait_until(REAP_PATIENCE, || Ok((!same()).then_some(())))?.is_none() {
                signal_group("KILL", pid)?;
            }
        }
    }
    fs::remove_file(pid_file).with_context(|| format!("{} cannot be removed", pid_file.display()))
}

/// Ends every process left behind that has a `.pid` file in `dir`.
///
/// # Errors
/// Fails when one of them does not end.
pub fn reap_all(dir: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(dir) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "pid") {
            reap(&path)?;
        }
    }
    Ok(())
}

/// When a process started, in the system's own words; `None` when there is no such process or it has ended.
fn start_time(pid: u32) -> Option<String> {
    if Path::new("/proc/self/stat").exists() {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The program's name stands in brackets and may hold anything, so count from behind it (proc(5)).
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        if fields.next()? == "Z" {
            return None;
        }
        return fields.nth(18).map(str::to_owned);
    }
    let started = output(Command::new("ps").args(["-o", "lstart=", "-p", &pid.to_string()])).ok()?;
    Some(started.trim().to_owned()).filter(|started| !started.is_empty())
}

fn signal_group(signal: &str, group: u32) -> Result<()> {
    signal_process(signal, &format!("-{group}"))
}

/// Sends a signal through the shell's own `kill`, since the standard library has only SIGKILL.
fn signal_process(signal: &str, target: &str) -> Result<()> {
    // A target that has just ended is what the signal was for, so the exit status says nothing.
    Command::new("/bin/sh")
        .args(["-c", "kill -s \"$0\" -- \"$1\"", signal, target])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map(drop)
        .context("no shell to send a signal with")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::throwaway::Throwaway;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_child_writes_its_log_and_is_terminated_with_its_group() {
        let dir = Throwaway::create("process").unwrap();
        let log = dir.path().join("child.log");
        let mut child = Child::spawn("child", shell("echo hello; sleep 60 & wait"), &log).unwrap();
        wait_until(Duration::from_secs(60), || Ok(child.last_lines(1).contains("hello").then_some(())))
            .unwrap()
            .expect("the child writes");
        assert!(child.is_running());
        assert!(log.with_extension("pid").exists());
        child.terminate(Duration::from_secs(5)).unwrap();
        assert!(!child.is_running());
        assert!(!log.with_extension("pid").exists());
    }

    #[test]
    fn a_child_that_ignores_sigterm_is_killed_after_the_patience() {
        let dir = Throwaway::create("process").unwrap();
        let log = dir.path().join("child.log");
        let mut child =
            Child::spawn("child", shell("trap '' TERM; echo ready; while :; do sleep 0.1; done"), &log)
                .unwrap();
        wait_until(Duration::from_secs(60), || Ok(child.last_lines(1).contains("ready").then_some(())))
            .unwrap()
            .expect("the child is ready");
        let status = child.terminate(Duration::from_millis(200)).unwrap();
        assert!(!status.success());
    }

    #[test]
    fn a_process_left_behind_is_ended_by_the_next_start() {
        let dir = Throwaway::create("process").unwrap();
        let log = dir.path().join("child.log");
        let left = Child::spawn("child", shell("sleep 60"), &log).unwrap();
        let pid = left.id();
        let next = Child::spawn("child", shell("sleep 60"), &log).unwrap();
        assert_eq!(start_time(pid), None);
        assert_ne!(next.id(), pid);
        drop(left);
        assert!(log.with_extension("pid").exists(), "the file is the next one's");
    }

    #[test]
    fn a_pid_file_of_another_process_ends_nothing() {
        let dir = Throwaway::create("process").unwrap();
        let log = dir.path().join("child.log");
        let mut child = Child::spawn("child", shell("sleep 60"), &log).unwrap();
        let foreign = dir.path().join("foreign.pid");
        fs::write(&foreign, format!("{} TERM 1\n", child.id())).unwrap();
        reap(&foreign).unwrap();
        assert!(child.is_running());
        assert!(!foreign.exists());
    }

    #[test]
    fn last_lines_gives_the_end_of_a_file() {
        let dir = Throwaway::create("process").unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "one\ntwo\nthree\n").unwrap();
        assert_eq!(last_lines(&file, 2), "two\nthree");
        assert_eq!(last_lines(&file, 9), "one\ntwo\nthree");
        assert_eq!(last_lines(&dir.path().join("missing"), 2), "");
    }

    #[test]
    fn a_command_that_fails_is_an_error_with_its_own_words() {
        let error = output(&mut shell("echo wrong >&2; exit 3")).unwrap_err().to_string();
        assert!(error.contains("wrong"), "{error}");
        assert_eq!(output(&mut shell("echo right")).unwrap(), "right\n");
    }
}
