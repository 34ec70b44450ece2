//! `DeliveryService` over the wire.

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::notifications::v1 as pb;
use sharedspaces_proto::notifications::v1::delivery_service_server::DeliveryService;
use tonic::{Request, Response, Status};

use super::{convert, convert_suppression};
use crate::delivery::{Deliveries, DeliveryId};
use crate::suppression::Suppressions;
use crate::unsubscribe::Unsubscribing;

/// Answers `DeliveryService`.
pub(crate) struct DeliveryGrpc {
    pub(crate) deliveries: Deliveries,
    pub(crate) suppressions: Suppressions,
    pub(crate) unsubscribing: Unsubscribing,
}

#[tonic::async_trait]
impl DeliveryService for DeliveryGrpc {
    async fn list_deliveries(
        &self,
        request: Request<pb::ListDeliveriesRequest>,
    ) -> Result<Response<pb::ListDeliveriesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let (filter, page) = convert::list_of(request.get_ref())?;
        let page = self.deliveries.list(&caller, filter, page).await?;
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
        request: Request<pb::GetDeliveryRequest>,
    ) -> Result<Response<pb::GetDeliveryResponse>, Status> {
        let caller = Caller::of(&request)?;
        let id = DeliveryId::try_from(request.into_inner())?;
        let delivery = self.deliveries.get(&caller, id).await?;
        Ok(Response::new(delivery.into()))
    }

    async fn unsubscribe(
        &self,
        request: Request<pb::UnsubscribeRequest>,
    ) -> Result<Response<pb::UnsubscribeResponse>, Status> {
        let unsubscribed = self.unsubscribing.unsubscribe(&request.into_inner().token).await?;
        Ok(Response::new(unsubscribed.into()))
    }

    async fn list_suppressions(
        &self,
        request: Request<pb::ListSuppressionsRequest>,
    ) -> Result<Response<pb::ListSuppressionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let page = convert_suppression::page_of_suppressions(request.get_ref())?;
        let page = self.suppressions.list(&caller, page).await?;
        Ok(Response::new(convert_suppression::list_suppressions_response(page)))
    }

    async fn remove_suppression(
        &self,
        request: Request<pb::RemoveSuppressionRequest>,
    ) -> Result<Response<pb::RemoveSuppressionResponse>, Status> {
        let call = Call::of(&request)?;
        let address = convert_suppression::address_of(request.get_ref())?;
        let response: pb::RemoveSuppressionResponse = self.suppressions.remove(&call, address).await?;
        Ok(Response::new(response))
    }
}
