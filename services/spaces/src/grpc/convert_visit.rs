//! Visits between the wire and the domain.

use std::time::Duration;

use service_kit::clock::timestamp;
use service_kit::ids::SpaceId;
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;

use crate::visit::{GuestVisits, Insights, ItemDeeds};

pub(super) fn space_of(space_id: &str) -> Result<SpaceId, Violations> {
    let mut check = Violations::default();
    let id = check.id("space_id", space_id);
    check.into_result().map(|()| id)
}

pub(super) fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration { seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX), nanos: 0 }
}

fn lasted(seconds: f64) -> prost_types::Duration {
    duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

fn count(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

impl From<ItemDeeds> for pb::ItemInsight {
    fn from(item: ItemDeeds) -> Self {
        Self {
            item_id: item.item_id.to_string(),
            title: item.title,
            open_count: count(item.open_count),
            download_count: count(item.download_count),
        }
    }
}

impl From<GuestVisits> for pb::ParticipantInsight {
    fn from(guest: GuestVisits) -> Self {
        Self {
            user_id: guest.user_id.to_string(),
            display_name: guest.display_name,
            email_address: guest.email_address,
            visit_count: count(guest.visit_count),
            visit_duration: Some(lasted(guest.seconds)),
            first_visit_time: guest.first_visit_time.map(timestamp),
            last_visit_time: guest.last_visit_time.map(timestamp),
            items: guest.items.into_iter().map(pb::ItemInsight::from).collect(),
            unopened_item_count: count(guest.unopened_item_count),
        }
    }
}

impl From<Insights> for pb::GetInsightsResponse {
    fn from(insights: Insights) -> Self {
        Self {
            visit_count: count(insights.visit_count),
            visit_duration: Some(lasted(insights.seconds)),
            participants: insights.guests.into_iter().map(pb::ParticipantInsight::from).collect(),
            items: insights.items.into_iter().map(pb::ItemInsight::from).collect(),
        }
    }
}
