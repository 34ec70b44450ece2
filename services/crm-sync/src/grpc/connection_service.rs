//! ConnectionService.

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::crmsync::v1 as pb;
use tonic::{Request, Response, Status};

use super::convert_connection::{ConnectionNamed, ModeToSet};
use crate::connection::{Connections, FinishedFlow, ListConnections, NewConnection};

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
        let call = Call::of(&request)?;
        let new = NewConnection::try_from(request.into_inner())?;
        let response: pb::StartConnectionResponse = self.connections.start(&call, new).await?;
        Ok(Response::new(response))
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

    async fn test_connection(
        &self,
        request: Request<pb::TestConnectionRequest>,
    ) -> Result<Response<pb::TestConnectionResponse>, Status> {
        let caller = Caller::of(&request)?;
        let named = ConnectionNamed::read(&request.get_ref().connection_id)?;
        Ok(Response::new(self.connections.test(&caller, named.0).await?.into()))
    }

    async fn get_connection(
        &self,
        request: Request<pb::GetConnectionRequest>,
    ) -> Result<Response<pb::GetConnectionResponse>, Status> {
        let caller = Caller::of(&request)?;
        let named = ConnectionNamed::read(&request.get_ref().connection_id)?;
        Ok(Response::new(self.connections.get(&caller, named.0).await?.into()))
    }

    async fn list_connections(
        &self,
        request: Request<pb::ListConnectionsRequest>,
    ) -> Result<Response<pb::ListConnectionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let list = ListConnections { with_disconnected: request.get_ref().with_disconnected };
        Ok(Response::new(self.connections.list(&caller, list).await?.into()))
    }

    async fn disconnect(
        &self,
        request: Request<pb::DisconnectRequest>,
    ) -> Result<Response<pb::DisconnectResponse>, Status> {
        let call = Call::of(&request)?;
        let named = ConnectionNamed::read(&request.get_ref().connection_id)?;
        let response: pb::DisconnectResponse = self.connections.disconnect(&call, named.0).await?;
        Ok(Response::new(response))
    }

    async fn set_logging_mode(
        &self,
        request: Request<pb::SetLoggingModeRequest>,
    ) -> Result<Response<pb::SetLoggingModeResponse>, Status> {
        let call = Call::of(&request)?;
        let set = ModeToSet::try_from(request.into_inner())?;
        let response: pb::SetLoggingModeResponse = self.connections.set_logging_mode(&call, set.0).await?;
        Ok(Response::new(response))
    }
}
