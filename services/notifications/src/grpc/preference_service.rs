//! `PreferenceService` over the wire.

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::notifications::v1 as pb;
use sharedspaces_proto::notifications::v1::preference_service_server::PreferenceService;
use tonic::{Request, Response, Status};

use crate::preference::{AllPreferences, Change};

/// Answers `PreferenceService`.
pub(crate) struct PreferenceGrpc {
    pub(crate) preferences: AllPreferences,
}

#[tonic::async_trait]
impl PreferenceService for PreferenceGrpc {
    async fn get_preferences(
        &self,
        request: Request<pb::GetPreferencesRequest>,
    ) -> Result<Response<pb::GetPreferencesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let preferences = self.preferences.get(&caller).await?;
        Ok(Response::new(preferences.into()))
    }

    async fn update_preferences(
        &self,
        request: Request<pb::UpdatePreferencesRequest>,
    ) -> Result<Response<pb::UpdatePreferencesResponse>, Status> {
        let call = Call::of(&request)?;
        let change = Change::try_from(request.into_inner())?;
        let response: pb::UpdatePreferencesResponse = self.preferences.update(&call, change).await?;
        Ok(Response::new(response))
    }
}
