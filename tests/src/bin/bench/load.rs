//! Concurrent callers of SpaceService, over gRPC.
//!
//! Owns sending calls one after the other per caller, and how long each took. A call that fails ends the measurement.

use std::time::{Duration, Instant};

use anyhow::Context;
use journeys::api::channel;
use journeys::visit::Session;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::space_service_client::SpaceServiceClient;
use tokio::task::JoinSet;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Status};

/// HTTP/2 connections that the callers share.
const CONNECTIONS: usize = 4;
const WARM_UP: Duration = Duration::from_secs(1);

/// What every caller sends.
#[derive(Clone)]
pub(crate) enum Call {
    Create(pb::CreateSpaceRequest),
    Get(pb::GetSpaceRequest),
    List(pb::ListSpacesRequest),
}

/// What the callers saw.
pub(crate) struct Load {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

#[derive(Clone)]
struct Caller {
    client: SpaceServiceClient<Channel>,
    authorization: MetadataValue<Ascii>,
    call: Call,
}

impl Caller {
    async fn send(&mut self) -> Result<(), Status> {
        match &self.call {
            Call::Create(message) => {
                let request = authorized(message.clone(), &self.authorization);
                self.client.create_space(request).await.map(drop)
            }
            Call::Get(message) => {
                let request = authorized(message.clone(), &self.authorization);
                self.client.get_space(request).await.map(drop)
            }
            Call::List(message) => {
                let request = authorized(message.clone(), &self.authorization);
                self.client.list_spaces(request).await.map(drop)
            }
        }
    }

    /// Calls until the end; returns how long each call took that began after the warm-up.
    async fn run(mut self, from: Instant, until: Instant) -> Result<Vec<Duration>, Status> {
        let mut took = Vec::new();
        loop {
            let begin = Instant::now();
            if begin >= until {
                return Ok(took);
            }
            self.send().await?;
            if begin >= from {
                took.push(begin.elapsed());
            }
        }
    }
}

/// Lets callers call for a time, after a second of warm-up.
pub(crate) async fn measure(
    address: &str,
    who: &Session,
    call: &Call,
    callers: usize,
    time: Duration,
) -> anyhow::Result<Load> {
    let authorization = format!("Bearer {}", who.token()).parse().context("the token is no header")?;
    let channels = (0..CONNECTIONS).map(|_| channel(address)).collect::<Result<Vec<_>, _>>()?;
    let from = Instant::now() + WARM_UP;
    let until = from + time;
    let mut running = JoinSet::new();
    for channel in channels.into_iter().cycle().take(callers) {
        let client = SpaceServiceClient::new(channel);
        let caller =
            Caller { client, authorization: MetadataValue::clone(&authorization), call: call.clone() };
        running.spawn(caller.run(from, until));
    }
    let mut took = Vec::new();
    while let Some(ended) = running.join_next().await {
        took.extend(ended??);
    }
    Load::of(took, from.elapsed())
}

impl Load {
    /// Returns what calls saw that took so long, all together within a time.
    pub(crate) fn of(mut took: Vec<Duration>, within: Duration) -> anyhow::Result<Self> {
        took.sort_unstable();
        let at = |share: usize| took.get(took.len() * share / 100).copied().unwrap_or_default();
        let count = u32::try_from(took.len())?;
        Ok(Self { per_second: f64::from(count) / within.as_secs_f64(), p50: at(50), p99: at(99) })
    }

    /// Returns what one caller saw whose calls took so long.
    pub(crate) fn of_one(took: Vec<Duration>) -> anyhow::Result<Self> {
        let within = took.iter().sum();
        Self::of(took, within)
    }
}

fn authorized<T>(message: T, authorization: &MetadataValue<Ascii>) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", authorization.clone());
    request
}
