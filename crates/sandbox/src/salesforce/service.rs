//! Owns the small calls about the org itself: versions, limits and who the user is.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::HeaderMap;
use serde_json::{Value, json};

use super::reply::ApiError;
use super::{Salesforce, USER_NAME, gate};

/// Lists the versions of the REST API; needs no session.
pub(super) async fn versions() -> Json<Value> {
    let versions = gate::VERSIONS.map(|number| {
        json!({"label": format!("Version {number}"), "url": format!("/services/data/v{number}.0"),
            "version": format!("{number}.0")})
    });
    Json(Value::Array(versions.collect()))
}

/// Tells the quota.
pub(super) async fn limits(State(org): State<Arc<Salesforce>>) -> Json<Value> {
    let settings = org.current_settings();
    let remaining = settings.daily_quota.saturating_sub(settings.calls_used);
    Json(json!({"DailyApiRequests": {"Max": settings.daily_quota, "Remaining": remaining}}))
}

/// Tells who the user is, in OpenID's words.
pub(super) async fn user_info(
    State(org): State<Arc<Salesforce>>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    gate::check_session(&org, &headers)?;
    Ok(Json(json!({
        "sub": org.identity_url(),
        "user_id": org.user_id,
        "organization_id": org.organization_id,
        "preferred_username": USER_NAME,
        "email": USER_NAME,
        "name": "Ada Admin",
    })))
}

/// Tells who the user is, at the address the token answer names.
pub(super) async fn identity(
    State(org): State<Arc<Salesforce>>,
    Path((organization, user)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    gate::check_session(&org, &headers)?;
    if organization != org.organization_id || user != org.user_id {
        return Err(ApiError::no_resource());
    }
    Ok(Json(json!({
        "id": org.identity_url(),
        "user_id": org.user_id,
        "organization_id": org.organization_id,
        "username": USER_NAME,
        "display_name": "Ada Admin",
        "email": USER_NAME,
        "urls": {"rest": format!("{}/services/data/v{{version}}/", org.instance_url)},
    })))
}

/// Answers a path of the REST API that nothing else answers.
pub(super) async fn no_resource() -> ApiError {
    ApiError::no_resource()
}
