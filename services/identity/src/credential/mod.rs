//! Setting, changing and resetting passwords.
//!
//! Owns the three ways to a new password and what else each ends: a change the other sessions, a reset all of them and
//! every link of the address. The person is told of each. Must not know which passwords are good; that is person's.

mod error;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use service_kit::caller::{Call, Caller};
use service_kit::db::{Database, Reply};
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use sharedspaces_proto::identity::events::v1::SecurityNoticeKind;
use sqlx::PgConnection;

use crate::budget::{self, Bucket, Limit};
use crate::client::Client;
use crate::mac::MacKey;
use crate::organization::{self, Organization};
use crate::person::{self, NewPassword, Passwords, Person, credentials};
use crate::security_notice::SecurityNotices;
use crate::session::{self, attempts};
use crate::sign_in_link::{self, FAILURES_PER_NETWORK, Purpose};
use crate::token::Token;

pub use error::CredentialError;

/// What the person is told; the device is not known here.
const CHANGED: (SecurityNoticeKind, &str) = (SecurityNoticeKind::PasswordChanged, "");

/// Tries to set a person's first password.
const FIRST_PER_PERSON: Limit = Limit { count: 10, window: TimeDelta::minutes(15) };

/// The use cases of passwords.
#[derive(Clone)]
pub(crate) struct Credentials {
    database: Database,
    passwords: Passwords,
    notices: SecurityNotices,
    mac: MacKey,
}

/// A password was set, changed or reset.
pub(crate) struct PasswordSet;

/// A change of the caller's password, checked but for the strength of the new one.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) old: SecretString,
    pub(crate) new: NewPassword,
}

/// A reset by the link of a mail, checked but for the strength of the password.
#[derive(Clone, Debug)]
pub(crate) struct Reset {
    pub(crate) token: SecretString,
    pub(crate) new: NewPassword,
}

impl Credentials {
    /// Returns the use cases.
    pub(crate) fn new(
        database: Database,
        passwords: Passwords,
        notices: SecurityNotices,
        mac: MacKey,
    ) -> Self {
        Self { database, passwords, notices, mac }
    }

    /// Sets the caller's first password.
    pub(crate) async fn set<R: Reply<PasswordSet>>(
        &self,
        call: &Call,
        new: NewPassword,
    ) -> Result<R, CredentialError> {
        let caller = call.caller()?.clone();
        // There is a password when the call is repeated.
        if let Some(reply) = self.database.replay(call, caller.organization_id).await? {
            return Ok(reply);
        }
        let (person, organization) = self.who(&caller).await?;
        self.may_set(&person).await?;
        let hash = self.passwords.prepare_for(new, &person, &organization).await?;
        let notices = self.notices.clone();
        let write = self.database.write(call, person.organization_id, move |tx| {
            Box::pin(async move {
                if !credentials::insert_first(tx, &person, &hash).await? {
                    return Err(CredentialError::AlreadySet);
                }
                goes_on(tx, &caller).await?;
                notices.tell(tx, &person, CHANGED).await?;
                Ok(PasswordSet)
            })
        });
        write.await
    }

    /// Counts a try and tells whether there is a first password to set: before anything is hashed.
    async fn may_set(&self, person: &Person) -> Result<(), CredentialError> {
        let (organization, user) = (person.organization_id.to_string(), person.user_id.to_string());
        let tries = Bucket::new(&self.mac, ("first password", &[&organization, &user]), FIRST_PER_PERSON);
        let person = person.clone();
        self.database
            .transaction(person.organization_id, move |tx| {
                Box::pin(async move {
                    if credentials::exists(tx, &person).await? {
                        return Err(CredentialError::AlreadySet);
                    }
                    Ok(budget::spend(tx, &[tries]).await??)
                })
            })
            .await
    }

    /// Replaces the caller's password and ends the caller's other sessions. A wrong old one counts as a failed sign-in.
    pub(crate) async fn change<R: Reply<PasswordSet>>(
        &self,
        call: &Call,
        Change { old, new }: Change,
    ) -> Result<R, CredentialError> {
        let caller = call.caller()?.clone();
        // The old password would not match when the call is repeated.
        if let Some(reply) = self.database.replay(call, caller.organization_id).await? {
            return Ok(reply);
        }
        let (person, organization) = self.who(&caller).await?;
        let account = attempts::account(&self.mac, &organization.slug, &person.email_address);
        let old_hash = self.verify_old((&person, account), old).await?;
        let new_hash = self.passwords.prepare_for(new, &person, &organization).await?;
        let notices = self.notices.clone();
        let write = self.database.write(call, caller.organization_id, move |tx| {
            Box::pin(async move {
                // Links before sessions, as whoever comes in by one: either the link is void or its session is ended.
                sign_in_link::repo::void(tx, person.organization_id, (&person.email_address, None)).await?;
                if !credentials::replace(tx, &person, (&old_hash, &new_hash)).await? {
                    return Err(CredentialError::Refused);
                }
                goes_on(tx, &caller).await?;
                let others = (person.user_id, Some(caller.session_id));
                session::end_all(tx, person.organization_id, others).await?;
                notices.tell(tx, &person, CHANGED).await?;
                Ok(PasswordSet)
            })
        });
        write.await
    }

