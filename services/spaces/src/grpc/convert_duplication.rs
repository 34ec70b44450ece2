//! Between duplication on the wire and what the use cases know of it.

use service_kit::ids::SpaceId;
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;

use crate::duplication::{Description, Part};
use crate::locale::Locale;
use crate::space::Shown;

/// Which space to duplicate, and the language of the new title's first word.
pub(super) struct Duplication {
    pub(super) space_id: SpaceId,
    pub(super) locale: Option<Locale>,
}

fn duplication(space_id: &str, locale: &str) -> Result<Duplication, Violations> {
    let mut check = Violations::default();
    let space_id = check.id("space_id", space_id);
    let locale = Locale::read(&mut check, "locale", locale);
    check.into_result().map(|()| Duplication { space_id, locale })
}

impl TryFrom<pb::DescribeDuplicationRequest> for Duplication {
    type Error = Violations;

    fn try_from(request: pb::DescribeDuplicationRequest) -> Result<Self, Violations> {
        duplication(&request.space_id, &request.locale)
    }
}

impl TryFrom<pb::DuplicateSpaceRequest> for Duplication {
    type Error = Violations;

    fn try_from(request: pb::DuplicateSpaceRequest) -> Result<Self, Violations> {
        duplication(&request.space_id, &request.locale)
    }
}

impl From<Part> for pb::SpacePart {
    fn from(part: Part) -> Self {
        match part {
            Part::Title => Self::Title,
            Part::Logo => Self::Logo,
            Part::Description => Self::Description,
            Part::InternalContent => Self::InternalContent,
            Part::Sharing => Self::Sharing,
            Part::Theme => Self::Theme,
            Part::NotificationDefaults => Self::NotificationDefaults,
            Part::Participants => Self::Participants,
            Part::Comments => Self::Comments,
            Part::ExternalContent => Self::ExternalContent,
            Part::Visits => Self::Visits,
            Part::Crm => Self::Crm,
            Part::Timeline => Self::Timeline,
            Part::Address => Self::Address,
        }
    }
}

impl From<Description> for pb::DescribeDuplicationResponse {
    fn from(description: Description) -> Self {
        let part = |part: Part| pb::PartDuplication {
            part: pb::SpacePart::from(part).into(),
            is_copied: part.is_copied(),
            count: i32::try_from(description.counts.of(part)).unwrap_or(i32::MAX),
        };
        let parts = Part::ALL.into_iter().map(part).collect();
        Self { title: description.title, parts }
    }
}

impl From<Shown> for pb::DuplicateSpaceResponse {
    fn from(shown: Shown) -> Self {
        Self { space: Some(shown.into()) }
    }
}
