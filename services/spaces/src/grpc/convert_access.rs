//! Between questions of rights on the wire and what the use cases know of them.

use service_kit::ids::SpaceId;
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use uuid::Uuid;

use super::convert::codes;
use crate::permission::{Permission, Refusal, Viewer};
use crate::space::Explanation;

/// Most logos in one question.
const LOGOS_MAX: usize = 100;

/// Whose rights in which space are asked for.
pub(super) struct AccessQuestion {
    pub(super) viewer: Viewer,
    pub(super) space_id: SpaceId,
}

impl TryFrom<pb::CheckAccessRequest> for AccessQuestion {
    type Error = Violations;

    fn try_from(request: pb::CheckAccessRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let viewer = Viewer {
            organization_id: check.id("organization_id", &request.organization_id),
            user_id: check.id("user_id", &request.user_id),
            is_admin: request.is_admin,
            consent_notice_version: request.consent_notice_version,
        };
        let space_id = check.id("space_id", &request.space_id);
        check.into_result()?;
        Ok(Self { viewer, space_id })
    }
}

/// Whose sight of which logos is asked for.
pub(super) struct LogoQuestion {
    pub(super) viewer: Viewer,
    pub(super) logo_ids: Vec<Uuid>,
}

impl TryFrom<pb::CheckLogoAccessRequest> for LogoQuestion {
    type Error = Violations;

    fn try_from(request: pb::CheckLogoAccessRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let viewer = Viewer {
            organization_id: check.id("organization_id", &request.organization_id),
            user_id: check.id("user_id", &request.user_id),
            is_admin: request.is_admin,
            consent_notice_version: request.consent_notice_version,
        };
        if request.logo_ids.len() > LOGOS_MAX {
            check.add("logo_ids", format!("must have at most {LOGOS_MAX} logos"));
        }
        let read = |(index, id): (usize, &String)| check.id(&format!("logo_ids[{index}]"), id);
        let logo_ids = request.logo_ids.iter().take(LOGOS_MAX).enumerate().map(read).collect();
        check.into_result()?;
        Ok(Self { viewer, logo_ids })
    }
}

pub(super) fn check_access_response(permissions: Vec<Permission>) -> pb::CheckAccessResponse {
    pb::CheckAccessResponse { permissions: codes(permissions) }
}

pub(super) fn check_logo_access_response(logo_ids: &[Uuid]) -> pb::CheckLogoAccessResponse {
    pb::CheckLogoAccessResponse { logo_ids: logo_ids.iter().map(Uuid::to_string).collect() }
}

impl From<Refusal> for pb::Refusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Policy => Self::OrganizationPolicy,
            Refusal::Space => Self::Space,
            Refusal::Kind => Self::ParticipantKind,
            Refusal::State => Self::SpaceState,
        }
    }
}

impl From<Explanation> for pb::PermissionExplanation {
    fn from(explanation: Explanation) -> Self {
        Self {
            permission: pb::Permission::from(explanation.permission).into(),
            is_granted: explanation.refused_by.is_empty(),
            refused_by: explanation
                .refused_by
                .into_iter()
                .map(|refusal| pb::Refusal::from(refusal).into())
                .collect(),
        }
    }
}

pub(super) fn explain_permissions_response(explanations: Vec<Explanation>) -> pb::ExplainPermissionsResponse {
    let permissions = explanations.into_iter().map(pb::PermissionExplanation::from).collect();
    pb::ExplainPermissionsResponse { permissions }
}
