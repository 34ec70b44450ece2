//! Organisations: the tenants.
//!
//! Owns creating one with all it needs to work, reading and changing the caller's own. Must not know mails or spaces.

mod entity;
mod error;
mod events;
pub(crate) mod repo;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use service_kit::caller::{Call, Caller};
use service_kit::clock::SharedClock;
use service_kit::db::{self, Database, Reply};
use service_kit::ids::{Ids, OrganizationId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::consent;
use crate::person::{self, Member, Passwords, Person, PersonKind, Role};

pub(crate) use entity::{
    DISPLAY_NAME_MAX, NewOrganization, Organization, OrganizationChange, PASSWORD_MIN_LENGTH,
    PASSWORD_MIN_LENGTHS, Plan, SignInMode, read_base_url, read_slug,
};
pub use error::OrganizationError;

/// The use cases of organisations.
#[derive(Clone)]
pub(crate) struct Organizations {
    database: Database,
    clock: SharedClock,
    ids: Ids,
    passwords: Passwords,
    base_url: String,
}

/// An organisation that was just made.
pub(crate) struct Founded {
    /// The organisation.
    pub(crate) organization: Organization,
    /// Its first admin.
    pub(crate) admin: Member,
}

impl Organizations {
    /// Returns the use cases; `base_url` is where links of new organisations lead.
    pub(crate) fn new(
        database: Database,
        clock: SharedClock,
        ids: Ids,
        passwords: Passwords,
        base_url: String,
    ) -> Self {
        Self { database, clock, ids, passwords, base_url }
    }

    /// Creates an organisation with its first admin and its privacy notice, all or nothing. An idempotency key counts
    /// among all organisations of the operator: the new one cannot own it yet.
    pub(crate) async fn create<R: Reply<Founded>>(
        &self,
        call: &Call,
        new: NewOrganization,
    ) -> Result<R, OrganizationError> {
        let create_time = self.clock.now();
        let organization = Organization {
            organization_id: self.ids.next(),
            slug: new.slug,
            display_name: new.display_name,
            plan: new.plan,
            locale: new.locale,
            base_url: new.base_url.unwrap_or_else(|| self.base_url.clone()),
            create_time,
            sign_in_mode: SignInMode::VerifyFirst,
            password_min_length: PASSWORD_MIN_LENGTH,
            version: 1,
            update_time: create_time,
        };
        let hash = self.passwords.prepare(&new.admin, &organization).await?;
        let admin = Person::new(
            new.admin.into_profile(&organization),
            (PersonKind::Member, Some(Role::Admin)),
            (self.ids.next(), organization.create_time),
        );
        let founding = Founding { organization, admin, hash, ids: self.ids.clone() };
        let no_organization = OrganizationId::from(Uuid::nil());
        self.database.write(call, no_organization, move |tx| Box::pin(founding.write(tx))).await
    }

    /// Changes the caller's organisation. Two that read the same etag cannot both change it.
    pub(crate) async fn update<R: Reply<Organization>>(
        &self,
        call: &Call,
        change: OrganizationChange,
    ) -> Result<R, OrganizationError> {
        let id = call.caller()?.organization_id;
        let (ids, now) = (self.ids.clone(), self.clock.now());
        let write = self.database.write(call, id, move |tx| {
            Box::pin(async move {
                let mut organization =
                    repo::find_for_update(tx, id).await?.ok_or(OrganizationError::NotFound)?;
                if change.etag.as_ref().is_some_and(|etag| *etag != organization.etag()) {
                    return Err(OrganizationError::Changed);
                }
                if change.apply(&mut organization) {
                    keep(tx, &ids, &mut organization, now).await?;
                }
                Ok(organization)
            })
        });
        write.await
    }

    /// Changes what the organisation that a slug leads to has paid for. For the operator.
    pub(crate) async fn set_plan(&self, slug: String, plan: Plan) -> Result<Organization, OrganizationError> {
        let (ids, now) = (self.ids.clone(), self.clock.now());
        let nobody = OrganizationId::from(Uuid::nil());
        let change = self.database.transaction(nobody, move |tx| {
            Box::pin(async move {
                let id = repo::find_by_slug(tx, &slug).await?.ok_or(OrganizationError::NotFound)?;
                db::act_for(tx, id).await?;
                let mut organization =
                    repo::find_for_update(tx, id).await?.ok_or(OrganizationError::NotFound)?;
                if organization.plan != plan {
                    organization.plan = plan;
                    keep(tx, &ids, &mut organization, now).await?;
                }
                Ok(organization)
            })
        });
        change.await
    }

    /// Returns the caller's organisation.
    pub(crate) async fn get(&self, caller: &Caller) -> Result<Organization, OrganizationError> {
        let id = caller.organization_id;
        let found = self.database.read(id, move |tx| {
            Box::pin(async move { Ok::<_, OrganizationError>(repo::find(tx, id).await?) })
        });
        found.await?.ok_or(OrganizationError::NotFound)
    }
}

/// Keeps a change and tells the other services.
async fn keep(
    tx: &mut PgConnection,
    ids: &Ids,
    organization: &mut Organization,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    organization.version += 1;
    organization.update_time = now;
    repo::update(tx, organization).await?;
    events::append_updated(tx, ids.next(), organization).await
}

/// All that is written when an organisation is founded.
struct Founding {
    organization: Organization,
    admin: Person,
    hash: Option<SecretString>,
    ids: Ids,
}

impl Founding {
    async fn write(self, tx: &mut PgConnection) -> Result<Founded, OrganizationError> {
        let Self { organization, admin, hash, ids } = self;
        if !repo::take_slug(tx, &organization).await? {
            return Err(OrganizationError::SlugTaken);
        }
        db::act_for(tx, organization.organization_id).await?;
        repo::insert(tx, &organization).await?;
        consent::publish_built_in(tx, &ids, &organization).await?;
        events::append_created(tx, ids.next(), &organization).await?;
        person::enter(tx, &ids, &admin, hash.as_ref()).await?;
        let admin = admin.try_into()?;
        Ok(Founded { organization, admin })
    }
}
