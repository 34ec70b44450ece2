//! Requests for access: people who have a link to a space ask to be let in, and those inside answer.
//!
//! Owns asking, listing and answering. Asking tells nothing: whatever the space, the same is written, a job, and what comes of
//! it is decided when the job runs (`asking`). `answering` grants and declines, each once, whoever is at it at the same time.
//! Who an address belongs to, and what proves one, is identity's to say. Must not know mails.

mod answering;
mod asking;
mod entity;
mod error;
mod events;
pub(crate) mod repo;

use messaging::jobs::{self, NewJob};
use secrecy::{ExposeSecret, SecretString};
use service_kit::budget::{self, Bucket, Spent};
use service_kit::caller::{Call, Caller};
use service_kit::client::Client;
use service_kit::clock::SharedClock;
use service_kit::db::{self, Database, Reply};
use service_kit::error::CommonError;
use service_kit::ids::{Ids, OrganizationId, SpaceId};
use service_kit::mac::MacKey;
use service_kit::page::{Page, PageRequest};
use service_kit::peers::PeerChannel;
use service_kit::validate::Violations;
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::identity::v1::invitation_service_client::InvitationServiceClient;
use sharedspaces_proto::identity::v1::organization_service_client::OrganizationServiceClient;
use sqlx::PgConnection;
use tonic::Code;
use uuid::Uuid;

use crate::organization::{self, Organization, SignInMode};
use crate::permission::Viewer;
use crate::space;

pub(crate) use asking::TAKE_ACCESS_REQUEST;
pub(crate) use entity::{
    AccessRequest, AccessRequestKey, Asked, Asker, DISPLAY_NAME_MAX, Declined, Granted, MESSAGE_MAX, Noted,
    RequestKey, RequestState, WantedAccess,
};
pub use error::AccessRequestError;

use entity::{PER_NETWORK, PER_NETWORK_AND_ORGANIZATION, PER_ORGANIZATION, PER_PERSON};

/// How often a job that takes a request in is tried: for about two hours.
const MAX_ATTEMPTS: i32 = 20;

/// What else the use cases ask, and count with.
#[derive(Clone)]
pub(crate) struct Identity {
    /// Who addresses belong to.
    pub(crate) directory: OrganizationServiceClient<PeerChannel>,
    /// What proves them.
    pub(crate) links: InvitationServiceClient<PeerChannel>,
}

/// The use cases of requests for access.
#[derive(Clone)]
pub(crate) struct AccessRequests {
    database: Database,
    clock: SharedClock,
    ids: Ids,
    identity: Identity,
    mac: MacKey,
}

impl AccessRequests {
    /// Returns the use cases.
    pub(crate) fn new(
        database: Database,
        (clock, ids): (SharedClock, Ids),
        identity: Identity,
        mac: MacKey,
    ) -> Self {
        Self { database, clock, ids, identity, mac }
    }

    /// Asks for access. Whether there is such a space, and how the requester stands to it, is not looked at here.
    pub(crate) async fn request<R: Reply<Noted>>(
        &self,
        call: &Call,
        client: &Client,
        wanted: WantedAccess,
    ) -> Result<R, AccessRequestError> {
        let organization = self.admit((call.visitor(), client), &wanted).await?;
        let (organization_id, asked) = match (call.visitor(), &wanted.token) {
            (Some(caller), _) => of_person(caller, organization.as_ref(), wanted)?,
            (None, Some(token)) => {
                let token = token.clone();
                self.of_proved_address(&token, organization.as_ref(), wanted).await?
            }
            (None, None) => of_bare_address(organization.as_ref(), wanted)?,
        };
        let payload = serde_json::to_value(asked).map_err(|error| CommonError::Unexpected(error.into()))?;
        let ids = self.ids.clone();
        let write = self.database.write(call, organization_id, move |tx| {
            Box::pin(async move {
                let job = NewJob {
                    id: ids.next(),
                    name: TAKE_ACCESS_REQUEST,
                    organization_id,
                    queue_key: None,
                    payload,
                    max_attempts: MAX_ATTEMPTS,
                };
                jobs::enqueue(tx, job).await?;
                Ok(Noted)
            })
        });
        write.await
    }

