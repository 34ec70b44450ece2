//! What a person may do in a space, as spaces says at this moment.
//!
//! Owns the call to spaces. Must not remember an answer: revoking takes effect at the next call.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use service_kit::caller::Caller;
use service_kit::error::CommonError;
use service_kit::ids::SpaceId;
use sharedspaces_proto::spaces::v1 as spaces_pb;
use spaces_pb::space_service_client::SpaceServiceClient;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::{Body as HttpBody, Bytes, StdError};
use tonic::{Response, Status};

type Answer = BoxFuture<'static, Result<Response<spaces_pb::CheckAccessResponse>, Status>>;

/// What matters here of a person's rights in a space.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Access {
    /// Sees nothing of the space, or there is none.
    None,
    /// Takes part, but not in the CRM.
    WithoutCrm,
    /// May work with the CRM of the space.
    Crm,
}

/// Asks spaces.
#[derive(Clone)]
pub(crate) struct Spaces {
    ask: Arc<dyn Fn(spaces_pb::CheckAccessRequest) -> Answer + Send + Sync>,
}

impl Spaces {
    /// Asks over any transport.
    pub(crate) fn over<T>(client: SpaceServiceClient<T>) -> Self
    where
        T: GrpcService<Body> + Clone + Send + Sync + 'static,
        T::Future: Send,
        T::Error: Into<StdError>,
        T::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
        <T::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
    {
        let ask = move |request| -> Answer {
            let mut client = client.clone();
            Box::pin(async move { client.check_access(request).await })
        };
        Self { ask: Arc::new(ask) }
    }

    /// Asks what the caller may do in a space of their organisation.
    pub(crate) async fn check(&self, caller: &Caller, space: SpaceId) -> Result<Access, CommonError> {
        let request = spaces_pb::CheckAccessRequest {
            organization_id: caller.organization_id.to_string(),
            space_id: space.to_string(),
            user_id: caller.user_id.to_string(),
        };
        let answer = (self.ask)(request).await.map_err(|status| CommonError::Peer(Box::new(status)))?;
        let permissions: Vec<_> = answer.get_ref().permissions().collect();
        Ok(if permissions.contains(&spaces_pb::Permission::Crm) {
            Access::Crm
        } else if permissions.is_empty() {
            Access::None
        } else {
            Access::WithoutCrm
        })
    }
}
