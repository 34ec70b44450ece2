//! The rules of what a space holds. No I/O.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::ids::{SpaceId, UserId};
use service_kit::validate::Violations;
use url::Url;
use uuid::Uuid;

use super::ItemError;

/// Longest title, in characters.
pub(crate) const TITLE_MAX: usize = 255;
/// Longest description, in characters.
pub(crate) const DESCRIPTION_MAX: usize = 5_000;
/// Longest address of a link, in characters.
const URL_MAX: usize = 2_048;
/// How many folders may lie in each other.
pub(super) const LEVELS_MAX: usize = 5;
/// Most items of a space, folders among them.
pub(super) const ITEMS_MAX: usize = 1_000;

service_kit::text_enum! {
    /// What an item is.
    pub(crate) enum ItemKind {
        /// Holds other items.
        Folder = "FOLDER",
        /// An address on the web.
        Link = "LINK",
    }
}

service_kit::text_enum! {
    /// Who an item came from.
    pub(crate) enum Origin {
        /// An internal participant.
        Internal = "INTERNAL",
        /// A guest.
        External = "EXTERNAL",
    }
}

/// Checks the address of a link: `https` or `http`, with a host and without a user name.
pub(crate) fn link(check: &mut Violations, field: &str, value: &str) -> String {
    let value = check.line(field, value, 1, URL_MAX);
    let Ok(url) = Url::parse(&value) else {
        check.add(field, "must be an address that begins with https:// or http://");
        return value;
    };
    if !matches!(url.scheme(), "http" | "https") {
        check.add(field, "must begin with https:// or http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        check.add(field, "must not have a user name or password");
    }
    let url = String::from(url);
    if url.chars().count() > URL_MAX {
        check
            .add(field, format!("must have at most {URL_MAX} characters, also where others are written out"));
    }
    url
}

/// A folder or link to add.
#[derive(Clone, Debug)]
pub(crate) struct NewItem {
    /// The space.
    pub(crate) space_id: SpaceId,
    /// The folder to add it to; absent: the space itself.
    pub(crate) folder_id: Option<Uuid>,
    /// 1–255 characters.
    pub(crate) title: String,
    /// At most 5,000 characters.
    pub(crate) description: String,
    /// Where it leads; absent: it is a folder.
    pub(crate) url: Option<String>,
}

/// A folder or link.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Item {
    /// The item.
    pub(crate) item_id: Uuid,
    /// The space.
    pub(crate) space_id: SpaceId,
    /// The folder it is in; absent: the space itself.
    pub(crate) folder_id: Option<Uuid>,
    /// What it is.
    pub(crate) kind: ItemKind,
    /// Its place, from 0.
    pub(crate) position: i32,
    /// Its title.
    pub(crate) title: String,
    /// Its description.
    pub(crate) description: String,
    /// Where a link leads.
    pub(crate) url: Option<String>,
    /// Who it came from.
    pub(crate) origin: Origin,
    /// Who added it.
    pub(crate) adder_user_id: UserId,
    /// The adder's name as it was then.
    pub(crate) adder_display_name: String,
    /// How many items a folder holds directly.
    pub(crate) item_count: i64,
    /// Counts changes, from 1.
    pub(crate) version: i64,
    /// When it was added.
    pub(crate) create_time: DateTime<Utc>,
    /// When it was last changed.
    pub(crate) update_time: DateTime<Utc>,
}

/// What to change; absent stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct ItemChange {
    /// New title.
    pub(crate) title: Option<String>,
    /// New description.
    pub(crate) description: Option<String>,
    /// New address of a link.
    pub(crate) url: Option<String>,
    /// The version the change was made on; absent: whatever stands there.
    pub(crate) version: Option<i64>,
}

/// Where to move an item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ItemMove {
    /// The space.
    pub(crate) space_id: SpaceId,
    /// The item.
    pub(crate) item_id: Uuid,
    /// The folder to move it to; absent: the space itself.
    pub(crate) folder_id: Option<Uuid>,
    /// Its place there, from 0; beyond the last: the end.
    pub(crate) position: i32,
}

