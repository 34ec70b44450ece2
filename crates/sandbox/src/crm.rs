//! Owns what the first page of the sandbox and its steering calls know of any CRM look-alike.

use serde_json::Value;

/// A look-alike, as it is steered.
pub(crate) trait Crm: Send + Sync {
    /// What it is called in the steering calls.
    fn name(&self) -> &'static str;

    /// Switches how it behaves; the error names what was wrong.
    fn switch(&self, body: Value) -> Result<(), String>;

    /// How it behaves now.
    fn settings(&self) -> Value;

    /// Puts the behaviour back to what it was at start.
    fn reset(&self);

    /// Every record by set, oldest first.
    fn records(&self) -> Value;

    /// How often it was called, and how it answered.
    fn calls(&self) -> Value;
}
