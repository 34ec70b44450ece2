//! Trace and metrics of every call to another service.
//!
//! Owns the outermost layer of a channel: the span is there before the trace is put on the call. A call is measured when it
//! ends or is given up. Must not change a call or its answer.

use std::error::Error;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;
use tonic::{Code, Status, TimeoutExpired};
use tower::Service;
use tracing::field::Empty;
use tracing::{Instrument, Span};
use url::Url;

use super::observe::{code_of, method_name};
use crate::telemetry::{code_name, names};

/// Whom a channel leads to, as it is told.
#[derive(Clone, Debug)]
pub(crate) struct Callee {
    service: &'static str,
    address: String,
    port: i64,
}

impl Callee {
    pub(crate) fn new(service: &'static str, url: &Url) -> Self {
        let port = url.port_or_known_default().unwrap_or_default().into();
        Self { service, address: url.host_str().unwrap_or_default().to_owned(), port }
    }
}

/// A channel whose calls are observed.
#[derive(Clone, Debug)]
pub struct Observed<S> {
    channel: S,
    callee: Arc<Callee>,
    duration: Histogram<f64>,
}

impl<S> Observed<S> {
    pub(crate) fn new(channel: S, callee: Callee) -> Self {
        Self { channel, callee: Arc::new(callee), duration: names::RPC_CLIENT_CALL_DURATION.histogram() }
    }
}

impl<S, I, O> Service<Request<I>> for Observed<S>
where
    S: Service<Request<I>, Response = Response<O>>,
    S::Future: Send + 'static,
    S::Error: Error + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(context)
    }

    fn call(&mut self, request: Request<I>) -> Self::Future {
        let method = method_name(request.uri().path());
        let span = tracing::info_span!(
            "call",
            otel.name = method,
            otel.kind = "client",
            otel.status_code = Empty,
            rpc.system.name = "grpc",
            rpc.method = method,
            rpc.response.status_code = Empty,
            error.type = Empty,
            service.peer.name = self.callee.service,
            server.address = self.callee.address,
            server.port = self.callee.port,
        );
        let measured = Measured {
            callee: Arc::clone(&self.callee),
            duration: self.duration.clone(),
            span: span.clone(),
            method,
            started: Instant::now(),
            code: Code::Cancelled,
        };
        // Within the span, so that the trace that is put on the call is of it.
        let answer = span.in_scope(|| self.channel.call(request));
        async move {
            // The whole of it, not its one field that is a copy.
            let mut measured = measured;
            let answer = answer.await;
            measured.code = match &answer {
                Ok(response) => code_of(response.headers()),
                Err(error) => code_of_failure(error),
            };
            answer
        }
        .instrument(span)
        .boxed()
    }
}

struct Measured {
    callee: Arc<Callee>,
    duration: Histogram<f64>,
    span: Span,
    method: &'static str,
    started: Instant,
    code: Code,
}

impl Drop for Measured {
    fn drop(&mut self) {
        let name = code_name(self.code);
        self.span.record(names::RPC_RESPONSE_STATUS_CODE, name);
        let mut attributes = vec![
            KeyValue::new(names::RPC_SYSTEM_NAME, "grpc"),
            KeyValue::new(names::RPC_METHOD, self.method),
            KeyValue::new(names::RPC_RESPONSE_STATUS_CODE, name),
            KeyValue::new(names::SERVICE_PEER_NAME, self.callee.service),
            KeyValue::new(names::SERVER_ADDRESS, self.callee.address.clone()),
            KeyValue::new(names::SERVER_PORT, self.callee.port),
        ];
        // To a caller, every code but one is an error (RPC conventions).
        if self.code != Code::Ok {
            self.span.record(names::ERROR_TYPE, name);
            self.span.record("otel.status_code", "ERROR");
            attributes.push(KeyValue::new(names::ERROR_TYPE, name));
        }
        self.duration.record(self.started.elapsed().as_secs_f64(), &attributes);
    }
}

/// Tells the code that the caller gets where no answer came, as tonic does.
fn code_of_failure(error: &(dyn Error + 'static)) -> Code {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(status) = error.downcast_ref::<Status>() {
            return status.code();
        }
        if error.is::<TimeoutExpired>() {
            return Code::Cancelled;
        }
        if error.is::<tonic::ConnectError>() {
            return Code::Unavailable;
        }
        next = error.source();
    }
    Code::Unknown
}
