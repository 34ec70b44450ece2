//! The settings of spaces alone: there are none beyond those of every service.

use serde::Deserialize;

/// The settings of spaces alone.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Settings {}
