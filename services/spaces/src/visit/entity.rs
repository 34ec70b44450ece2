//! What a visit is. No I/O.

use std::time::Duration;

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use uuid::Uuid;

/// How long nothing is heard of a visit before it has ended.
pub(crate) const QUIET: Duration = Duration::from_secs(30 * 60);
/// When a client calls again while the space is in front.
pub(crate) const NEXT_CALL: Duration = Duration::from_secs(30);
/// Most titles of each kind that a summary names.
pub(super) const TITLES_MAX: usize = 20;
/// Most guests, and most items, that insights list.
pub(super) const LISTED_MAX: i64 = 500;
/// How many items of one guest insights list.
pub(super) const ITEMS_OF_GUEST_MAX: i64 = 50;

/// What a guest does with an item.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Deed {
    /// Looks at it.
    Open,
    /// Takes it along.
    Download,
}

/// A visit that has ended just now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ended {
    pub(super) organization_id: OrganizationId,
    pub(super) visit_id: Uuid,
    pub(super) space_id: SpaceId,
    pub(super) user_id: UserId,
    pub(super) start_time: DateTime<Utc>,
    pub(super) last_time: DateTime<Utc>,
}

/// What one guest did, or all did, with an item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ItemDeeds {
    /// The item.
    pub(crate) item_id: Uuid,
    /// Its title now; empty where it is gone.
    pub(crate) title: String,
    /// How often it was opened.
    pub(crate) open_count: i64,
    /// How often it was downloaded.
    pub(crate) download_count: i64,
}

/// What one guest did in a space.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GuestVisits {
    /// The guest.
    pub(crate) user_id: UserId,
    /// The guest's name; may be empty.
    pub(crate) display_name: String,
    /// The guest's address.
    pub(crate) email_address: String,
    /// How often the guest came.
    pub(crate) visit_count: i64,
    /// How long altogether, in seconds.
    pub(crate) seconds: f64,
    /// When the first visit began; absent: never.
    pub(crate) first_visit_time: Option<DateTime<Utc>>,
    /// When the last visit began; absent: never.
    pub(crate) last_visit_time: Option<DateTime<Utc>>,
    /// What the guest opened or downloaded, the most opened first, at most 50.
    pub(crate) items: Vec<ItemDeeds>,
    /// Files and links of the space the guest has neither opened nor downloaded.
    pub(crate) unopened_item_count: i64,
}

/// Who visited a space, and what was looked at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Insights {
    /// Visits of all guests, also of those who are gone.
    pub(crate) visit_count: i64,
    /// How long they lasted altogether, in seconds.
    pub(crate) seconds: f64,
    /// Each guest who takes part or is invited, the last visitor first.
    pub(crate) guests: Vec<GuestVisits>,
    /// Each item that was opened or downloaded, the most opened first.
    pub(crate) items: Vec<ItemDeeds>,
}