    /// Lists the requests of a space that stand at one of `states`, to internal participants.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        states: Vec<RequestState>,
        page: PageRequest<AccessRequestKey>,
    ) -> Result<Page<AccessRequest>, AccessRequestError> {
        let viewer = Viewer::from(caller);
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let view = space::visible(tx, &viewer, space_id).await?;
                    if !view.standing.is_internal() {
                        return Err(AccessRequestError::InternalParticipantsOnly);
                    }
                    let key = (viewer.organization_id, space_id);
                    let rows = repo::list(tx, key, &states, &page).await?;
                    Ok(Page::cut(rows, &page, AccessRequest::key))
                })
            })
            .await
    }

    /// Counts the call before anything is looked up, and finds the organisation; what was counted stays counted whatever
    /// comes of it. Nothing: no slug was given.
    async fn admit(
        &self,
        (visitor, client): (Option<&Caller>, &Client),
        wanted: &WantedAccess,
    ) -> Result<Option<Organization>, AccessRequestError> {
        let (network, slug) = (client.network.as_str(), wanted.slug.clone());
        let bucket = |purpose, parts: &[&str], limit| Bucket::new(&self.mac, (purpose, parts), limit);
        let budgets = match visitor {
            Some(caller) => {
                let (organization, user) = (caller.organization_id.to_string(), caller.user_id.to_string());
                vec![bucket("access: person", &[&organization, &user], PER_PERSON)]
            }
            None => {
                let mut budgets = vec![
                    bucket("access: network", &[network], PER_NETWORK),
                    bucket("access: network, organisation", &[network, &slug], PER_NETWORK_AND_ORGANIZATION),
                ];
                // A token names the organisation: without a slug all organisations would share one budget.
                if !slug.is_empty() {
                    budgets.push(bucket("access: organisation", &[&slug], PER_ORGANIZATION));
                }
                budgets
            }
        };
        let admitted = self.database.transaction(nobody(), move |tx| {
            Box::pin(async move {
                let spent = budget::spend(tx, &budgets).await?;
                let organization = match spent {
                    Ok(()) => find_organization(tx, &slug).await?,
                    Err(_) => None,
                };
                Ok::<_, AccessRequestError>((spent, organization))
            })
        });
        let (spent, organization): (Result<(), Spent>, _) = admitted.await?;
        spent?;
        if organization.is_none() && !wanted.slug.is_empty() {
            return Err(AccessRequestError::OrganizationNotFound);
        }
        Ok(organization)
    }

    /// Asks identity whose address the token proves. It must be of the link that the caller names, where they name one.
    async fn of_proved_address(
        &self,
        token: &SecretString,
        organization: Option<&Organization>,
        wanted: WantedAccess,
    ) -> Result<(OrganizationId, Asked), AccessRequestError> {
        let request = identity::RedeemRequestLinkRequest {
            token: token.expose_secret().to_owned(),
            use_id: use_of(token, &wanted).to_string(),
        };
        let proved = match self.identity.links.clone().redeem_request_link(request).await {
            Ok(proved) => proved.into_inner(),
            Err(status) if status.code() == Code::NotFound => {
                return Err(AccessRequestError::RequestLinkRefused);
            }
            Err(status) => return Err(CommonError::Peer(Box::new(status)).into()),
        };
        let organization_id = Uuid::parse_str(&proved.organization_id)
            .map_err(|error| CommonError::Unexpected(error.into()))?
            .into();
        let is_of_organization =
            organization.is_none_or(|organization| organization.organization_id == organization_id);
        let is_of_space = wanted.space_address.is_empty() || wanted.space_address == proved.space_address;
        if !is_of_organization || !is_of_space {
            return Err(AccessRequestError::RequestLinkRefused);
        }
        let asker = Asker::Address { email_address: proved.email_address, is_verified: true };
        let wanted = WantedAccess { space_address: proved.space_address, ..wanted };
        Ok((organization_id, wanted.asked(asker)))
    }
}

impl WantedAccess {
    fn asked(self, asker: Asker) -> Asked {
        let Self { space_address, display_name, message, .. } = self;
        Asked { space_address, asker, display_name, message }
    }

    fn require_space(&self) -> Result<(), Violations> {
        match self.space_address.as_str() {
            "" => Err(Violations::one("space_address", "must be the last part of the space's address")),
            _ => Ok(()),
        }
    }
}

fn of_person(
    caller: &Caller,
    organization: Option<&Organization>,
    wanted: WantedAccess,
) -> Result<(OrganizationId, Asked), AccessRequestError> {
    wanted.require_space()?;
    if organization.is_some_and(|organization| organization.organization_id != caller.organization_id) {
        let rule = "must be the organisation that you are signed in to";
        return Err(Violations::one("organization", rule).into());
    }
    Ok((caller.organization_id, wanted.asked(Asker::Person(caller.user_id))))
}

fn of_bare_address(
    organization: Option<&Organization>,
    wanted: WantedAccess,
) -> Result<(OrganizationId, Asked), AccessRequestError> {
    wanted.require_space()?;
    let organization = organization.ok_or(AccessRequestError::OrganizationNotFound)?;
    let Some(address) = &wanted.email_address else {
        let rule = "must be set where neither a session nor a token says who asks";
        return Err(Violations::one("email_address", rule).into());
    };
    if organization.sign_in_mode != SignInMode::Guided {
        return Err(AccessRequestError::AddressNotVerified);
    }
    let asker = Asker::Address { email_address: address.as_str().to_owned(), is_verified: false };
    Ok((organization.organization_id, wanted.asked(asker)))
}

async fn find_organization(tx: &mut PgConnection, slug: &str) -> Result<Option<Organization>, sqlx::Error> {
    let Some(organization_id) = organization::find_by_slug(tx, slug).await? else { return Ok(None) };
    db::act_for(tx, organization_id).await?;
    organization::find(tx, organization_id).await
}

/// Names what a token is used for: saying the same again is the same use, anything else another.
fn use_of(token: &SecretString, wanted: &WantedAccess) -> Uuid {
    let WantedAccess { slug, space_address, display_name, message, .. } = wanted;
    let parts = [token.expose_secret(), slug, space_address, display_name, message];
    // No line of these holds a separator; the message comes last.
    Uuid::new_v5(&Uuid::NAMESPACE_OID, parts.join("\u{1f}").as_bytes())
}

/// Stands for no organisation: no row belongs to it.
fn nobody() -> OrganizationId {
    Uuid::nil().into()
}
