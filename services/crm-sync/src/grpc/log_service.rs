//! LogService.

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::crmsync::v1 as pb;
use tonic::{Request, Response, Status};

use crate::log::{ListLogs, LogId, Logs};

/// Answers LogService.
pub(crate) struct LogGrpc {
    pub(crate) logs: Logs,
}

#[tonic::async_trait]
impl pb::log_service_server::LogService for LogGrpc {
    async fn list_logs(
        &self,
        request: Request<pb::ListLogsRequest>,
    ) -> Result<Response<pb::ListLogsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let list = ListLogs::try_from(request.into_inner())?;
        let page = self.logs.list(&caller, list).await?;
        let logs = page.items.into_iter().map(pb::CrmLog::from).collect();
        Ok(Response::new(pb::ListLogsResponse {
            logs,
            next_page_token: page.next_page_token,
            ..pb::ListLogsResponse::default()
        }))
    }

    async fn retry_log(
        &self,
        request: Request<pb::RetryLogRequest>,
    ) -> Result<Response<pb::RetryLogResponse>, Status> {
        let call = Call::of(&request)?;
        let log_id = LogId::try_from(request.into_inner())?;
        let response: pb::RetryLogResponse = self.logs.retry(&call, log_id).await?;
        Ok(Response::new(response))
    }

    async fn link_space(
        &self,
        _request: Request<pb::LinkSpaceRequest>,
    ) -> Result<Response<pb::LinkSpaceResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn create_log(
        &self,
        _request: Request<pb::CreateLogRequest>,
    ) -> Result<Response<pb::CreateLogResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn get_log(
        &self,
        _request: Request<pb::GetLogRequest>,
    ) -> Result<Response<pb::GetLogResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }
}
