//! Sessions: how people sign in and stay signed in.
//!
//! Owns what is answered to an address, signing in with a password, exchanging refresh tokens, devices, and ending
//! sessions. None of the calls that answer with tokens keeps its reply under an idempotency key: that would put tokens in
//! clear into the database. Repeating a sign-in gives another session; repeating a refresh ends it. Must not know how
//! invitations or the links in mails work.

pub(crate) mod attempts;
mod device;
mod entity;
mod error;
mod guide;
mod mint;
mod repo;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use service_kit::caller::{Call, Caller};
use service_kit::db::{self, Database, Reply};
use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, UserId};
use service_kit::page::{Page, PageRequest};
use sharedspaces_proto::identity::events::v1::SecurityNoticeKind;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::budget::{self, Bucket, Limit};
use crate::client::Client;
use crate::mac::MacKey;
use crate::organization;
use crate::person::credentials::StoredPassword;
use crate::person::{self, Passwords, Person, Verified};
use crate::token::Token;

pub(crate) use attempts::delete_stale as delete_stale_attempts;
pub(crate) use device::delete_forgotten as delete_forgotten_devices;
pub(crate) use entity::{
    ACCESS_TOKEN_TTL, DEVICE_LABEL_MAX, Device, Method, Session, SessionKey, SessionPageKey, SignIn,
    SignedIn, Tokens,
};
pub use error::SessionError;
pub(crate) use guide::{SignInOption, SignInOptions, Start};
pub(crate) use mint::TokenMint;
pub(crate) use repo::delete_ended as delete_ended_sessions;

use entity::Use;

/// Failed sign-ins with a password from one network. A success gives back what it took and no more: who has an account
/// cannot clear what guessing at others' has cost.
pub(crate) const FAILURES_PER_NETWORK: Limit = Limit { count: 50, window: TimeDelta::minutes(15) };
/// Failed sign-ins with a password in one organisation, from anywhere: more is an attack from many places. Links and
/// running sessions go on.
pub(crate) const FAILURES_PER_ORGANIZATION: Limit = Limit { count: 1_000, window: TimeDelta::minutes(15) };

/// Most sessions that one call looks at.
pub(crate) const SESSIONS_TO_CHECK_MAX: usize = 1_000;

/// The use cases of sessions.
#[derive(Clone)]
pub(crate) struct Sessions {
    database: Database,
    mint: TokenMint,
    passwords: Passwords,
    mac: MacKey,
}

/// Sessions of the caller have ended.
pub(crate) struct SignedOut;

/// One page of the caller's sessions.
pub(crate) struct OwnSessions {
    pub(crate) page: Page<Session>,
    /// Which of them the call was made with.
    pub(crate) current: Uuid,
}

/// Which sessions to look at, by organisation.
pub(crate) struct SessionsToCheck(pub(crate) BTreeMap<OrganizationId, Vec<Uuid>>);

/// Those of them that go on.
pub(crate) struct SessionsAlive(pub(crate) Vec<SessionKey>);

/// What an attempt was counted as.
#[derive(Clone)]
struct Counted {
    account: Vec<u8>,
    network: Bucket,
    organization: Bucket,
}

/// Who stands behind an address, as far as anybody does.
struct Candidate {
    person: Option<Person>,
    password: Option<StoredPassword>,
}

/// Who proved to know a password: the password's version, and its hash with the one to keep instead.
struct Proof {
    person: Person,
    version: i32,
    rehashed: Option<(SecretString, SecretString)>,
}

impl Sessions {
    /// Returns the use cases.
    pub(crate) fn new(database: Database, mint: TokenMint, passwords: Passwords, mac: MacKey) -> Self {
        Self { database, mint, passwords, mac }
    }

    /// Signs a person in. Whatever is wrong, the work and the answer are the same: one look-up, one hashing.
    pub(crate) async fn sign_in(&self, client: &Client, sign_in: SignIn) -> Result<SignedIn, SessionError> {
        let place = self.passwords.reserve().ok_or(SessionError::Busy)?;
        let counted = Counted::new(&self.mac, client, &sign_in);
        let SignIn { slug, email_address, password, device } = sign_in;
        let counting = counted.clone();
        let look_up = self.database.transaction(nobody(), move |tx| {
            Box::pin(async move {
                counting.count(tx).await?;
                let organization = organization::repo::find_by_slug(tx, &slug).await?.unwrap_or(nobody());
                db::act_for(tx, organization).await?;
                let person = person::repo::find_active_by_address(tx, organization, &email_address).await?;
                let password = person::repo::find_password(tx, organization, &email_address).await?;
                Ok::<_, SessionError>(Candidate { person, password })
            })
        });
        let Candidate { person, password: stored } = look_up.await?;
        let verified = place.verify(password, stored.as_ref().map(|stored| stored.hash.clone())).await;
        match (person.zip(stored), verified.map_err(CommonError::Unexpected)?) {
            (Some((person, StoredPassword { hash, version })), Verified { matches: true, rehashed }) => {
                let proof = Proof { person, version, rehashed: rehashed.map(|new| (hash, new)) };
                self.let_in((proof, device), counted).await
            }
            _ => Err(SessionError::CredentialsRefused),
        }
    }

