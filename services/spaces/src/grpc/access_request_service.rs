//! AccessRequestService.

use sharedspaces_proto::spaces::v1 as pb;
use tonic::{Request, Response, Status};

/// Answers AccessRequestService.
pub(crate) struct AccessRequestGrpc {}

#[tonic::async_trait]
impl pb::access_request_service_server::AccessRequestService for AccessRequestGrpc {
    async fn request_access(
        &self,
        _request: Request<pb::RequestAccessRequest>,
    ) -> Result<Response<pb::RequestAccessResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn list_access_requests(
        &self,
        _request: Request<pb::ListAccessRequestsRequest>,
    ) -> Result<Response<pb::ListAccessRequestsResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn grant_access(
        &self,
        _request: Request<pb::GrantAccessRequest>,
    ) -> Result<Response<pb::GrantAccessResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn decline_access(
        &self,
        _request: Request<pb::DeclineAccessRequest>,
    ) -> Result<Response<pb::DeclineAccessResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }
}
