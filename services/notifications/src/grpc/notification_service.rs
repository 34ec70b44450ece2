//! NotificationService.

use sharedspaces_proto::notifications::v1 as pb;
use tonic::{Request, Response, Status};

/// Answers NotificationService.
pub(crate) struct NotificationGrpc {}

#[tonic::async_trait]
impl pb::notification_service_server::NotificationService for NotificationGrpc {
    async fn list_notifications(
        &self,
        _request: Request<pb::ListNotificationsRequest>,
    ) -> Result<Response<pb::ListNotificationsResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn mark_read(
        &self,
        _request: Request<pb::MarkReadRequest>,
    ) -> Result<Response<pb::MarkReadResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    type WatchNotificationsStream = std::pin::Pin<
        Box<dyn futures_util::Stream<Item = Result<pb::WatchNotificationsResponse, Status>> + Send>,
    >;

    async fn watch_notifications(
        &self,
        _request: Request<pb::WatchNotificationsRequest>,
    ) -> Result<Response<Self::WatchNotificationsStream>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }
}
