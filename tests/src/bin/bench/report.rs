//! What was measured, as a table.
//!
//! Owns the form: every rate beside its limit and its aim, for reading and for pasting into a page.

use std::fmt;
use std::time::Duration;

use crate::load::Load;

/// The rates of one run.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    /// What is no rate, below the table.
    notes: Vec<String>,
}

struct Row {
    what: String,
    per_second: f64,
    latency: Option<(Duration, Duration)>,
    limit: Option<(f64, String)>,
    aim: Option<f64>,
}

impl Report {
    /// Adds what callers saw, and the limit it is held against.
    pub(crate) fn add_calls(&mut self, what: String, load: &Load, limit: (f64, String), aim: Option<f64>) {
        let latency = Some((load.p50, load.p99));
        self.rows.push(Row { what, per_second: load.per_second, latency, limit: Some(limit), aim });
    }

    /// Adds a rate of messages, and the limit it is held against.
    pub(crate) fn add_rate(
        &mut self,
        what: &str,
        per_second: f64,
        limit: Option<(f64, &str)>,
        aim: Option<f64>,
    ) {
        let limit = limit.map(|(rate, of)| (rate, of.to_owned()));
        self.rows.push(Row { what: what.to_owned(), per_second, latency: None, limit, aim });
    }
}

impl Report {
    /// Adds what callers saw where there is nothing to hold it against.
    pub(crate) fn add_times(&mut self, what: String, load: &Load) {
        let latency = Some((load.p50, load.p99));
        self.rows.push(Row { what, per_second: load.per_second, latency, limit: None, aim: None });
    }

    /// Adds a sentence.
    pub(crate) fn add_note(&mut self, note: String) {
        self.notes.push(note);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | per second | p50 ms | p99 ms | limit per second | of the limit | aim |")?;
        write!(f, "|---|---:|---:|---:|---|---:|---:|")?;
        for row in &self.rows {
            let milliseconds = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1_000.0);
            let (p50, p99) = row
                .latency
                .map_or_else(Default::default, |(p50, p99)| (milliseconds(p50), milliseconds(p99)));
            let (limit, share) = row.limit.as_ref().map_or_else(Default::default, |(rate, of)| {
                (format!("{rate:.0} ({of})"), format!("{:.2}", row.per_second / rate))
            });
            let aim = row.aim.map_or_else(String::new, |aim| format!("≥ {aim:.1}"));
            write!(
                f,
                "\n| {} | {:.0} | {p50} | {p99} | {limit} | {share} | {aim} |",
                row.what, row.per_second
            )?;
        }
        for note in &self.notes {
            write!(f, "\n\n{note}")?;
        }
        Ok(())
    }
}
