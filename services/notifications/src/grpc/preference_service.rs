//! PreferenceService.

use sharedspaces_proto::notifications::v1 as pb;
use tonic::{Request, Response, Status};

/// Answers PreferenceService.
pub(crate) struct PreferenceGrpc {}

#[tonic::async_trait]
impl pb::preference_service_server::PreferenceService for PreferenceGrpc {
    async fn get_preferences(
        &self,
        _request: Request<pb::GetPreferencesRequest>,
    ) -> Result<Response<pb::GetPreferencesResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn update_preferences(
        &self,
        _request: Request<pb::UpdatePreferencesRequest>,
    ) -> Result<Response<pb::UpdatePreferencesResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }
}
