//! Between descriptions of spaces on the wire and what the use cases know of them.

use service_kit::clock::timestamp;
use sharedspaces_proto::spaces::v1 as pb;

use crate::item::{DescribedItem, Origin};
use crate::participant::{Participant, State};
use crate::space::Description;

impl From<Participant> for pb::DescribedParticipant {
    fn from(participant: Participant) -> Self {
        Self {
            user_id: participant.person.user_id.to_string(),
            display_name: participant.person.display_name,
            email_address: participant.person.email_address,
            is_internal: participant.kind.is_internal(),
            is_invited: participant.state == State::Invited,
        }
    }
}

impl From<DescribedItem> for pb::DescribedItem {
    fn from(item: DescribedItem) -> Self {
        Self {
            item_id: item.item_id.to_string(),
            path: item.path,
            is_external: item.origin == Origin::External,
        }
    }
}

impl From<Description> for pb::DescribeSpaceResponse {
    fn from(description: Description) -> Self {
        let Description { view, participants, items, item_count } = description;
        Self {
            title: view.space.title,
            url: view.url,
            description: view.space.description,
            create_time: Some(timestamp(view.space.create_time)),
            participants: participants.into_iter().map(pb::DescribedParticipant::from).collect(),
            items: items.into_iter().map(pb::DescribedItem::from).collect(),
            item_count: i32::try_from(item_count).unwrap_or(i32::MAX),
        }
    }
}
