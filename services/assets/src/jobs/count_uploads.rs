//! Counts the uploads that have not ended, for those who watch.
//!
//! Owns their gauge. Acts through a function that says nothing of any of them.

use std::sync::Arc;
use std::time::Duration;

use service_kit::Worker;
use service_kit::db::Database;
use service_kit::telemetry::figures::Figures;
use service_kit::telemetry::names;

use crate::asset::{OpenUploads, count_uploads};

pub(crate) fn worker(database: &Database, every: Duration) -> Worker {
    let figures = Arc::new(Figures::new(every));
    figures.observe(&names::UPLOAD_SESSIONS, |open: &OpenUploads| {
        let told = [(open.uploading, "uploading"), (open.scanning, "scanning")];
        told.map(|(count, state)| (count, vec![(names::STATE, state.to_owned())])).into()
    });
    let pool = database.pool().clone();
    Worker::new("count-uploads", move |stop| {
        let (figures, pool) = (Arc::clone(&figures), pool.clone());
        Box::pin(async move {
            let look = || {
                let pool = pool.clone();
                async move { count_uploads(&pool).await }
            };
            figures.keep(&stop, look).await;
            Ok(())
        })
    })
}
