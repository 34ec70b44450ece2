//! People's pictures.

use std::collections::HashMap;

use axum::extract::Multipart;
use axum::response::{IntoResponse, Redirect, Response};
use sharedspaces_proto::assets::v1 as pb;

use super::{account, files};
use crate::failure::Failure;
use crate::visitor::Me;

/// Most people that are asked for at once.
const BATCH_MAX: usize = 100;

/// Returns the addresses of people's pictures, by the person. Pages are whole without: where the API does not answer,
/// people are shown by their initials.
pub(super) async fn of<'a>(me: &Me, user_ids: impl Iterator<Item = &'a String>) -> HashMap<String, String> {
    let user_ids: Vec<String> = user_ids.filter(|id| !id.is_empty()).cloned().collect();
    let mut pictures = HashMap::new();
    for batch in user_ids.chunks(BATCH_MAX) {
        let request = pb::BatchGetProfilePicturesRequest { user_ids: batch.to_vec() };
        let Ok(found) = me.web().api.logos().batch_get_profile_pictures(me.ask(request)).await else { break };
        let found = found.into_inner().profile_pictures.into_iter();
        pictures.extend(found.map(|of| (of.user_id, of.logo_link.unwrap_or_default().url)));
    }
    pictures
}

/// Takes the person's own picture.
pub(crate) async fn upload(me: Me, parts: Multipart) -> Result<Response, Failure> {
    match files::send_own_picture(&me, parts).await?.refused(me.texts())? {
        None => Ok(Redirect::to("/app/profile?done=saved").into_response()),
        Some(refused) => account::draw_with_picture(&me, refused).await,
    }
}

/// Takes it away.
pub(crate) async fn remove(me: Me) -> Result<Redirect, Failure> {
    me.web().api.logos().remove_profile_picture(me.ask(pb::RemoveProfilePictureRequest {})).await?;
    Ok(Redirect::to("/app/profile?done=removed"))
}
