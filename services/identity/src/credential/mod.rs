//! Setting, changing and resetting passwords.
//!
//! Owns the three ways to a new password and what else each ends: a change the other sessions, a reset all of them and
//! every link of the address. The person is told of each. Must not know which passwords are good; that is person's.

mod error;

use secrecy::{ExposeSecret, SecretString};
use service_kit::caller::{Call, Caller};
use service_kit::db::{Database, Reply};
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use sharedspaces_proto::identity::events::v1::SecurityNoticeKind;
use sqlx::PgConnection;

use crate::budget::{self, Bucket};
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
        let (person, organization) = self.who(call.caller()?).await?;
        let hash = self.passwords.prepare_for(new, &person, &organization).await?;
        let notices = self.notices.clone();
        let write = self.database.write(call, person.organization_id, move |tx| {
            Box::pin(async move {
                if !credentials::insert_first(tx, &person, &hash).await? {
                    return Err(CredentialError::AlreadySet);
                }
                notices.tell(tx, &person, CHANGED).await?;
                Ok(PasswordSet)
            })
        });
        write.await
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
        let new_hash = self.passwords.prepare_for(new, &person, &organization).await?;
        let account = attempts::account(&self.mac, &organization.slug, &person.email_address);
        let old_hash = self.verify_old((&person, account.clone()), old).await?;
        let notices = self.notices.clone();
        let write = self.database.write(call, caller.organization_id, move |tx| {
            Box::pin(async move {
                if !credentials::replace(tx, &person, (&old_hash, &new_hash)).await? {
                    return Err(CredentialError::Refused);
                }
                let others = (person.user_id, Some(caller.session_id));
                session::end_all(tx, person.organization_id, others).await?;
                sign_in_link::repo::void(tx, person.organization_id, (&person.email_address, None)).await?;
                attempts::forget(tx, &account).await?;
                notices.tell(tx, &person, CHANGED).await?;
                Ok(PasswordSet)
            })
        });
        write.await
    }

    /// Returns the hash of the old password where it is right. Counted as failed before it is looked at.
    async fn verify_old(
        &self,
        (person, account): (&Person, Vec<u8>),
        old: SecretString,
    ) -> Result<SecretString, CredentialError> {
        let place = self.passwords.reserve().ok_or(CredentialError::Busy)?;
        let (organization_id, user_id) = (person.organization_id, person.user_id);
        let counted = self.database.transaction(organization_id, move |tx| {
            Box::pin(async move {
                attempts::take(tx, &account).await??;
                Ok::<_, CredentialError>(credentials::find(tx, organization_id, user_id).await?)
            })
        });
        let stored = counted.await?;
        let verified = place.verify(old, stored.clone()).await.map_err(CommonError::Unexpected)?;
        stored.filter(|_| verified.matches).ok_or(CredentialError::Refused)
    }

    /// Sets a password by the link of a mail. A password that may not be set leaves the link as it is.
    pub(crate) async fn reset(&self, client: &Client, reset: Reset) -> Result<PasswordSet, CredentialError> {
        let Reset { token, new } = reset;
        let failures = [Bucket::of_network(&self.mac, "links: network", client, FAILURES_PER_NETWORK)];
        let token = self.known_token((token, failures.clone())).await?;
        let (person, organization) = self.whose(token.clone()).await?;
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
                    credentials::set(tx, &person, &hash).await?;
                    session::end_all(tx, person.organization_id, (person.user_id, None)).await?;
                    let all = (&person.email_address, None);
                    sign_in_link::repo::void(tx, person.organization_id, all).await?;
                    notices.tell(tx, &person, CHANGED).await?;
                    budget::give_back(tx, &failures).await?;
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

    /// Finds who asked for a link that still works.
    async fn whose(&self, token: Token) -> Result<(Person, Organization), CredentialError> {
        let id = token.organization_id;
        let found = self.database.read(id, move |tx| {
            Box::pin(async move {
                let link = sign_in_link::repo::find_open_by_token(tx, &token, Purpose::ResetPassword).await?;
                let link = link.ok_or(CredentialError::LinkRefused)?;
                let person = person::repo::find_active_by_address(tx, id, &link.email_address).await?;
                Ok::<_, CredentialError>(person.zip(organization::repo::find(tx, id).await?))
            })
        });
        found.await?.ok_or(CredentialError::LinkRefused)
    }

    async fn who(&self, caller: &Caller) -> Result<(Person, Organization), CredentialError> {
        let Caller { organization_id, user_id, .. } = *caller;
        let found = self.database.read(organization_id, move |tx| {
            Box::pin(async move { find_both(tx, organization_id, user_id).await })
        });
        found.await?.ok_or(CredentialError::PersonNotFound)
    }
}

async fn find_both(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: service_kit::ids::UserId,
) -> Result<Option<(Person, Organization)>, CredentialError> {
    let person = person::repo::find_active(tx, organization_id, user_id).await?;
    Ok(person.zip(organization::repo::find(tx, organization_id).await?))
}
