//! How many mails inviting may send in 24 hours (attack 22), counted from rows, so that all processes count together.
//!
//! Owns the limits and what they are counted by. Time is the database's.

use std::time::Duration;

use serde::Deserialize;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use sqlx::PgConnection;

use super::{ParticipantError, mails_repo};

/// What the limits look back on.
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How many mails inviting may send within any 24 hours.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InvitingLimits {
    /// People that one member invites, proposes or reminds.
    pub people_per_member: u32,
    /// People that one guest invites or proposes.
    pub people_per_guest: u32,
    /// People that the whole organisation invites, proposes or reminds.
    pub people_per_organization: u32,
    /// Mails that one person gets of one space.
    pub mails_per_person_and_space: u32,
    /// Mails that one person gets of all spaces of the organisation.
    pub mails_per_person: u32,
}

impl Default for InvitingLimits {
    fn default() -> Self {
        Self {
            people_per_member: 100,
            people_per_guest: 10,
            people_per_organization: 1_000,
            mails_per_person_and_space: 1,
            mails_per_person: 5,
        }
    }
}

/// Who sends mails.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender {
    pub(super) organization_id: OrganizationId,
    pub(super) user_id: UserId,
    pub(super) is_guest: bool,
}

impl InvitingLimits {
    /// Refuses mails to `people` more people, where that is more than the sender or the organisation may send.
    pub(super) async fn check_sender(
        &self,
        tx: &mut PgConnection,
        sender: Sender,
        people: usize,
    ) -> Result<(), ParticipantError> {
        let (limit, most) = if sender.is_guest {
            ("a guest invites few people a day", self.people_per_guest)
        } else {
            ("a member invites a limited number of people a day", self.people_per_member)
        };
        let wait = mails_repo::wait_of_sender(tx, sender.organization_id, Some(sender.user_id), most, people)
            .await?;
        refuse(limit, wait)?;
        let most = self.people_per_organization;
        let wait = mails_repo::wait_of_sender(tx, sender.organization_id, None, most, people).await?;
        refuse("an organisation invites a limited number of people a day", wait)
    }

    /// Returns how long to wait until each of these people may get one more mail of a space.
    pub(super) async fn wait_of_recipients(
        &self,
        tx: &mut PgConnection,
        organization_id: OrganizationId,
        space_id: SpaceId,
        recipients: &[UserId],
    ) -> Result<Option<Duration>, ParticipantError> {
        let of_space = (Some(space_id), self.mails_per_person_and_space);
        let mut longest = None;
        for (space_id, most) in [of_space, (None, self.mails_per_person)] {
            let wait =
                mails_repo::wait_of_recipients(tx, organization_id, space_id, recipients, most).await?;
            longest = longest.max(wait);
        }
        Ok(longest)
    }

    /// Refuses mails where one of these people would get more than they may.
    pub(super) async fn check_recipients(
        &self,
        tx: &mut PgConnection,
        organization_id: OrganizationId,
        space_id: SpaceId,
        recipients: &[UserId],
    ) -> Result<(), ParticipantError> {
        let wait = self.wait_of_recipients(tx, organization_id, space_id, recipients).await?;
        refuse("one of these people had as many invitations as anybody gets a day", wait)
    }
}

fn refuse(limit: &'static str, wait: Option<Duration>) -> Result<(), ParticipantError> {
    wait.map_or(Ok(()), |wait| Err(ParticipantError::TooManyInvitations { limit, wait }))
}
