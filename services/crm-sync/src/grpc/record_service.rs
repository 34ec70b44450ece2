//! RecordService.

use service_kit::caller::Caller;
use sharedspaces_proto::crmsync::v1 as pb;
use tonic::{Request, Response, Status};

use super::convert_record::{crm_person, crm_record, matches};
use crate::record::{Invitation, Match, Records, Search};

/// Answers RecordService.
pub(crate) struct RecordGrpc {
    pub(crate) records: Records,
}

#[tonic::async_trait]
impl pb::record_service_server::RecordService for RecordGrpc {
    async fn search_accounts(
        &self,
        request: Request<pb::SearchAccountsRequest>,
    ) -> Result<Response<pb::SearchAccountsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let search = Search::try_from(request.into_inner())?;
        let found = self.records.search_accounts(&caller, search).await?;
        let accounts = found.into_iter().map(crm_record).collect();
        Ok(Response::new(pb::SearchAccountsResponse { accounts }))
    }

    async fn search_opportunities(
        &self,
        request: Request<pb::SearchOpportunitiesRequest>,
    ) -> Result<Response<pb::SearchOpportunitiesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let search = Search::try_from(request.into_inner())?;
        let found = self.records.search_opportunities(&caller, search).await?;
        let opportunities = found.into_iter().map(crm_record).collect();
        Ok(Response::new(pb::SearchOpportunitiesResponse { opportunities }))
    }

    async fn search_people(
        &self,
        request: Request<pb::SearchPeopleRequest>,
    ) -> Result<Response<pb::SearchPeopleResponse>, Status> {
        let caller = Caller::of(&request)?;
        let search = Search::try_from(request.into_inner())?;
        let found = self.records.search_people(&caller, search).await?;
        let people = found.into_iter().map(|found| crm_person(found.connection_id, found.record)).collect();
        Ok(Response::new(pb::SearchPeopleResponse { people }))
    }

    async fn match_addresses(
        &self,
        request: Request<pb::MatchAddressesRequest>,
    ) -> Result<Response<pb::MatchAddressesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let of = Match::try_from(request.into_inner())?;
        let found = self.records.match_addresses(&caller, of.clone()).await?;
        Ok(Response::new(pb::MatchAddressesResponse { matches: matches(of, found) }))
    }

    async fn check_invitation(
        &self,
        request: Request<pb::CheckInvitationRequest>,
    ) -> Result<Response<pb::CheckInvitationResponse>, Status> {
        let invitation = Invitation::try_from(request.into_inner())?;
        let unknown_email_addresses = self.records.check_invitation(invitation).await?;
        Ok(Response::new(pb::CheckInvitationResponse { unknown_email_addresses }))
    }
}
