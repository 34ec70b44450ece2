//! `AccountService`.

use service_kit::caller::Caller;
use sharedspaces_proto::identity::v1 as pb;
use tonic::{Request, Response, Status};

use crate::person::People;

/// Answers `AccountService`.
pub(crate) struct AccountGrpc {
    pub(crate) people: People,
}

#[tonic::async_trait]
impl pb::account_service_server::AccountService for AccountGrpc {
    async fn get_profile(
        &self,
        request: Request<pb::GetProfileRequest>,
    ) -> Result<Response<pb::GetProfileResponse>, Status> {
        let caller = Caller::of(&request)?;
        let person = self.people.profile(&caller).await?;
        Ok(Response::new(pb::GetProfileResponse { person: Some((&person).into()) }))
    }
}
