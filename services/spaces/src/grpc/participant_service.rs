//! ParticipantService over the use cases of participants.

use service_kit::caller::{Call, Caller};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::participant_service_server::ParticipantService;
use tonic::{Request, Response, Status};

use super::convert::space_id;
use super::convert_participant::{ParticipantList, ProfileUpdate, list_participants_response};
use super::convert_settings::SettingsUpdate;
use crate::participant::{Invitation, Mute, Participants, RecipientQuestion};

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
        request: Request<pb::UpdateParticipantProfileRequest>,
    ) -> Result<Response<pb::UpdateParticipantProfileResponse>, Status> {
        let call = Call::of(&request)?;
        let ProfileUpdate { space_id, participant_id, change } = request.into_inner().try_into()?;
        let updated = self.participants.update_profile(&call, space_id, participant_id, change).await?;
        Ok(Response::new(updated))
    }

    async fn remind_participant(
        &self,
        request: Request<pb::RemindParticipantRequest>,
    ) -> Result<Response<pb::RemindParticipantResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let participant_id = check.id("participant_id", &request.participant_id);
        check.into_result()?;
        Ok(Response::new(self.participants.remind(&call, space_id, participant_id).await?))
    }

    async fn get_notification_settings(
        &self,
        request: Request<pb::GetNotificationSettingsRequest>,
    ) -> Result<Response<pb::GetNotificationSettingsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let space_id = space_id(&request.into_inner().space_id)?;
        Ok(Response::new(self.participants.settings(&caller, space_id).await?.into()))
    }

    async fn update_notification_settings(
        &self,
        request: Request<pb::UpdateNotificationSettingsRequest>,
    ) -> Result<Response<pb::UpdateNotificationSettingsResponse>, Status> {
        let call = Call::of(&request)?;
        let SettingsUpdate { space_id, change } = request.into_inner().try_into()?;
        Ok(Response::new(self.participants.update_settings(&call, space_id, change).await?))
    }

    async fn mute_notifications(
        &self,
        request: Request<pb::MuteNotificationsRequest>,
    ) -> Result<Response<pb::MuteNotificationsResponse>, Status> {
        let call = Call::of(&request)?;
        let mute = Mute::try_from(request.into_inner())?;
        Ok(Response::new(self.participants.mute(&call, mute).await?))
    }

    async fn check_recipients(
        &self,
        request: Request<pb::CheckRecipientsRequest>,
    ) -> Result<Response<pb::CheckRecipientsResponse>, Status> {
        let question = RecipientQuestion::try_from(request.into_inner())?;
        let still = self.participants.check_recipients(question).await?;
        let user_ids = still.iter().map(ToString::to_string).collect();
        Ok(Response::new(pb::CheckRecipientsResponse { user_ids }))
    }
}
