//! Between items on the wire and what the use cases know of them.

use service_kit::clock::timestamp;
use service_kit::ids::SpaceId;
use service_kit::page::{Page, PageRequest};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use uuid::Uuid;

use crate::item::{
    DESCRIPTION_MAX, Item, ItemChange, ItemKey, ItemKind, ItemMove, ItemRemoved, ItemSaved, NewItem, Origin,
    TITLE_MAX, link,
};

/// Which item to change, and how.
pub(super) struct ItemUpdate {
    pub(super) space_id: SpaceId,
    pub(super) item_id: Uuid,
    pub(super) change: ItemChange,
}

/// Which item to remove.
pub(super) struct ItemRemoval {
    pub(super) space_id: SpaceId,
    pub(super) item_id: Uuid,
}

/// Which page of which folder to list.
pub(super) struct ItemListing {
    pub(super) space_id: SpaceId,
    pub(super) folder_id: Option<Uuid>,
    pub(super) page: PageRequest<ItemKey>,
}

fn folder(check: &mut Violations, value: &str) -> Option<Uuid> {
    (!value.is_empty()).then(|| check.id("folder_id", value))
}

impl TryFrom<pb::CreateFolderRequest> for NewItem {
    type Error = Violations;

    fn try_from(request: pb::CreateFolderRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let new = Self {
            space_id: check.id("space_id", &request.space_id),
            folder_id: folder(&mut check, &request.folder_id),
            title: check.line("title", &request.title, 1, TITLE_MAX),
            description: check.paragraphs("description", &request.description, DESCRIPTION_MAX),
            url: None,
        };
        check.into_result().map(|()| new)
    }
}

impl TryFrom<pb::AddItemRequest> for NewItem {
    type Error = Violations;

    fn try_from(request: pb::AddItemRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let new = Self {
            space_id: check.id("space_id", &request.space_id),
            folder_id: folder(&mut check, &request.folder_id),
            title: check.line("title", &request.title, 1, TITLE_MAX),
            description: check.paragraphs("description", &request.description, DESCRIPTION_MAX),
            url: Some(link(&mut check, "url", &request.url)),
        };
        check.into_result().map(|()| new)
    }
}

impl TryFrom<pb::UpdateItemRequest> for ItemUpdate {
    type Error = Violations;

    fn try_from(request: pb::UpdateItemRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let item_id = check.id("item_id", &request.item_id);
        let mut change = ItemChange::default();
        let paths = request.update_mask.unwrap_or_default().paths;
        if paths.is_empty() {
            check.add("update_mask", "must name at least one of title, description, url");
        }
        for path in &paths {
            match path.as_str() {
                "title" => change.title = Some(check.line("title", &request.title, 1, TITLE_MAX)),
                "description" => {
                    let text = check.paragraphs("description", &request.description, DESCRIPTION_MAX);
                    change.description = Some(text);
                }
                "url" => change.url = Some(link(&mut check, "url", &request.url)),
                _ => check.add("update_mask", "must name only title, description, url"),
            }
        }
        if !request.etag.is_empty() {
            change.version = request.etag.parse().ok();
            if change.version.is_none() {
                check.add("etag", "must be the etag last read");
            }
        }
        check.into_result().map(|()| Self { space_id, item_id, change })
    }
}

impl TryFrom<pb::MoveItemRequest> for ItemMove {
    type Error = Violations;

    fn try_from(request: pb::MoveItemRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        if request.position < 0 {
            check.add("position", "must be 0 or more");
        }
        let wanted = Self {
            space_id: check.id("space_id", &request.space_id),
            item_id: check.id("item_id", &request.item_id),
            folder_id: folder(&mut check, &request.folder_id),
            position: request.position,
        };
        check.into_result().map(|()| wanted)
    }
}

impl TryFrom<pb::RemoveItemRequest> for ItemRemoval {
    type Error = Violations;

    fn try_from(request: pb::RemoveItemRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let item_id = check.id("item_id", &request.item_id);
        check.into_result().map(|()| Self { space_id, item_id })
    }
}

