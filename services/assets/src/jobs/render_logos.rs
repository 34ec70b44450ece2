//! Makes the smaller sizes of logos that have none.
//!
//! Owns when: at the start and every 30 seconds, which is also what callers are told to wait.

use std::time::Duration;

use service_kit::Worker;

use super::repeated;
use crate::logo::Logos;

const EVERY: Duration = Duration::from_secs(30);

pub(crate) fn worker(logos: Logos) -> Worker {
    repeated("render-logos", EVERY, move || {
        let logos = logos.clone();
        async move { logos.render_missing().await }
    })
}
