//! `NotificationService` over the wire.

use std::pin::Pin;

use futures_util::{Stream, StreamExt};
use service_kit::caller::{Call, Caller, TokenExpiry};
use service_kit::clock::SharedClock;
use sharedspaces_proto::notifications::v1 as pb;
use sharedspaces_proto::notifications::v1::notification_service_server::NotificationService;
use tonic::{Request, Response, Status};

use super::convert_notice::{self as convert, Wanted};
use crate::notice::{Hub, Marks, Notices};

/// Answers `NotificationService`.
pub(crate) struct NotificationGrpc {
    pub(crate) notices: Notices,
    pub(crate) hub: Hub,
    pub(crate) clock: SharedClock,
}

#[tonic::async_trait]
impl NotificationService for NotificationGrpc {
    async fn list_notifications(
        &self,
        request: Request<pb::ListNotificationsRequest>,
    ) -> Result<Response<pb::ListNotificationsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let Wanted { page, unread_only, locale } = Wanted::try_from(request.into_inner())?;
        let listed = self.notices.list(&caller, page, unread_only).await?;
        Ok(Response::new(convert::list_response(listed, locale)))
    }

    async fn mark_read(
        &self,
        request: Request<pb::MarkReadRequest>,
    ) -> Result<Response<pb::MarkReadResponse>, Status> {
        let call = Call::of(&request)?;
        let marks = Marks::try_from(request.into_inner())?;
        let response: pb::MarkReadResponse = self.notices.mark_read(&call, marks).await?;
        Ok(Response::new(response))
    }

    type WatchNotificationsStream =
        Pin<Box<dyn Stream<Item = Result<pb::WatchNotificationsResponse, Status>> + Send>>;

    async fn watch_notifications(
        &self,
        request: Request<pb::WatchNotificationsRequest>,
    ) -> Result<Response<Self::WatchNotificationsStream>, Status> {
        let (caller, expire_time) = (Caller::of(&request)?, TokenExpiry::of(&request)?);
        let (watcher, locale) = convert::watcher(caller, expire_time, request.get_ref())?;
        let seen = self.notices.watch(&self.hub, watcher, self.clock.now())?;
        let answers = seen.map(move |seen| Ok(convert::watch_response(seen.map_err(Status::from)?, locale)));
        Ok(Response::new(Box::pin(answers)))
    }
}