impl Item {
    /// Changes what the change names; refused where somebody else was faster.
    pub(super) fn change(&mut self, change: ItemChange, now: DateTime<Utc>) -> Result<(), ItemError> {
        if change.version.is_some_and(|version| version != self.version) {
            return Err(ItemError::Changed);
        }
        if change.url.is_some() && self.kind != ItemKind::Link {
            return Err(Violations::one("update_mask", "must name url only for a link").into());
        }
        self.title = change.title.unwrap_or_else(|| std::mem::take(&mut self.title));
        self.description = change.description.unwrap_or_else(|| std::mem::take(&mut self.description));
        self.url = change.url.or_else(|| self.url.take());
        self.touch(now);
        Ok(())
    }

    /// Puts the item elsewhere.
    pub(super) fn place(&mut self, folder_id: Option<Uuid>, position: i32, now: DateTime<Utc>) {
        self.folder_id = folder_id;
        self.position = position;
        self.touch(now);
    }

    fn touch(&mut self, now: DateTime<Utc>) {
        self.version += 1;
        self.update_time = now;
    }

    /// Returns where the item stands in its folder.
    pub(crate) fn key(&self) -> ItemKey {
        ItemKey { position: self.position }
    }
}

/// Where an item stands in its folder.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct ItemKey {
    /// Its place.
    pub(crate) position: i32,
}

/// An item after it was added, changed or moved.
#[derive(Clone, Debug)]
pub(crate) struct ItemSaved(pub(crate) Item);

/// An item is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ItemRemoved;

/// Which folder lies in which, and how many items the space has in all.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// Of each folder, the one it lies in.
    pub(super) folders: HashMap<Uuid, Option<Uuid>>,
    /// Folders and links.
    pub(super) item_count: usize,
}

impl Tree {
    /// Returns on which level a folder lies: 1 in the space itself, which is level 0.
    fn level(&self, folder_id: Option<Uuid>) -> Result<usize, ItemError> {
        let mut level = 0;
        let mut at = folder_id;
        while let Some(folder) = at {
            at = *self.folders.get(&folder).ok_or(ItemError::FolderNotFound)?;
            level += 1;
        }
        Ok(level)
    }

    /// Returns how many levels a folder makes with the deepest that lies in it; 1 for one without folders.
    fn height(&self, folder_id: Uuid) -> usize {
        let inner = self.folders.iter().filter(|(_, parent)| **parent == Some(folder_id));
        1 + inner.map(|(child, _)| self.height(*child)).max().unwrap_or(0)
    }

    /// Tells whether another item of this kind may be added to a folder.
    pub(super) fn check_add(&self, folder_id: Option<Uuid>, kind: ItemKind) -> Result<(), ItemError> {
        if self.item_count >= ITEMS_MAX {
            return Err(ItemError::TooMany);
        }
        let level = self.level(folder_id)?;
        if kind == ItemKind::Folder && level >= LEVELS_MAX {
            return Err(ItemError::TooDeep);
        }
        Ok(())
    }

