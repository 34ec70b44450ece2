//! Who is told of what happens in a space.
//!
//! Owns who takes part, has a standing consent where they are a guest, and has not muted a kind of mail: as events carry
//! them, and as notifications asks again before it sends. Must not decide what a mail says.

use service_kit::ids::{OrganizationId, SpaceId, UserId};
use sharedspaces_proto::identity::v1 as identity;
use sqlx::PgConnection;

use super::{Kind, ParticipantError, Participants, audience_repo};
use crate::space::Space;

service_kit::text_enum! {
    /// Mails of a space that people can mute.
    pub(crate) enum MuteableMail {
        /// Summaries of guests' visits; members only.
        VisitSummaries = "VISIT_SUMMARIES",
        /// Somebody joined.
        NewJoiners = "NEW_JOINERS",
        /// Somebody commented.
        Comments = "COMMENTS",
        /// Content was added.
        NewContent = "NEW_CONTENT",
    }
}

/// Whether people still get a mail of a space.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RecipientQuestion {
    /// The tenant.
    pub(crate) organization_id: OrganizationId,
    /// The space.
    pub(crate) space_id: SpaceId,
    /// The people.
    pub(crate) user_ids: Vec<UserId>,
    /// Which mail; absent: one that cannot be muted.
    pub(crate) mail: Option<MuteableMail>,
}

impl Participants {
    /// Returns who of some people still gets a mail of a space, as it stands at this moment.
    pub(crate) async fn check_recipients(
        &self,
        question: RecipientQuestion,
    ) -> Result<Vec<UserId>, ParticipantError> {
        self.database
            .read(question.organization_id, move |tx| {
                Box::pin(async move { Ok(audience_repo::list_recipients(tx, &question).await?) })
            })
            .await
    }
}

/// Returns who gets a mail of this kind about what just happened, in the order they came: participants who have come in
/// and have not muted it, but those `without`.
pub(crate) async fn audience(
    tx: &mut PgConnection,
    space: &Space,
    mail: MuteableMail,
    without: &[UserId],
) -> Result<Vec<identity::Person>, sqlx::Error> {
    audience_repo::list_audience(tx, space, mail, without).await
}

/// Returns the participants of the organisation, but those `without`: they are told in the app.
pub(crate) async fn internal_audience(
    tx: &mut PgConnection,
    space: &Space,
    without: &[UserId],
) -> Result<Vec<identity::Person>, sqlx::Error> {
    audience_repo::list_internal(tx, space, without).await
}

/// Returns somebody as events tell of them; what is not known of them is empty.
pub(crate) async fn person(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
    kind: Kind,
) -> Result<identity::Person, sqlx::Error> {
    audience_repo::person(tx, organization_id, user_id, kind).await
}
