//! `GET /.well-known/jwks.json` on the second port (RFC 7517).

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};

use super::SigningKeys;

/// As often as a process reads the keys again: who keeps the set no longer misses no key, and keeps none past its end.
const CACHE: &str = "public, max-age=5";

/// Returns the route.
pub(crate) fn routes(keys: Arc<SigningKeys>) -> Router {
    Router::new().route("/.well-known/jwks.json", get(jwks)).with_state(keys)
}

async fn jwks(State(keys): State<Arc<SigningKeys>>) -> impl IntoResponse {
    ([(CACHE_CONTROL, CACHE)], Json(keys.public()))
}
