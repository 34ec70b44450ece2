//! The keys that sign access tokens.
//!
//! Owns making them, keeping what is in use in memory, signing, the public set, and replacing keys: the next one is
//! published [`LEAD`] before it signs, so that every verifier has it by then, and the one before stays [`OVERLAP`] longer,
//! until no token of it is alive. All replicas share the table: what one of them writes, the others see within 5 s.
//! Private keys are sealed, each bound to its kid. Must not know what a token says.

mod entity;
pub(crate) mod http;
mod repo;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context;
use chrono::TimeDelta;
use jsonwebtoken::jwk::JwkSet;
use secrecy::SecretString;
use serde::Serialize;
use service_kit::db::Database;
use service_kit::error::CommonError;
use service_kit::ids::{Ids, OrganizationId};
use service_kit::seal::Sealer;
use sqlx::PgConnection;
use uuid::Uuid;

use entity::{KeySet, NewKey, StoredKey};

pub(crate) use entity::NextKey;

const REFRESH_EVERY: Duration = Duration::from_secs(5);
/// How long a key is published before it signs: verifiers ask every 5 s, and may miss many turns.
pub(crate) const LEAD: TimeDelta = TimeDelta::minutes(10);
/// How long a key stays published after the next one signs: as long as a token lives, the leeway of clocks, and some
/// turns of a replica that noticed late.
pub(crate) const OVERLAP: TimeDelta = TimeDelta::minutes(10);

/// The keys in use.
pub(crate) struct SigningKeys {
    database: Database,
    ids: Ids,
    sealer: Arc<Sealer>,
    set: RwLock<Arc<KeySet>>,
}

impl SigningKeys {
    /// Reads the keys, and makes the first one where none can sign. Errors where a key does not open: then the
    /// key-encryption key is not the one it was sealed with.
    pub(crate) async fn connect(database: Database, ids: &Ids, sealer: Sealer) -> anyhow::Result<Self> {
        let sealer = Arc::new(sealer);
        let kid: Uuid = ids.next();
        let (ready, sealing) = (database.clone(), Arc::clone(&sealer));
        let stored = ready
            .transaction(no_organization(), move |tx| {
                Box::pin(async move { read_or_make(tx, &sealing, &kid.to_string()).await })
            })
            .await?;
        let set = KeySet::open(&stored, &sealer)?;
        Ok(Self { database, ids: ids.clone(), sealer, set: RwLock::new(Arc::new(set)) })
    }

    /// Reads the keys again every 5 s until `stop`. What cannot be read leaves what was read before in use.
    pub(crate) async fn watch(self: Arc<Self>, stop: impl Future<Output = ()> + Send) {
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(REFRESH_EVERY) => {}
            }
            if let Err(error) = self.refresh().await {
                tracing::warn!(error.chain = %format!("{error:#}"), "the signing keys could not be read again");
            }
        }
    }

    /// Reads the keys again.
    pub(crate) async fn refresh(&self) -> anyhow::Result<()> {
        let read = self.database.read(no_organization(), |tx| {
            Box::pin(async move { Ok::<_, CommonError>(repo::list(tx).await?) })
        });
        let set = KeySet::open(&read.await?, &self.sealer)?;
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        Ok(())
    }

    /// Makes the next key where the newest has signed for `age`. Of any number of processes, one makes it.
    pub(crate) async fn rotate_if_due(&self, age: TimeDelta) -> anyhow::Result<Option<NextKey>> {
        self.rotate(Some(age)).await
    }

    /// Makes the next key now. Where one is published and does not sign yet, it is that one.
    pub(crate) async fn rotate_now(&self) -> anyhow::Result<NextKey> {
        self.rotate(None).await?.context("no key was made")
    }

    async fn rotate(&self, age: Option<TimeDelta>) -> anyhow::Result<Option<NextKey>> {
        let (sealer, kid) = (Arc::clone(&self.sealer), self.ids.next::<Uuid>().to_string());
        let rotated = self.database.transaction(no_organization(), move |tx| {
            Box::pin(async move { rotate(tx, &sealer, &kid, age).await })
        });
        let next = rotated.await?;
        self.refresh().await?;
        Ok(next)
    }

    /// Signs claims as an access token.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<SecretString, CommonError> {
        self.current().sign(claims).map_err(CommonError::Unexpected)
    }

    /// Returns what others verify with: every key that is not retired, also one that does not sign yet.
    pub(crate) fn public(&self) -> JwkSet {
        self.current().public().clone()
    }

    fn current(&self) -> Arc<KeySet> {
        Arc::clone(&self.set.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns the keys that are not retired; makes one where none of them signs. Two processes that start at once wait for
/// each other at the lock, so that the second finds the first one's key.
async fn read_or_make(
    tx: &mut PgConnection,
    sealer: &Sealer,
    kid: &str,
) -> Result<Vec<StoredKey>, CommonError> {
    repo::lock(tx).await?;
    let stored = repo::list(tx).await?;
    if stored.iter().any(|key| key.signs) {
        return Ok(stored);
    }
    let new = NewKey::generate(kid, sealer).map_err(CommonError::Unexpected)?;
    repo::insert(tx, &new).await?;
    tracing::info!(key.id = kid, "signing key made");
    Ok(repo::list(tx).await?)
}

async fn rotate(
    tx: &mut PgConnection,
    sealer: &Sealer,
    kid: &str,
    age: Option<TimeDelta>,
) -> Result<Option<NextKey>, CommonError> {
    repo::lock(tx).await?;
    repo::delete_retired(tx).await?;
    match age {
        Some(age) if !repo::is_due(tx, age).await? => return Ok(None),
        Some(_) => {}
        None => {
            if let Some(next) = repo::find_next(tx).await? {
                return Ok(Some(next));
            }
        }
    }
    let new = NewKey::generate(kid, sealer).map_err(CommonError::Unexpected)?;
    let next = repo::insert_next(tx, &new, (LEAD, OVERLAP)).await?;
    tracing::info!(key.id = kid, key.not_before = %next.not_before, "next signing key published");
    Ok(Some(next))
}

/// The keys belong to no organisation.
fn no_organization() -> OrganizationId {
    Uuid::nil().into()
}
