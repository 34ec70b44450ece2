//! The open streams of this process: how many a person has, waking them, and ending those whose session has ended.
//!
//! Owns one listening connection and one question to identity at a time for all streams together, both begun with the
//! first stream. Being woken is a courtesy: a stream also looks by itself. Must not read notices.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use service_kit::caller::Caller;
use service_kit::ids::{OrganizationId, UserId};
use service_kit::peers::PeerChannel;
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::sign_in_service_client::SignInServiceClient;
use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::NoticeError;
use super::repo::CHANNEL;

/// How many streams a person may have open in one process.
const MOST_STREAMS: usize = 5;
/// How often sessions are checked: a stream ends within five seconds after its session.
const CHECK_EVERY: Duration = Duration::from_secs(4);
/// How many sessions identity is asked about at once.
const MOST_SESSIONS: usize = 1_000;
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The open streams of this process.
#[derive(Clone)]
pub(crate) struct Hub(Arc<Inner>);

struct Inner {
    streams: Mutex<HashMap<UserId, Vec<Arc<Line>>>>,
    attended: OnceLock<()>,
    pool: PgPool,
    sessions: SignInServiceClient<PeerChannel>,
    stop: CancellationToken,
}

/// One open stream, as the hub reaches it.
struct Line {
    organization_id: OrganizationId,
    user_id: UserId,
    session_id: Uuid,
    wake: Notify,
    ended: CancellationToken,
}

/// A place among the streams of a person; dropping it gives it back.
pub(super) struct Place {
    hub: Hub,
    line: Arc<Line>,
}

impl Hub {
    /// Returns the hub of a process that has no stream yet; `stop` ends those that come.
    pub(crate) fn new(pool: PgPool, identity: PeerChannel, stop: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            streams: Mutex::default(),
            attended: OnceLock::new(),
            pool,
            sessions: SignInServiceClient::new(identity),
            stop,
        }))
    }

    /// Takes a place. Errors: the person has five.
    pub(super) fn enter(&self, caller: &Caller) -> Result<Place, NoticeError> {
        let line = Arc::new(Line {
            organization_id: caller.organization_id,
            user_id: caller.user_id,
            session_id: caller.session_id,
            wake: Notify::new(),
            ended: CancellationToken::new(),
        });
        {
            let mut streams = self.streams();
            let own = streams.entry(caller.user_id).or_default();
            if own.len() >= MOST_STREAMS {
                return Err(NoticeError::TooManyStreams);
            }
            own.push(Arc::clone(&line));
        }
        if self.0.attended.set(()).is_ok() {
            tokio::spawn(self.clone().listen_on());
            tokio::spawn(self.clone().check_on());
        }
        Ok(Place { hub: self.clone(), line })
    }

    /// Returns what ends all streams, because the process stops.
    pub(super) fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<UserId, Vec<Arc<Line>>>> {
        self.0.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, line: &Arc<Line>) {
        let mut streams = self.streams();
        if let Some(own) = streams.get_mut(&line.user_id) {
            own.retain(|other| !Arc::ptr_eq(other, line));
            if own.is_empty() {
                streams.remove(&line.user_id);
            }
        }
    }

    fn wake(&self, user_id: UserId) {
        for line in self.streams().get(&user_id).into_iter().flatten() {
            line.wake.notify_one();
        }
    }

    fn wake_all(&self) {
        for line in self.streams().values().flatten() {
            line.wake.notify_one();
        }
    }

    async fn listen_on(self) {
        let stop = self.0.stop.clone();
        while !stop.is_cancelled() {
            if let Err(error) = self.listen().await {
                tracing::warn!(error.chain = %service_kit::error::chain(&error), "notices are not listened for");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LISTEN_AGAIN_AFTER) => {}
            }
        }
    }

    async fn listen(&self) -> Result<(), sqlx::Error> {
        let options = self.0.pool.connect_options().as_ref().clone();
        let own = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&own).await?;
        listener.listen(CHANNEL).await?;
        loop {
            // What came while nobody listened is found by looking.
            self.wake_all();
            loop {
                let notification = tokio::select! {
                    () = self.0.stop.cancelled() => return Ok(()),
                    notification = listener.try_recv() => notification?,
                };
                let Some(notification) = notification else { break };
                if let Ok(user_id) = notification.payload().parse::<Uuid>() {
                    self.wake(user_id.into());
                }
            }
        }
    }

    async fn check_on(self) {
        let mut ticks = tokio::time::interval(CHECK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.0.stop.cancelled() => return,
                _ = ticks.tick() => self.check().await,
            }
        }
    }

    /// Ends the streams whose session identity does not call alive. Where it cannot be asked, they go on: each ends with
    /// its access token at the latest.
    async fn check(&self) {
        let lines: Vec<Arc<Line>> = self.streams().values().flatten().cloned().collect();
        let open: HashSet<(OrganizationId, Uuid)> =
            lines.iter().map(|line| (line.organization_id, line.session_id)).collect();
        let open: Vec<(OrganizationId, Uuid)> = open.into_iter().collect();
        for asked in open.chunks(MOST_SESSIONS) {
            let sessions = asked.iter().map(|(organization_id, session_id)| pb::SessionKey {
                organization_id: organization_id.to_string(),
                session_id: session_id.to_string(),
            });
            let request = pb::CheckSessionsRequest { sessions: sessions.collect() };
            let alive = match self.0.sessions.clone().check_sessions(request).await {
                Ok(response) => response.into_inner().alive,
                Err(status) => {
                    tracing::warn!(rpc.code = ?status.code(), "sessions could not be checked");
                    continue;
                }
            };
            let alive: HashSet<(String, String)> =
                alive.into_iter().map(|key| (key.organization_id, key.session_id)).collect();
            let ended: HashSet<&(OrganizationId, Uuid)> = asked
                .iter()
                .filter(|(organization, session)| {
                    !alive.contains(&(organization.to_string(), session.to_string()))
                })
                .collect();
            for line in &lines {
                if ended.contains(&(line.organization_id, line.session_id)) {
                    line.ended.cancel();
                }
            }
        }
    }
}

impl Place {
    /// Ends when the session has ended.
    pub(super) fn ended(&self) -> &CancellationToken {
        &self.line.ended
    }

    /// Waits for word that something has changed.
    pub(super) async fn woken(&self) {
        self.line.wake.notified().await;
    }

    /// Returns what stops all streams.
    pub(super) fn stop(&self) -> &CancellationToken {
        self.hub.stop()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.hub.leave(&self.line);
    }
}
