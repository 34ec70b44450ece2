//! CommentService over the use cases of comments.

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::comment_service_server::CommentService;
use tonic::{Request, Response, Status};

use super::convert_comment::{CommentDeletion, CommentListing, CommentUpdate, list_comments_response};
use crate::comment::{Comments, NewComment};

/// CommentService.
pub(crate) struct CommentGrpc {
    pub(crate) comments: Comments,
}

#[tonic::async_trait]
impl CommentService for CommentGrpc {
    async fn add_comment(
        &self,
        request: Request<pb::AddCommentRequest>,
    ) -> Result<Response<pb::AddCommentResponse>, Status> {
        let call = Call::of(&request)?;
        let new = NewComment::try_from(request.into_inner())?;
        Ok(Response::new(self.comments.add(&call, new).await?))
    }

    async fn update_comment(
        &self,
        request: Request<pb::UpdateCommentRequest>,
    ) -> Result<Response<pb::UpdateCommentResponse>, Status> {
        let call = Call::of(&request)?;
        let CommentUpdate { space_id, comment_id, change } = CommentUpdate::try_from(request.into_inner())?;
        Ok(Response::new(self.comments.update(&call, space_id, comment_id, change).await?))
    }

    async fn delete_comment(
        &self,
        request: Request<pb::DeleteCommentRequest>,
    ) -> Result<Response<pb::DeleteCommentResponse>, Status> {
        let call = Call::of(&request)?;
        let CommentDeletion { space_id, comment_id } = CommentDeletion::try_from(request.into_inner())?;
        Ok(Response::new(self.comments.delete(&call, space_id, comment_id).await?))
    }

    async fn list_comments(
        &self,
        request: Request<pb::ListCommentsRequest>,
    ) -> Result<Response<pb::ListCommentsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let CommentListing { space_id, item_id, page } = CommentListing::try_from(request.into_inner())?;
        let page = self.comments.list(&caller, space_id, item_id, page).await?;
        Ok(Response::new(list_comments_response(page)))
    }
}
