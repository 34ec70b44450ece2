//! The rules of participants. No I/O.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::address::EmailAddress;
use service_kit::ids::SpaceId;
use service_kit::validate::Violations;
use sharedspaces_proto::identity::v1::PersonKind;
use uuid::Uuid;

use crate::person::Person;

/// Most addresses in one call, after folding duplicates.
pub(super) const ADDRESSES_MAX: usize = 100;
/// Longest personal note, in characters (R8.3).
pub(super) const NOTE_MAX: usize = 1_000;
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
}

impl Participant {
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

/// Whom to invite, and with which words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Invitation {
    /// The space.
    pub(crate) space_id: SpaceId,
    /// Addresses, each once.
    pub(crate) addresses: Vec<String>,
    /// The personal note.
    pub(crate) note: String,
}

/// Who was invited.
#[derive(Clone, Debug)]
pub(crate) struct Invited {
    /// The participants behind the addresses.
    pub(crate) participants: Vec<Participant>,
    /// How many the space has now.
    pub(crate) total: i64,
}

impl Invitation {
    /// Checks addresses and note; each bad address is named by its place.
    pub(crate) fn checked(
        check: &mut Violations,
        space_id: SpaceId,
        addresses: &[String],
        note: &str,
    ) -> Self {
        let mut folded: Vec<String> = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            let address = EmailAddress::read(check, &format!("email_addresses[{index}]"), address);
            if !folded.iter().any(|other| other == address.as_str()) {
                folded.push(address.as_str().to_owned());
            }
        }
        if addresses.is_empty() || folded.len() > ADDRESSES_MAX {
            check.add("email_addresses", format!("must have 1 to {ADDRESSES_MAX} different addresses"));
        }
        let note = check.paragraphs("personal_note", note, NOTE_MAX);
        Self { space_id, addresses: folded, note }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(addresses: &[&str], note: &str) -> Result<Invitation, Violations> {
        let mut check = Violations::default();
        let addresses: Vec<String> = addresses.iter().map(|address| (*address).to_owned()).collect();
        let invitation = Invitation::checked(&mut check, Uuid::nil().into(), &addresses, note);
        check.into_result().map(|()| invitation)
    }

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

    #[test]
    fn duplicates_are_folded_whatever_their_case_and_script() {
        let invitation = checked(&["Ann@B.example", " ann@b.example", "eve@bücher.example"], "").unwrap();
        assert_eq!(invitation.addresses, ["ann@b.example", "eve@xn--bcher-kva.example"]);
    }

    #[test]
    fn each_bad_address_is_named_by_its_place() {
        let refused = checked(&["a@b.example", "a@b", "c@d.example", "@", "x y@z.example"], "").unwrap_err();
        let fields: Vec<_> = refused.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["email_addresses[1]", "email_addresses[3]", "email_addresses[4]"]);
    }

    #[test]
    fn up_to_100_addresses_are_taken_and_101_refused() {
        let many: Vec<String> = (0..=ADDRESSES_MAX).map(|n| format!("p{n}@b.example")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(checked(&many[..ADDRESSES_MAX], "").is_ok());
        assert!(checked(&many, "").is_err());
        assert!(checked(&[], "").is_err());
    }

    #[test]
    fn a_note_is_taken_up_to_its_limit_and_refused_beyond() {
        assert!(checked(&["a@b.example"], &"n".repeat(NOTE_MAX)).is_ok());
        assert!(checked(&["a@b.example"], &"n".repeat(NOTE_MAX + 1)).is_err());
        assert!(checked(&["a@b.example"], "one\r\ntwo\tthree").is_ok());
        assert!(checked(&["a@b.example"], "bell\u{7}").is_err());
    }
}
