//! Links in mails that somebody asked for: to sign in by one click or by code, to set a new password, and, where nobody has
//! the address and it was asked for from a space's link, to ask for access with an address that is proved.
//!
//! Owns asking for one, what notifications prints, and coming in by it. Asking looks nobody up: the same row and the same
//! event are written whether the address is known or not, and only when the mail is sent is it looked up who it is.
//! Opening a link never uses it up; that takes the explicit call, in the browser that asked (R9.4). No reply is kept under
//! an idempotency key, for each holds a token. Must not know mails, nor what a new password has to be.

mod entity;
mod error;
mod events;
pub(crate) mod repo;

use secrecy::ExposeSecret;
use service_kit::db::{self, Database};
use service_kit::ids::{Ids, OrganizationId};
use sqlx::PgConnection;

use crate::budget::{self, Bucket};
use crate::client::Client;
use crate::mac::MacKey;
use crate::organization;
use crate::person::{self, Person};
use crate::session::{self, Device, Method, TokenMint, attempts, nobody};
use crate::token::Token;

pub(crate) use entity::{
    Addressee, CodeRedemption, FAILURES_PER_NETWORK, LINK_TTL, LinkKey, LinkRedemption, LinkRequested,
    LinkWanted, MailDue, PrintedPurpose, ProvedAddress, Purpose, Redeemed, RequestLinkUse,
};
pub use error::SignInLinkError;
pub(crate) use repo::delete_stale as delete_stale_sign_in_links;

use entity::{
    CODE_TRIES_PER_DAY, OpenLink, PER_ADDRESS, PER_ADDRESS_AND_NETWORK, PER_NETWORK, PrintedLink, WRONG_CODES,
};

/// The use cases of links in mails.
#[derive(Clone)]
pub(crate) struct SignInLinks {
    database: Database,
    ids: Ids,
    mint: TokenMint,
    mac: MacKey,
}

impl SignInLinks {
    /// Returns the use cases.
    pub(crate) fn new(database: Database, ids: Ids, mint: TokenMint, mac: MacKey) -> Self {
        Self { database, ids, mint, mac }
    }

    /// Asks for a mail, which voids what was asked for before. The work is the same whoever has the address, if anybody.
    pub(crate) async fn request(
        &self,
        client: &Client,
        wanted: LinkWanted,
    ) -> Result<LinkRequested, SignInLinkError> {
        let address = ("mails: address", [wanted.slug.as_str(), wanted.email_address.as_str()]);
        let [slug, whom] = address.1;
        let from = ("mails: address, network", [slug, whom, client.network.as_str()]);
        let budgets = [
            Bucket::of_network(&self.mac, "mails: network", client, PER_NETWORK),
            Bucket::new(&self.mac, (from.0, &from.1), PER_ADDRESS_AND_NETWORK),
            Bucket::new(&self.mac, (address.0, &address.1), PER_ADDRESS),
        ];
        let links = self.clone();
        self.database
            .transaction(nobody(), move |tx| {
                Box::pin(async move {
                    // Holding the address's budget, so that of two at once one voids the other.
                    budget::spend(tx, &budgets).await??;
                    links.write(tx, &wanted).await
                })
            })
            .await
    }

    async fn write(
        &self,
        tx: &mut PgConnection,
        wanted: &LinkWanted,
    ) -> Result<LinkRequested, SignInLinkError> {
        let found = organization::repo::find_by_slug(tx, &wanted.slug).await?;
        let organization_id = found.ok_or(SignInLinkError::OrganizationNotFound)?;
        db::act_for(tx, organization_id).await?;
        let login_request = match wanted.purpose {
            Purpose::SignIn => Some(self.mint.opaque_token(organization_id)?),
            Purpose::ResetPassword => None,
        };
        let key = LinkKey { organization_id, sign_in_link_id: self.ids.next() };
        let token = key.token(&self.mac, wanted.purpose);
        repo::void(tx, organization_id, (&wanted.email_address, Some(wanted.purpose))).await?;
        let request_token = key.request_token(&self.mac);
        let tokens = (&token, login_request.as_ref(), &request_token);
        let expire_time = repo::insert(tx, key, wanted, tokens).await?;
        events::append_requested(tx, self.ids.next(), (key, expire_time)).await?;
        Ok(LinkRequested { login_request })
    }

