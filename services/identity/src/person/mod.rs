//! People: members and guests of an organisation, in one table.
//!
//! Owns creating, changing, listing and finding members, telling who stands behind an address, profiles and passwords.
//! Must not start sessions.

mod changes;
pub(crate) mod credentials;
mod directory;
mod entity;
mod error;
mod events;
mod members;
mod password;
mod profile;
pub(crate) mod repo;

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;
use service_kit::address::EmailAddress;
use service_kit::caller::{Call, Caller};
use service_kit::clock::SharedClock;
use service_kit::db::{Database, Reply};
use service_kit::ids::{Ids, OrganizationId};
use service_kit::page::{Page, PageRequest};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::organization::{self, Organization};

pub(crate) use directory::{MemberSearch, SEARCH_MAX, SEARCH_QUERY_MAX};
pub(crate) use entity::{
    DISPLAY_NAME_MAX, GuestChange, Member, MemberChange, NewMember, NewPassword, OwnProfile, Person,
    PersonKind, ProfileChange, Role,
};
pub use error::PersonError;
pub(crate) use events::new_event;
pub(crate) use members::is_still_admin;
pub(crate) use password::{
    PASSWORD_BYTES_MAX, PasswordRefused, Passwords, Verified, read_new_password, read_password_to_set,
};
pub(crate) use profile::{PROFILE_FIELD_MAX, TIME_ZONE_MAX, TimeZones, read_phone, update_on_entering};

/// Most addresses, and most ids, that one call resolves.
pub(crate) const RESOLVE_MAX: usize = 200;

/// The key of a row in the list of members: name, then id. The database alone decides what lower case is.
pub(crate) type MemberKey = (String, Uuid);

/// The use cases of people.
#[derive(Clone)]
pub(crate) struct People {
    database: Database,
    clock: SharedClock,
    ids: Ids,
    passwords: Passwords,
    time_zones: TimeZones,
}

/// Who is asked for, checked.
pub(crate) struct Wanted {
    pub(crate) organization_id: OrganizationId,
    pub(crate) addresses: BTreeSet<EmailAddress>,
    pub(crate) user_ids: Vec<Uuid>,
    pub(crate) create_missing_guests: bool,
    /// What to call guests who are created.
    pub(crate) guest_names: BTreeMap<EmailAddress, String>,
}

/// Who was found or created.
pub(crate) struct Found(pub(crate) Vec<Person>);

impl People {
    /// Returns the use cases.
    pub(crate) fn new(database: Database, clock: SharedClock, ids: Ids, passwords: Passwords) -> Self {
        Self { database, clock, ids, passwords, time_zones: TimeZones::default() }
    }

    /// Creates a member of the caller's organisation.
    pub(crate) async fn create_member<R: Reply<Member>>(
        &self,
        call: &Call,
        new: NewMember,
        role: Role,
    ) -> Result<R, PersonError> {
        let admin = call.caller()?.clone();
        let organization = self.organization(admin.organization_id).await?;
        let hash = self.passwords.prepare(&new, &organization).await?;
        let person = Person::new(
            new.into_profile(&organization),
            (PersonKind::Member, Some(role)),
            (self.ids.next(), self.clock.now()),
        );
        let ids = self.ids.clone();
        let write = self.database.write(call, organization.organization_id, move |tx| {
            Box::pin(async move {
                let held = organization::repo::find_for_update(tx, admin.organization_id).await?;
                held.ok_or(PersonError::OrganizationNotFound)?;
                if !is_still_admin(tx, &admin).await? {
                    return Err(PersonError::NotAnAdmin);
                }
                if !enter(tx, &ids, &person, hash.as_ref()).await? {
                    return Err(PersonError::AddressTaken);
                }
                Ok(Member::try_from(person)?)
            })
        });
        write.await
    }

    /// Lists the members of the caller's organisation, by name.
    pub(crate) async fn list_members(
        &self,
        caller: &Caller,
        page: PageRequest<MemberKey>,
    ) -> Result<Page<Member>, PersonError> {
        let id = caller.organization_id;
        self.database
            .read(id, move |tx| {
                Box::pin(async move {
                    let rows = repo::list_members(tx, id, &page).await?;
                    let key = |row: &Person| (row.display_name.clone(), row.user_id.uuid());
                    let Page { items, next_page_token } = Page::cut(rows, &page, key);
                    let items = items.into_iter().map(Member::try_from).collect::<Result<_, _>>()?;
                    Ok(Page { items, next_page_token })
                })
            })
            .await
    }

    /// Tells who stands behind addresses and ids, and gives unknown addresses an account where that is asked for. Two
    /// calls at once give one address one account: whoever comes second finds it.
    pub(crate) async fn resolve<R: Reply<Found>>(
        &self,
        call: &Call,
        wanted: Wanted,
    ) -> Result<R, PersonError> {
        let (ids, clock) = (self.ids.clone(), self.clock.clone());
        let write = self.database.write(call, wanted.organization_id, move |tx| {
            Box::pin(async move {
                let organization = organization::repo::find(tx, wanted.organization_id).await?;
                let organization = organization.ok_or(PersonError::OrganizationNotFound)?;
                let found = repo::list(tx, &wanted).await?;
                let known: BTreeSet<_> = found.iter().map(|person| &person.email_address).collect();
                let missing: Vec<_> =
                    wanted.addresses.iter().filter(|wanted| !known.contains(wanted)).collect();
                if missing.is_empty() || !wanted.create_missing_guests {
                    return Ok(Found(found));
                }
                // In the order of addresses, so that two calls at once cannot wait for each other in a circle.
                for address in missing {
                    let mut guest = Person::guest(&organization, address.clone(), (ids.next(), clock.now()));
                    guest.display_name = wanted.guest_names.get(address).cloned().unwrap_or_default();
                    enter(tx, &ids, &guest, None).await?;
                }
                Ok(Found(repo::list(tx, &wanted).await?))
            })
        });
        write.await
    }

    async fn organization(&self, organization_id: OrganizationId) -> Result<Organization, PersonError> {
        let found = self.database.read(organization_id, move |tx| {
            Box::pin(
                async move { Ok::<_, PersonError>(organization::repo::find(tx, organization_id).await?) },
            )
        });
        found.await?.ok_or(PersonError::OrganizationNotFound)
    }
}

/// Writes the version of a person after a change that is kept elsewhere.
pub(crate) async fn count_change(tx: &mut PgConnection, person: &Person) -> Result<(), sqlx::Error> {
    changes::update(tx, person).await
}

/// Gives a person an account and tells the other services; false where the address has one already.
pub(crate) async fn enter(
    tx: &mut PgConnection,
    ids: &Ids,
    person: &Person,
    password_hash: Option<&SecretString>,
) -> Result<bool, sqlx::Error> {
    if !repo::insert(tx, person).await? {
        return Ok(false);
    }
    if person.kind == PersonKind::Member {
        changes::replace_words(tx, person).await?;
    }
    if let Some(hash) = password_hash {
        credentials::insert_first(tx, person, hash).await?;
    }
    events::append_created(tx, ids.next(), person).await?;
    Ok(true)
}
