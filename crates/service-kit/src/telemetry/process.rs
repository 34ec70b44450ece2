//! How the process fares: memory, descriptors, tasks.
//!
//! Owns reading them from the kernel and the runtime, each time metrics are sent. Where the kernel does not tell, nothing
//! is sent.

use opentelemetry::KeyValue;
use tokio::runtime::Handle;

use super::names;

const STATUS: &str = "/proc/self/status";
const DESCRIPTORS: &str = "/proc/self/fd";

/// Has the process looked at. Call within the runtime, once.
pub(super) fn observe(version: &'static str) {
    names::BUILD_INFO
        .observe_gauge(move |gauge| gauge.observe(1.0, &[KeyValue::new(names::SERVICE_VERSION, version)]));
    names::PROCESS_MEMORY_USAGE.observe_up_down_counter(|counter| {
        if let Some(bytes) = resident_bytes() {
            counter.observe(bytes, &[]);
        }
    });
    names::PROCESS_UNIX_FILE_DESCRIPTOR_COUNT.observe_up_down_counter(|counter| {
        if let Some(count) =
            std::fs::read_dir(DESCRIPTORS).ok().and_then(|all| i64::try_from(all.count()).ok())
        {
            counter.observe(count, &[]);
        }
    });
    let runtime = Handle::current();
    names::RUNTIME_TASKS.observe_up_down_counter(move |counter| {
        counter.observe(i64::try_from(runtime.metrics().num_alive_tasks()).unwrap_or(i64::MAX), &[]);
    });
}

/// Reads the line `VmRSS:  1234 kB`.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string(STATUS).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_this_process_is_read_in_bytes() {
        let bytes = resident_bytes().unwrap();
        assert!((1 << 20..1 << 40).contains(&bytes), "{bytes}");
    }
}
