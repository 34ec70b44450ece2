//! The rules of requests for access. No I/O.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use service_kit::address::EmailAddress;
use service_kit::budget::Limit;
use service_kit::ids::{SpaceId, UserId};
use uuid::Uuid;

use crate::participant::Participant;

/// Longest name of a requester, in characters.
pub(crate) const DISPLAY_NAME_MAX: usize = 255;
/// Longest message to the owner, in characters.
pub(crate) const MESSAGE_MAX: usize = 1_000;
/// How many requests may wait for an answer in one space, of proved addresses and of bare ones each; more are swallowed.
pub(super) const WAITING_MAX: i64 = 50;
/// Requests that one network makes of one organisation.
pub(super) const PER_NETWORK_AND_ORGANIZATION: Limit = Limit { count: 30, window: TimeDelta::minutes(15) };
/// Requests that one network makes.
pub(super) const PER_NETWORK: Limit = Limit { count: 100, window: TimeDelta::minutes(15) };
/// Requests that all strangers together make of one organisation.
pub(super) const PER_ORGANIZATION: Limit = Limit { count: 1_000, window: TimeDelta::hours(1) };
/// Requests that somebody who signed in makes.
pub(super) const PER_PERSON: Limit = Limit { count: 30, window: TimeDelta::minutes(15) };
/// Mails to somebody who asks and takes part already.
pub(super) const TOLD_IN_ALREADY: Limit = Limit { count: 1, window: TimeDelta::hours(24) };

service_kit::text_enum! {
    /// Where a request for access stands.
    pub(crate) enum RequestState {
        /// Waits for an answer.
        Requested = "REQUESTED",
        /// Granted.
        Granted = "GRANTED",
        /// Declined.
        Declined = "DECLINED",
        /// Nobody answered in time.
        Lapsed = "LAPSED",
    }
}

/// How somebody answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    /// Lets the requester in.
    Grant,
    /// Does not.
    Decline,
}

impl Answer {
    /// Returns where it leads.
    pub(crate) fn state(self) -> RequestState {
        match self {
            Self::Grant => RequestState::Granted,
            Self::Decline => RequestState::Declined,
        }
    }
}

impl RequestState {
    /// The state machine of requests (docs/state-machines.md): where an answer leads. What was answered so stays so;
    /// nothing: it has ended another way.
    pub(crate) fn after(self, answer: Answer) -> Option<Self> {
        let answered = answer.state();
        (self == Self::Requested || self == answered).then_some(answered)
    }
}

/// Somebody who asks to be let in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AccessRequest {
    /// The request.
    pub(crate) access_request_id: Uuid,
    /// The space.
    pub(crate) space_id: SpaceId,
    /// Normalised.
    pub(crate) email_address: String,
    /// As the requester gave it; empty: none.
    pub(crate) display_name: String,
    /// What the requester says.
    pub(crate) message: String,
    /// Whether the requester proved that the address is theirs.
    pub(crate) is_verified: bool,
    /// The guest who gave the address; absent: the requester asked.
    pub(crate) proposer_user_id: Option<UserId>,
    /// The requester's account, where one is known.
    pub(crate) requester_user_id: Option<UserId>,
    /// Where it stands; one whose time is up has lapsed, whether that is written yet or not.
    pub(crate) state: RequestState,
    /// When it was last asked for.
    pub(crate) request_time: DateTime<Utc>,
    /// When it lapses.
    pub(crate) lapse_time: DateTime<Utc>,
    /// Who answered.
    pub(crate) answerer_user_id: Option<UserId>,
    /// When.
    pub(crate) answer_time: Option<DateTime<Utc>>,
    /// Counts changes, from 1.
    pub(crate) version: i64,
}

impl AccessRequest {
    /// Returns where the request stands in the list.
    pub(crate) fn key(&self) -> AccessRequestKey {
        AccessRequestKey { request_time: self.request_time, access_request_id: self.access_request_id }
    }
}

/// Where a request stands in the list.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct AccessRequestKey {
    /// When it was last asked for.
    pub(crate) request_time: DateTime<Utc>,
    /// Tells apart those asked for at once.
    pub(crate) access_request_id: Uuid,
}

/// Which request of which space.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestKey {
    /// The space.
    pub(crate) space_id: SpaceId,
    /// The request.
    pub(crate) access_request_id: Uuid,
}

/// Somebody asks, checked.
#[derive(Clone, Debug)]
pub(crate) struct WantedAccess {
    /// The organisation's slug; may be empty where a token or a session says it.
    pub(crate) slug: String,
    /// Of the space; may be empty where a token says it.
    pub(crate) space_address: String,
    /// Only where neither signed in nor holding a token.
    pub(crate) email_address: Option<EmailAddress>,
    /// What proves the address.
    pub(crate) token: Option<SecretString>,
    /// Empty: none.
    pub(crate) display_name: String,
    /// Empty: nothing.
    pub(crate) message: String,
}

/// Who asks.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Asker {
    /// Somebody who signed in.
    Person(UserId),
    /// Whoever has an address.
    Address {
        /// Normalised.
        email_address: String,
        /// Whether they proved that it is theirs.
        is_verified: bool,
    },
}

/// What was asked, as it waits to be looked at.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Asked {
    /// Of a space that may not exist.
    pub(crate) space_address: String,
    /// Who asks.
    pub(crate) asker: Asker,
    /// Empty: none.
    pub(crate) display_name: String,
    /// Empty: nothing.
    pub(crate) message: String,
}

/// What asking has to tell: nothing, whatever the space.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted;

/// A request that was granted, and who is in now.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    /// The request.
    pub(crate) request: AccessRequest,
    /// The participant; absent: gone with their account.
    pub(crate) participant: Option<Participant>,
}

/// A request that was declined.
#[derive(Clone, Debug)]
pub(crate) struct Declined(pub(crate) AccessRequest);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_leads_where_it_is_drawn() {
        use RequestState::{Declined, Granted, Lapsed, Requested};
        let table = [
            (Requested, Some(Granted), Some(Declined)),
            (Granted, Some(Granted), None),
            (Declined, None, Some(Declined)),
            (Lapsed, None, None),
        ];
        for (from, granted, declined) in table {
            assert_eq!(
                (from.after(Answer::Grant), from.after(Answer::Decline)),
                (granted, declined),
                "{from:?}"
            );
        }
    }
}
