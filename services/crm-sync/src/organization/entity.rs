//! The rules of an organisation's plan.

use sharedspaces_proto::identity::v1 as identity_pb;

/// What an organisation has paid for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Plan {
    /// Spaces, without CRM logging.
    Plus,
    /// Spaces and CRM logging.
    Ultimate,
}

impl Plan {
    /// Tells whether the plan includes the CRM (requirements R1.2).
    pub(crate) fn has_crm(self) -> bool {
        self == Self::Ultimate
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Plus => "PLUS",
            Self::Ultimate => "ULTIMATE",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Plus, Self::Ultimate].into_iter().find(|plan| plan.as_str() == text)
    }

    /// Reads the plan of an event; nothing where the event names none.
    pub(crate) fn of_event(plan: identity_pb::Plan) -> Option<Self> {
        match plan {
            identity_pb::Plan::Plus => Some(Self::Plus),
            identity_pb::Plan::Ultimate => Some(Self::Ultimate),
            identity_pb::Plan::Unspecified => None,
        }
    }
}
