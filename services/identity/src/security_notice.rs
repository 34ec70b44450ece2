//! Notices of security: what a person is told about their account.
//!
//! Owns appending `identity.security.noticed.v1`. The mail is notifications' business; no token, code or password is ever
//! in a notice.

use messaging::outbox::{self, NewEvent};
use service_kit::clock::{SharedClock, timestamp};
use service_kit::ids::Ids;
use sharedspaces_proto::identity::events::v1::{SecurityNoticeKind, SecurityNoticed};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::organization;
use crate::person::Person;

/// Tells people about their accounts.
#[derive(Clone)]
pub(crate) struct SecurityNotices {
    ids: Ids,
    clock: SharedClock,
}

impl SecurityNotices {
    /// Returns the teller.
    pub(crate) fn new(ids: Ids, clock: SharedClock) -> Self {
        Self { ids, clock }
    }

    /// Tells a person what happened, with the unit of work that made it happen. `device_label` may be empty.
    pub(crate) async fn tell(
        &self,
        tx: &mut PgConnection,
        person: &Person,
        (kind, device_label): (SecurityNoticeKind, &str),
    ) -> Result<(), sqlx::Error> {
        let organization_id = person.organization_id;
        let organization = organization::repo::find(tx, organization_id).await?;
        let security_notice_id: Uuid = self.ids.next();
        let event = SecurityNoticed {
            organization_id: organization_id.to_string(),
            organization_display_name: organization.map(|found| found.display_name).unwrap_or_default(),
            security_notice_id: security_notice_id.to_string(),
            kind: kind.into(),
            person: Some(person.into()),
            device_label: device_label.to_owned(),
            event_time: Some(timestamp(self.clock.now())),
        };
        let new = NewEvent {
            event_id: self.ids.next(),
            organization_id,
            aggregate_id: security_notice_id,
            aggregate_version: 1,
            event: &event,
        };
        outbox::append(tx, new).await
    }
}
