//! Between what is on the wire and what the use cases know.

use service_kit::clock::timestamp;
use service_kit::ids::SpaceId;
use service_kit::page::Page;
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;

use crate::participant::{Invitation, Invited, Kind, Participant, RECOMMENDED_MAX, State};
use crate::space::{
    Address, CrmTarget, CustomerLogo, DESCRIPTION_MAX, NewSpace, Permission, Sharing, SpaceChange,
    SpaceContent, SpaceView, TITLE_MAX,
};

const RECORD_ID_MAX: usize = 64;
const RECORD_NAME_MAX: usize = 255;

/// Which space to change, and how.
pub(super) struct SpaceUpdate {
    pub(super) space_id: SpaceId,
    pub(super) change: SpaceChange,
}

pub(super) fn space_id(value: &str) -> Result<SpaceId, Violations> {
    let mut check = Violations::default();
    let space_id = check.id("space_id", value);
    check.into_result().map(|()| space_id)
}

impl TryFrom<pb::CreateSpaceRequest> for NewSpace {
    type Error = Violations;

    fn try_from(request: pb::CreateSpaceRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let title = check.line("title", &request.title, 1, TITLE_MAX);
        let address =
            (!request.address.is_empty()).then(|| Address::chosen(&mut check, "address", &request.address));
        let description = check.paragraphs("description", &request.description, DESCRIPTION_MAX);
        let sharing = request.sharing.map_or_else(Sharing::default, Sharing::from);
        let crm_target = request.crm_target.map(|target| crm_target(&mut check, &target));
        check.into_result()?;
        Ok(Self { space: SpaceContent { title, address, sharing, description }, crm_target })
    }
}

fn crm_target(check: &mut Violations, target: &pb::CrmTarget) -> CrmTarget {
    if target.record_type() == pb::CrmRecordType::Unspecified {
        check.add("crm_target.record_type", "must be an Account or an Opportunity");
    }
    CrmTarget {
        connection_id: check.id("crm_target.connection_id", &target.connection_id),
        is_opportunity: target.record_type() == pb::CrmRecordType::Opportunity,
        record_id: check.line("crm_target.record_id", &target.record_id, 1, RECORD_ID_MAX),
        record_name: check.line("crm_target.record_name", &target.record_name, 0, RECORD_NAME_MAX),
    }
}

impl From<&CrmTarget> for pb::CrmTarget {
    fn from(target: &CrmTarget) -> Self {
        let record_type =
            if target.is_opportunity { pb::CrmRecordType::Opportunity } else { pb::CrmRecordType::Account };
        Self {
            connection_id: target.connection_id.to_string(),
            record_type: record_type.into(),
            record_id: target.record_id.clone(),
            record_name: target.record_name.clone(),
        }
    }
}

impl TryFrom<pb::UpdateSpaceRequest> for SpaceUpdate {
    type Error = Violations;

    fn try_from(request: pb::UpdateSpaceRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let mut change = SpaceChange::default();
        let paths = request.update_mask.unwrap_or_default().paths;
        if paths.is_empty() {
            check.add("update_mask", "must name at least one of title, description, sharing");
        }
        for path in &paths {
            match path.as_str() {
                "title" => change.title = Some(check.line("title", &request.title, 1, TITLE_MAX)),
                "description" => {
                    let text = check.paragraphs("description", &request.description, DESCRIPTION_MAX);
                    change.description = Some(text);
                }
                "sharing" => match request.sharing {
                    Some(sharing) => change.sharing = Some(sharing.into()),
                    None => check.add("sharing", "must be set, because update_mask names it"),
                },
                _ => check.add("update_mask", "must name only title, description, sharing"),
            }
        }
        if !request.etag.is_empty() {
            change.version = request.etag.parse().ok();
            if change.version.is_none() {
                check.add("etag", "must be the etag last read");
            }
        }
        check.into_result()?;
        Ok(Self { space_id, change })
    }
}

impl From<pb::SharingToggles> for Sharing {
    fn from(toggles: pb::SharingToggles) -> Self {
        Self { download: toggles.download, invite: toggles.invite, upload: toggles.upload }
    }
}

impl From<Sharing> for pb::SharingToggles {
    fn from(sharing: Sharing) -> Self {
        Self { download: sharing.download, invite: sharing.invite, upload: sharing.upload }
    }
}

