//! Participants: inviting people, and who is there.
//!
//! Owns the use cases; each opens and commits its transaction. Who an address belongs to, and what their profile says, is
//! identity's to say. `inviting` asks people in, from the lists that `address_list` and `invitation` read, within `limits`,
//! and with `crm` and `proposing` where a CRM or the owner has a say; `moving` holds what becomes of them, `reminding` asks
//! again; `profile` fills in guests, `settings` says which mails people get, and `audience` who is told of what happens.

mod address_list;
mod audience;
mod audience_repo;
mod crm;
mod entity;
mod error;
mod events;
mod invitation;
mod inviting;
mod limits;
mod mails_repo;
mod moving;
mod profile;
mod proposing;
mod reminding;
pub(crate) mod repo;
mod settings;
mod settings_repo;

use service_kit::caller::Caller;
use service_kit::clock::SharedClock;
use service_kit::db::Database;
use service_kit::ids::{Ids, SpaceId};
use service_kit::page::{Page, PageRequest};
use service_kit::peers::PeerChannel;
use sharedspaces_proto::crmsync::v1::record_service_client::RecordServiceClient;
use sharedspaces_proto::identity::v1::account_service_client::AccountServiceClient;
use sharedspaces_proto::identity::v1::organization_service_client::OrganizationServiceClient;

use crate::permission::Viewer;
use crate::space;

pub(crate) use audience::{MuteableMail, RecipientQuestion, audience, internal_audience, person};
pub(crate) use entity::{Kind, Participant, ParticipantKey, RECOMMENDED_MAX, State, Step};
pub use error::ParticipantError;
pub(crate) use invitation::{Invitation, InvitationText, Invited, Log, Refused};
pub use limits::InvitingLimits;
pub(crate) use moving::Left;
pub(crate) use profile::{ProfileChange, ProfileChanged};
pub(crate) use reminding::Reminded;
pub(crate) use settings::{Mute, Muted, OwnSettings, Settings};

/// The use cases of participants.
#[derive(Clone)]
pub(crate) struct Participants {
    database: Database,
    clock: SharedClock,
    ids: Ids,
    directory: OrganizationServiceClient<PeerChannel>,
    accounts: AccountServiceClient<PeerChannel>,
    records: RecordServiceClient<PeerChannel>,
    limits: InvitingLimits,
}

/// The other services that participants need.
#[derive(Clone)]
pub(crate) struct Neighbours {
    /// Where addresses are looked up.
    pub(crate) directory: OrganizationServiceClient<PeerChannel>,
    /// Where profiles of guests are kept.
    pub(crate) accounts: AccountServiceClient<PeerChannel>,
    /// Where addresses are looked up in the CRM.
    pub(crate) records: RecordServiceClient<PeerChannel>,
}

impl Participants {
    /// Returns the use cases; `neighbours` are asked outside of transactions, and `limits` hold what inviting sends.
    pub(crate) fn new(
        database: Database,
        clock: SharedClock,
        ids: Ids,
        neighbours: Neighbours,
        limits: InvitingLimits,
    ) -> Self {
        let Neighbours { directory, accounts, records } = neighbours;
        Self { database, clock, ids, directory, accounts, records, limits }
    }

    /// Lists who stands at one of `states` in a space the caller sees; guests see those who take part alone.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        states: Vec<State>,
        page: PageRequest<ParticipantKey>,
    ) -> Result<Page<Participant>, ParticipantError> {
        let viewer = Viewer::from(caller);
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let view = space::visible(tx, &viewer, space_id).await?;
                    if view.standing.is_guest() && !states.iter().all(|state| state.takes_part()) {
                        return Err(ParticipantError::InternalParticipantsOnly);
                    }
                    let mut rows = repo::list(tx, viewer.organization_id, space_id, &states, &page).await?;
                    if view.standing.is_guest() {
                        rows = rows.into_iter().map(Participant::seen_by_guest).collect();
                    }
                    Ok(Page::cut(rows, &page, Participant::key))
                })
            })
            .await
    }
}
