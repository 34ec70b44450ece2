//! `GET /.well-known/jwks.json` on the second port (RFC 7517).

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};

use super::SigningKeys;

/// As often as the services ask again by themselves.
const CACHE: &str = "public, max-age=30";

/// Returns the route.
pub(crate) fn routes(keys: Arc<SigningKeys>) -> Router {
    Router::new().route("/.well-known/jwks.json", get(jwks)).with_state(keys)
}

async fn jwks(State(keys): State<Arc<SigningKeys>>) -> impl IntoResponse {
    ([(CACHE_CONTROL, CACHE)], Json(keys.public()))
}