impl From<Permission> for pb::Permission {
    fn from(permission: Permission) -> Self {
        match permission {
            Permission::View => Self::View,
            Permission::Edit => Self::Edit,
            Permission::Invite => Self::Invite,
            Permission::Download => Self::Download,
            Permission::Upload => Self::Upload,
            Permission::Crm => Self::Crm,
        }
    }
}

impl From<CustomerLogo> for pb::CustomerLogo {
    fn from(logo: CustomerLogo) -> Self {
        Self { logo_id: logo.logo_id.to_string(), width_px: logo.width_px, height_px: logo.height_px }
    }
}

impl From<SpaceView> for pb::Space {
    fn from(view: SpaceView) -> Self {
        let permissions = codes(view.permissions());
        let sharing = view.may(Permission::Edit).then(|| view.space.sharing.into());
        let SpaceView { space, url, .. } = view;
        Self {
            space_id: space.space_id.to_string(),
            title: space.title,
            address: space.address.as_str().to_owned(),
            url,
            description: space.description,
            sharing,
            permissions,
            customer_logo: space.logo.map(pb::CustomerLogo::from),
            owner_user_id: space.owner_user_id.to_string(),
            etag: space.version.to_string(),
            create_time: Some(timestamp(space.create_time)),
            update_time: Some(timestamp(space.update_time)),
            ..Self::default()
        }
    }
}

fn codes(permissions: Vec<Permission>) -> Vec<i32> {
    permissions.into_iter().map(|permission| pb::Permission::from(permission).into()).collect()
}

impl From<SpaceView> for pb::CreateSpaceResponse {
    fn from(view: SpaceView) -> Self {
        Self { space: Some(view.into()) }
    }
}

impl From<SpaceView> for pb::GetSpaceResponse {
    fn from(view: SpaceView) -> Self {
        Self { space: Some(view.into()) }
    }
}

impl From<SpaceView> for pb::UpdateSpaceResponse {
    fn from(view: SpaceView) -> Self {
        Self { space: Some(view.into()) }
    }
}

impl From<SpaceView> for pb::SetCustomerLogoResponse {
    fn from(view: SpaceView) -> Self {
        Self { space: Some(view.into()) }
    }
}

pub(super) fn check_access_response(permissions: Vec<Permission>) -> pb::CheckAccessResponse {
    pb::CheckAccessResponse { permissions: codes(permissions) }
}

impl TryFrom<pb::InviteParticipantsRequest> for Invitation {
    type Error = Violations;

    fn try_from(request: pb::InviteParticipantsRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let invitation =
            Self::checked(&mut check, space_id, &request.email_addresses, &request.personal_note);
        check.into_result()?;
        Ok(invitation)
    }
}

impl From<Kind> for pb::ParticipantKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Owner => Self::Owner,
            Kind::Internal => Self::Internal,
            Kind::External => Self::External,
        }
    }
}

impl From<State> for pb::ParticipantState {
    fn from(state: State) -> Self {
        match state {
            State::Invited => Self::Invited,
            State::Active => Self::Active,
        }
    }
}

impl From<Participant> for pb::Participant {
    fn from(participant: Participant) -> Self {
        Self {
            participant_id: participant.participant_id.to_string(),
            user_id: participant.person.user_id.to_string(),
            email_address: participant.person.email_address,
            display_name: participant.person.display_name,
            kind: pb::ParticipantKind::from(participant.kind).into(),
            state: pb::ParticipantState::from(participant.state).into(),
            create_time: Some(timestamp(participant.create_time)),
        }
    }
}

impl From<Invited> for pb::InviteParticipantsResponse {
    fn from(invited: Invited) -> Self {
        let notice = if invited.total > RECOMMENDED_MAX {
            format!("this space has {} participants; up to {RECOMMENDED_MAX} are recommended", invited.total)
        } else {
            String::new()
        };
        Self { participants: invited.participants.into_iter().map(pb::Participant::from).collect(), notice }
    }
}

pub(super) fn list_participants_response(page: Page<Participant>) -> pb::ListParticipantsResponse {
    pb::ListParticipantsResponse {
        participants: page.items.into_iter().map(pb::Participant::from).collect(),
        next_page_token: page.next_page_token,
    }
}
