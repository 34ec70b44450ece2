//! How people come into a space, what they are told, and how they go.
//!
//! Owns the steps around invitations, requests for access, mails and notices, as a client app takes them; the demo
//! narrates them, the tests run the same.

use std::time::Duration;

use anyhow::Context;
use prost_types::FieldMask;
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::notifications::v1 as notifications;
use sharedspaces_proto::spaces::v1 as spaces;
use tonic::{Status, Streaming};

use crate::api::{with_key, with_token};
use crate::outside::{Mail, within};
use crate::visit::{Journey, Session, fresh_key};

const PATIENCE: Duration = Duration::from_secs(60);

fn some<T>(part: Option<T>) -> Result<T, Status> {
    part.ok_or_else(|| Status::internal("the answer is empty"))
}

/// Somebody's notices as they come.
pub struct Notices {
    stream: Streaming<notifications::WatchNotificationsResponse>,
    /// From where to go on after a break.
    pub cursor: String,
}

impl Notices {
    /// Waits for the next notice; nothing where none comes in time.
    pub async fn next(&mut self, time: Duration) -> anyhow::Result<Option<notifications::Notification>> {
        let next = async {
            loop {
                let message = self.stream.message().await?.context("the stream ended")?;
                self.cursor = message.cursor;
                if let Some(notice) = message.notification {
                    return anyhow::Ok(notice);
                }
            }
        };
        tokio::time::timeout(time, next).await.ok().transpose()
    }
}

impl Journey {
    /// Invites a pasted list.
    pub async fn invite_list(
        &self,
        who: &Session,
        space_id: &str,
        pasted_list: &str,
        send_good_ones: bool,
    ) -> Result<spaces::InviteParticipantsResponse, Status> {
        let request = spaces::InviteParticipantsRequest {
            space_id: space_id.to_owned(),
            pasted_list: pasted_list.to_owned(),
            send_good_ones,
            ..spaces::InviteParticipantsRequest::default()
        };
        let request = with_key(request, who.token(), &fresh_key());
        Ok(self.api.participants.clone().invite_participants(request).await?.into_inner())
    }

    /// Reminds somebody of their invitation.
    pub async fn remind(
        &self,
        who: &Session,
        space_id: &str,
        participant_id: &str,
    ) -> Result<spaces::Participant, Status> {
        let request = spaces::RemindParticipantRequest {
            space_id: space_id.to_owned(),
            participant_id: participant_id.to_owned(),
        };
        let request = with_token(request, who.token());
        some(self.api.participants.clone().remind_participant(request).await?.into_inner().participant)
    }

    /// Says that an address may be asked about by whoever has a link.
    pub async fn set_sign_in_mode(&self, admin: &Session, mode: identity::SignInMode) -> Result<(), Status> {
        let request = identity::UpdateOrganizationRequest {
            update_mask: Some(FieldMask { paths: vec!["sign_in_mode".to_owned()] }),
            sign_in_mode: mode.into(),
            ..identity::UpdateOrganizationRequest::default()
        };
        self.api.organizations.clone().update_organization(with_token(request, admin.token())).await.map(drop)
    }

    /// Gives an address at the door of a space whose link was opened.
    pub async fn knock(&self, organization: &str, address: &str, space_address: &str) -> Result<(), Status> {
        let request = identity::RequestSignInLinkRequest {
            organization: organization.to_owned(),
            email_address: address.to_owned(),
            space_address: space_address.to_owned(),
            ..identity::RequestSignInLinkRequest::default()
        };
        self.api.sign_in.clone().request_sign_in_link(request).await.map(drop)
    }

    /// Asks for access without having signed in.
    pub async fn request_access(&self, request: spaces::RequestAccessRequest) -> Result<(), Status> {
        self.api.access_requests.clone().request_access(request).await.map(drop)
    }

    /// Returns the requests that wait for an answer.
    pub async fn access_requests(
        &self,
        who: &Session,
        space_id: &str,
    ) -> Result<Vec<spaces::AccessRequest>, Status> {
        let request = spaces::ListAccessRequestsRequest {
            space_id: space_id.to_owned(),
            ..spaces::ListAccessRequestsRequest::default()
        };
        let request = with_token(request, who.token());
        Ok(self.api.access_requests.clone().list_access_requests(request).await?.into_inner().access_requests)
    }

    /// Waits until an address has asked for access.
    pub async fn access_request_of(
        &self,
        who: &Session,
        space_id: &str,
        address: &str,
    ) -> anyhow::Result<spaces::AccessRequest> {
        within(PATIENCE, "the request for access", async || {
            let requests = self.access_requests(who, space_id).await?;
            Ok(requests.into_iter().find(|request| request.email_address == address))
        })
        .await
    }

