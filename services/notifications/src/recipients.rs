//! Asking spaces, when a mail about a space is sent, whether whom it goes to still gets it; and telling it who wants out.
//!
//! Owns the two calls, which mails are asked about, and what failures mean for a mail. Must not remember an answer:
//! who is shut out gets nothing from then on.

use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, UserId};
use service_kit::peers::PeerChannel;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::participant_service_client::ParticipantServiceClient;

use crate::delivery::{Mail, Setback};
use crate::unsubscribe::Wish;

/// spaces, as far as recipients go.
#[derive(Clone)]
pub(crate) struct Recipients {
    participants: ParticipantServiceClient<PeerChannel>,
}

impl Recipients {
    /// Returns spaces over a channel.
    pub(crate) fn new(channel: PeerChannel) -> Self {
        Self { participants: ParticipantServiceClient::new(channel) }
    }

    /// Tells whether somebody still gets a mail. One that is about no space, or goes to whom was declined, is not asked
    /// about. Whoever was invited and has not come in yet gets what cannot be muted.
    pub(crate) async fn may_get(
        &self,
        organization_id: OrganizationId,
        recipient: Option<UserId>,
        mail: &Mail,
    ) -> Result<bool, Setback> {
        let (Some(space), Some(recipient), true) = (mail.space(), recipient, is_asked_about(mail)) else {
            return Ok(true);
        };
        let recipient = recipient.to_string();
        let request = pb::CheckRecipientsRequest {
            organization_id: organization_id.to_string(),
            space_id: space.space_id.to_string(),
            user_ids: vec![recipient.clone()],
            // Unset: one that cannot be muted.
            mail: mail.kind().muted_by().unwrap_or_default().into(),
        };
        match self.participants.clone().check_recipients(request).await {
            Ok(checked) => Ok(checked.into_inner().user_ids.contains(&recipient)),
            Err(status) => {
                let code = status.code();
                Err(Setback::passing(format!("spaces could not be asked about the recipient ({code:?})")))
            }
        }
    }

    /// Takes somebody out of one kind of mail of a space.
    pub(crate) async fn mute(&self, wish: Wish) -> Result<(), CommonError> {
        let request = pb::MuteNotificationsRequest {
            organization_id: wish.organization_id.to_string(),
            space_id: wish.space_id.to_string(),
            user_id: wish.user_id.to_string(),
            mail: wish.mail.into(),
        };
        let muted = self.participants.clone().mute_notifications(request).await;
        muted.map(drop).map_err(|status| CommonError::Peer(Box::new(status)))
    }
}

/// Whoever is invited, reminded or let in is among the people of the space from then on; who was declined never is.
fn is_asked_about(mail: &Mail) -> bool {
    match mail {
        Mail::GuestInvitation { .. }
        | Mail::ColleagueInvitation { .. }
        | Mail::Reminder { .. }
        | Mail::InvitationAccepted { .. }
        | Mail::AccessRequested { .. }
        | Mail::AccessGranted { .. }
        | Mail::VisitSummary { .. }
        | Mail::NewJoiner { .. }
        | Mail::NewComment { .. }
        | Mail::NewContent { .. } => true,
        Mail::AccessDeclined { .. } | Mail::AccountLink { .. } | Mail::SecurityNotice { .. } => false,
    }
}
