//! Privacy notices and the ledger of consent.
//!
//! Owns the notices of an organisation (each version once per language) and the entries that prove who agreed to which of
//! them. Both are evidence: rows are added, never changed, and the entries of an organisation are a chain. Must not decide
//! who may enter a space.

mod entity;
mod error;
mod events;
mod ledger;
pub(crate) mod repo;

use service_kit::caller::{Call, Caller};
use service_kit::clock::SharedClock;
use service_kit::db::{self, Database, Reply};
use service_kit::ids::{Ids, OrganizationId};
use service_kit::page::{Page, PageRequest};
use service_kit::validate::Violations;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::locale::Locale;
use crate::mac::MacKey;
use crate::organization::{self, Organization};

pub(crate) use entity::{
    Action, Deed, Entry, NOTICE_TEXT_MAX, NewNotice, Notice, NoticeText, Origin, Verdict, Via, hex,
};
pub use error::ConsentError;
pub(crate) use ledger::{Standing, Withdrawn, append};

/// Most notices of a page: each may be long.
pub(crate) const NOTICE_PAGE_MAX: i32 = 10;

/// The key of a row in the list of notices: version, then language.
pub(crate) type NoticeKey = (i32, String);

/// The use cases of consent.
#[derive(Clone)]
pub(crate) struct Consents {
    database: Database,
    clock: SharedClock,
    ids: Ids,
    mac: MacKey,
}

/// A version that was just published, in each of its languages.
pub(crate) struct Published(pub(crate) Vec<Notice>);

impl Consents {
    /// Returns the use cases.
    pub(crate) fn new(database: Database, clock: SharedClock, ids: Ids, mac: MacKey) -> Self {
        Self { database, clock, ids, mac }
    }

    /// Publishes the next version of the notice of the caller's organisation. Two at once become two versions.
    pub(crate) async fn publish<R: Reply<Published>>(
        &self,
        call: &Call,
        new: NewNotice,
    ) -> Result<R, ConsentError> {
        let id = call.caller()?.organization_id;
        let (ids, publish_time) = (self.ids.clone(), self.clock.now());
        let write = self.database.write(call, id, move |tx| {
            Box::pin(async move {
                let organization = organization::repo::find_for_update(tx, id).await?;
                let own = organization.ok_or(ConsentError::OrganizationNotFound)?.locale;
                let version = repo::newest_version(tx, id).await? + 1;
                let notices: Vec<_> = new
                    .texts
                    .into_iter()
                    .map(|text| Notice::new(ids.next(), text, (version, new.is_material), publish_time))
                    .collect();
                let in_own = notices.iter().find(|notice| notice.locale == own).ok_or_else(|| {
                    let rule = format!("must hold the organisation's own language, {}", own.as_str());
                    Violations::one("texts", rule)
                })?;
                for notice in &notices {
                    repo::insert_notice(tx, id, notice).await?;
                }
                let required = repo::required_version(tx, id).await?;
                events::append_published(tx, ids.next(), (id, in_own), required).await?;
                Ok(Published(notices))
            })
        });
        write.await
    }

    /// Lists the notices of the caller's organisation, the newest version first.
    pub(crate) async fn list_notices(
        &self,
        caller: &Caller,
        page: PageRequest<NoticeKey>,
    ) -> Result<Page<Notice>, ConsentError> {
        let id = caller.organization_id;
        self.database
            .read(id, move |tx| {
                Box::pin(async move {
                    let rows = repo::list_notices(tx, id, &page).await?;
                    Ok(Page::cut(rows, &page, |row| (row.version, row.locale.as_str().to_owned())))
                })
            })
            .await
    }

    /// Returns the notice in force of the organisation that a slug leads to, in its own language where none is asked for.
    pub(crate) async fn notice(&self, slug: String, locale: Option<Locale>) -> Result<Notice, ConsentError> {
        self.database
            .read(OrganizationId::from(Uuid::nil()), move |tx| {
                Box::pin(async move {
                    let id = organization::repo::find_by_slug(tx, &slug).await?;
                    let id = id.ok_or(ConsentError::OrganizationNotFound)?;
                    db::act_for(tx, id).await?;
                    let organization = organization::repo::find(tx, id).await?;
                    let organization = organization.ok_or(ConsentError::OrganizationNotFound)?;
                    Ok(repo::get_in_force(tx, id, locale.unwrap_or(organization.locale)).await?)
                })
            })
            .await
    }
}

/// Publishes the built-in notice as version 1, in each language.
pub(crate) async fn publish_built_in(
    tx: &mut PgConnection,
    ids: &Ids,
    organization: &Organization,
) -> Result<(), sqlx::Error> {
    for locale in Locale::ALL {
        repo::insert_notice(
            tx,
            organization.organization_id,
            &Notice::built_in(ids.next(), organization, locale),
        )
        .await?;
    }
    Ok(())
}
