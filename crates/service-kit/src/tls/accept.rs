//! Taking connections.
//!
//! Owns the handshakes under way: each has a deadline, and where there are too many the oldest is given up for the
//! newest, so that whoever is slow keeps out nobody else. Must not hold back a connection for the sake of another.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::task::AbortOnDropHandle;

use super::Tls;
use crate::telemetry::names;

/// Connections that have shaken hands and wait to be served.
const READY: usize = 16;
/// How long to wait where no connection can be taken, for want of files or memory.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// The connections of a port whose callers have been verified. Dropping it closes the port.
pub(crate) struct Incoming {
    ready: mpsc::Receiver<TlsStream<TcpStream>>,
    _accepting: AbortOnDropHandle<()>,
}

impl Incoming {
    pub(crate) fn new(listener: TcpListener, tls: Tls) -> Self {
        let (sender, ready) = mpsc::channel(READY);
        let accepting = AbortOnDropHandle::new(tokio::spawn(accept(listener, tls, sender)));
        Self { ready, _accepting: accepting }
    }
}

impl Stream for Incoming {
    type Item = io::Result<TlsStream<TcpStream>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.ready.poll_recv(context).map(|connection| connection.map(Ok))
    }
}

async fn accept(listener: TcpListener, tls: Tls, ready: mpsc::Sender<TlsStream<TcpStream>>) {
    let outcomes = global::meter("sharedspaces").u64_counter(names::TLS_HANDSHAKES).build();
    let mut under_way = VecDeque::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                make_room(&mut under_way, tls.config().max_handshakes, &outcomes);
                let handshake = shake(stream, tls.clone(), ready.clone(), outcomes.clone());
                under_way.push_back(AbortOnDropHandle::new(tokio::spawn(handshake)));
            }
            Err(error) => {
                tracing::warn!(error.chain = %error, "a connection could not be taken");
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
}

/// Makes room for one more: a handshake among services takes milliseconds, so the oldest is the one that is not meant.
fn make_room(under_way: &mut VecDeque<AbortOnDropHandle<()>>, most: usize, outcomes: &Counter<u64>) {
    if under_way.len() < most {
        return;
    }
    under_way.retain(|handshake| !handshake.is_finished());
    while under_way.len() >= most.max(1) {
        drop(under_way.pop_front());
        count(outcomes, "displaced");
    }
}

async fn shake(
    stream: TcpStream,
    tls: Tls,
    ready: mpsc::Sender<TlsStream<TcpStream>>,
    outcomes: Counter<u64>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error.chain = %error, "answers on a connection may be held back");
    }
    let within = Duration::from_millis(tls.config().handshake_ms);
    let shaking = TlsAcceptor::from(tls.current().server.clone()).accept(stream);
    match tokio::time::timeout(within, shaking).await {
        Ok(Ok(connection)) => {
            count(&outcomes, "admitted");
            // Nobody takes it any more where the server is stopping.
            let _closed = ready.send(connection).await;
        }
        Ok(Err(error)) => {
            count(&outcomes, "refused");
            // What went away without a word tells of a probe of the port, or of a peer that has died.
            if matches!(error.get_ref(), Some(inner) if inner.is::<rustls::Error>()) {
                tracing::warn!(error.chain = %error, "a connection was refused");
            }
        }
        Err(_) => count(&outcomes, "timed_out"),
    }
}

fn count(outcomes: &Counter<u64>, outcome: &'static str) {
    outcomes.add(1, &[KeyValue::new(names::OUTCOME, outcome)]);
}
