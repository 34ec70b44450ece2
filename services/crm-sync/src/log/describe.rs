//! What spaces says of a space when it is logged.

use chrono::{DateTime, Utc};
use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, SpaceId};
use service_kit::peers::PeerChannel;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::space_service_client::SpaceServiceClient;
use tonic::Code;

use super::Content;
use super::content::{Participant, Person};

/// Asks spaces what a space is at this moment.
#[derive(Clone)]
pub(crate) struct Describer(SpaceServiceClient<PeerChannel>);

impl Describer {
    pub(crate) fn new(channel: PeerChannel) -> Self {
        Self(SpaceServiceClient::new(channel))
    }

    /// Returns what is logged of a space; nothing where there is none. Errors: spaces did not answer.
    pub(super) async fn describe(
        &self,
        organization_id: OrganizationId,
        space_id: SpaceId,
    ) -> Result<Option<Content>, CommonError> {
        let request = pb::DescribeSpaceRequest {
            organization_id: organization_id.to_string(),
            space_id: space_id.to_string(),
        };
        match self.0.clone().describe_space(request).await {
            Ok(answer) => Ok(Some(content(answer.into_inner()))),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(CommonError::Peer(Box::new(status))),
        }
    }
}

fn content(described: pb::DescribeSpaceResponse) -> Content {
    let participant = |person: pb::DescribedParticipant| Participant {
        person: Person { display_name: person.display_name, address: person.email_address },
        is_invited: person.is_invited,
    };
    let create_time = described
        .create_time
        .and_then(|time| DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).ok()?));
    Content {
        title: described.title,
        url: described.url,
        description: described.description,
        create_time: create_time.unwrap_or(DateTime::<Utc>::UNIX_EPOCH),
        locale: String::new(),
        inviter: None,
        invited: Vec::new(),
        note: String::new(),
        participants: described.participants.into_iter().map(participant).collect(),
        items: described.items.into_iter().map(|item| item.path).collect(),
        item_count: described.item_count,
    }
}
