//! The timeline of a space: what happened in it, in people's words.
//!
//! Owns the activities and their sentences. Whoever changes a space appends in their own transaction; nothing is ever
//! changed or taken out but with the whole space. Must not show anybody's address.

mod entity;
mod repo;
mod words;

use service_kit::ids::{OrganizationId, UserId};
use sqlx::PgConnection;

pub(crate) use entity::{Activity, ActivityKey, ActivityKind, NewActivity};

/// Adds to the timeline of a space, in the transaction of what happened.
pub(crate) async fn append(tx: &mut PgConnection, new: NewActivity) -> Result<(), sqlx::Error> {
    repo::append(tx, &new).await
}

/// Returns a person with their name as it is now, for [`NewActivity`].
pub(crate) async fn by(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
) -> Result<(UserId, String), sqlx::Error> {
    Ok((user_id, repo::find_display_name(tx, organization_id, user_id).await?))
}
