//! Deletes uploads that did not go on and files that no item shows any more.
//!
//! Owns when: at the start and every five minutes.

use std::time::Duration;

use service_kit::Worker;

use super::repeated;
use crate::asset::Assets;

const EVERY: Duration = Duration::from_secs(300);

pub(crate) fn worker(assets: Assets) -> Worker {
    repeated("collect-assets", EVERY, move || {
        let assets = assets.clone();
        async move { assets.collect().await }
    })
}
