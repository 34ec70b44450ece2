//! AccessRequestService.

use service_kit::caller::{Call, Caller};
use service_kit::client::Gate;
use sharedspaces_proto::spaces::v1 as pb;
use tonic::{Request, Response, Status};

use super::convert_access_request::{RequestList, list_access_requests_response};
use crate::access_request::{AccessRequestError, AccessRequests, RequestKey, WantedAccess};

/// Answers AccessRequestService.
pub(crate) struct AccessRequestGrpc {
    pub(crate) access_requests: AccessRequests,
    pub(crate) gate: Gate,
}

#[tonic::async_trait]
impl pb::access_request_service_server::AccessRequestService for AccessRequestGrpc {
    async fn request_access(
        &self,
        request: Request<pb::RequestAccessRequest>,
    ) -> Result<Response<pb::RequestAccessResponse>, Status> {
        let client = self.gate.admit(&request).map_err(AccessRequestError::from)?;
        let call = Call::of(&request)?;
        let wanted = WantedAccess::try_from(request.into_inner())?;
        let response: pb::RequestAccessResponse =
            self.access_requests.request(&call, &client, wanted).await?;
        Ok(Response::new(response))
    }

    async fn list_access_requests(
        &self,
        request: Request<pb::ListAccessRequestsRequest>,
    ) -> Result<Response<pb::ListAccessRequestsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let RequestList { space_id, states, page } = request.into_inner().try_into()?;
        let listed = self.access_requests.list(&caller, space_id, states, page).await?;
        Ok(Response::new(list_access_requests_response(listed)))
    }

    async fn grant_access(
        &self,
        request: Request<pb::GrantAccessRequest>,
    ) -> Result<Response<pb::GrantAccessResponse>, Status> {
        let call = Call::of(&request)?;
        let key = RequestKey::try_from(request.into_inner())?;
        let response: pb::GrantAccessResponse = self.access_requests.grant(&call, key).await?;
        Ok(Response::new(response))
    }

    async fn decline_access(
        &self,
        request: Request<pb::DeclineAccessRequest>,
    ) -> Result<Response<pb::DeclineAccessResponse>, Status> {
        let call = Call::of(&request)?;
        let key = RequestKey::try_from(request.into_inner())?;
        let response: pb::DeclineAccessResponse = self.access_requests.decline(&call, key).await?;
        Ok(Response::new(response))
    }
}
