//! Between participants on the wire and what the use cases know of them.

use service_kit::clock::timestamp;
use service_kit::ids::SpaceId;
use service_kit::locale::Locale;
use service_kit::page::{Page, PageRequest};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;

use uuid::Uuid;

use super::convert::crm_target;
use crate::participant::{
    Invitation, InvitationText, Invited, Kind, Left, Log, Participant, ParticipantKey, ProfileChange,
    ProfileChanged, RECOMMENDED_MAX, Refused, Reminded, State,
};

/// Longest text of a profile, in characters.
const PROFILE_FIELD_MAX: usize = 255;
/// Which fields of a profile can be changed.
const PROFILE_FIELDS: [&str; 6] = ["display_name", "job_title", "company", "phone", "locale", "time_zone"];

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
        let log = request.crm_log.map(|log| Log {
            target: log.target.map(|target| crm_target(&mut check, "crm_log.target", &target)),
        });
        let text = InvitationText {
            email_addresses: request.email_addresses,
            pasted_list: request.pasted_list,
            note: request.personal_note,
            send_good_ones: request.send_good_ones,
        };
        let invitation = Self::read(&mut check, space_id, &text, log);
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
            job_title: participant.person.profile.job_title,
            company: participant.person.profile.company,
            phone: participant.person.profile.phone,
            locale: participant.person.profile.locale,
            time_zone: participant.person.profile.time_zone,
            remind_time: participant.remind_time.map(timestamp),
            last_visit_time: participant.last_visit_time.map(timestamp),
        }
    }
}

impl From<ProfileChanged> for pb::UpdateParticipantProfileResponse {
    fn from(ProfileChanged(participant): ProfileChanged) -> Self {
        Self { participant: Some(participant.into()) }
    }
}

impl From<Reminded> for pb::RemindParticipantResponse {
    fn from(Reminded(participant): Reminded) -> Self {
        Self { participant: Some(participant.into()) }
    }
}

/// Whose profile to change, and how.
pub(super) struct ProfileUpdate {
    pub(super) space_id: SpaceId,
    pub(super) participant_id: Uuid,
    pub(super) change: ProfileChange,
}

impl TryFrom<pb::UpdateParticipantProfileRequest> for ProfileUpdate {
    type Error = Violations;

    fn try_from(request: pb::UpdateParticipantProfileRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let participant_id = check.id("participant_id", &request.participant_id);
        let paths = request.update_mask.unwrap_or_default().paths;
        if paths.is_empty() || paths.iter().any(|path| !PROFILE_FIELDS.contains(&path.as_str())) {
            check.add("update_mask", format!("must name at least one of {}", PROFILE_FIELDS.join(", ")));
        }
        let mut change = ProfileChange::default();
        for path in &paths {
            let mut line = |min, value: &str| Some(check.line(path, value, min, PROFILE_FIELD_MAX));
            match path.as_str() {
                "display_name" => change.display_name = line(1, &request.display_name),
                "job_title" => change.job_title = line(0, &request.job_title),
                "company" => change.company = line(0, &request.company),
                "time_zone" => change.time_zone = line(0, &request.time_zone),
                "locale" => {
                    change.locale = Some(Locale::read(&mut check, path, &request.locale).as_str().to_owned());
                }
                "phone" => {
                    change.phone = line(0, &request.phone);
                    if request.phone.chars().any(|c| !c.is_ascii_digit() && !" +-./()".contains(c)) {
                        check.add(path, "must have digits, spaces and +-./() alone");
                    }
                }
                _ => {}
            }
        }
        check.into_result()?;
        Ok(Self { space_id, participant_id, change })
    }
}

impl From<Refused> for pb::RefusedAddress {
    fn from(refused: Refused) -> Self {
        Self { given: refused.given, reason: refused.reason }
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
            refused: invited.refused.into_iter().map(pb::RefusedAddress::from).collect(),
            requested_email_addresses: invited.requested,
            crm_log_id: invited.log_id.map(|log_id| log_id.to_string()).unwrap_or_default(),
        }
    }
}

pub(super) fn list_participants_response(page: Page<Participant>) -> pb::ListParticipantsResponse {
    pb::ListParticipantsResponse {
        participants: page.items.into_iter().map(pb::Participant::from).collect(),
        next_page_token: page.next_page_token,
    }
}
