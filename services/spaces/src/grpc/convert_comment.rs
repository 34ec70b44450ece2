//! Between comments on the wire and what the use cases know of them.

use service_kit::clock::timestamp;
use service_kit::ids::SpaceId;
use service_kit::page::{Page, PageRequest};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use uuid::Uuid;

use crate::comment::{
    Comment, CommentChange, CommentDeleted, CommentKey, CommentSaved, NewComment, mentions, text,
};

/// Which comment to change, and how.
pub(super) struct CommentUpdate {
    pub(super) space_id: SpaceId,
    pub(super) comment_id: Uuid,
    pub(super) change: CommentChange,
}

/// Which comment to delete.
pub(super) struct CommentDeletion {
    pub(super) space_id: SpaceId,
    pub(super) comment_id: Uuid,
}

/// Which page of the comments on which item to list.
pub(super) struct CommentListing {
    pub(super) space_id: SpaceId,
    pub(super) item_id: Uuid,
    pub(super) page: PageRequest<CommentKey>,
}

impl TryFrom<pb::AddCommentRequest> for NewComment {
    type Error = Violations;

    fn try_from(request: pb::AddCommentRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let new = Self {
            space_id: check.id("space_id", &request.space_id),
            item_id: check.id("item_id", &request.item_id),
            text: text(&mut check, "text", &request.text),
            mentioned_user_ids: mentions(&mut check, "mentioned_user_ids", &request.mentioned_user_ids),
        };
        check.into_result().map(|()| new)
    }
}

impl TryFrom<pb::UpdateCommentRequest> for CommentUpdate {
    type Error = Violations;

    fn try_from(request: pb::UpdateCommentRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let comment_id = check.id("comment_id", &request.comment_id);
        let text = text(&mut check, "text", &request.text);
        let version = request.etag.parse().ok();
        if version.is_none() && !request.etag.is_empty() {
            check.add("etag", "must be the etag last read");
        }
        check.into_result().map(|()| Self { space_id, comment_id, change: CommentChange { text, version } })
    }
}

impl TryFrom<pb::DeleteCommentRequest> for CommentDeletion {
    type Error = Violations;

    fn try_from(request: pb::DeleteCommentRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let comment_id = check.id("comment_id", &request.comment_id);
        check.into_result().map(|()| Self { space_id, comment_id })
    }
}

impl TryFrom<pb::ListCommentsRequest> for CommentListing {
    type Error = Violations;

    fn try_from(request: pb::ListCommentsRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let item_id = check.id("item_id", &request.item_id);
        let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
        check.into_result().map(|()| Self { space_id, item_id, page })
    }
}

impl From<Comment> for pb::Comment {
    fn from(comment: Comment) -> Self {
        Self {
            comment_id: comment.comment_id.to_string(),
            item_id: comment.item_id.to_string(),
            author_user_id: comment.author_user_id.to_string(),
            author_display_name: comment.author_display_name,
            text: comment.text,
            mentioned_user_ids: comment.mentioned_user_ids.iter().map(ToString::to_string).collect(),
            etag: comment.version.to_string(),
            create_time: Some(timestamp(comment.create_time)),
            update_time: Some(timestamp(comment.update_time)),
        }
    }
}

impl From<CommentSaved> for pb::AddCommentResponse {
    fn from(saved: CommentSaved) -> Self {
        Self { comment: Some(saved.0.into()) }
    }
}

impl From<CommentSaved> for pb::UpdateCommentResponse {
    fn from(saved: CommentSaved) -> Self {
        Self { comment: Some(saved.0.into()) }
    }
}

impl From<CommentDeleted> for pb::DeleteCommentResponse {
    fn from(_: CommentDeleted) -> Self {
        Self {}
    }
}

pub(super) fn list_comments_response(page: Page<Comment>) -> pb::ListCommentsResponse {
    pb::ListCommentsResponse {
        comments: page.items.into_iter().map(pb::Comment::from).collect(),
        next_page_token: page.next_page_token,
    }
}
