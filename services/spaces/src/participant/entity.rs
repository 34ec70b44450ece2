//! The rules of participants. No I/O.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::ids::SpaceId;
use sharedspaces_proto::identity::v1::PersonKind;
use uuid::Uuid;

use crate::person::Person;

/// How many participants a space is recommended to have at most (R7.3).
pub(crate) const RECOMMENDED_MAX: i64 = 15;

service_kit::text_enum! {
    /// How a participant belongs to a space.
    pub(crate) enum Kind {
        /// The member the space belongs to.
        Owner = "OWNER",
        /// A colleague of the owner.
        Internal = "INTERNAL",
        /// A guest.
        External = "EXTERNAL",
    }
}

impl Kind {
    /// Returns how a person who is added belongs to the space.
    pub(crate) fn of(kind: PersonKind) -> Self {
        match kind {
            PersonKind::Member => Self::Internal,
            PersonKind::Guest | PersonKind::Unspecified => Self::External,
        }
    }

    /// Tells whether the owner's rights come with it (R7.1).
    pub(crate) fn is_internal(self) -> bool {
        self != Self::External
    }
}

service_kit::text_enum! {
    /// Where a participant stands.
    pub(crate) enum State {
        /// Invited, has not come in yet.
        Invited = "INVITED",
        /// Takes part.
        Active = "ACTIVE",
        /// Was shut out.
        Revoked = "REVOKED",
        /// Left.
        Left = "LEFT",
    }
}

/// What moves a participant from state to state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// An invitation.
    Invite,
    /// Its acceptance.
    Accept,
    /// Being shut out.
    Revoke,
    /// Leaving.
    Leave,
}

impl State {
    /// The state machine of participants (docs/state-machines.md): where a step leads somebody of this kind, who was
    /// never invited where `from` is absent. Nothing: there is no such step. Colleagues take part at once (R8.4), guests
    /// when they accept; the owner neither leaves nor is shut out; whoever is out comes back by an invitation alone.
    pub(crate) fn after(from: Option<Self>, kind: Kind, step: Step) -> Option<Self> {
        let added = if kind.is_internal() { Self::Active } else { Self::Invited };
        match (step, from) {
            (Step::Invite, None | Some(Self::Revoked | Self::Left)) => Some(added),
            (Step::Accept, Some(Self::Invited)) => Some(Self::Active),
            (Step::Revoke | Step::Leave, _) if kind == Kind::Owner => None,
            (Step::Revoke, Some(Self::Invited | Self::Active)) => Some(Self::Revoked),
            (Step::Leave, Some(Self::Invited | Self::Active)) => Some(Self::Left),
            (_, from) => from,
        }
    }

    /// Tells whether the person has rights in the space.
    pub(crate) fn takes_part(self) -> bool {
        matches!(self, Self::Invited | Self::Active)
    }
}

/// Somebody in a space.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Participant {
    /// The participant.
    pub(crate) participant_id: Uuid,
    /// The space.
    pub(crate) space_id: SpaceId,
    /// The person.
    pub(crate) person: Person,
    /// How they belong to the space.
    pub(crate) kind: Kind,
    /// Where they stand.
    pub(crate) state: State,
    /// When they were invited or added.
    pub(crate) create_time: DateTime<Utc>,
    /// When they were last reminded of their invitation.
    pub(crate) remind_time: Option<DateTime<Utc>>,
    /// When their last visit began.
    pub(crate) last_visit_time: Option<DateTime<Utc>>,
}

impl Participant {
    /// Returns the participant as guests see them: not what the organisation's people do to bring them in, nor when they
    /// visit.
    pub(crate) fn seen_by_guest(self) -> Self {
        Self { remind_time: None, last_visit_time: None, ..self }
    }

    /// Returns where the participant stands in the list.
    pub(crate) fn key(&self) -> ParticipantKey {
        ParticipantKey { create_time: self.create_time, participant_id: self.participant_id }
    }
}

/// Where a participant stands in the list.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct ParticipantKey {
    /// When they were added.
    pub(crate) create_time: DateTime<Utc>,
    /// Tells apart those added at once.
    pub(crate) participant_id: Uuid,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_of_the_state_machine_leads_where_it_is_drawn() {
        use State::{Active, Invited, Left, Revoked};
        let states = [None, Some(Invited), Some(Active), Some(Revoked), Some(Left)];
        let table = [
            (Step::Invite, [Some(Invited), Some(Invited), Some(Active), Some(Invited), Some(Invited)]),
            (Step::Accept, [None, Some(Active), Some(Active), Some(Revoked), Some(Left)]),
            (Step::Revoke, [None, Some(Revoked), Some(Revoked), Some(Revoked), Some(Left)]),
            (Step::Leave, [None, Some(Left), Some(Left), Some(Revoked), Some(Left)]),
        ];
        for (step, expected) in table {
            let after = states.map(|from| State::after(from, Kind::External, step));
            assert_eq!(after, expected, "{step:?}");
        }
        assert_eq!(State::after(None, Kind::Internal, Step::Invite), Some(Active));
        assert_eq!(State::after(Some(Left), Kind::Internal, Step::Invite), Some(Active));
        for step in [Step::Revoke, Step::Leave] {
            assert_eq!(State::after(Some(Active), Kind::Owner, step), None, "the owner stays");
        }
    }
}
