//! What people say about themselves.
//!
//! Owns reading and changing the caller's own profile, and changing a guest's for those who may. Must not change a role, an address or a way in.

use std::collections::BTreeSet;
use std::sync::Arc;

use service_kit::caller::{Call, Caller};
use service_kit::db::{Database, Reply};
use service_kit::ids::{Ids, OrganizationId, UserId};
use service_kit::validate::Violations;
use sqlx::PgConnection;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{
    GuestChange, OwnProfile, People, Person, PersonError, PersonKind, ProfileChange, changes, credentials,
    events, repo,
};

/// Longest job title, company and telephone number, in characters.
pub(crate) const PROFILE_FIELD_MAX: usize = 255;
/// Longest name of a time zone that is looked up, in characters.
pub(crate) const TIME_ZONE_MAX: usize = 255;

/// Checks a telephone number as people write it; an empty one is none.
pub(crate) fn read_phone(check: &mut Violations, field: &str, value: &str) -> String {
    let phone = check.line(field, value, 0, PROFILE_FIELD_MAX);
    if phone.chars().any(|c| !c.is_ascii_digit() && !" +-./()".contains(c)) {
        check.add(field, "must hold only digits, spaces and + - . / ( )");
    }
    phone
}

/// The names of time zones that the database keeps up to date; read once per process.
#[derive(Clone, Default)]
pub(crate) struct TimeZones(Arc<OnceCell<BTreeSet<String>>>);

impl TimeZones {
    /// Checks the name of a time zone; an empty one is none.
    pub(crate) async fn check(&self, database: &Database, name: &str) -> Result<(), PersonError> {
        let read = || {
            database.read(OrganizationId::from(Uuid::nil()), |tx| {
                Box::pin(async move {
                    Ok::<_, PersonError>(changes::list_time_zones(tx).await?.into_iter().collect())
                })
            })
        };
        if name.is_empty() || self.0.get_or_try_init(read).await?.contains(name) {
            return Ok(());
        }
        Err(Violations::one("time_zone", "must be the name of an IANA time zone such as Europe/Zurich")
            .into())
    }
}

/// Writes what a guest told on entering, and counts the change: that they came in is one, too.
pub(crate) async fn update_on_entering(
    tx: &mut PgConnection,
    (organization_id, user_id): (OrganizationId, UserId),
    change: ProfileChange,
) -> Result<Option<Person>, sqlx::Error> {
    let found = repo::find_for_update(tx, organization_id, user_id).await?;
    let Some(mut guest) = found.filter(|person| person.kind == PersonKind::Guest && !person.is_deactivated)
    else {
        return Ok(None);
    };
    change.apply(&mut guest);
    guest.version += 1;
    changes::update(tx, &guest).await?;
    Ok(Some(guest))
}

impl People {
    /// Returns the names of time zones, as far as they were read.
    pub(crate) fn time_zones(&self) -> TimeZones {
        self.time_zones.clone()
    }

    /// Returns the caller's own profile.
    pub(crate) async fn profile(&self, caller: &Caller) -> Result<OwnProfile, PersonError> {
        let (organization_id, user_id) = (caller.organization_id, caller.user_id);
        let found = self.database.read(organization_id, move |tx| {
            Box::pin(async move {
                let person = repo::find_active(tx, organization_id, user_id).await?;
                let person = person.ok_or(PersonError::NotFound)?;
                Ok::<_, PersonError>(OwnProfile {
                    has_password: credentials::exists(tx, &person).await?,
                    person,
                })
            })
        });
        found.await
    }

    /// Changes the caller's own profile.
    pub(crate) async fn update_profile<R: Reply<Person>>(
        &self,
        call: &Call,
        change: ProfileChange,
    ) -> Result<R, PersonError> {
        let Caller { organization_id, user_id, .. } = *call.caller()?;
        if let Some(time_zone) = &change.time_zone {
            self.time_zones.check(&self.database, time_zone).await?;
        }
        let ids = self.ids.clone();
        let write = self.database.write(call, organization_id, move |tx| {
            Box::pin(async move {
                let person = repo::find_for_update(tx, organization_id, user_id).await?;
                let before = person.filter(|person| !person.is_deactivated).ok_or(PersonError::NotFound)?;
                Ok(apply(tx, &ids, (before, change)).await?)
            })
        });
        write.await
    }

    /// Changes a guest's profile as the guest would, for an internal participant of one of the guest's spaces (R8.12).
    pub(crate) async fn update_guest<R: Reply<Person>>(
        &self,
        call: &Call,
        change: GuestChange,
    ) -> Result<R, PersonError> {
        let GuestChange { organization_id, user_id, change } = change;
        if let Some(time_zone) = &change.time_zone {
            self.time_zones.check(&self.database, time_zone).await?;
        }
        let ids = self.ids.clone();
        let write = self.database.write(call, organization_id, move |tx| {
            Box::pin(async move {
                let person = repo::find_for_update(tx, organization_id, user_id).await?;
                let before = person.filter(|person| !person.is_deactivated).ok_or(PersonError::NotFound)?;
                if before.kind != PersonKind::Guest {
                    return Err(PersonError::NotAGuest);
                }
                Ok(apply(tx, &ids, (before, change)).await?)
            })
        });
        write.await
    }
}

/// Writes a change of a profile and tells the others; one that changes nothing is told to nobody.
async fn apply(
    tx: &mut PgConnection,
    ids: &Ids,
    (before, change): (Person, ProfileChange),
) -> Result<Person, sqlx::Error> {
    let mut person = before.clone();
    change.apply(&mut person);
    if person.same_as(&before) {
        return Ok(person);
    }
    person.version += 1;
    changes::update(tx, &person).await?;
    if person.kind == PersonKind::Member {
        changes::replace_words(tx, &person).await?;
    }
    events::append_updated(tx, ids.next(), &person).await?;
    Ok(person)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telephone_number_is_written_as_people_write_it() {
        let is_taken = |value: &str| {
            let mut check = Violations::default();
            read_phone(&mut check, "phone", value);
            check.into_result().is_ok()
        };
        for good in ["", "+41 (0)44 123.45-67/8", &"1".repeat(255)] {
            assert!(is_taken(good), "{good:?}");
        }
        for bad in ["ext. 5", "٣", "1\n2", "+1;ext=2", &"1".repeat(256)] {
            assert!(!is_taken(bad), "{bad:?}");
        }
    }
}
