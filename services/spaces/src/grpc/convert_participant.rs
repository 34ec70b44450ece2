//! Between participants on the wire and what the use cases know of them.

use service_kit::clock::timestamp;
use service_kit::ids::SpaceId;
use service_kit::page::{Page, PageRequest};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;

use crate::participant::{
    Invitation, Invited, Kind, Left, Participant, ParticipantKey, RECOMMENDED_MAX, State,
};

/// Which page of whose participants is asked for.
pub(super) struct ParticipantList {
    pub(super) space_id: SpaceId,
    pub(super) states: Vec<State>,
    pub(super) page: PageRequest<ParticipantKey>,
}

impl TryFrom<pb::ListParticipantsRequest> for ParticipantList {
    type Error = Violations;

    fn try_from(request: pb::ListParticipantsRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
        let mut states = Vec::new();
        for (index, code) in request.states.iter().enumerate() {
            match pb::ParticipantState::try_from(*code) {
                Ok(pb::ParticipantState::Invited) => states.push(State::Invited),
                Ok(pb::ParticipantState::Active) => states.push(State::Active),
                Ok(pb::ParticipantState::Revoked) => states.push(State::Revoked),
                Ok(pb::ParticipantState::Left) => states.push(State::Left),
                Ok(pb::ParticipantState::Unspecified) | Err(_) => {
                    check.add(format!("states[{index}]"), "must be a state of participants");
                }
            }
        }
        if request.states.is_empty() {
            states = vec![State::Invited, State::Active];
        }
        check.into_result()?;
        Ok(Self { space_id, states, page })
    }
}

impl From<Participant> for pb::RevokeParticipantResponse {
    fn from(participant: Participant) -> Self {
        Self { participant: Some(participant.into()) }
    }
}

impl From<Left> for pb::LeaveSpaceResponse {
    fn from(Left: Left) -> Self {
        Self {}
    }
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
            State::Revoked => Self::Revoked,
            State::Left => Self::Left,
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
            ..Self::default()
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
        Self {
            participants: invited.participants.into_iter().map(pb::Participant::from).collect(),
            notice,
            ..Self::default()
        }
    }
}

pub(super) fn list_participants_response(page: Page<Participant>) -> pb::ListParticipantsResponse {
    pb::ListParticipantsResponse {
        participants: page.items.into_iter().map(pb::Participant::from).collect(),
        next_page_token: page.next_page_token,
    }
}
