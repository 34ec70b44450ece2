//! ParticipantService over the use cases of participants.

use service_kit::caller::{Call, Caller};
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::participant_service_server::ParticipantService;
use tonic::{Request, Response, Status};

use super::convert::list_participants_response;
use crate::participant::{Invitation, Participants};

/// ParticipantService.
pub(crate) struct ParticipantGrpc {
    pub(crate) participants: Participants,
}

#[tonic::async_trait]
impl ParticipantService for ParticipantGrpc {
    async fn invite_participants(
        &self,
        request: Request<pb::InviteParticipantsRequest>,
    ) -> Result<Response<pb::InviteParticipantsResponse>, Status> {
        let call = Call::of(&request)?;
        let invitation = Invitation::try_from(request.into_inner())?;
        Ok(Response::new(self.participants.invite(&call, invitation).await?))
    }

    async fn list_participants(
        &self,
        request: Request<pb::ListParticipantsRequest>,
    ) -> Result<Response<pb::ListParticipantsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
        check.into_result()?;
        let page = self.participants.list(&caller, space_id, page).await?;
        Ok(Response::new(list_participants_response(page)))
    }

    async fn revoke_participant(
        &self,
        _request: Request<pb::RevokeParticipantRequest>,
    ) -> Result<Response<pb::RevokeParticipantResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn leave_space(
        &self,
        _request: Request<pb::LeaveSpaceRequest>,
    ) -> Result<Response<pb::LeaveSpaceResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }
}