    /// Starts a session. Person and password are looked up again: hashing takes its time, and the one may have been
    /// deactivated, the other changed.
    async fn let_in(
        &self,
        (proof, device): (Proof, Device),
        counted: Counted,
    ) -> Result<SignedIn, SessionError> {
        let mint = self.mint.clone();
        let Proof { person: Person { organization_id, user_id, .. }, version, rehashed } = proof;
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    let person = person::repo::find_active(tx, organization_id, user_id).await?;
                    let person = person.ok_or(SessionError::CredentialsRefused)?;
                    if !person::credentials::hold(tx, &person, version).await? {
                        return Err(SessionError::CredentialsRefused);
                    }
                    if let Some((old, new)) = &rehashed {
                        person::credentials::rehash(tx, &person, (old, new)).await?;
                    }
                    let tokens = start(tx, &mint, (&person, Method::Password, &device)).await?;
                    counted.take_back(tx).await?;
                    Ok(SignedIn { tokens, user_id })
                })
            })
            .await
    }

    /// Exchanges a refresh token, or ends its session where it was exchanged before.
    pub(crate) async fn refresh(&self, refresh_token: &str) -> Result<Tokens, SessionError> {
        let token = Token::find(refresh_token).ok_or(SessionError::RefreshTokenRefused)?;
        let mint = self.mint.clone();
        let refreshed = self.database.transaction(token.organization_id, move |tx| {
            // A refusal is no error here: ending the session must be committed.
            Box::pin(async move { exchange(tx, &mint, &token).await })
        });
        refreshed.await?.ok_or(SessionError::RefreshTokenRefused)
    }

    /// Tells which sessions of any organisations go on, each looked up as its own organisation.
    pub(crate) async fn check(&self, sessions: SessionsToCheck) -> Result<SessionsAlive, SessionError> {
        self.database
            .read(nobody(), move |tx| {
                Box::pin(async move {
                    let mut alive = Vec::new();
                    for (organization_id, ids) in sessions.0 {
                        db::act_for(tx, organization_id).await?;
                        alive.extend(repo::list_alive(tx, organization_id, &ids).await?);
                    }
                    Ok(SessionsAlive(alive))
                })
            })
            .await
    }

    /// Lists the caller's sessions that have not ended, the last used first.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        page: PageRequest<SessionPageKey>,
    ) -> Result<OwnSessions, SessionError> {
        let Caller { organization_id, user_id, session_id: current, .. } = *caller;
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    let rows = repo::list(tx, (organization_id, user_id), &page).await?;
                    let page = Page::cut(rows, &page, |row| (row.last_use_time, row.session_id));
                    Ok(OwnSessions { page, current })
                })
            })
            .await
    }

    /// Ends the caller's session, or all of them; repeating it changes nothing. Access tokens live out their few minutes.
    pub(crate) async fn sign_out<R: Reply<SignedOut>>(
        &self,
        call: &Call,
        everywhere: bool,
    ) -> Result<R, SessionError> {
        let Caller { organization_id, session_id, user_id, .. } = *call.caller()?;
        let key = SessionKey { organization_id, session_id };
        let write = self.database.write(call, organization_id, move |tx| {
            Box::pin(async move {
                if everywhere {
                    repo::revoke_all(tx, organization_id, (user_id, None)).await?;
                } else {
                    repo::revoke(tx, key).await?;
                }
                Ok(SignedOut)
            })
        });
        write.await
    }

    /// Ends one of the caller's sessions; repeating it changes nothing.
    pub(crate) async fn revoke<R: Reply<SignedOut>>(
        &self,
        call: &Call,
        session_id: Uuid,
    ) -> Result<R, SessionError> {
        let Caller { organization_id, user_id, .. } = *call.caller()?;
        let key = SessionKey { organization_id, session_id };
        let write = self.database.write(call, organization_id, move |tx| {
            Box::pin(async move {
                let is_own = repo::revoke_own(tx, key, user_id).await?;
                if is_own { Ok(SignedOut) } else { Err(SessionError::SessionNotFound) }
            })
        });
        write.await
    }
}

