//! identity: organisations, people, credentials, sessions, consent.
//!
//! | module | owns |
//! |---|---|
//! | [`grpc`] | transport: convert, call a use case, convert back |
//! | [`organization`] | the tenants, and the public directory of their slugs |
//! | [`person`] | members and guests, their addresses and passwords |
//! | [`session`] | signing in, sessions, devices, access and refresh tokens, guessing |
//! | [`sign_in_link`] | the links in mails that somebody asked for |
//! | [`credential`] | setting, changing and resetting passwords |
//! | [`security_notice`] | what people are told about their accounts |
//! | [`invitation`] | the links in invitation mails and what opening one leads to |
//! | [`consent`] | privacy notices and the ledger of consent |
//! | [`keys`] | the keys that sign access tokens, and their publication |
//! | [`token`] | opaque tokens |
//! | [`command`] | what the operator does on the command line |
//! | [`jobs`] | what is done without being asked, one file per job |
//!
//! Must not know spaces, invitations' texts or mails: spaces decides who is invited, notifications what is written.

mod command;
mod config;
mod consent;
mod credential;
mod grpc;
mod invitation;
mod jobs;
mod keys;
mod organization;
mod person;
mod security_notice;
mod session;
mod sign_in_link;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use anyhow::Context;
use messaging::Messaging;
use secrecy::SecretString;
use service_kit::clock::SharedClock;
use service_kit::db::Database;
use service_kit::ids::Ids;
use service_kit::seal::Sealer;
use service_kit::{Kit, Parts, budget, client, mac};
use sqlx::migrate::Migrator;

pub use command::{Command, execute};
pub use config::Settings;
pub use consent::ConsentError;
pub use credential::CredentialError;
pub use invitation::InvitationError;
pub use organization::OrganizationError;
pub use person::PersonError;
pub use session::SessionError;
pub use sign_in_link::SignInLinkError;

use client::Gate;
use consent::Consents;
use credential::Credentials;
use invitation::Invitations;
use keys::SigningKeys;
use mac::MacKey;
use organization::Organizations;
use person::{Passwords, People};
use security_notice::SecurityNotices;
use session::{Sessions, TokenMint};
use sign_in_link::SignInLinks;

/// The points at which a test may end the process; those of messaging come to them.
pub const FAILPOINTS: &[&str] = &[invitation::AFTER_CONSUME_BEFORE_SESSION];

/// The schema of identity.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// Builds the service: its gRPC services, the key set on the second port, and its workers.
pub async fn build(kit: Kit<Settings>) -> anyhow::Result<Parts> {
    let identity = Identity::assemble(Foundation::of(&kit)).await?;
    tokio::spawn(Arc::clone(&identity.keys).watch(kit.stop.work.clone().cancelled_owned()));
    let mut workers = Messaging::new(&kit).workers()?;
    workers.push(jobs::delete_old_sign_ins::worker(kit.database.clone()));
    workers.push(jobs::log_consent_heads::worker(kit.database.clone()));
    workers.push(jobs::rotate_keys::worker(Arc::clone(&identity.keys), kit.settings.key_rotation()?));
    let http = keys::http::routes(Arc::clone(&identity.keys));
    Ok(Parts { routes: grpc::routes(identity), http, workers, ..Parts::default() })
}

/// What the use cases stand on.
struct Foundation {
    database: Database,
    clock: SharedClock,
    ids: Ids,
    settings: Settings,
    issuer: String,
}

impl Foundation {
    fn of(kit: &Kit<Settings>) -> Self {
        Self {
            database: kit.database.clone(),
            clock: Arc::clone(&kit.clock),
            ids: kit.ids.clone(),
            settings: kit.settings.clone(),
            issuer: kit.config.auth.issuer.clone(),
        }
    }
}

/// All use cases of the service.
#[derive(Clone)]
struct Identity {
    organizations: Organizations,
    people: People,
    sessions: Sessions,
    links: SignInLinks,
    credentials: Credentials,
    invitations: Invitations,
    consents: Consents,
    keys: Arc<SigningKeys>,
    gate: Gate,
    mac: MacKey,
}

impl Identity {
    async fn assemble(on: Foundation) -> anyhow::Result<Self> {
        let Foundation { database, clock, ids, settings, issuer } = on;
        let mac = MacKey::try_new(&settings.link_key).context("setting link_key")?;
        let keys = Arc::new(connect_keys(&database, &ids, &settings.key_encryption_key).await?);
        let passwords = Passwords::try_new(Passwords::cores(), &ids)?;
        let mint = TokenMint::new(Arc::clone(&keys), Arc::clone(&clock), ids.clone(), &issuer);
        let people = People::new(database.clone(), Arc::clone(&clock), ids.clone(), passwords.clone());
        let base_url = settings.base_url();
        let notices = SecurityNotices::new(ids.clone(), Arc::clone(&clock));
        Ok(Self {
            organizations: Organizations::new(
                database.clone(),
                Arc::clone(&clock),
                ids.clone(),
                passwords.clone(),
                base_url,
            ),
            sessions: Sessions::new(database.clone(), mint.clone(), passwords.clone(), mac.clone()),
            links: SignInLinks::new(database.clone(), ids.clone(), mint.clone(), mac.clone()),
            credentials: Credentials::new(database.clone(), passwords.clone(), notices, mac.clone()),
            invitations: Invitations::new(
                (database.clone(), ids.clone(), mac.clone()),
                mint,
                (passwords, people.time_zones()),
            ),
            people,
            gate: Gate::new(settings.trusted_proxies, settings.public_calls_per_second),
            consents: Consents::new(database, clock, ids, mac.clone()),
            keys,
            mac,
        })
    }
}

async fn connect_keys(database: &Database, ids: &Ids, key: &SecretString) -> anyhow::Result<SigningKeys> {
    let sealer = Sealer::try_new(key).context("setting key_encryption_key")?;
    SigningKeys::connect(database.clone(), ids, sealer).await.context("the signing keys could not be read")
}
