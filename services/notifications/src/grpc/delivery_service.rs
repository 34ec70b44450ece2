//! `DeliveryService` over the wire.

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::notifications::v1 as pb;
use sharedspaces_proto::notifications::v1::delivery_service_server::DeliveryService;
use tonic::{Request, Response, Status};

use super::convert;
use crate::delivery::{Deliveries, DeliveryId};

/// Answers `DeliveryService`.
pub(crate) struct DeliveryGrpc {
    pub(crate) deliveries: Deliveries,
}

#[tonic::async_trait]
impl DeliveryService for DeliveryGrpc {
    async fn list_deliveries(
        &self,
        request: Request<pb::ListDeliveriesRequest>,
    ) -> Result<Response<pb::ListDeliveriesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let page = convert::page_of(request.get_ref())?;
        let page = self.deliveries.list(&caller, page).await?;
        Ok(Response::new(convert::list_response(page)))
    }

    async fn retry_delivery(
        &self,
        request: Request<pb::RetryDeliveryRequest>,
    ) -> Result<Response<pb::RetryDeliveryResponse>, Status> {
        let call = Call::of(&request)?;
        let id = DeliveryId::try_from(request.into_inner())?;
        let response: pb::RetryDeliveryResponse = self.deliveries.retry(&call, id).await?;
        Ok(Response::new(response))
    }

    async fn get_delivery(
        &self,
        _request: Request<pb::GetDeliveryRequest>,
    ) -> Result<Response<pb::GetDeliveryResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn unsubscribe(
        &self,
        _request: Request<pb::UnsubscribeRequest>,
    ) -> Result<Response<pb::UnsubscribeResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn list_suppressions(
        &self,
        _request: Request<pb::ListSuppressionsRequest>,
    ) -> Result<Response<pb::ListSuppressionsResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn remove_suppression(
        &self,
        _request: Request<pb::RemoveSuppressionRequest>,
    ) -> Result<Response<pb::RemoveSuppressionResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }
}