impl Counted {
    fn new(mac: &MacKey, client: &Client, sign_in: &SignIn) -> Self {
        let organization = ("password: organisation", [sign_in.slug.as_str()]);
        Self {
            account: attempts::account(mac, &sign_in.slug, &sign_in.email_address),
            network: Bucket::of_network(mac, "password: network", client, FAILURES_PER_NETWORK),
            organization: Bucket::new(mac, (organization.0, &organization.1), FAILURES_PER_ORGANIZATION),
        }
    }

    /// Counts an attempt as failed for now, before anything is looked up.
    async fn count(&self, tx: &mut PgConnection) -> Result<(), SessionError> {
        budget::spend(tx, std::slice::from_ref(&self.network)).await??;
        let spent = budget::spend(tx, std::slice::from_ref(&self.organization)).await?;
        spent.inspect_err(|_| tracing::warn!("too many failed sign-ins in one organisation"))?;
        Ok(attempts::take(tx, &self.account).await??)
    }

    /// Takes back what was counted, after a success.
    async fn take_back(&self, tx: &mut PgConnection) -> Result<(), sqlx::Error> {
        budget::give_back(tx, &[self.network.clone(), self.organization.clone()]).await?;
        attempts::forget(tx, &self.account).await
    }
}

/// Starts a session of a person who proved who they are, and tells them where it is one on a device that is not known.
pub(crate) async fn start(
    tx: &mut PgConnection,
    mint: &TokenMint,
    (person, method, device): (&Person, Method, &Device),
) -> Result<Tokens, CommonError> {
    let kept = Token::find(device.token.expose_secret());
    let recognised = device::recognise(tx, mint, (person, kept)).await?;
    let key = SessionKey { organization_id: person.organization_id, session_id: mint.id() };
    repo::insert(tx, (key, person.user_id), (method, &device.label)).await?;
    if recognised.is_news {
        let news = (SecurityNoticeKind::NewDevice, device.label.as_str());
        mint.notices().tell(tx, person, news).await?;
    }
    let tokens = hand_out(tx, mint, person, key).await?;
    Ok(Tokens { device_token: Some(recognised.token.text()), ..tokens })
}

/// Ends every session of a person, but `but`; their refresh tokens stop working at once.
pub(crate) async fn end_all(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    (user_id, but): (UserId, Option<Uuid>),
) -> Result<(), sqlx::Error> {
    repo::revoke_all(tx, organization_id, (user_id, but)).await
}

/// Tells whether the caller's session goes on, and keeps it from being ended until the end of the unit of work.
pub(crate) async fn hold(tx: &mut PgConnection, caller: &Caller) -> Result<bool, sqlx::Error> {
    let Caller { organization_id, session_id, user_id, .. } = *caller;
    repo::hold(tx, SessionKey { organization_id, session_id }, user_id).await
}

async fn exchange(
    tx: &mut PgConnection,
    mint: &TokenMint,
    token: &Token,
) -> Result<Option<Tokens>, SessionError> {
    let Some(stored) = repo::find_token_for_update(tx, token).await? else { return Ok(None) };
    let key = SessionKey { organization_id: token.organization_id, session_id: stored.session_id };
    let usage = stored.decide();
    if usage == Use::Refuse {
        return Ok(None);
    }
    let Some(person) = person::repo::find_active(tx, token.organization_id, stored.user_id).await? else {
        repo::revoke(tx, key).await?;
        return Ok(None);
    };
    if usage == Use::Revoke {
        tracing::warn!(session.id = %key.session_id, "refresh token used twice, session ended");
        repo::revoke(tx, key).await?;
        let news = (SecurityNoticeKind::SessionReused, stored.device_label.as_str());
        mint.notices().tell(tx, &person, news).await?;
        return Ok(None);
    }
    repo::rotate(tx, token, key.session_id).await?;
    Ok(Some(hand_out(tx, mint, &person, key).await?))
}

async fn hand_out(
    tx: &mut PgConnection,
    mint: &TokenMint,
    person: &Person,
    key: SessionKey,
) -> Result<Tokens, CommonError> {
    let token = mint.opaque_token(key.organization_id)?;
    repo::insert_token(tx, key, &token).await?;
    let access_token = mint.access_token(person, key)?;
    Ok(Tokens { access_token, refresh_token: token.text(), device_token: None })
}

/// Stands for an unknown organisation: no row belongs to it.
pub(crate) fn nobody() -> OrganizationId {
    Uuid::nil().into()
}