    /// Tells whether an item may be moved to a folder.
    pub(super) fn check_move(&self, item: &Item, folder_id: Option<Uuid>) -> Result<(), ItemError> {
        let level = self.level(folder_id)?;
        if item.kind != ItemKind::Folder {
            return Ok(());
        }
        let mut at = folder_id;
        while let Some(folder) = at {
            if folder == item.item_id {
                return Err(ItemError::IntoItself);
            }
            at = self.folders.get(&folder).copied().flatten();
        }
        if level + self.height(item.item_id) > LEVELS_MAX {
            return Err(ItemError::TooDeep);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(value: &str) -> Result<String, Violations> {
        let mut check = Violations::default();
        let url = link(&mut check, "url", value);
        check.into_result().map(|()| url)
    }

    #[test]
    fn a_link_is_an_address_of_the_web_without_a_user_name() {
        for good in
            ["https://a.example", "http://a.example/b?c#d", "HTTPS://A.example/", "https://bücher.example/é"]
        {
            assert!(checked(good).is_ok(), "{good}");
        }
        let bad = [
            "",
            "a.example",
            "/path",
            "https://",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://a.example",
            "file:///etc/passwd",
            "https://user@a.example",
            "https://user:pass@a.example",
            "https://:pass@a.example",
            "java\nscript:alert(1)",
            "https://a.ex\tample",
        ];
        for bad in bad {
            let refused = checked(bad).unwrap_err().to_string();
            assert!(refused.starts_with("url: "), "{bad:?}: {refused}");
        }
    }

    #[test]
    fn a_link_is_taken_up_to_2048_characters_and_refused_beyond() {
        let of = |length: usize| format!("https://a.example/{}", "a".repeat(length - 18));
        assert_eq!(checked(&of(URL_MAX)).unwrap().len(), URL_MAX);
        assert!(checked(&of(URL_MAX + 1)).is_err());
        let written_out = format!("https://a.example/{}", "é".repeat(400));
        assert!(checked(&written_out).is_err(), "each é is six characters when written out");
    }

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    /// Folders 1 to 5, each in the one before; folder 9 beside them.
    fn tree() -> Tree {
        let mut folders: HashMap<_, _> = (2..=5).map(|n| (id(n), Some(id(n - 1)))).collect();
        folders.insert(id(1), None);
        folders.insert(id(9), None);
        Tree { folders, item_count: 6 }
    }

    fn item(n: u128, kind: ItemKind) -> Item {
        let now = service_kit::clock::Clock::now(&*testkit::clock());
        Item {
            item_id: id(n),
            space_id: id(0).into(),
            folder_id: None,
            kind,
            position: 0,
            title: "t".into(),
            description: String::new(),
            url: None,
            origin: Origin::Internal,
            adder_user_id: id(0).into(),
            adder_display_name: String::new(),
            item_count: 0,
            version: 1,
            create_time: now,
            update_time: now,
        }
    }

    #[test]
    fn folders_lie_in_each_other_five_deep_and_no_deeper() {
        let tree = tree();
        assert!(tree.check_add(Some(id(4)), ItemKind::Folder).is_ok());
        assert!(matches!(tree.check_add(Some(id(5)), ItemKind::Folder), Err(ItemError::TooDeep)));
        assert!(tree.check_add(Some(id(5)), ItemKind::Link).is_ok(), "a link makes no level");
        assert!(matches!(tree.check_add(Some(id(7)), ItemKind::Link), Err(ItemError::FolderNotFound)));
        assert!(tree.check_move(&item(9, ItemKind::Folder), Some(id(4))).is_ok());
        let refused = tree.check_move(&item(9, ItemKind::Folder), Some(id(5)));
        assert!(matches!(refused, Err(ItemError::TooDeep)));
        let refused = tree.check_move(&item(1, ItemKind::Folder), Some(id(9)));
        assert!(matches!(refused, Err(ItemError::TooDeep)), "it takes its five levels along");
        assert!(tree.check_move(&item(2, ItemKind::Folder), Some(id(9))).is_ok());
    }

    #[test]
    fn a_folder_is_never_moved_into_itself_or_what_lies_in_it() {
        for target in [2, 3, 5] {
            let refused = tree().check_move(&item(2, ItemKind::Folder), Some(id(target)));
            assert!(matches!(refused, Err(ItemError::IntoItself)), "{target}");
        }
        assert!(tree().check_move(&item(2, ItemKind::Folder), None).is_ok());
    }

    #[test]
    fn a_space_takes_1000_items_and_no_more() {
        let full = Tree { item_count: ITEMS_MAX, ..tree() };
        assert!(matches!(full.check_add(None, ItemKind::Link), Err(ItemError::TooMany)));
        let nearly = Tree { item_count: ITEMS_MAX - 1, ..tree() };
        assert!(nearly.check_add(None, ItemKind::Link).is_ok());
    }

    #[test]
    fn a_change_on_an_old_version_or_of_a_folders_address_is_refused() {
        let now = service_kit::clock::Clock::now(&*testkit::clock());
        let mut folder = item(1, ItemKind::Folder);
        let before = folder.clone();
        let stale = ItemChange { title: Some("n".into()), version: Some(2), ..ItemChange::default() };
        assert!(matches!(folder.change(stale, now), Err(ItemError::Changed)));
        let address = ItemChange { url: Some("https://a.example".into()), ..ItemChange::default() };
        assert!(folder.change(address, now).is_err());
        assert_eq!(folder, before);
    }
}
