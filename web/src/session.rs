//! Who is signed in.
//!
//! Owns what the session cookie holds and keeping its tokens fresh. The tokens never leave the server but sealed. Replicas
//! share nothing; see docs/adr/0015-web-client.md for what follows for refreshing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use sharedspaces_proto::identity::v1 as pb;
use tokio::sync::OnceCell;
use tonic::{Code, Status};

use crate::api::{Api, call};

/// Tokens are exchanged this long before the access token ends.
const EARLY: i64 = 30;
/// How long an exchange is remembered: a browser that was on its way with the old cookie gets the same new tokens.
const REMEMBERED: Duration = Duration::from_secs(120);

/// What the session cookie holds.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Session {
    pub(crate) access_token: String,
    refresh_token: String,
    /// When the access token ends, in seconds since 1970.
    expires: i64,
    /// The organisation's slug.
    pub(crate) organization: String,
    pub(crate) user_id: String,
    pub(crate) name: String,
    pub(crate) email_address: String,
    pub(crate) locale: String,
    pub(crate) time_zone: String,
    pub(crate) is_member: bool,
    pub(crate) is_admin: bool,
}

/// What an access token says that pages need. It came from identity over our own connection: there is nothing to verify.
#[derive(Deserialize)]
struct Claims {
    exp: i64,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    roles: Vec<String>,
}

impl Session {
    /// Returns the session of somebody who has just signed in.
    pub(crate) fn new(organization: &str, tokens: pb::Tokens, person: pb::Person) -> Option<Self> {
        let claims = claims(&tokens.access_token)?;
        Some(Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            expires: claims.exp,
            organization: organization.to_owned(),
            user_id: person.user_id,
            name: person.display_name,
            email_address: person.email_address,
            locale: person.locale,
            time_zone: person.time_zone,
            is_member: claims.kind.eq_ignore_ascii_case("member"),
            is_admin: claims.roles.iter().any(|role| role.eq_ignore_ascii_case("admin")),
        })
    }

    /// Tells whether the access token ends within moments.
    pub(crate) fn is_stale(&self, now: i64) -> bool {
        self.expires - EARLY <= now
    }

    /// Takes what the person changed in their profile.
    pub(crate) fn take_profile(&mut self, person: pb::Person) {
        self.name = person.display_name;
        self.locale = person.locale;
        self.time_zone = person.time_zone;
    }

    fn with(mut self, tokens: &Exchanged) -> Option<Self> {
        let claims = claims(&tokens.access_token)?;
        self.is_admin = claims.roles.iter().any(|role| role.eq_ignore_ascii_case("admin"));
        self.access_token.clone_from(&tokens.access_token);
        self.refresh_token.clone_from(&tokens.refresh_token);
        self.expires = claims.exp;
        Some(self)
    }
}

fn claims(token: &str) -> Option<Claims> {
    let body = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
}

#[derive(Clone)]
struct Exchanged {
    access_token: String,
    refresh_token: String,
}

/// One exchange under way or done; nothing in it: the session has ended.
type Exchange = Arc<OnceCell<Option<Exchanged>>>;

/// Exchanges by the hash of the token, with when they began.
type UnderWay = HashMap<[u8; 32], (Instant, Exchange)>;

/// Exchanges each refresh token once, however many requests come with it at the same time.
#[derive(Clone)]
pub(crate) struct Refresher {
    api: Api,
    under_way: Arc<Mutex<UnderWay>>,
}

impl Refresher {
    pub(crate) fn new(api: Api) -> Self {
        Self { api, under_way: Arc::default() }
    }

    /// Returns the session with fresh tokens; nothing where it has ended. Errors where identity did not answer.
    pub(crate) async fn refresh(
        &self,
        session: Session,
        network: &str,
    ) -> Result<Option<Session>, Box<Status>> {
        let exchange = self.exchange_of(&session.refresh_token);
        let (api, token, network) = (self.api.clone(), session.refresh_token.clone(), network.to_owned());
        // A task of its own: a browser that gives up must not lose the tokens that identity has handed out already.
        let exchanged = tokio::spawn(async move {
            exchange.get_or_try_init(|| exchange_at(&api, token, &network)).await.cloned()
        });
        let exchanged =
            exchanged.await.map_err(|_| Status::internal("the exchange of tokens broke off"))??;
        Ok(exchanged.and_then(|tokens| session.with(&tokens)))
    }

    fn exchange_of(&self, refresh_token: &str) -> Exchange {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, refresh_token.as_bytes()).as_ref());
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|_, (begun, _)| begun.elapsed() < REMEMBERED);
        Arc::clone(&under_way.entry(key).or_insert_with(|| (Instant::now(), Exchange::default())).1)
    }
}

async fn exchange_at(
    api: &Api,
    refresh_token: String,
    network: &str,
) -> Result<Option<Exchanged>, Box<Status>> {
    let request = pb::RefreshSessionRequest { refresh_token };
    match api.sign_in().refresh_session(call(request, None, network)).await {
        Ok(answer) => Ok(answer.into_inner().tokens.map(|tokens| Exchanged {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
        })),
        Err(status) if status.code() == Code::Unauthenticated => Ok(None),
        Err(status) => Err(Box::new(status)),
    }
}
