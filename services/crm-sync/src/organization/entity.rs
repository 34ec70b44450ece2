//! The rules of an organisation's plan.

use sharedspaces_proto::identity::v1 as identity_pb;

service_kit::text_enum! {
    /// What an organisation has paid for.
    pub(crate) enum Plan {
        /// Spaces, without CRM logging.
        Plus = "PLUS",
        /// Spaces and CRM logging.
        Ultimate = "ULTIMATE",
    }
}

impl Plan {
    /// Tells whether the plan includes the CRM (R1.2).
    pub(crate) fn has_crm(self) -> bool {
        self == Self::Ultimate
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

service_kit::text_enum! {
    /// Whether logs are written (R11.1).
    pub(crate) enum LoggingMode {
        /// Nothing is logged.
        Off = "OFF",
        /// Who creates, invites or adds a log may choose to.
        Available = "AVAILABLE",
        /// Who creates or invites is asked to choose a record.
        DefaultOn = "DEFAULT_ON",
    }
}
