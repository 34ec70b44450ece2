//! Between the wire and the domain.

use service_kit::clock::timestamp;
use service_kit::page::{Page, PageRequest};
use service_kit::validate::Violations;
use sharedspaces_proto::notifications::v1 as pb;

use crate::delivery::{Delivery, DeliveryId, MailKind, PageKey, State};

pub(super) fn page_of(request: &pb::ListDeliveriesRequest) -> Result<PageRequest<PageKey>, Violations> {
    let mut check = Violations::default();
    let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
    check.into_result()?;
    Ok(page)
}

impl TryFrom<pb::RetryDeliveryRequest> for DeliveryId {
    type Error = Violations;

    fn try_from(request: pb::RetryDeliveryRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let id = check.id("delivery_id", &request.delivery_id);
        check.into_result().map(|()| id)
    }
}

pub(super) fn list_response(page: Page<Delivery>) -> pb::ListDeliveriesResponse {
    pb::ListDeliveriesResponse {
        deliveries: page.items.into_iter().map(pb::Delivery::from).collect(),
        next_page_token: page.next_page_token,
    }
}

impl From<Delivery> for pb::RetryDeliveryResponse {
    fn from(delivery: Delivery) -> Self {
        Self { delivery: Some(delivery.into()) }
    }
}

impl From<Delivery> for pb::Delivery {
    fn from(delivery: Delivery) -> Self {
        Self {
            delivery_id: delivery.delivery_id.to_string(),
            kind: pb::MailKind::from(delivery.kind).into(),
            recipient_user_id: delivery.recipient_user_id.map(|id| id.to_string()).unwrap_or_default(),
            email_address: delivery.email_address,
            state: pb::DeliveryState::from(delivery.state).into(),
            reason: delivery.reason,
            attempts: delivery.attempts,
            create_time: Some(timestamp(delivery.create_time)),
            sent_time: delivery.sent_time.map(timestamp),
            ..Self::default()
        }
    }
}

impl From<MailKind> for pb::MailKind {
    fn from(kind: MailKind) -> Self {
        match kind {
            MailKind::GuestInvitation => Self::GuestInvitation,
            MailKind::ColleagueInvitation => Self::ColleagueInvitation,
            MailKind::InvitationAccepted => Self::InvitationAccepted,
            MailKind::AccountLink => Self::AccountLink,
            MailKind::SignInLink => Self::SignInLink,
            MailKind::PasswordReset => Self::PasswordReset,
            MailKind::NewDevice => Self::NewDevice,
            MailKind::PasswordChanged => Self::PasswordChanged,
            MailKind::SessionReused => Self::SessionReused,
            MailKind::Reminder => Self::Reminder,
            MailKind::AccessRequested => Self::AccessRequested,
            MailKind::AccessGranted => Self::AccessGranted,
            MailKind::AccessDeclined => Self::AccessDeclined,
            MailKind::RequestLink => Self::RequestLink,
            MailKind::VisitSummary => Self::VisitSummary,
            MailKind::NewJoiner => Self::NewJoiner,
            MailKind::NewComment => Self::NewComment,
            MailKind::NewContent => Self::NewContent,
        }
    }
}

impl From<State> for pb::DeliveryState {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Sent => Self::Sent,
            State::Failed => Self::Failed,
            State::NotDue => Self::NotDue,
        }
    }
}
