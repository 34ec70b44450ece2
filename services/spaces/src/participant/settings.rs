//! Which mails of a space each participant gets (R2.7, R12.2).
//!
//! Owns the defaults, which hold until somebody chooses their own, and the way out by the link of a mail (RFC 8058).

use service_kit::caller::{Call, Caller};
use service_kit::db::Reply;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::validate::Violations;

use super::audience::MuteableMail;
use super::{Kind, ParticipantError, Participants, settings_repo};
use crate::permission::Viewer;
use crate::space::{self, Notifications};

/// Which mails of a space somebody gets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Settings {
    /// Summaries of guests' visits; never for guests.
    pub(crate) visit_summaries: bool,
    /// Somebody joined.
    pub(crate) new_joiners: bool,
    /// Somebody commented.
    pub(crate) comments: bool,
    /// Content was added.
    pub(crate) new_content: bool,
}

/// What somebody chose; what is absent is left to the space's defaults.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct OwnSettings {
    /// Summaries of guests' visits.
    pub(crate) visit_summaries: Option<bool>,
    /// Somebody joined.
    pub(crate) new_joiners: Option<bool>,
    /// Somebody commented.
    pub(crate) comments: Option<bool>,
    /// Content was added.
    pub(crate) new_content: Option<bool>,
}

impl OwnSettings {
    /// Returns what somebody gets, after what they chose and the space's defaults.
    pub(super) fn over(self, defaults: Notifications, kind: Kind) -> Settings {
        Settings {
            visit_summaries: kind.is_internal() && self.visit_summaries.unwrap_or(defaults.visit_summaries),
            new_joiners: self.new_joiners.unwrap_or(defaults.new_joiners),
            comments: self.comments.unwrap_or(defaults.comments),
            new_content: self.new_content.unwrap_or(true),
        }
    }
}

/// Whom to take out of which mails of a space.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mute {
    /// The tenant.
    pub(crate) organization_id: OrganizationId,
    /// The space.
    pub(crate) space_id: SpaceId,
    /// The person.
    pub(crate) user_id: UserId,
    /// The mails.
    pub(crate) mail: MuteableMail,
}

/// What muting has to tell: nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Muted;

impl Participants {
    /// Returns which mails of a space the caller gets.
    pub(crate) async fn settings(
        &self,
        caller: &Caller,
        space_id: SpaceId,
    ) -> Result<Settings, ParticipantError> {
        let viewer = Viewer::from(caller);
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let view = space::visible(tx, &viewer, space_id).await?;
                    // An admin who takes no part gets no mail of the space that there would be settings for.
                    let kind = view.standing.kind.ok_or(ParticipantError::SpaceNotFound)?;
                    let own = settings_repo::find(tx, &viewer, space_id).await?;
                    Ok(own.over(view.space.notifications, kind))
                })
            })
            .await
    }

    /// Changes which mails of a space the caller gets.
    pub(crate) async fn update_settings<R: Reply<Settings>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        change: OwnSettings,
    ) -> Result<R, ParticipantError> {
        let viewer = Viewer::from(call.caller()?);
        self.database
            .write(call, viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let view = space::visible(tx, &viewer, space_id).await?;
                    let kind = view.standing.kind.ok_or(ParticipantError::SpaceNotFound)?;
                    if change.visit_summaries.is_some() && !kind.is_internal() {
                        let rule = "must not be set by guests, who have none";
                        return Err(Violations::one("settings.visit_summaries", rule).into());
                    }
                    settings_repo::update(tx, &viewer, space_id, change).await?;
                    let own = settings_repo::find(tx, &viewer, space_id).await?;
                    Ok(own.over(view.space.notifications, kind))
                })
            })
            .await
    }

    /// Takes somebody out of one kind of mail of a space; who is out already, or not there, stays so.
    pub(crate) async fn mute<R: Reply<Muted>>(&self, call: &Call, mute: Mute) -> Result<R, ParticipantError> {
        let off = Some(false);
        let change = match mute.mail {
            MuteableMail::VisitSummaries => OwnSettings { visit_summaries: off, ..OwnSettings::default() },
            MuteableMail::NewJoiners => OwnSettings { new_joiners: off, ..OwnSettings::default() },
            MuteableMail::Comments => OwnSettings { comments: off, ..OwnSettings::default() },
            MuteableMail::NewContent => OwnSettings { new_content: off, ..OwnSettings::default() },
        };
        let Mute { organization_id, space_id, user_id, .. } = mute;
        let viewer = Viewer { organization_id, user_id, is_admin: false, consent_notice_version: 0 };
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    settings_repo::update(tx, &viewer, space_id, change).await?;
                    Ok(Muted)
                })
            })
            .await
    }
}
