//! What a space holds, as a log of it names it.

use std::collections::HashMap;

use service_kit::ids::{OrganizationId, SpaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::{ItemKind, LEVELS_MAX, Origin};
use super::repo;

/// Divides the titles of folders and what is in them.
const DIVIDER: &str = " / ";

/// A file or link, by where it lies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct DescribedItem {
    /// The item.
    pub(crate) item_id: Uuid,
    /// Its title, after those of the folders it lies in.
    pub(crate) path: String,
    /// Who it came from.
    pub(crate) origin: Origin,
}

/// An item and the folder it lies in.
#[derive(Clone, Debug)]
pub(super) struct Lying {
    pub(super) item_id: Uuid,
    pub(super) folder_id: Option<Uuid>,
    pub(super) kind: ItemKind,
    pub(super) title: String,
    pub(super) origin: Origin,
}

/// Lists the files and links of a space in their order: what lies in a folder stands where the folder does.
pub(crate) async fn describe(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
) -> Result<Vec<DescribedItem>, sqlx::Error> {
    Ok(paths(repo::list_lying(tx, organization_id, space_id).await?))
}

/// Names items by their paths; those of one folder come in the order they are to have.
fn paths(items: Vec<Lying>) -> Vec<DescribedItem> {
    let mut held: HashMap<Option<Uuid>, Vec<Lying>> = HashMap::new();
    for item in items {
        held.entry(item.folder_id).or_default().push(item);
    }
    let mut described = Vec::new();
    walk(&mut held, None, "", 0, &mut described);
    described
}

fn walk(
    held: &mut HashMap<Option<Uuid>, Vec<Lying>>,
    folder_id: Option<Uuid>,
    above: &str,
    level: usize,
    described: &mut Vec<DescribedItem>,
) {
    if level > LEVELS_MAX {
        return;
    }
    for item in held.remove(&folder_id).unwrap_or_default() {
        let path = format!("{above}{}", item.title);
        match item.kind {
            ItemKind::Folder => {
                walk(held, Some(item.item_id), &format!("{path}{DIVIDER}"), level + 1, described);
            }
            ItemKind::Link | ItemKind::File => {
                described.push(DescribedItem { item_id: item.item_id, path, origin: item.origin });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_folder_stands_where_the_folder_does_and_bears_its_title() {
        let id = Uuid::from_u128;
        let lying = |item: u128, folder: Option<u128>, kind, title: &str| Lying {
            item_id: id(item),
            folder_id: folder.map(id),
            kind,
            title: title.to_owned(),
            origin: Origin::Internal,
        };
        let described = paths(vec![
            lying(1, None, ItemKind::Link, "First"),
            lying(2, None, ItemKind::Folder, "Offers"),
            lying(3, Some(2), ItemKind::File, "Price"),
            lying(4, None, ItemKind::File, "Last"),
            lying(5, Some(2), ItemKind::Folder, "Old"),
            lying(6, Some(5), ItemKind::File, "Price"),
        ]);
        let paths: Vec<_> = described.iter().map(|item| item.path.as_str()).collect();
        assert_eq!(paths, ["First", "Offers / Price", "Offers / Old / Price", "Last"]);
    }
}
