//! Who is in the room, what they said, and who waits before it.

use anyhow::Context;
use journeys::api::with_key;
use journeys::visit::{Session, fresh_key};
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::spaces::v1 as spaces;
use xtask::demo::{GUEST, INVITED, PASSWORD, REQUESTER, SPACE_ADDRESS};

use super::Stage;
use super::content::{OFFER, PLAN, Shown};

const NOTE: &str = "Hello Nora, hello Owen,\n\nhere is everything for Tuesday. Looking forward to it!\n\nMia";

impl Stage<'_> {
    /// Invites two guests, which is logged, and the colleague; one guest comes in. Returns her.
    pub(super) async fn bring_people(&self, organization: &str, space_id: &str) -> anyhow::Result<Session> {
        let takes_part = |all: &[spaces::Participant], address: &str| {
            all.iter().find(|one| one.email_address == address).map(spaces::Participant::state)
        };
        let there = self.journey.participants(&self.seller, space_id).await?;
        if takes_part(&there, INVITED).is_none() {
            let request = spaces::InviteParticipantsRequest {
                space_id: space_id.to_owned(),
                email_addresses: [GUEST, INVITED].map(str::to_owned).into(),
                personal_note: NOTE.to_owned(),
                crm_log: Some(spaces::InvitationLog { target: None }),
                ..spaces::InviteParticipantsRequest::default()
            };
            let request = with_key(request, self.seller.token(), &fresh_key());
            self.journey.api.participants.clone().invite_participants(request).await?;
        }
        if takes_part(&there, self.colleague_address).is_none() {
            self.journey.invite(&self.seller, space_id, &[self.colleague_address], "").await?;
        }
        if takes_part(&there, GUEST) == Some(spaces::ParticipantState::Active) {
            return self.journey.sign_in(organization, GUEST).await;
        }
        self.come_in().await
    }

    /// The guest comes from her mail, says who she is, and sets a password.
    async fn come_in(&self) -> anyhow::Result<Session> {
        let token = self.journey.invitation_token(GUEST, "").await?;
        let request = identity::GetInvitationRequest { token: token.clone(), locale: String::new() };
        let seen = self.journey.api.invitations.clone().get_invitation(request).await?.into_inner();
        let request = identity::AcceptInvitationRequest {
            token,
            privacy_notice_id: seen.privacy_notice.context("no privacy notice")?.privacy_notice_id,
            consent_given: true,
            display_name: "Nora Field".to_owned(),
            job_title: "Head of Purchasing".to_owned(),
            company: "Contoso Ltd".to_owned(),
            password: PASSWORD.to_owned(),
            ..identity::AcceptInvitationRequest::default()
        };
        let accepted = self.journey.api.invitations.clone().accept_invitation(request).await?.into_inner();
        Ok(Session { user_id: accepted.user_id, tokens: accepted.tokens.context("no tokens")? })
    }

    /// The guest looks around, opens and saves, asks, and is answered.
    pub(super) async fn talk(&self, guest: &Session, space_id: &str, shown: &Shown) -> anyhow::Result<()> {
        let id = |title: &str| shown.get(title).map(|item| item.item_id.as_str()).context("no such item");
        let (offer, plan) = (id(OFFER)?, id(PLAN)?);
        if !self.journey.comments(&self.seller, space_id, offer).await?.is_empty() {
            return Ok(());
        }
        self.journey.look_around(guest, space_id).await?;
        self.journey.open_item(guest, space_id, offer).await?;
        self.journey.download_item(guest, space_id, offer).await?;
        self.journey.open_item(guest, space_id, plan).await?;
        let say = async |who: &Session, item: &str, text: &str| {
            self.journey.comment(who, space_id, item, text, &[]).await.map(drop)
        };
        say(&self.colleague, plan, "The shop is new since last year; I count it as one site.").await?;
        say(guest, offer, "Does the price hold if we take 50 licences?").await?;
        say(&self.seller, offer, "It does, **for all three years**. I put it into the contract.").await?;
        Ok(())
    }

    /// Somebody who was given the link proves her address and asks to be let in.
    pub(super) async fn knock(&self, organization: &str, space_id: &str) -> anyhow::Result<()> {
        let waiting = self.journey.access_requests(&self.seller, space_id).await?;
        if waiting.iter().any(|request| request.email_address == REQUESTER) {
            return Ok(());
        }
        self.journey.knock(organization, REQUESTER, SPACE_ADDRESS).await?;
        let mail = self.journey.outside.wait_for_mail(REQUESTER, "Confirm your address").await?;
        let request = spaces::RequestAccessRequest {
            organization: organization.to_owned(),
            space_address: SPACE_ADDRESS.to_owned(),
            request_token: mail.link()?.fragment().context("no token")?.to_owned(),
            display_name: "Rita Moss".to_owned(),
            message: "Nora gave me the link: I plan the shops.".to_owned(),
            ..spaces::RequestAccessRequest::default()
        };
        self.journey.request_access(request).await?;
        self.journey.access_request_of(&self.seller, space_id, REQUESTER).await?;
        Ok(())
    }
}