    /// Lets a requester in.
    pub async fn grant(
        &self,
        who: &Session,
        space_id: &str,
        request: &spaces::AccessRequest,
    ) -> Result<spaces::Participant, Status> {
        let request = spaces::GrantAccessRequest {
            space_id: space_id.to_owned(),
            access_request_id: request.access_request_id.clone(),
        };
        let request = with_token(request, who.token());
        some(self.api.access_requests.clone().grant_access(request).await?.into_inner().participant)
    }

    /// Declines a request.
    pub async fn decline(
        &self,
        who: &Session,
        space_id: &str,
        request: &spaces::AccessRequest,
    ) -> Result<spaces::AccessRequest, Status> {
        let request = spaces::DeclineAccessRequest {
            space_id: space_id.to_owned(),
            access_request_id: request.access_request_id.clone(),
        };
        let request = with_token(request, who.token());
        some(self.api.access_requests.clone().decline_access(request).await?.into_inner().access_request)
    }

    /// Returns which mails of a space somebody gets.
    pub async fn mail_settings(
        &self,
        who: &Session,
        space_id: &str,
    ) -> Result<spaces::NotificationSettings, Status> {
        let request = spaces::GetNotificationSettingsRequest { space_id: space_id.to_owned() };
        let request = with_token(request, who.token());
        some(self.api.participants.clone().get_notification_settings(request).await?.into_inner().settings)
    }

    /// Gets out of mails by the link of one; returns which mails, and of which space.
    pub async fn unsubscribe(&self, mail: &Mail) -> anyhow::Result<notifications::UnsubscribeResponse> {
        let request = notifications::UnsubscribeRequest { token: mail.unsubscribe_token()? };
        Ok(self.api.deliveries.clone().unsubscribe(request).await?.into_inner())
    }

    /// Tells that the space is in front.
    pub async fn look_around(&self, guest: &Session, space_id: &str) -> Result<(), Status> {
        let request = spaces::RecordVisitRequest { space_id: space_id.to_owned() };
        self.api.activities.clone().record_visit(with_token(request, guest.token())).await.map(drop)
    }

    /// Waits until spaces has heard that a guest came in: before that they have no name there and are told of no content.
    pub async fn is_in(&self, who: &Session, space_id: &str, user_id: &str) -> anyhow::Result<()> {
        within(PATIENCE, "the guest among the participants", async || {
            let participants = self.participants(who, space_id).await?;
            let is_in = |one: &spaces::Participant| {
                one.user_id == user_id && one.state() == spaces::ParticipantState::Active
            };
            Ok(participants.iter().any(is_in).then_some(()))
        })
        .await
    }

    /// Watches somebody's notices; an empty cursor: from now on.
    pub async fn watch(&self, who: &Session, after: &str) -> anyhow::Result<Notices> {
        let request = notifications::WatchNotificationsRequest {
            after: after.to_owned(),
            ..notifications::WatchNotificationsRequest::default()
        };
        let answer = self.api.notices.clone().watch_notifications(with_token(request, who.token())).await?;
        let (mut stream, mut cursor) = (answer.into_inner(), after.to_owned());
        if after.is_empty() {
            // The first message says where the person stands: what happens after it comes.
            cursor = stream.message().await?.context("the stream ended")?.cursor;
        }
        Ok(Notices { stream, cursor })
    }

    /// Returns somebody's notices, the newest first.
    pub async fn notices(&self, who: &Session) -> Result<Vec<notifications::Notification>, Status> {
        let request = with_token(notifications::ListNotificationsRequest::default(), who.token());
        Ok(self.api.notices.clone().list_notifications(request).await?.into_inner().notifications)
    }

    /// Returns the mails about a space to a person, the newest first.
    pub async fn deliveries(
        &self,
        admin: &Session,
        space_id: &str,
        user_id: &str,
    ) -> Result<Vec<notifications::Delivery>, Status> {
        let request = notifications::ListDeliveriesRequest {
            space_id: space_id.to_owned(),
            page_size: 100,
            ..notifications::ListDeliveriesRequest::default()
        };
        let answer = self.api.deliveries.clone().list_deliveries(with_token(request, admin.token())).await?;
        let deliveries = answer.into_inner().deliveries.into_iter();
        Ok(deliveries.filter(|delivery| delivery.recipient_user_id == user_id).collect())
    }
}
