//! Between the wire and the domain.

use service_kit::address::EmailAddress;
use service_kit::clock::timestamp;
use service_kit::page::{Page, PageRequest};
use service_kit::validate::Violations;
use sharedspaces_proto::notifications::v1 as pb;

use crate::delivery::{Delivery, DeliveryId, Filter, MailKind, PageKey, State};

pub(super) fn list_of(
    request: &pb::ListDeliveriesRequest,
) -> Result<(Filter, PageRequest<PageKey>), Violations> {
    let mut check = Violations::default();
    let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
    let mut filter = Filter::default();
    for (index, state) in request.states.iter().enumerate() {
        match pb::DeliveryState::try_from(*state).ok().and_then(state_of) {
            Some(state) => filter.states.push(state),
            None => check.add(format!("states[{index}]"), "must be a state of a mail"),
        }
    }
    if !request.email_address.is_empty() {
        let address = EmailAddress::read(&mut check, "email_address", &request.email_address);
        filter.email_address = Some(address.as_str().to_owned());
    }
    if !request.space_id.is_empty() {
        filter.space_id = Some(check.id("space_id", &request.space_id));
    }
    check.into_result().map(|()| (filter, page))
}

fn state_of(state: pb::DeliveryState) -> Option<State> {
    match state {
        pb::DeliveryState::Unspecified => None,
        pb::DeliveryState::Pending => Some(State::Pending),
        pb::DeliveryState::Sent => Some(State::Sent),
        pb::DeliveryState::Failed => Some(State::Failed),
        pb::DeliveryState::NotDue => Some(State::NotDue),
    }
}

impl TryFrom<pb::GetDeliveryRequest> for DeliveryId {
    type Error = Violations;

    fn try_from(request: pb::GetDeliveryRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let id = check.id("delivery_id", &request.delivery_id);
        check.into_result().map(|()| id)
    }
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

impl From<Delivery> for pb::GetDeliveryResponse {
    fn from(delivery: Delivery) -> Self {
        Self { delivery: Some(delivery.into()) }
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
            space_id: delivery.space_id.map(|id| id.to_string()).unwrap_or_default(),
            due_time: delivery.due_time.map(timestamp),
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
