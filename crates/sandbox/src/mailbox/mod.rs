//! Owns the mailbox: an SMTP server that accepts any recipient, the mails it took, and pages to read them.
//!
//! Never sends a mail on, and never refuses one unless a rule of SMTP or a scripted failure says so.

mod api;
mod message;
mod page;
mod smtp;
mod store;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::faults::Faults;

pub(crate) use api::router as api_router;
pub(crate) use page::router as page_router;
pub(crate) use store::Mailbox;

/// Serves SMTP until `stop` is cancelled.
pub(crate) async fn serve(
    listener: TcpListener,
    stop: CancellationToken,
    tasks: TaskTracker,
    mailbox: Arc<Mailbox>,
    faults: Arc<Faults>,
) {
    while let Some(stream) = crate::http::accept(&listener, &stop).await {
        let conversation = smtp::converse(stream, Arc::clone(&mailbox), Arc::clone(&faults));
        let stop = stop.clone();
        tasks.spawn(async move {
            let ended = tokio::select! {
                ended = conversation => ended,
                () = stop.cancelled() => return,
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "smtp conversation ended early");
            }
        });
    }
}
