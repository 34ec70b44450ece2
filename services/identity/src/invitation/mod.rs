//! Invitation links: the way in for a guest.
//!
//! Owns making the address that notifications prints, showing the landing page, and letting a guest in: consent, link,
//! session and event in one unit of work. Opening a link never uses it up (R9.4): that takes the explicit call. Must not
//! know why somebody was invited; that is spaces' business.

mod entity;
mod error;
mod events;
mod repo;

use secrecy::ExposeSecret;
use service_kit::db::Database;
use service_kit::ids::Ids;
use sqlx::PgConnection;

use crate::consent::{self, Action, Deed, Via};
use crate::mac::MacKey;
use crate::organization;
use crate::person::{self, PersonKind};
use crate::session::{self, TokenMint};
use crate::token::Token;

pub(crate) use entity::{Acceptance, Accepted, Invitation, IssuedLink, LandingPage, Opening};
pub use error::InvitationError;

/// The crash point between using up a link and starting the session.
pub(crate) const AFTER_CONSUME_BEFORE_SESSION: &str = "link.after_consume_before_session";

/// The use cases of invitation links.
#[derive(Clone)]
pub(crate) struct Invitations {
    database: Database,
    ids: Ids,
    mint: TokenMint,
    mac: MacKey,
}

impl Invitations {
    /// Returns the use cases.
    pub(crate) fn new(database: Database, ids: Ids, mint: TokenMint, mac: MacKey) -> Self {
        Self { database, ids, mint, mac }
    }

    /// Returns the address to print. Repeating the call gives the same one, byte by byte, without keeping it: a link is
    /// replaced only after it has expired, and not at all after it was used.
    pub(crate) async fn issue(&self, invitation: Invitation) -> Result<IssuedLink, InvitationError> {
        let mac = self.mac.clone();
        self.database
            .transaction(invitation.organization_id, move |tx| {
                Box::pin(async move { issue(tx, &mac, &invitation).await })
            })
            .await
    }

    /// Returns what the landing page may show before consent.
    pub(crate) async fn open(&self, opening: Opening) -> Result<LandingPage, InvitationError> {
        let token = Token::find(opening.token.expose_secret()).ok_or(InvitationError::LinkRefused)?;
        self.database
            .read(token.organization_id, move |tx| {
                Box::pin(async move {
                    let id = token.organization_id;
                    let link = repo::find_usable(tx, &token).await?.ok_or(InvitationError::LinkRefused)?;
                    let guest = person::repo::find_active(tx, id, link.user_id).await?;
                    let guest = guest.ok_or(InvitationError::LinkRefused)?;
                    let inviter = person::repo::find(tx, id, link.inviter_user_id).await?;
                    let organization = organization::repo::find(tx, id).await?;
                    let organization = organization.ok_or(InvitationError::LinkRefused)?;
                    let locale = opening.locale.unwrap_or(guest.locale);
                    Ok(LandingPage {
                        organization_display_name: organization.display_name,
                        inviter_display_name: inviter.map(|inviter| inviter.display_name).unwrap_or_default(),
                        guest,
                        notice: consent::repo::get_in_force(tx, id, locale).await?,
                    })
                })
            })
            .await
    }

    /// Lets a guest in: uses the link up, records the consent, starts a session. All or nothing.
    pub(crate) async fn accept(&self, acceptance: Acceptance) -> Result<Accepted, InvitationError> {
        let token = Token::find(acceptance.token.expose_secret()).ok_or(InvitationError::LinkRefused)?;
        let (ids, mint, mac) = (self.ids.clone(), self.mint.clone(), self.mac.clone());
        self.database
            .transaction(token.organization_id, move |tx| {
                Box::pin(async move { accept(tx, (&ids, &mint, &mac), &token, &acceptance).await })
            })
            .await
    }
}

async fn issue(
    tx: &mut PgConnection,
    mac: &MacKey,
    invitation: &Invitation,
) -> Result<IssuedLink, InvitationError> {
    let id = invitation.organization_id;
    let organization =
        organization::repo::find(tx, id).await?.ok_or(InvitationError::OrganizationNotFound)?;
    let guest = person::repo::find_active(tx, id, invitation.user_id).await?;
    let guest = guest.ok_or(InvitationError::PersonNotFound)?;
    if guest.kind != PersonKind::Guest {
        return Err(InvitationError::NotAGuest);
    }
    person::repo::find(tx, id, invitation.inviter_user_id).await?.ok_or(InvitationError::PersonNotFound)?;
    repo::insert_if_absent(tx, invitation, &invitation.token(mac, 1)).await?;
    let link = repo::get_for_update(tx, invitation).await?;
    if !link.is_of(invitation) {
        return Err(InvitationError::Mismatch);
    }
    if link.is_used {
        return Err(InvitationError::AlreadyAccepted);
    }
    let version = link.version + i32::from(link.is_expired);
    let token = invitation.token(mac, version);
    if link.is_expired {
        repo::replace(tx, invitation, (version, &token)).await?;
    }
    Ok(IssuedLink::new(organization, guest, &token))
}

async fn accept(
    tx: &mut PgConnection,
    (ids, mint, mac): (&Ids, &TokenMint, &MacKey),
    token: &Token,
    acceptance: &Acceptance,
) -> Result<Accepted, InvitationError> {
    let organization_id = token.organization_id;
    let (link, accept_time) = repo::use_up(tx, token).await?.ok_or(InvitationError::LinkRefused)?;
    let notice = consent::repo::find_in_force(tx, organization_id, acceptance.privacy_notice_id).await?;
    let notice = notice.ok_or(InvitationError::NoticeOutdated)?;
    let guest =
        person::repo::update_on_entering(tx, organization_id, link.user_id, &acceptance.display_name).await?;
    let mut guest = guest.ok_or(InvitationError::LinkRefused)?;
    let user_id = guest.user_id;
    let deed =
        Deed { action: Action::Given, via: Via::Invitation, privacy_notice_id: notice.privacy_notice_id };
    consent::append(tx, (ids.next(), &mut guest), deed, (mac, &acceptance.origin)).await?;
    messaging::failpoint(AFTER_CONSUME_BEFORE_SESSION);
    let tokens = session::start(tx, mint, &guest).await?;
    events::append_accepted(tx, ids.next(), &link, (&guest, accept_time)).await?;
    Ok(Accepted { tokens, user_id, space_id: link.space_id })
}
