//! What a log of a space holds (R11.3), for crm-sync.

use service_kit::ids::{OrganizationId, SpaceId, UserId};
use uuid::Uuid;

use super::{SpaceError, SpaceView, Spaces, visible};
use crate::item::{self, DescribedItem};
use crate::participant::{self, Participant};
use crate::permission::{SpaceState, Viewer};

/// Most participants that a log names.
pub(crate) const PARTICIPANTS_MAX: i64 = 500;
/// Most items that a log names.
pub(crate) const ITEMS_MAX: usize = 1_000;

/// A space as a log of it tells.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    /// The space.
    pub(crate) view: SpaceView,
    /// Who takes part or is invited, in the order they came.
    pub(crate) participants: Vec<Participant>,
    /// Files and links in their order.
    pub(crate) items: Vec<DescribedItem>,
    /// How many items there are altogether.
    pub(crate) item_count: usize,
}

impl Spaces {
    /// Describes a space as its internal participants see it at this moment.
    pub(crate) async fn describe(
        &self,
        organization_id: OrganizationId,
        space_id: SpaceId,
    ) -> Result<Description, SpaceError> {
        let user_id = UserId::from(Uuid::nil());
        let viewer = Viewer { organization_id, user_id, is_admin: true, consent_notice_version: 0 };
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    let view = visible(tx, &viewer, space_id).await?;
                    if view.space.lifecycle.state() == SpaceState::Deleted {
                        return Err(SpaceError::NotFound);
                    }
                    let participants =
                        participant::repo::list_taking_part(tx, organization_id, space_id, PARTICIPANTS_MAX)
                            .await?;
                    let mut items = item::describe(tx, organization_id, space_id).await?;
                    let item_count = items.len();
                    items.truncate(ITEMS_MAX);
                    Ok(Description { view, participants, items, item_count })
                })
            })
            .await
    }
}
