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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::extract::Request;
    use axum::routing::post_service;
    use tokio::net::TcpListener;
    use tonic::Response;
    use tonic_prost::ProstCodec;

    use super::*;
    use crate::config::ApiConfig;

    const REFRESH: &str = "/sharedspaces.identity.v1.SignInService/RefreshSession";

    /// A token that ends at `exp`, as far as this module reads one.
    fn access_token(exp: i64) -> String {
        let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{exp},"kind":"member","roles":["ADMIN"]}}"#));
        format!("e30.{claims}.e30")
    }

    fn tokens(refresh_token: &str, exp: i64) -> pb::Tokens {
        pb::Tokens {
            access_token: access_token(exp),
            refresh_token: refresh_token.to_owned(),
            ..pb::Tokens::default()
        }
    }

    /// Plays identity: each token is exchanged once and the second time refused.
    async fn identity(exchanges: Arc<AtomicUsize>) -> Refresher {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let exchange = tower::service_fn(move |request: tonic::Request<pb::RefreshSessionRequest>| {
            let (seen, exchanges) = (Arc::clone(&seen), Arc::clone(&exchanges));
            async move {
                exchanges.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(50)).await;
                let token = request.into_inner().refresh_token;
                let mut seen = seen.lock().unwrap();
                if seen.contains(&token) {
                    return Err(Status::unauthenticated("used twice"));
                }
                let next = tokens(&format!("{token}+"), 2_000);
                seen.push(token);
                Ok(Response::new(pb::RefreshSessionResponse { tokens: Some(next) }))
            }
        });
        let service = tower::service_fn(move |request: Request| {
            let exchange = exchange.clone();
            async move {
                let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
                Ok::<_, Infallible>(grpc.unary(exchange, request).await.map(axum::body::Body::new))
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: url::Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let router = Router::new().route(REFRESH, post_service(service));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let config = ApiConfig {
            identity: url.clone(),
            spaces: url.clone(),
            assets: url.clone(),
            notifications: url.clone(),
            crm_sync: url,
        };
        Refresher::new(Api::new(&config).unwrap())
    }

    #[tokio::test]
    async fn requests_that_come_with_the_same_old_token_share_one_exchange() {
        let exchanges = Arc::new(AtomicUsize::new(0));
        let refresher = identity(Arc::clone(&exchanges)).await;
        let old = Session::new("acme", tokens("first", 1_000), pb::Person::default()).unwrap();
        assert!(old.is_stale(980) && !old.is_stale(900));
        let under_way: Vec<_> = (0..50)
            .map(|_| {
                let (refresher, old) = (refresher.clone(), old.clone());
                tokio::spawn(async move { refresher.refresh(old, "").await.unwrap().unwrap() })
            })
            .collect();
        for one in under_way {
            let fresh = one.await.unwrap();
            assert_eq!(fresh.refresh_token, "first+");
            assert!(!fresh.is_stale(1_000) && fresh.is_admin);
        }
        // Whoever comes a moment late with the old cookie gets the same.
        assert_eq!(refresher.refresh(old, "").await.unwrap().unwrap().refresh_token, "first+");
        assert_eq!(exchanges.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_session_that_identity_has_ended_is_gone() {
        let refresher = identity(Arc::default()).await;
        let old = Session::new("acme", tokens("first", 1_000), pb::Person::default()).unwrap();
        refresher.refresh(old.clone(), "").await.unwrap().unwrap();
        // A process that does not remember the exchange, such as another replica, brings the used token again.
        let other = Refresher::new(refresher.api.clone());
        assert!(other.refresh(old, "").await.unwrap().is_none());
    }
}
