//! The organisation that the web client opens on: its look, its CRMs, and a room that a seller has filled, with its people,
//! what they said, a request that waits, and logs in each CRM.
//!
//! Owns taking each step once: a start that was broken off is taken up where it was, and what people change afterwards stays.

mod content;
mod crm;
mod look;
mod people;

use anyhow::Context;
use journeys::api::with_token;
use journeys::visit::{Accounts, Journey, Session};
use prost_types::FieldMask;
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::spaces::v1 as spaces;
use xtask::demo::{SPACE_ADDRESS, SPACE_TITLE};

const WELCOME: &str = "Welcome, **team Contoso**!\n\nHere is everything for your renewal in 2027:\n\n\
    - the offer, valid until the end of January\n- the contract, for your lawyers\n- how we start together\n\n\
    Ask below whatever you like: we answer within a day.";
/// Mia's profile has it when all was done.
const MARK: &str = "Account Executive";

/// Who fills the rooms.
struct Stage<'j> {
    journey: &'j Journey,
    admin: Session,
    seller: Session,
    colleague: Session,
    colleague_address: &'j str,
}

/// Fills the organisation, unless an earlier start has.
pub(crate) async fn seed(journey: &Journey, accounts: &Accounts) -> anyhow::Result<()> {
    let sign_in = async |address: &str| journey.sign_in(&accounts.organization, address).await;
    let [seller, colleague] = &accounts.members;
    let stage = Stage {
        journey,
        admin: sign_in(&accounts.admin).await?,
        seller: sign_in(seller).await?,
        colleague: sign_in(colleague).await?,
        colleague_address: colleague,
    };
    if stage.is_done().await? {
        return Ok(());
    }
    let theme_id = stage.dress().await?;
    let connections = stage.connect_crms().await?;
    // First, so that the filled one is what somebody was in last.
    stage.other_rooms().await?;
    let room = stage.room(&theme_id, &connections).await?;
    stage.show_customer(&room).await?;
    let shown = stage.fill(&room.space_id).await?;
    let guest = stage.bring_people(&accounts.organization, &room.space_id).await?;
    stage.talk(&guest, &room.space_id, &shown).await?;
    stage.knock(&accounts.organization, &room.space_id).await?;
    stage.log(&room.space_id, &connections).await?;
    stage.note_done().await
}

impl Stage<'_> {
    async fn is_done(&self) -> anyhow::Result<bool> {
        let request = with_token(identity::GetProfileRequest {}, self.seller.token());
        let answer = self.journey.api.account.clone().get_profile(request).await?.into_inner();
        Ok(answer.person.is_some_and(|person| !person.job_title.is_empty()))
    }

    async fn note_done(&self) -> anyhow::Result<()> {
        let request = identity::UpdateProfileRequest {
            update_mask: Some(FieldMask { paths: vec!["job_title".to_owned()] }),
            job_title: MARK.to_owned(),
            ..identity::UpdateProfileRequest::default()
        };
        self.journey.api.account.clone().update_profile(with_token(request, self.seller.token())).await?;
        Ok(())
    }

    /// Returns the room, created where it is not there, its creation logged to the customer's Account.
    async fn room(&self, theme_id: &str, crms: &[crm::Connected]) -> anyhow::Result<spaces::Space> {
        if let Some(room) = self.find(SPACE_TITLE).await? {
            return Ok(room);
        }
        let crm = crms.first().context("no CRM is connected")?;
        let target = Some((&crm.connection, &crm.account));
        let room = self.journey.create_space(&self.seller, SPACE_TITLE, SPACE_ADDRESS, target).await?;
        self.prepare(&room.space_id, WELCOME, theme_id).await
    }

    /// Rooms beside it: one that is prepared before anybody is invited, and one that is over.
    async fn other_rooms(&self) -> anyhow::Result<()> {
        const COMING: &str = "Fabrikam onboarding";
        if self.find(COMING).await?.is_none() {
            let room = self.journey.create_space(&self.seller, COMING, "", None).await?;
            let words = "A draft: nobody is invited yet, and the content is put in order first.";
            self.prepare(&room.space_id, words, "").await?;
            self.journey.create_folder(&self.seller, &room.space_id, "First week").await?;
            self.journey.add_link(&self.seller, &room.space_id, "", "Handbook").await?;
        }
        const OVER: &str = "Northwind pilot";
        if self.find(OVER).await?.is_none() {
            let room = self.journey.create_space(&self.seller, OVER, "", None).await?;
            self.prepare(&room.space_id, "The pilot of 2026; guests are shut out, the content is kept.", "")
                .await?;
            self.journey.add_link(&self.seller, &room.space_id, "", "Report of the pilot").await?;
            self.journey.archive(&self.seller, &room.space_id).await?;
        }
        Ok(())
    }

    async fn find(&self, title: &str) -> anyhow::Result<Option<spaces::Space>> {
        let found = self.journey.find_spaces(&self.seller, title).await?;
        match found.into_iter().find(|space| space.title == title) {
            Some(space) => Ok(Some(self.journey.get_space(&self.seller, &space.space_id).await?)),
            None => Ok(None),
        }
    }

    /// Says what a room is for, how it looks, and that guests may do all that the organisation lets them.
    async fn prepare(
        &self,
        space_id: &str,
        description: &str,
        theme_id: &str,
    ) -> anyhow::Result<spaces::Space> {
        let paths = ["description", "theme_id", "sharing"].map(str::to_owned).into();
        let request = spaces::UpdateSpaceRequest {
            space_id: space_id.to_owned(),
            update_mask: Some(FieldMask { paths }),
            description: description.to_owned(),
            theme_id: theme_id.to_owned(),
            sharing: Some(spaces::SharingToggles { download: true, invite: true, upload: true }),
            ..spaces::UpdateSpaceRequest::default()
        };
        let answer =
            self.journey.api.spaces.clone().update_space(with_token(request, self.seller.token())).await?;
        answer.into_inner().space.context("no space")
    }
}