    /// Returns the hash of the old password where it is right. Counted as failed before it is looked at; what was counted
    /// is forgotten at once where it was right, whatever becomes of the new one.
    async fn verify_old(
        &self,
        (person, account): (&Person, Vec<u8>),
        old: SecretString,
    ) -> Result<SecretString, CredentialError> {
        let place = self.passwords.reserve().ok_or(CredentialError::Busy)?;
        let (organization_id, user_id) = (person.organization_id, person.user_id);
        let right = account.clone();
        let counted = self.database.transaction(organization_id, move |tx| {
            Box::pin(async move {
                attempts::take(tx, &account).await??;
                Ok::<_, CredentialError>(credentials::find(tx, organization_id, user_id).await?)
            })
        });
        let stored = counted.await?;
        let verified = place.verify(old, stored.clone()).await.map_err(CommonError::Unexpected)?;
        let hash = stored.filter(|_| verified.matches).ok_or(CredentialError::Refused)?;
        let forgotten = self.database.transaction(organization_id, move |tx| {
            Box::pin(async move { Ok::<_, CredentialError>(attempts::forget(tx, &right).await?) })
        });
        forgotten.await?;
        Ok(hash)
    }

    /// Sets a password by the link of a mail. A password that may not be set leaves the link as it is.
    pub(crate) async fn reset(&self, client: &Client, reset: Reset) -> Result<PasswordSet, CredentialError> {
        let Reset { token, new } = reset;
        let failures = [Bucket::of_network(&self.mac, "links: network", client, FAILURES_PER_NETWORK)];
        let token = self.known_token((token, failures.clone())).await?;
        let (person, organization) = self.whose(token.clone(), failures).await?;
        let hash = self.passwords.prepare_for(new, &person, &organization).await?;
        let account = attempts::account(&self.mac, &organization.slug, &person.email_address);
        let notices = self.notices.clone();
        self.database
            .transaction(token.organization_id, move |tx| {
                Box::pin(async move {
                    let used = sign_in_link::repo::use_up_reset(tx, &token).await?;
                    used.ok_or(CredentialError::LinkRefused)?;
                    let person = person::repo::find_active(tx, token.organization_id, person.user_id).await?;
                    let person = person.ok_or(CredentialError::LinkRefused)?;
                    // Links before sessions, as whoever comes in by one: either the link is void or its session is
                    // ended.
                    let all = (&person.email_address, None);
                    sign_in_link::repo::void(tx, person.organization_id, all).await?;
                    credentials::set(tx, &person, &hash).await?;
                    session::end_all(tx, person.organization_id, (person.user_id, None)).await?;
                    notices.tell(tx, &person, CHANGED).await?;
                    attempts::forget(tx, &account).await?;
                    Ok(PasswordSet)
                })
            })
            .await
    }

    /// Counts a failure for now, and reads the token.
    async fn known_token(
        &self,
        (token, failures): (SecretString, [Bucket; 1]),
    ) -> Result<Token, CredentialError> {
        let counted = self.database.transaction(session::nobody(), move |tx| {
            Box::pin(async move { Ok::<_, CredentialError>(budget::spend(tx, &failures).await??) })
        });
        counted.await?;
        Token::find(token.expose_secret()).ok_or(CredentialError::LinkRefused)
    }

    /// Finds who asked for a link that still works. Then it was no failure.
    async fn whose(
        &self,
        token: Token,
        failures: [Bucket; 1],
    ) -> Result<(Person, Organization), CredentialError> {
        let id = token.organization_id;
        let found = self.database.transaction(id, move |tx| {
            Box::pin(async move {
                let link = sign_in_link::repo::find_open_by_token(tx, &token, Purpose::ResetPassword).await?;
                let link = link.ok_or(CredentialError::LinkRefused)?;
                let person = person::repo::find_active_by_address(tx, id, &link.email_address).await?;
                let found = person.zip(organization::repo::find(tx, id).await?);
                let found = found.ok_or(CredentialError::LinkRefused)?;
                budget::give_back(tx, &failures).await?;
                Ok::<_, CredentialError>(found)
            })
        });
        found.await
    }

    async fn who(&self, caller: &Caller) -> Result<(Person, Organization), CredentialError> {
        let Caller { organization_id, user_id, .. } = *caller;
        let found = self.database.read(organization_id, move |tx| {
            Box::pin(async move { find_both(tx, organization_id, user_id).await })
        });
        found.await?.ok_or(CredentialError::PersonNotFound)
    }
}

/// Errors where the caller's session has ended: the access token may be minutes old.
async fn goes_on(tx: &mut PgConnection, caller: &Caller) -> Result<(), CredentialError> {
    if session::hold(tx, caller).await? { Ok(()) } else { Err(CredentialError::SessionEnded) }
}

async fn find_both(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: service_kit::ids::UserId,
) -> Result<Option<(Person, Organization)>, CredentialError> {
    let person = person::repo::find_active(tx, organization_id, user_id).await?;
    Ok(person.zip(organization::repo::find(tx, organization_id).await?))
}
