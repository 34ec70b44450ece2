//! Reminding people of an invitation they have not followed. Being reminded is a mark on who is invited, not a state.

use service_kit::caller::Call;
use service_kit::db::Reply;
use service_kit::ids::SpaceId;
use uuid::Uuid;

use super::audience::person;
use super::limits::{DAY, Sender};
use super::mails_repo::{self, MailKind, NewMail};
use super::{Kind, Participant, ParticipantError, Participants, State, events, repo};
use crate::activity::ActivityKind;
use crate::permission::{Permission, Viewer};
use crate::space;

/// How often one invitation is reminded of.
pub(super) const REMINDERS_MAX: i64 = 3;

/// A participant who was reminded.
#[derive(Clone, Debug)]
pub(crate) struct Reminded(pub(crate) Participant);

impl Participants {
    /// Sends somebody who has not come in their invitation once more.
    pub(crate) async fn remind<R: Reply<Reminded>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        participant_id: Uuid,
    ) -> Result<R, ParticipantError> {
        let viewer = Viewer::from(call.caller()?);
        let (now, ids, limits) = (self.clock.now(), self.ids.clone(), self.limits);
        self.database
            .write(call, viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let organization_id = viewer.organization_id;
                    let mut view = space::changing(tx, &viewer, space_id, Permission::Edit).await?;
                    let participant = repo::find(tx, organization_id, space_id, participant_id)
                        .await?
                        .ok_or(ParticipantError::ParticipantNotFound)?;
                    let invitation_id = repo::invitation_of(tx, organization_id, participant_id)
                        .await?
                        .filter(|_| participant.state == State::Invited)
                        .ok_or(ParticipantError::NotInvited)?;
                    if mails_repo::count_reminders(tx, organization_id, invitation_id).await? >= REMINDERS_MAX
                    {
                        return Err(ParticipantError::RemindedEnough { wait: DAY });
                    }
                    mails_repo::lock(tx, organization_id).await?;
                    let user_id = participant.person.user_id;
                    let wait = limits.wait_of_recipients(tx, organization_id, space_id, &[user_id]).await?;
                    if let Some(wait) = wait {
                        return Err(ParticipantError::RemindedLately { wait });
                    }
                    let sender = Sender { organization_id, user_id: viewer.user_id, is_guest: false };
                    limits.check_sender(tx, sender, 1).await?;
                    let mail = NewMail {
                        mail_id: ids.next(),
                        organization_id,
                        space_id,
                        invitation_id: Some(invitation_id),
                        kind: MailKind::Reminder,
                        sender_user_id: viewer.user_id,
                        recipient_user_id: user_id,
                    };
                    mails_repo::insert(tx, &mail).await?;
                    let invited = person(tx, organization_id, user_id, participant.kind).await?;
                    let reminder = person(tx, organization_id, viewer.user_id, Kind::Internal).await?;
                    let about = (invitation_id, mail.mail_id);
                    events::reminded(tx, &ids, &view, about, invited, reminder).await?;
                    let remind_time = repo::set_reminded(tx, organization_id, participant_id).await?;
                    let object = Some((user_id.uuid(), participant.person.display_name.clone()));
                    space::note(tx, &ids, &mut view, ActivityKind::ParticipantReminded, object, now).await?;
                    Ok(Reminded(Participant { remind_time, ..participant }))
                })
            })
            .await
    }
}
