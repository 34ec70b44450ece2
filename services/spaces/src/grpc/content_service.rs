//! ContentService over the use cases of items.

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::content_service_server::ContentService;
use tonic::{Request, Response, Status};

use super::convert_item::{ItemListing, ItemRemoval, ItemUpdate, list_items_response};
use crate::item::{ItemMove, Items, NewItem};

/// ContentService.
pub(crate) struct ContentGrpc {
    pub(crate) items: Items,
}

#[tonic::async_trait]
impl ContentService for ContentGrpc {
    async fn create_folder(
        &self,
        request: Request<pb::CreateFolderRequest>,
    ) -> Result<Response<pb::CreateFolderResponse>, Status> {
        let call = Call::of(&request)?;
        let new = NewItem::try_from(request.into_inner())?;
        Ok(Response::new(self.items.add(&call, new).await?))
    }

    async fn add_item(
        &self,
        request: Request<pb::AddItemRequest>,
    ) -> Result<Response<pb::AddItemResponse>, Status> {
        let call = Call::of(&request)?;
        let new = NewItem::try_from(request.into_inner())?;
        Ok(Response::new(self.items.add(&call, new).await?))
    }

    async fn update_item(
        &self,
        request: Request<pb::UpdateItemRequest>,
    ) -> Result<Response<pb::UpdateItemResponse>, Status> {
        let call = Call::of(&request)?;
        let ItemUpdate { space_id, item_id, change } = ItemUpdate::try_from(request.into_inner())?;
        Ok(Response::new(self.items.update(&call, space_id, item_id, change).await?))
    }

    async fn move_item(
        &self,
        request: Request<pb::MoveItemRequest>,
    ) -> Result<Response<pb::MoveItemResponse>, Status> {
        let call = Call::of(&request)?;
        let wanted = ItemMove::try_from(request.into_inner())?;
        Ok(Response::new(self.items.relocate(&call, wanted).await?))
    }

    async fn remove_item(
        &self,
        request: Request<pb::RemoveItemRequest>,
    ) -> Result<Response<pb::RemoveItemResponse>, Status> {
        let call = Call::of(&request)?;
        let ItemRemoval { space_id, item_id } = ItemRemoval::try_from(request.into_inner())?;
        Ok(Response::new(self.items.remove(&call, space_id, item_id).await?))
    }

    async fn list_items(
        &self,
        request: Request<pb::ListItemsRequest>,
    ) -> Result<Response<pb::ListItemsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let ItemListing { space_id, folder_id, page } = ItemListing::try_from(request.into_inner())?;
        let page = self.items.list(&caller, space_id, folder_id, page).await?;
        Ok(Response::new(list_items_response(page)))
    }
}
