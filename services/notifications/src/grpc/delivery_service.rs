//! `DeliveryService` over the wire.

use std::sync::Arc;

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::notifications::v1 as pb;
use sharedspaces_proto::notifications::v1::delivery_service_server::DeliveryService;
use tonic::{Request, Response, Status};

use super::convert;
use crate::delivery::Deliveries;

/// Answers `DeliveryService`.
pub struct DeliveriesGrpc {
    deliveries: Arc<Deliveries>,
}

impl DeliveriesGrpc {
    /// Returns the service over its use cases.
    pub fn new(deliveries: Arc<Deliveries>) -> Self {
        Self { deliveries }
    }
}

#[tonic::async_trait]
impl DeliveryService for DeliveriesGrpc {
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
        let id = convert::delivery_id_of(request.get_ref())?;
        let response: pb::RetryDeliveryResponse = self.deliveries.retry(&call, id).await?;
        Ok(Response::new(response))
    }
}