impl TryFrom<pb::ListItemsRequest> for ItemListing {
    type Error = Violations;

    fn try_from(request: pb::ListItemsRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let folder_id = folder(&mut check, &request.folder_id);
        let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
        check.into_result().map(|()| Self { space_id, folder_id, page })
    }
}

impl From<ItemKind> for pb::ItemType {
    fn from(kind: ItemKind) -> Self {
        match kind {
            ItemKind::Folder => Self::Folder,
            ItemKind::Link => Self::Link,
        }
    }
}

impl From<Origin> for pb::ItemOrigin {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::Internal => Self::Internal,
            Origin::External => Self::External,
        }
    }
}

impl From<Item> for pb::Item {
    fn from(item: Item) -> Self {
        Self {
            item_id: item.item_id.to_string(),
            r#type: pb::ItemType::from(item.kind).into(),
            folder_id: item.folder_id.map(|folder_id| folder_id.to_string()).unwrap_or_default(),
            position: item.position,
            title: item.title,
            description: item.description,
            url: item.url.unwrap_or_default(),
            origin: pb::ItemOrigin::from(item.origin).into(),
            adder_user_id: item.adder_user_id.to_string(),
            adder_display_name: item.adder_display_name,
            item_count: i32::try_from(item.item_count).unwrap_or(i32::MAX),
            etag: item.version.to_string(),
            create_time: Some(timestamp(item.create_time)),
            update_time: Some(timestamp(item.update_time)),
        }
    }
}

impl From<ItemSaved> for pb::CreateFolderResponse {
    fn from(saved: ItemSaved) -> Self {
        Self { item: Some(saved.0.into()) }
    }
}

impl From<ItemSaved> for pb::AddItemResponse {
    fn from(saved: ItemSaved) -> Self {
        Self { item: Some(saved.0.into()) }
    }
}

impl From<ItemSaved> for pb::UpdateItemResponse {
    fn from(saved: ItemSaved) -> Self {
        Self { item: Some(saved.0.into()) }
    }
}

impl From<ItemSaved> for pb::MoveItemResponse {
    fn from(saved: ItemSaved) -> Self {
        Self { item: Some(saved.0.into()) }
    }
}

impl From<ItemRemoved> for pb::RemoveItemResponse {
    fn from(_: ItemRemoved) -> Self {
        Self {}
    }
}

pub(super) fn list_items_response(page: Page<Item>) -> pb::ListItemsResponse {
    pb::ListItemsResponse {
        items: page.items.into_iter().map(pb::Item::from).collect(),
        next_page_token: page.next_page_token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_names_at_least_one_field_and_only_those_there_are() {
        let request = |paths: &[&str], etag: &str| pb::UpdateItemRequest {
            space_id: Uuid::nil().to_string(),
            item_id: Uuid::nil().to_string(),
            update_mask: Some(prost_types::FieldMask {
                paths: paths.iter().map(ToString::to_string).collect(),
            }),
            title: "t".repeat(255),
            etag: etag.to_owned(),
            ..pb::UpdateItemRequest::default()
        };
        let update =
            ItemUpdate::try_from(request(&["title", "description"], "7")).unwrap_or_else(|refused| {
                panic!("{refused}");
            });
        assert_eq!((update.change.description.as_deref(), update.change.version), (Some(""), Some(7)));
        assert!(update.change.url.is_none());
        let long = pb::UpdateItemRequest { title: "t".repeat(256), ..request(&["title"], "") };
        let bad = [
            (request(&[], ""), "update_mask"),
            (request(&["position"], ""), "update_mask"),
            (request(&["url"], ""), "url"),
            (request(&["title"], "x"), "etag"),
            (long, "title"),
        ];
        for (request, field) in bad {
            let Err(refused) = ItemUpdate::try_from(request) else { panic!("{field} was taken") };
            assert!(refused.to_string().starts_with(&format!("{field}: ")), "{refused}");
        }
    }
}
