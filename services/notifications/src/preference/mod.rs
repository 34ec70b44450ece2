//! What people want of mails, whatever the space: quiet hours.
//!
//! Owns the table `preferences` and telling when quiet hours end. Must not know what a mail says; what people want of one
//! space is known to spaces alone.

mod entity;
mod error;
mod repo;

use chrono::{DateTime, Utc};
use service_kit::caller::{Call, Caller};
use service_kit::db::{Database, Reply};
use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, UserId};
use sqlx::PgConnection;

pub(crate) use entity::{Change, Preferences, QuietHours, write_time};
pub use error::PreferenceError;

/// The preferences of all people, each seen by their own organisation only.
#[derive(Clone, Debug)]
pub(crate) struct AllPreferences {
    database: Database,
}

impl AllPreferences {
    /// Returns the preferences of a database.
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Returns what the caller wants.
    pub(crate) async fn get(&self, caller: &Caller) -> Result<Preferences, PreferenceError> {
        let (organization_id, user_id) = (caller.organization_id, caller.user_id);
        self.database
            .read(organization_id, move |tx| {
                Box::pin(
                    async move { Ok(find(tx, organization_id, user_id).await.map_err(CommonError::from)?) },
                )
            })
            .await
    }

    /// Changes what the caller wants.
    pub(crate) async fn update<R: Reply<Preferences>>(
        &self,
        call: &Call,
        change: Change,
    ) -> Result<R, PreferenceError> {
        let caller = call.caller()?;
        let (organization_id, user_id) = (caller.organization_id, caller.user_id);
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    repo::set_quiet_hours(tx, organization_id, user_id, change.quiet_hours)
                        .await
                        .map_err(CommonError::from)?;
                    Ok::<_, PreferenceError>(Preferences { quiet_hours: change.quiet_hours })
                })
            })
            .await
    }
}

/// Returns what somebody wants; what everybody wants who has not said.
pub(crate) async fn find(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
) -> Result<Preferences, sqlx::Error> {
    Ok(Preferences { quiet_hours: repo::find_quiet_hours(tx, organization_id, user_id).await? })
}

/// Returns when muteable mails may be sent that would be `at` a time, for each of some people, in their order.
pub(crate) async fn not_before_for(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    people: &[(UserId, &str)],
    at: DateTime<Utc>,
) -> Result<Vec<DateTime<Utc>>, sqlx::Error> {
    let user_ids: Vec<UserId> = people.iter().map(|(user_id, _)| *user_id).collect();
    let quiet_hours = repo::list_quiet_hours(tx, organization_id, &user_ids).await?;
    let mut times = Vec::with_capacity(people.len());
    for (user_id, time_zone) in people {
        let quiet_until = match quiet_hours.get(user_id) {
            Some(quiet_hours) => repo::find_end(tx, *quiet_hours, at, time_zone).await?,
            None => None,
        };
        times.push(quiet_until.unwrap_or(at));
    }
    Ok(times)
}

/// Returns when a muteable mail that would be sent `at` a time may be: the end of the quiet hours that time falls into.
/// Nothing: it may be sent then. A time zone that is empty or unknown is UTC.
pub(crate) async fn not_before(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
    at: DateTime<Utc>,
    time_zone: &str,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    let Some(quiet_hours) = find(tx, organization_id, user_id).await?.quiet_hours else { return Ok(None) };
    repo::find_end(tx, quiet_hours, at, time_zone).await
}
