//! The ledger of consent.
//!
//! Owns giving and withdrawing consent, listing entries and verifying the chain. An entry's place in the chain and its
//! hash are the database's work, the same for whoever adds one. Must not change an entry.

use service_kit::caller::{Call, Caller, CallerKind};
use service_kit::db::{self, Reply};
use service_kit::ids::{OrganizationId, UserId};
use service_kit::page::{Page, PageRequest};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Action, ConsentError, Consents, Deed, Entry, Origin, Verdict, Via, events, repo};
use crate::mac::MacKey;
use crate::organization;
use crate::person::{self, Person, PersonKind};

/// The entry that stands.
pub(crate) struct Standing(pub(crate) Entry);

/// The entry of a withdrawal; none where there was nothing to take back.
pub(crate) struct Withdrawn(pub(crate) Option<Entry>);

impl Consents {
    /// Records that the caller agrees to the notice in force. Repeating it adds nothing.
    pub(crate) async fn give<R: Reply<Standing>>(
        &self,
        call: &Call,
        privacy_notice_id: Uuid,
        origin: Origin,
    ) -> Result<R, ConsentError> {
        let (caller, ids, mac) = (call.caller()?.clone(), self.ids.clone(), self.mac.clone());
        let write = self.database.write(call, caller.organization_id, move |tx| {
            Box::pin(async move {
                let mut guest = hold_guest(tx, &caller).await?;
                let notice = repo::find_in_force(tx, caller.organization_id, privacy_notice_id).await?;
                let notice = notice.ok_or(ConsentError::NoticeOutdated)?;
                let newest = repo::find_newest(tx, &guest).await?;
                let stands =
                    |entry: &Entry| entry.action == Action::Given && entry.notice_version == notice.version;
                if let Some(entry) = newest.filter(stands) {
                    return Ok(Standing(entry));
                }
                let deed = Deed { action: Action::Given, via: Via::Account, privacy_notice_id };
                let entry = append(tx, (ids.next(), &mut guest), deed, (&mac, &origin)).await?;
                tell(tx, ids.next(), &mut guest).await?;
                Ok(Standing(entry))
            })
        });
        write.await
    }

    /// Records that the caller takes the consent back. Repeating it adds nothing.
    pub(crate) async fn withdraw<R: Reply<Withdrawn>>(
        &self,
        call: &Call,
        origin: Origin,
    ) -> Result<R, ConsentError> {
        let (caller, ids, mac) = (call.caller()?.clone(), self.ids.clone(), self.mac.clone());
        let write = self.database.write(call, caller.organization_id, move |tx| {
            Box::pin(async move {
                let mut guest = hold_guest(tx, &caller).await?;
                let newest = repo::find_newest(tx, &guest).await?;
                // Also one that does not stand any more since a material change: it may be taken back all the same.
                let Some(given) = newest.filter(|entry| entry.action == Action::Given) else {
                    return Ok(Withdrawn(None));
                };
                let privacy_notice_id = given.privacy_notice_id;
                let deed = Deed { action: Action::Withdrawn, via: Via::Account, privacy_notice_id };
                let entry = append(tx, (ids.next(), &mut guest), deed, (&mac, &origin)).await?;
                tell(tx, ids.next(), &mut guest).await?;
                Ok(Withdrawn(Some(entry)))
            })
        });
        write.await
    }

    /// Lists entries, the newest first: of the person asked for, else the caller's own, or for an admin everybody's.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        user_id: Option<UserId>,
        page: PageRequest<i64>,
    ) -> Result<Page<Entry>, ConsentError> {
        let whose = match (caller.kind, user_id) {
            (CallerKind::Admin, whose) => whose,
            (CallerKind::Member | CallerKind::Guest, Some(other)) if other != caller.user_id => {
                return Err(ConsentError::OwnOnly);
            }
            (CallerKind::Member | CallerKind::Guest, _) => Some(caller.user_id),
        };
        let id = caller.organization_id;
        self.database
            .read(id, move |tx| {
                Box::pin(async move {
                    let rows = repo::list(tx, id, whose, &page).await?;
                    Ok(Page::cut(rows, &page, |row| row.sequence))
                })
            })
            .await
    }

    /// Recomputes the chain of the caller's organisation.
    pub(crate) async fn verify(&self, caller: &Caller) -> Result<Verdict, ConsentError> {
        let id = caller.organization_id;
        let read = self
            .database
            .read(id, move |tx| Box::pin(async move { Ok::<_, ConsentError>(repo::verify(tx, id).await?) }));
        let verdict = read.await?;
        if verdict.first_broken_sequence > 0 {
            tracing::error!(
                organization.id = %id, consent.sequence = verdict.first_broken_sequence,
                "the ledger of consent is broken"
            );
        }
        Ok(verdict)
    }

    /// Lists the slugs of all organisations. For the operator.
    pub(crate) async fn slugs(&self) -> Result<Vec<String>, ConsentError> {
        let nobody = OrganizationId::from(Uuid::nil());
        let read = self
            .database
            .read(nobody, |tx| Box::pin(async move { Ok(organization::repo::list_slugs(tx).await?) }));
        read.await
    }

    /// Recomputes the chain of the organisation that a slug leads to. For the operator.
    pub(crate) async fn verify_by_slug(&self, slug: String) -> Result<Verdict, ConsentError> {
        self.database
            .read(OrganizationId::from(Uuid::nil()), move |tx| {
                Box::pin(async move {
                    let id = organization::repo::find_by_slug(tx, &slug).await?;
                    let id = id.ok_or(ConsentError::OrganizationNotFound)?;
                    db::act_for(tx, id).await?;
                    Ok(repo::verify(tx, id).await?)
                })
            })
            .await
    }
}

/// Appends an entry to the ledger, and notes with the person which consent stands now.
pub(crate) async fn append(
    tx: &mut PgConnection,
    (consent_id, person): (Uuid, &mut Person),
    deed: Deed,
    (mac, origin): (&MacKey, &Origin),
) -> Result<Entry, sqlx::Error> {
    let origin = (origin.client_mac(mac), origin.user_agent.as_str());
    let entry = repo::append(tx, (consent_id, person), deed, origin).await?;
    // What is appended is about the notice in force, to which consent stands.
    person.consent_notice_version = match entry.action {
        Action::Given => entry.notice_version,
        Action::Withdrawn => 0,
    };
    Ok(entry)
}

/// Finds the calling guest, and holds them until the end of the unit of work: entries of one person follow each other.
async fn hold_guest(tx: &mut PgConnection, caller: &Caller) -> Result<Person, ConsentError> {
    let person = person::repo::find_for_update(tx, caller.organization_id, caller.user_id).await?;
    let person = person.filter(|person| !person.is_deactivated).ok_or(ConsentError::PersonNotFound)?;
    if person.kind != PersonKind::Guest {
        return Err(ConsentError::NotNeeded);
    }
    Ok(person)
}

/// Counts the change and tells the other services.
async fn tell(tx: &mut PgConnection, event_id: Uuid, guest: &mut Person) -> Result<(), sqlx::Error> {
    guest.version += 1;
    person::count_change(tx, guest).await?;
    events::append_changed(tx, event_id, guest).await
}
