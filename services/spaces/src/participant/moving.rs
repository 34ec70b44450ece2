//! What becomes of somebody who was invited: joining, leaving, being shut out.

use service_kit::caller::Call;
use service_kit::db::Reply;
use service_kit::ids::{Ids, OrganizationId, SpaceId};
use sharedspaces_proto::identity::events::v1::InvitationAccepted;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Participant, ParticipantError, Participants, State, Step, events, repo};
use crate::activity::ActivityKind;
use crate::permission::{SpaceState, Viewer};
use crate::space::{self, SpaceError};

/// What leaving has to tell: nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left;

impl Participants {
    /// Takes in a guest who accepted, once, and tells the inviter; acts in the transaction of the event. Accepting an
    /// invitation that was withdrawn changes nothing.
    pub(crate) async fn accept(
        &self,
        tx: &mut PgConnection,
        organization_id: OrganizationId,
        accepted: InvitationAccepted,
    ) -> Result<(), anyhow::Error> {
        let invitation_id = Uuid::parse_str(&accepted.invitation_id)?;
        let told = accepted.person.unwrap_or_default();
        let Some(known) = repo::find_invitation(tx, organization_id, invitation_id).await? else {
            return Ok(());
        };
        // The space first, as everybody who changes it does; then again, because while this waited the person may have
        // been shut out and invited anew, and it is that invitation that must be accepted.
        space::repo::lock(tx, organization_id, known.space_id).await?;
        let Some(invitation) = repo::find_invitation(tx, organization_id, invitation_id).await? else {
            return Ok(());
        };
        let (space_id, user_id) = (invitation.space_id, invitation.user_id);
        let Some(guest) = repo::find_by_user(tx, organization_id, space_id, user_id).await? else {
            return Ok(());
        };
        if !moved(tx, organization_id, &guest, Step::Accept).await? {
            return Ok(());
        }
        let viewer = Viewer {
            organization_id,
            user_id,
            is_admin: false,
            consent_notice_version: told.consent_notice_version,
        };
        // Nobody is told of a space that is deleted, nor by somebody who has no way in any more.
        let view = space::repo::find_visible(tx, &viewer, space_id).await?;
        if let Some(mut view) = view.filter(|view| view.space.lifecycle.state() != SpaceState::Deleted) {
            events::joined(tx, &self.ids, &view, invitation_id, &invitation, told).await?;
            let (kind, now) = (ActivityKind::ParticipantJoined, self.clock.now());
            space::note(tx, &self.ids, &mut view, kind, None, now).await?;
        }
        Ok(())
    }

    /// Shuts somebody out from the next call on; who is out already stays out.
    pub(crate) async fn revoke<R: Reply<Participant>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        participant_id: Uuid,
    ) -> Result<R, ParticipantError> {
        let viewer = Viewer::from(call.caller()?);
        let (now, ids) = (self.clock.now(), self.ids.clone());
        self.database
            .write(call, viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let organization_id = viewer.organization_id;
                    space::repo::lock(tx, organization_id, space_id).await?;
                    let mut view = space::visible(tx, &viewer, space_id).await?;
                    // Also in an archived space: who is shut out must not come back with it.
                    if !view.standing.is_internal() {
                        return Err(ParticipantError::InternalParticipantsOnly);
                    }
                    let mut participant = repo::find(tx, organization_id, space_id, participant_id)
                        .await?
                        .ok_or(ParticipantError::ParticipantNotFound)?;
                    if moved(tx, organization_id, &participant, Step::Revoke).await? {
                        participant.state = State::Revoked;
                        tell_removed(tx, &ids, organization_id, &participant).await?;
                        let person = &participant.person;
                        let object = Some((person.user_id.uuid(), person.display_name.clone()));
                        let kind = ActivityKind::ParticipantRevoked;
                        space::note(tx, &ids, &mut view, kind, object, now).await?;
                    }
                    Ok(participant)
                })
            })
            .await
    }

    /// Ends the caller's own part; also where a guest is shut out of the content, because leaving needs no right but this.
    pub(crate) async fn leave<R: Reply<Left>>(
        &self,
        call: &Call,
        space_id: SpaceId,
    ) -> Result<R, ParticipantError> {
        let viewer = Viewer::from(call.caller()?);
        let (now, ids) = (self.clock.now(), self.ids.clone());
        self.database
            .write(call, viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let organization_id = viewer.organization_id;
                    space::repo::lock(tx, organization_id, space_id).await?;
                    let view = space::repo::find_visible(tx, &viewer, space_id).await?;
                    let mut view = view
                        .filter(|view| view.space.lifecycle.state() != SpaceState::Deleted)
                        .ok_or(SpaceError::NotFound)?;
                    let mut participant = repo::find_by_user(tx, organization_id, space_id, viewer.user_id)
                        .await?
                        .filter(|participant| participant.state.takes_part())
                        .ok_or(SpaceError::NotFound)?;
                    moved(tx, organization_id, &participant, Step::Leave).await?;
                    participant.state = State::Left;
                    tell_removed(tx, &ids, organization_id, &participant).await?;
                    space::note(tx, &ids, &mut view, ActivityKind::ParticipantLeft, None, now).await?;
                    Ok(Left)
                })
            })
            .await
    }
}

/// Tells that somebody is out: nothing of the space reaches them any more (attack 20).
async fn tell_removed(
    tx: &mut PgConnection,
    ids: &Ids,
    organization_id: OrganizationId,
    participant: &Participant,
) -> Result<(), ParticipantError> {
    let invitation_id = repo::invitation_of(tx, organization_id, participant.participant_id).await?;
    events::removed(tx, ids, organization_id, invitation_id, participant).await?;
    Ok(())
}

/// Takes a step of the state machine; tells whether the participant stands elsewhere now.
async fn moved(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    participant: &Participant,
    step: Step,
) -> Result<bool, ParticipantError> {
    let from = participant.state;
    let to = State::after(Some(from), participant.kind, step).ok_or(ParticipantError::OwnerStays)?;
    if to == from {
        return Ok(false);
    }
    Ok(repo::set_state(tx, organization_id, participant.participant_id, from, to).await?)
}