    /// Returns what to print, where there is a mail to send. Repeating the call gives the same, byte by byte.
    pub(crate) async fn print(&self, key: LinkKey) -> Result<MailDue, SignInLinkError> {
        let mac = self.mac.clone();
        self.database
            .read(key.organization_id, move |tx| {
                Box::pin(async move {
                    let id = key.organization_id;
                    let (link, to_ask) =
                        (repo::find_open(tx, key).await?, repo::find_open_request(tx, key).await?);
                    let address = link.as_ref().map(|link| &link.email_address);
                    let address = address.or(to_ask.as_ref().map(|to_ask| &to_ask.email_address));
                    let Some(address) = address else { return Ok(MailDue(None)) };
                    let person = person::repo::find_by_address(tx, id, address).await?;
                    let organization = organization::repo::find(tx, id).await?;
                    let Some(organization) = organization else { return Ok(MailDue(None)) };
                    Ok(MailDue(match (person, link, to_ask) {
                        (None, _, Some(to_ask)) => {
                            Some(PrintedLink::to_request_access(&mac, key, (to_ask, organization)))
                        }
                        (Some(person), Some(link), _) if !person.is_deactivated => {
                            Some(PrintedLink::new(&mac, &link, (person, organization)))
                        }
                        _ => None,
                    }))
                })
            })
            .await
    }

    /// Tells whose address a link proves and uses it up for one thing; for the same thing it goes on working.
    pub(crate) async fn redeem_request(
        &self,
        redemption: RequestLinkUse,
    ) -> Result<ProvedAddress, SignInLinkError> {
        let RequestLinkUse { token, use_id } = redemption;
        let token = Token::find(token.expose_secret()).ok_or(SignInLinkError::RequestLinkRefused)?;
        let used = self.database.transaction(token.organization_id, move |tx| {
            Box::pin(async move { Ok::<_, SignInLinkError>(repo::use_up_request(tx, &token, use_id).await?) })
        });
        used.await?.ok_or(SignInLinkError::RequestLinkRefused)
    }

    /// Signs in by a link, in the browser that asked for it.
    pub(crate) async fn redeem_link(
        &self,
        client: &Client,
        redemption: LinkRedemption,
    ) -> Result<Redeemed, SignInLinkError> {
        let LinkRedemption { token, login_request, device } = redemption;
        let token = Token::find(token.expose_secret());
        let login_request = Token::find(login_request.expose_secret());
        let tenant = token.as_ref().map(|token| token.organization_id);
        self.redeem((client, tenant), (Method::Link, device), move |tx, _| {
            Box::pin(async move {
                let Some(token) = token else { return Ok(Err(SignInLinkError::LinkRefused)) };
                if let Some(login_request) = login_request
                    && let Some(link) = repo::use_up(tx, (&token, &login_request)).await?
                {
                    return Ok(Ok(link));
                }
                let open = repo::find_open_by_token(tx, &token, Purpose::SignIn).await?;
                let is_open = open.is_some();
                Ok(Err(if is_open { SignInLinkError::OtherBrowser } else { SignInLinkError::LinkRefused }))
            })
        })
        .await
    }

