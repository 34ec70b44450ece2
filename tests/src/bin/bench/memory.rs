//! How much memory each service holds.
//!
//! Owns reading it (`VmRSS`, proc(5)): once idle, then after each section; the highest counts.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Context;
use journeys::world::World;
use xtask::workspace::SERVICES;

const AIM_MIB: u32 = 40;

/// Resident memory by service, in MiB.
#[derive(Default)]
pub(crate) struct Memory {
    idle: BTreeMap<&'static str, f64>,
    loaded: BTreeMap<&'static str, f64>,
}

impl Memory {
    /// Reads what every service holds before it has done anything.
    pub(crate) fn note_idle(&mut self, world: &World) -> anyhow::Result<()> {
        for service in SERVICES {
            if let Some(process_id) = world.process_id(service) {
                self.idle.insert(service, resident_mib(process_id)?);
            }
        }
        Ok(())
    }

    /// Reads what every service holds at the end of a section.
    pub(crate) fn note(&mut self, world: &World) -> anyhow::Result<()> {
        for service in SERVICES {
            if let Some(process_id) = world.process_id(service) {
                let now = resident_mib(process_id)?;
                let highest = self.loaded.entry(service).or_default();
                *highest = highest.max(now);
            }
        }
        Ok(())
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| resident memory | idle MiB | after load MiB | aim |")?;
        write!(f, "|---|---:|---:|---:|")?;
        for (service, idle) in &self.idle {
            let loaded = self.loaded.get(service).copied().unwrap_or(*idle);
            write!(f, "\n| {service} | {idle:.1} | {loaded:.1} | ≤ {AIM_MIB} |")?;
        }
        Ok(())
    }
}

/// Returns what a process holds in memory, in MiB.
pub(crate) fn resident_mib(process_id: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status"))
        .context("the memory of a process can only be read on Linux, while it runs")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u32 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(f64::from(kib) / 1_024.0)
}
