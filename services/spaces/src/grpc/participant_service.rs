//! ParticipantService over the use cases of participants.

use service_kit::caller::{Call, Caller};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::participant_service_server::ParticipantService;
use tonic::{Request, Response, Status};

use super::convert::space_id;
use super::convert_participant::{ParticipantList, list_participants_response};
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
        let list = ParticipantList::try_from(request.into_inner())?;
        let page = self.participants.list(&caller, list.space_id, list.states, list.page).await?;
        Ok(Response::new(list_participants_response(page)))
    }

    async fn revoke_participant(
        &self,
        request: Request<pb::RevokeParticipantRequest>,
    ) -> Result<Response<pb::RevokeParticipantResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let participant_id = check.id("participant_id", &request.participant_id);
        check.into_result()?;
        Ok(Response::new(self.participants.revoke(&call, space_id, participant_id).await?))
    }

    async fn leave_space(
        &self,
        request: Request<pb::LeaveSpaceRequest>,
    ) -> Result<Response<pb::LeaveSpaceResponse>, Status> {
        let call = Call::of(&request)?;
        let space_id = space_id(&request.into_inner().space_id)?;
        Ok(Response::new(self.participants.leave(&call, space_id).await?))
    }

    async fn update_participant_profile(
        &self,
        _request: Request<pb::UpdateParticipantProfileRequest>,
    ) -> Result<Response<pb::UpdateParticipantProfileResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn remind_participant(
        &self,
        _request: Request<pb::RemindParticipantRequest>,
    ) -> Result<Response<pb::RemindParticipantResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn get_notification_settings(
        &self,
        _request: Request<pb::GetNotificationSettingsRequest>,
    ) -> Result<Response<pb::GetNotificationSettingsResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn update_notification_settings(
        &self,
        _request: Request<pb::UpdateNotificationSettingsRequest>,
    ) -> Result<Response<pb::UpdateNotificationSettingsResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn mute_notifications(
        &self,
        _request: Request<pb::MuteNotificationsRequest>,
    ) -> Result<Response<pb::MuteNotificationsResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn check_recipients(
        &self,
        _request: Request<pb::CheckRecipientsRequest>,
    ) -> Result<Response<pb::CheckRecipientsResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }
}
