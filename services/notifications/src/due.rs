//! Whether a mail that is taken up may go now.
//!
//! Owns the order of the questions: is it time, is there room, does its recipient still get it, does the recipient want it
//! now. Must not send, and must not guess: where spaces or identity is away, the mail waits.

use chrono::{DateTime, Utc};
use service_kit::ids::OrganizationId;

use crate::delivery::{Deliveries, Found, Mail, Setback};
use crate::directory::Directory;
use crate::recipients::Recipients;

const SHUT_OUT: &str = "the recipient does not take part in the space any more, or does not want such mails";
/// Why a mail waits that is over a limit.
pub(crate) const TOO_MANY: &str = "too many mails were sent within an hour";
const QUIET: &str = "the recipient has quiet hours";

/// Asks.
pub(crate) struct Dues {
    deliveries: Deliveries,
    directory: Directory,
    recipients: Recipients,
}

/// Whether a mail may go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Due {
    /// Now.
    Now,
    /// Not before; why.
    Later(DateTime<Utc>, String),
    /// Not any more; why.
    Never(&'static str),
}

impl Dues {
    /// Returns what asks the given parts.
    pub(crate) fn new(deliveries: Deliveries, directory: Directory, recipients: Recipients) -> Self {
        Self { deliveries, directory, recipients }
    }

    /// Tells whether a mail may go now, by the database's clock.
    pub(crate) async fn check(
        &self,
        organization_id: OrganizationId,
        found: &Found,
        mail: &Mail,
    ) -> Result<Due, Setback> {
        if let Some(due_time) = found.delivery.due_time.filter(|due_time| *due_time > found.now) {
            return Ok(Due::Later(due_time, found.delivery.reason.clone()));
        }
        // Others are asked only about what could go: a thousand that wait for room must not ask each time they wake.
        if let Some(until) = self.full_until(organization_id, found, mail).await? {
            return Ok(Due::Later(until, TOO_MANY.to_owned()));
        }
        if !self.recipients.may_get(organization_id, found.delivery.recipient_user_id, mail).await? {
            return Ok(Due::Never(SHUT_OUT));
        }
        let quiet_until = self.quiet_until(organization_id, found, mail).await?;
        Ok(quiet_until.map_or(Due::Now, |end| Due::Later(end, QUIET.to_owned())))
    }

    async fn full_until(
        &self,
        organization_id: OrganizationId,
        found: &Found,
        mail: &Mail,
    ) -> Result<Option<DateTime<Utc>>, Setback> {
        let (Some(recipient), true) = (found.delivery.recipient_user_id, mail.kind().muted_by().is_some())
        else {
            return Ok(None);
        };
        let room = self.deliveries.find_room(organization_id, found.delivery.delivery_id, recipient).await;
        room.map_err(|_| Setback::passing("the limits of mails could not be looked up"))
    }

    /// Asked again although it was planned for a time that suited: quiet hours may have been set since.
    async fn quiet_until(
        &self,
        organization_id: OrganizationId,
        found: &Found,
        mail: &Mail,
    ) -> Result<Option<DateTime<Utc>>, Setback> {
        let (Some(recipient), true) = (found.delivery.recipient_user_id, mail.kind().muted_by().is_some())
        else {
            return Ok(None);
        };
        let away = |_| Setback::passing("quiet hours could not be looked up");
        if !self.deliveries.has_quiet_hours(organization_id, recipient).await.map_err(away)? {
            return Ok(None);
        }
        let person = self.directory.person(organization_id, recipient).await?;
        let end = self.deliveries.end_of_quiet_hours(organization_id, recipient, found.now, person.time_zone);
        end.await.map_err(away)
    }
}
