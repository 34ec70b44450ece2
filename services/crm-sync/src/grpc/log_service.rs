//! LogService.

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::crmsync::v1 as pb;
use tonic::{Request, Response, Status};

use super::convert_log::LogNamed;
use crate::log::{CreateLog, LinkSpace, ListLogs, Logs};

/// Answers LogService.
pub(crate) struct LogGrpc {
    pub(crate) logs: Logs,
}

#[tonic::async_trait]
impl pb::log_service_server::LogService for LogGrpc {
    async fn link_space(
        &self,
        request: Request<pb::LinkSpaceRequest>,
    ) -> Result<Response<pb::LinkSpaceResponse>, Status> {
        let call = Call::of(&request)?;
        let link = LinkSpace::try_from(request.into_inner())?;
        let response: pb::LinkSpaceResponse = self.logs.link(&call, link).await?;
        Ok(Response::new(response))
    }

    async fn create_log(
        &self,
        request: Request<pb::CreateLogRequest>,
    ) -> Result<Response<pb::CreateLogResponse>, Status> {
        let call = Call::of(&request)?;
        let create = CreateLog::try_from(request.into_inner())?;
        let response: pb::CreateLogResponse = self.logs.create(&call, create).await?;
        Ok(Response::new(response))
    }

    async fn get_log(
        &self,
        request: Request<pb::GetLogRequest>,
    ) -> Result<Response<pb::GetLogResponse>, Status> {
        let caller = Caller::of(&request)?;
        let named = LogNamed::read(&request.get_ref().log_id)?;
        let log = self.logs.get(&caller, named.0).await?;
        Ok(Response::new(pb::GetLogResponse { log: Some(log.into()) }))
    }

    async fn list_logs(
        &self,
        request: Request<pb::ListLogsRequest>,
    ) -> Result<Response<pb::ListLogsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let list = ListLogs::try_from(request.into_inner())?;
        Ok(Response::new(self.logs.list(&caller, list).await?.into()))
    }

    async fn retry_log(
        &self,
        request: Request<pb::RetryLogRequest>,
    ) -> Result<Response<pb::RetryLogResponse>, Status> {
        let call = Call::of(&request)?;
        let named = LogNamed::read(&request.get_ref().log_id)?;
        let response: pb::RetryLogResponse = self.logs.retry(&call, named.0).await?;
        Ok(Response::new(response))
    }
}
