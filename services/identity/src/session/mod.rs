//! Sessions: how people sign in and stay signed in.
//!
//! Owns signing in with a password, exchanging refresh tokens and signing out. None of the calls that answer with tokens
//! keeps its reply under an idempotency key: that would put tokens in clear into the database. Repeating a sign-in gives
//! another session; repeating a refresh ends it. Must not know how invitations work.

mod attempts;
mod entity;
mod error;
mod mint;
mod repo;

use secrecy::SecretString;
use service_kit::caller::{Call, Caller};
use service_kit::db::{self, Database, Reply};
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::mac::MacKey;
use crate::organization;
use crate::person::{self, Passwords, Person};
use crate::token::Token;

pub(crate) use attempts::delete_stale as delete_stale_attempts;
pub(crate) use entity::{ACCESS_TOKEN_TTL, SignIn, SignedIn, Tokens};
pub use error::SessionError;
pub(crate) use mint::TokenMint;
pub(crate) use repo::delete_ended as delete_ended_sessions;

use entity::{SessionKey, Use};

/// The use cases of sessions.
#[derive(Clone)]
pub(crate) struct Sessions {
    database: Database,
    mint: TokenMint,
    passwords: Passwords,
    mac: MacKey,
}

/// The caller's session has ended.
pub(crate) struct SignedOut;

/// Who stands behind an address, as far as anybody does.
struct Candidate {
    person: Option<Person>,
    password_hash: Option<SecretString>,
}

impl Sessions {
    /// Returns the use cases.
    pub(crate) fn new(database: Database, mint: TokenMint, passwords: Passwords, mac: MacKey) -> Self {
        Self { database, mint, passwords, mac }
    }

    /// Signs a person in. Whatever is wrong, the work and the answer are the same: one look-up, one hashing.
    pub(crate) async fn sign_in(&self, sign_in: SignIn) -> Result<SignedIn, SessionError> {
        let place = self.passwords.reserve().ok_or(SessionError::Busy)?;
        let account = attempts::account(&self.mac, &sign_in);
        let SignIn { slug, email_address, password } = sign_in;
        let counted = account.clone();
        let look_up = self.database.transaction(nobody(), move |tx| {
            Box::pin(async move {
                attempts::take(tx, &counted).await?;
                let organization = organization::repo::find_by_slug(tx, &slug).await?.unwrap_or(nobody());
                db::act_for(tx, organization).await?;
                let person = person::repo::find_active_by_address(tx, organization, &email_address).await?;
                let password_hash =
                    person::repo::find_password_hash(tx, organization, &email_address).await?;
                Ok::<_, SessionError>(Candidate { person, password_hash })
            })
        });
        let Candidate { person, password_hash } = look_up.await?;
        let matches = place.matches(password, password_hash).await.map_err(CommonError::Unexpected)?;
        match person {
            Some(person) if matches => self.let_in(person, account).await,
            _ => Err(SessionError::CredentialsRefused),
        }
    }

    /// Starts a session. The person is looked up again: hashing takes its time, and they may have been deactivated.
    async fn let_in(&self, person: Person, account: Vec<u8>) -> Result<SignedIn, SessionError> {
        let mint = self.mint.clone();
        let Person { organization_id, user_id, .. } = person;
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    let person = person::repo::find_active(tx, organization_id, user_id).await?;
                    let person = person.ok_or(SessionError::CredentialsRefused)?;
                    attempts::forget(tx, &account).await?;
                    let tokens = start(tx, &mint, &person).await?;
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

    /// Ends the caller's session; repeating it changes nothing. Access tokens live out their few minutes.
    pub(crate) async fn sign_out<R: Reply<SignedOut>>(&self, call: &Call) -> Result<R, SessionError> {
        let Caller { organization_id, session_id, .. } = *call.caller()?;
        let key = SessionKey { organization_id, session_id };
        let write = self.database.write(call, organization_id, move |tx| {
            Box::pin(async move {
                repo::revoke(tx, key).await?;
                Ok(SignedOut)
            })
        });
        write.await
    }
}

/// Starts a session of a person who proved who they are.
pub(crate) async fn start(
    tx: &mut PgConnection,
    mint: &TokenMint,
    person: &Person,
) -> Result<Tokens, CommonError> {
    let key = SessionKey { organization_id: person.organization_id, session_id: mint.session_id() };
    repo::insert(tx, key, person.user_id).await?;
    hand_out(tx, mint, person, key).await
}

async fn exchange(
    tx: &mut PgConnection,
    mint: &TokenMint,
    token: &Token,
) -> Result<Option<Tokens>, SessionError> {
    let Some(stored) = repo::find_token_for_update(tx, token).await? else { return Ok(None) };
    let key = SessionKey { organization_id: token.organization_id, session_id: stored.session_id };
    match stored.decide() {
        Use::Refuse => return Ok(None),
        Use::Revoke => {
            tracing::warn!(session.id = %key.session_id, "refresh token used twice, session ended");
            repo::revoke(tx, key).await?;
            return Ok(None);
        }
        Use::Rotate => repo::rotate(tx, token).await?,
    }
    let Some(person) = person::repo::find_active(tx, token.organization_id, stored.user_id).await? else {
        repo::revoke(tx, key).await?;
        return Ok(None);
    };
    Ok(Some(hand_out(tx, mint, &person, key).await?))
}

async fn hand_out(
    tx: &mut PgConnection,
    mint: &TokenMint,
    person: &Person,
    key: SessionKey,
) -> Result<Tokens, CommonError> {
    let token = mint.refresh_token(key.organization_id)?;
    repo::insert_token(tx, key, &token).await?;
    Ok(Tokens { access_token: mint.access_token(person, key)?, refresh_token: token.text() })
}

/// Stands for an unknown organisation: no row belongs to it.
fn nobody() -> OrganizationId {
    Uuid::nil().into()
}
