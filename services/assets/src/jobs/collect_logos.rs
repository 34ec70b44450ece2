//! Deletes uploads that never became ready and logos that nothing shows any more.
//!
//! Owns when: at the start and every five minutes.

use std::time::Duration;

use service_kit::Worker;

use super::repeated;
use crate::logo::Logos;

const EVERY: Duration = Duration::from_secs(300);

pub(crate) fn worker(logos: Logos) -> Worker {
    repeated("collect-logos", EVERY, move || {
        let logos = logos.clone();
        async move { logos.collect().await }
    })
}
