//! Invitation links: the way in for a guest.
//!
//! Owns making the address that notifications prints, showing the landing page, and letting a guest in: consent, link,
//! session and event in one unit of work. Opening a link never uses it up (R9.4): that takes the explicit call. Must not
//! know why somebody was invited; that is spaces' business.

mod entity;
mod error;
mod events;
mod repo;

use secrecy::{ExposeSecret, SecretString};
use service_kit::db::Database;
use service_kit::error::CommonError;
use service_kit::ids::Ids;
use sqlx::PgConnection;

use crate::consent::{self, Action, Deed, Via};
use crate::mac::MacKey;
use crate::organization;
use crate::person::{self, NewPassword, Passwords, PersonError, PersonKind, ProfileChange, TimeZones};
use crate::session::{self, Method, TokenMint};
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
    passwords: Passwords,
    time_zones: TimeZones,
}

impl Invitations {
    /// Returns the use cases.
    pub(crate) fn new(
        (database, ids, mac): (Database, Ids, MacKey),
        mint: TokenMint,
        (passwords, time_zones): (Passwords, TimeZones),
    ) -> Self {
        Self { database, ids, mint, mac, passwords, time_zones }
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
                        password_min_length: organization.password_min_length,
                    })
                })
            })
            .await
    }

    /// Lets a guest in: uses the link up, records the consent, completes the profile, starts a session. All or nothing.
    pub(crate) async fn accept(&self, mut acceptance: Acceptance) -> Result<Accepted, InvitationError> {
        let token = Token::find(acceptance.token.expose_secret()).ok_or(InvitationError::LinkRefused)?;
        let time_zone = acceptance.profile.time_zone.as_deref().unwrap_or_default();
        self.time_zones.check(&self.database, time_zone).await.map_err(common)?;
        let password_hash = match acceptance.password.take() {
            Some(password) => Some(self.hash(&token, password, &acceptance.profile).await?),
            None => None,
        };
        let (ids, mint, mac) = (self.ids.clone(), self.mint.clone(), self.mac.clone());
        self.database
            .transaction(token.organization_id, move |tx| {
                Box::pin(
                    async move { accept(tx, (&ids, &mint, &mac), &token, (acceptance, password_hash)).await },
                )
            })
            .await
    }

    /// Hashes the first password, after making sure that it is not easy to guess for who knows what the guest tells.
    async fn hash(
        &self,
        token: &Token,
        password: NewPassword,
        profile: &ProfileChange,
    ) -> Result<SecretString, InvitationError> {
        let (token, id) = (token.clone(), token.organization_id);
        let found = self.database.read(id, move |tx| {
            Box::pin(async move {
                let link = repo::find_usable(tx, &token).await?.ok_or(InvitationError::LinkRefused)?;
                let guest = person::repo::find_active(tx, id, link.user_id).await?;
                Ok::<_, InvitationError>(guest.zip(organization::repo::find(tx, id).await?))
            })
        });
        let (mut guest, organization) = found.await?.ok_or(InvitationError::LinkRefused)?;
        profile.clone().apply(&mut guest);
        Ok(self.passwords.prepare_for(password, &guest, &organization).await?)
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
    (acceptance, password_hash): (Acceptance, Option<SecretString>),
) -> Result<Accepted, InvitationError> {
    let Acceptance { privacy_notice_id, profile, device, origin, .. } = acceptance;
    let organization_id = token.organization_id;
    let (link, accept_time) = repo::use_up(tx, token).await?.ok_or(InvitationError::LinkRefused)?;
    let notice = consent::repo::find_in_force(tx, organization_id, privacy_notice_id).await?;
    let notice = notice.ok_or(InvitationError::NoticeOutdated)?;
    let guest = person::update_on_entering(tx, (organization_id, link.user_id), profile).await?;
    let mut guest = guest.ok_or(InvitationError::LinkRefused)?;
    let user_id = guest.user_id;
    let deed =
        Deed { action: Action::Given, via: Via::Invitation, privacy_notice_id: notice.privacy_notice_id };
    consent::append(tx, (ids.next(), &mut guest), deed, (mac, &origin)).await?;
    if let Some(hash) = &password_hash
        && !person::credentials::insert_first(tx, &guest, hash).await?
    {
        return Err(InvitationError::PasswordAlreadySet);
    }
    messaging::failpoint(AFTER_CONSUME_BEFORE_SESSION);
    let tokens = session::start(tx, mint, (&guest, Method::Invitation, &device)).await?;
    events::append_accepted(tx, ids.next(), &link, (&guest, accept_time)).await?;
    Ok(Accepted { tokens, user_id, space_id: link.space_id })
}

/// What checking a time zone can meet is common to all.
fn common(error: PersonError) -> CommonError {
    match error {
        PersonError::Common(error) => error,
        other => CommonError::Unexpected(other.into()),
    }
}
