//! What admins allow guests at all, and the spaces that were deleted.

use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use sharedspaces_proto::spaces::v1 as pb;

use super::room::{Paged, box_of};
use super::sign_in::answer;
use crate::failure::Failure;
use crate::form::{Filled, mask};
use crate::frame::{Frame, render};
use crate::view::Moment;
use crate::visitor::Me;

#[derive(askama::Template)]
#[template(path = "admin/policy.html")]
struct PolicyPage {
    frame: Frame,
    form: Filled,
}

/// What the pages of the administration begin with.
pub(super) fn frame(me: &Me) -> Frame {
    Frame::new(me, me.texts().nav_admin).area("admin")
}

/// Shows what guests may be allowed at all.
pub(crate) async fn policy_page(me: Me) -> Result<Response, Failure> {
    let told = me.web().api.policies().get_sharing_policy(me.ask(pb::GetSharingPolicyRequest {})).await?;
    let policy = told.into_inner().sharing_policy.unwrap_or_default();
    let form = Filled::with([
        ("allow_download", box_of(policy.allow_download)),
        ("allow_invite", box_of(policy.allow_invite)),
        ("allow_upload", box_of(policy.allow_upload)),
        ("etag", &policy.etag),
    ]);
    render(&PolicyPage { frame: frame(&me), form })
}

/// Changes it.
pub(crate) async fn save_policy(me: Me, form: Filled) -> Result<Response, Failure> {
    let request = pb::UpdateSharingPolicyRequest {
        update_mask: mask(&["allow_download", "allow_invite", "allow_upload"]),
        allow_download: form.is_on("allow_download"),
        allow_invite: form.is_on("allow_invite"),
        allow_upload: form.is_on("allow_upload"),
        etag: form.text("etag"),
    };
    match me.web().api.policies().update_sharing_policy(me.ask(request)).await {
        Ok(_) => Ok(Redirect::to("/app/admin?done=saved").into_response()),
        Err(status) => {
            answer(true, &PolicyPage { frame: frame(&me), form: form.refused(me.texts(), status)? })
        }
    }
}

struct Deleted {
    id: String,
    title: String,
    owner: String,
    purged: Moment,
}

#[derive(askama::Template)]
#[template(path = "admin/deleted.html")]
struct DeletedPage {
    frame: Frame,
    spaces: Vec<Deleted>,
    next_page: String,
}

/// Shows the spaces that were deleted and not purged yet.
pub(crate) async fn deleted_page(me: Me, Query(paged): Query<Paged>) -> Result<Response, Failure> {
    let request = pb::ListSpacesRequest {
        page_size: 50,
        page_token: paged.page,
        states: vec![pb::SpaceState::Deleted.into()],
        ..pb::ListSpacesRequest::default()
    };
    let listed = me.web().api.spaces().list_spaces(me.ask(request)).await?.into_inner();
    let deleted = |of: pb::SpaceSummary| Deleted {
        id: of.space_id,
        title: of.title,
        owner: of.owner_display_name,
        purged: of.purge_time.into(),
    };
    let spaces = listed.spaces.into_iter().map(deleted).collect();
    render(&DeletedPage { frame: frame(&me), spaces, next_page: listed.next_page_token })
}

/// Takes one of them back.
pub(crate) async fn restore(me: Me, Path(space_id): Path<String>) -> Result<Redirect, Failure> {
    me.web().api.spaces().reactivate_space(me.ask(pb::ReactivateSpaceRequest { space_id })).await?;
    Ok(Redirect::to("/app/admin/deleted?done=restored"))
}
