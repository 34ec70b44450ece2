//! The sharing policy: which abilities an organisation's spaces may give to guests at all.
//!
//! Owns the use cases and the SQL. A space's own choice is not touched by it; what both come to is decided in
//! [`crate::permission`], which reads the policy anew for each call.

mod error;
mod repo;

use chrono::{DateTime, Utc};
use service_kit::caller::{Call, Caller};
use service_kit::clock::SharedClock;
use service_kit::db::{Database, Reply};

use crate::permission::Sharing;

pub use error::PolicyError;

/// The policy of an organisation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Policy {
    /// What spaces may give to guests.
    pub(crate) allowed: Sharing,
    /// Counts changes, from 0: nobody decided anything.
    pub(crate) version: i64,
    /// When it was last changed.
    pub(crate) update_time: Option<DateTime<Utc>>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { allowed: Sharing::ALL, version: 0, update_time: None }
    }
}

/// What to change; absent stays.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct PolicyChange {
    /// Downloading content.
    pub(crate) download: Option<bool>,
    /// Inviting others.
    pub(crate) invite: Option<bool>,
    /// Uploading documents.
    pub(crate) upload: Option<bool>,
    /// The version the change was made on; absent: whatever stands there.
    pub(crate) version: Option<i64>,
}

impl Policy {
    /// Changes what the change names; refused where somebody else was faster.
    fn change(&mut self, change: PolicyChange, now: DateTime<Utc>) -> Result<(), PolicyError> {
        if change.version.is_some_and(|version| version != self.version) {
            return Err(PolicyError::Changed);
        }
        let allowed = Sharing {
            download: change.download.unwrap_or(self.allowed.download),
            invite: change.invite.unwrap_or(self.allowed.invite),
            upload: change.upload.unwrap_or(self.allowed.upload),
        };
        if allowed != self.allowed {
            *self = Self { allowed, version: self.version + 1, update_time: Some(now) };
        }
        Ok(())
    }
}

/// The use cases of the sharing policy.
#[derive(Clone)]
pub(crate) struct Policies {
    database: Database,
    clock: SharedClock,
}

impl Policies {
    /// Returns the use cases.
    pub(crate) fn new(database: Database, clock: SharedClock) -> Self {
        Self { database, clock }
    }

    /// Returns the policy in force.
    pub(crate) async fn get(&self, caller: &Caller) -> Result<Policy, PolicyError> {
        let organization_id = caller.organization_id;
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move { Ok(repo::find(tx, organization_id).await?) })
            })
            .await
    }

    /// Switches abilities off or on for all spaces of the organisation, from the next call on.
    pub(crate) async fn update<R: Reply<Policy>>(
        &self,
        call: &Call,
        change: PolicyChange,
    ) -> Result<R, PolicyError> {
        let (organization_id, now) = (call.caller()?.organization_id, self.clock.now());
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    repo::lock(tx, organization_id, now).await?;
                    let mut policy = repo::find(tx, organization_id).await?;
                    policy.change(change, now)?;
                    repo::update(tx, organization_id, &policy).await?;
                    Ok(policy)
                })
            })
            .await
    }
}
