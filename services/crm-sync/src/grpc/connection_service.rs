//! ConnectionService.

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::crmsync::v1 as pb;
use tonic::{Request, Response, Status};

use crate::connection::{Connections, FinishedFlow, NewConnection};

/// Answers ConnectionService.
pub(crate) struct ConnectionGrpc {
    pub(crate) connections: Connections,
}

#[tonic::async_trait]
impl pb::connection_service_server::ConnectionService for ConnectionGrpc {
    async fn start_connection(
        &self,
        request: Request<pb::StartConnectionRequest>,
    ) -> Result<Response<pb::StartConnectionResponse>, Status> {
        let caller = Caller::of(&request)?;
        let new = NewConnection::try_from(request.into_inner())?;
        let started = self.connections.start(&caller, new).await?;
        Ok(Response::new(started.into()))
    }

    async fn complete_connection(
        &self,
        request: Request<pb::CompleteConnectionRequest>,
    ) -> Result<Response<pb::CompleteConnectionResponse>, Status> {
        let call = Call::of(&request)?;
        let finished = FinishedFlow::try_from(request.into_inner())?;
        let response: pb::CompleteConnectionResponse = self.connections.complete(&call, finished).await?;
        Ok(Response::new(response))
    }

    async fn list_connections(
        &self,
        request: Request<pb::ListConnectionsRequest>,
    ) -> Result<Response<pb::ListConnectionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let connections = self.connections.list(&caller).await?;
        let connections = connections.into_iter().map(pb::Connection::from).collect();
        Ok(Response::new(pb::ListConnectionsResponse { connections, logging_mode: 0 }))
    }

    async fn test_connection(
        &self,
        _request: Request<pb::TestConnectionRequest>,
    ) -> Result<Response<pb::TestConnectionResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn get_connection(
        &self,
        _request: Request<pb::GetConnectionRequest>,
    ) -> Result<Response<pb::GetConnectionResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn disconnect(
        &self,
        _request: Request<pb::DisconnectRequest>,
    ) -> Result<Response<pb::DisconnectResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn set_logging_mode(
        &self,
        _request: Request<pb::SetLoggingModeRequest>,
    ) -> Result<Response<pb::SetLoggingModeResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }
}