    /// Signs in by a code, in the browser that asked for it.
    pub(crate) async fn redeem_code(
        &self,
        client: &Client,
        redemption: CodeRedemption,
    ) -> Result<Redeemed, SignInLinkError> {
        let CodeRedemption { login_request, code, device } = redemption;
        let login_request = Token::find(login_request.expose_secret());
        let tenant = login_request.as_ref().map(|token| token.organization_id);
        let network = client.network.clone();
        self.redeem((client, tenant), (Method::Code, device), move |tx, mac| {
            Box::pin(async move {
                let refused = Ok(Err(SignInLinkError::LinkRefused));
                let Some(login_request) = login_request else { return refused };
                let id = login_request.organization_id;
                let found = repo::find_open_for_update(tx, &login_request).await?;
                let Some(link) = found else { return refused };
                let key = LinkKey { organization_id: id, sign_in_link_id: link.sign_in_link_id };
                let whose = [id.to_string(), link.email_address.as_str().to_owned(), network];
                let whose = whose.each_ref().map(String::as_str);
                let wrong = [Bucket::new(&mac, ("codes: address, network", &whose), WRONG_CODES)];
                // Counted as wrong for now.
                let is_spent = budget::spend(tx, &wrong).await?.is_err();
                let failures = repo::count_wrong_codes(tx, id, &link.email_address).await?;
                if is_spent || failures >= CODE_TRIES_PER_DAY || !key.has_code(&mac, &code) {
                    repo::fail(tx, key).await?;
                    return refused;
                }
                budget::give_back(tx, &wrong).await?;
                repo::mark_used(tx, key).await?;
                Ok(Ok(link))
            })
        })
        .await
    }

    /// Counts a failure for now, lets `take` find the link and use it up, and starts the session; all or nothing but the
    /// counts.
    async fn redeem<F>(
        &self,
        (client, tenant): (&Client, Option<OrganizationId>),
        (method, device): (Method, Device),
        take: F,
    ) -> Result<Redeemed, SignInLinkError>
    where
        F: for<'t> FnOnce(&'t mut PgConnection, MacKey) -> Taking<'t> + Send + 'static,
    {
        let failures = [Bucket::of_network(&self.mac, "links: network", client, FAILURES_PER_NETWORK)];
        let (mint, mac) = (self.mint.clone(), self.mac.clone());
        self.database
            .transaction(tenant.unwrap_or(nobody()), move |tx| {
                Box::pin(async move {
                    budget::spend(tx, &failures).await??;
                    // A refusal is no error here: what was counted must be committed.
                    let link = match take(tx, mac.clone()).await? {
                        Ok(link) => link,
                        Err(refusal) => {
                            if matches!(refusal, SignInLinkError::OtherBrowser) {
                                // The token was right: no guess.
                                budget::give_back(tx, &failures).await?;
                            }
                            return Ok::<_, SignInLinkError>(Err(refusal));
                        }
                    };
                    let id = tenant.unwrap_or(nobody());
                    let person = person::repo::find_active_by_address(tx, id, &link.email_address).await?;
                    let Some(person) = person else { return Ok(Err(SignInLinkError::LinkRefused)) };
                    let redeemed = enter(tx, &mint, (&person, method, &device), &link).await?;
                    forget_attempts(tx, &mac, &person).await?;
                    budget::give_back(tx, &failures).await?;
                    Ok(Ok(redeemed))
                })
            })
            .await?
    }
}

/// The link that was used up, or why there is none.
type Taking<'t> =
    futures_util::future::BoxFuture<'t, Result<Result<OpenLink, SignInLinkError>, SignInLinkError>>;

/// Forgets the wrong passwords of somebody who came in without one.
async fn forget_attempts(tx: &mut PgConnection, mac: &MacKey, person: &Person) -> Result<(), sqlx::Error> {
    let Some(organization) = organization::repo::find(tx, person.organization_id).await? else {
        return Ok(());
    };
    attempts::forget(tx, &attempts::account(mac, &organization.slug, &person.email_address)).await
}

async fn enter(
    tx: &mut PgConnection,
    mint: &TokenMint,
    (person, method, device): (&Person, Method, &Device),
    link: &OpenLink,
) -> Result<Redeemed, SignInLinkError> {
    let tokens = session::start(tx, mint, (person, method, device)).await?;
    Ok(Redeemed { tokens, user_id: person.user_id, space_id: link.space_id })
}
