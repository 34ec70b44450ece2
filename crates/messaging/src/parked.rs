//! Looking again at what was parked.
//!
//! Owns taking up, at the start and then every minute, what a process of an earlier release could not read and this one
//! can. The rest stays, at the end of its queue: a message that is given back counts as delivered once more, and brokers
//! delete what was delivered too often. What is taken up comes late, so that its order within the aggregate is lost; the
//! inbox folds what was taken before. A crash in between leaves a second copy of an unreadable message, and nothing else.
//! Must not judge why a message was parked.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use lapin::options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::connection::{OPEN_WITHIN, Session};
use crate::consumer::Consumer;
use crate::{inbox, topology};

const LOOK_EVERY: Duration = Duration::from_secs(60);
/// So many at a look, so that what arrives does not wait long.
const LOOK_AT: u32 = 1_000;

/// What is known of a parked queue.
#[derive(Debug)]
pub(crate) struct Look {
    next: Instant,
    /// How many were left there when all of them had been looked at: no more than these need no other look.
    left: u32,
}

/// What became of a parked message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    /// It is in the inbox.
    Taken,
    /// It stays.
    Unreadable,
    /// It stays until the database answers.
    NotStored,
}

impl Look {
    pub(crate) fn new() -> Self {
        Self { next: Instant::now(), left: 0 }
    }
}

impl Consumer {
    /// Takes up what can be read by now, where it is time to look.
    pub(crate) async fn look_again(
        &self,
        session: &Session,
        look: &mut Look,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        if Instant::now() < look.next {
            return Ok(());
        }
        look.next = Instant::now() + LOOK_EVERY;
        let queue = topology::parked_queue(self.broker.prefix(), self.subscription);
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declare = session.channel.queue_declare(queue.as_str().into(), passive, FieldTable::default());
        let count = timeout(OPEN_WITHIN, declare).await.context("the broker did not answer in time")??;
        let count = count.message_count();
        if count == look.left {
            return Ok(());
        }
        let (mut left, mut is_whole) = (0, count <= LOOK_AT);
        for _ in 0..count.min(LOOK_AT) {
            if stop.is_cancelled() {
                return Ok(());
            }
            match self.look_at_next(session, &queue).await? {
                Some(Fate::Taken) => {}
                Some(Fate::Unreadable) => left += 1,
                Some(Fate::NotStored) => is_whole = false,
                None => break,
            }
        }
        look.left = if is_whole { left } else { 0 };
        Ok(())
    }

    /// Looks at the first message. Nothing: there is none.
    async fn look_at_next(&self, session: &Session, queue: &str) -> anyhow::Result<Option<Fate>> {
        let get = session.channel.basic_get(queue.into(), BasicGetOptions::default());
        let got = timeout(OPEN_WITHIN, get).await.context("the broker did not answer in time")??;
        let Some(delivery) = got.map(|got| got.delivery) else { return Ok(None) };
        let fate = match inbox::read(&delivery, &self.handlers, self.subscription.producer) {
            Ok(event) => match self.store(&Arc::new(vec![event])).await {
                Ok(_) => Fate::Taken,
                Err(error) => {
                    tracing::warn!(error.chain = %format!("{error:#}"), "a parked event cannot be stored");
                    Fate::NotStored
                }
            },
            Err(_) => Fate::Unreadable,
        };
        if fate == Fate::Taken {
            tracing::info!(queue.name = self.subscription.queue, "a parked event was taken up");
        } else {
            self.publish_parked(session, &delivery.data, delivery.properties.clone()).await?;
        }
        session.channel.basic_ack(delivery.delivery_tag, BasicAckOptions::default()).await?;
        Ok(Some(fate))
    }
}
