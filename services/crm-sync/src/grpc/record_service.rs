//! RecordService.

use service_kit::caller::Caller;
use sharedspaces_proto::crmsync::v1 as pb;
use tonic::{Request, Response, Status};

use crate::connection::{Connections, Search};

/// Answers RecordService.
pub(crate) struct RecordGrpc {
    pub(crate) connections: Connections,
}

#[tonic::async_trait]
impl pb::record_service_server::RecordService for RecordGrpc {
    async fn search_accounts(
        &self,
        request: Request<pb::SearchAccountsRequest>,
    ) -> Result<Response<pb::SearchAccountsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let search = Search::try_from(request.into_inner())?;
        let accounts = self.connections.search_accounts(&caller, search).await?;
        let accounts = accounts.into_iter().map(pb::CrmRecord::from).collect();
        Ok(Response::new(pb::SearchAccountsResponse { accounts }))
    }

    async fn search_opportunities(
        &self,
        _request: Request<pb::SearchOpportunitiesRequest>,
    ) -> Result<Response<pb::SearchOpportunitiesResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn search_people(
        &self,
        _request: Request<pb::SearchPeopleRequest>,
    ) -> Result<Response<pb::SearchPeopleResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn match_addresses(
        &self,
        _request: Request<pb::MatchAddressesRequest>,
    ) -> Result<Response<pb::MatchAddressesResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn check_invitation(
        &self,
        _request: Request<pb::CheckInvitationRequest>,
    ) -> Result<Response<pb::CheckInvitationResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }
}
