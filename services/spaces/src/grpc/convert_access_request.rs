//! Between requests for access on the wire and what the use cases know of them.

use service_kit::address::EmailAddress;
use service_kit::clock::timestamp;
use service_kit::ids::{SpaceId, UserId};
use service_kit::page::{Page, PageRequest};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;

use crate::access_request::{
    AccessRequest, AccessRequestKey, DISPLAY_NAME_MAX, Declined, Granted, MESSAGE_MAX, Noted, RequestKey,
    RequestState, WantedAccess,
};

/// Longest slug of an organisation, and last part of a space's address, in characters.
const NAME_MAX: usize = 63;

/// Which page of which requests is asked for.
pub(super) struct RequestList {
    pub(super) space_id: SpaceId,
    pub(super) states: Vec<RequestState>,
    pub(super) page: PageRequest<AccessRequestKey>,
}

impl TryFrom<pb::RequestAccessRequest> for WantedAccess {
    type Error = Violations;

    fn try_from(request: pb::RequestAccessRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let new = Self {
            slug: check.line("organization", &request.organization, 0, NAME_MAX),
            space_address: check.line("space_address", &request.space_address, 0, NAME_MAX),
            email_address: match request.email_address.as_str() {
                "" => None,
                address => Some(EmailAddress::read(&mut check, "email_address", address)),
            },
            display_name: check.line("display_name", &request.display_name, 0, DISPLAY_NAME_MAX),
            message: check.paragraphs("message", &request.message, MESSAGE_MAX),
            token: Some(request.request_token).filter(|token| !token.is_empty()).map(Into::into),
        };
        check.into_result().map(|()| new)
    }
}

impl TryFrom<pb::ListAccessRequestsRequest> for RequestList {
    type Error = Violations;

    fn try_from(request: pb::ListAccessRequestsRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
        let mut states = Vec::new();
        for (index, code) in request.states.iter().enumerate() {
            match pb::AccessRequestState::try_from(*code) {
                Ok(pb::AccessRequestState::Requested) => states.push(RequestState::Requested),
                Ok(pb::AccessRequestState::Granted) => states.push(RequestState::Granted),
                Ok(pb::AccessRequestState::Declined) => states.push(RequestState::Declined),
                Ok(pb::AccessRequestState::Lapsed) => states.push(RequestState::Lapsed),
                Ok(pb::AccessRequestState::Unspecified) | Err(_) => {
                    check.add(format!("states[{index}]"), "must be a state of requests for access");
                }
            }
        }
        if request.states.is_empty() {
            states = vec![RequestState::Requested];
        }
        check.into_result().map(|()| Self { space_id, states, page })
    }
}

fn request_key(space_id: &str, access_request_id: &str) -> Result<RequestKey, Violations> {
    let mut check = Violations::default();
    let key = RequestKey {
        space_id: check.id("space_id", space_id),
        access_request_id: check.id("access_request_id", access_request_id),
    };
    check.into_result().map(|()| key)
}

impl TryFrom<pb::GrantAccessRequest> for RequestKey {
    type Error = Violations;

    fn try_from(request: pb::GrantAccessRequest) -> Result<Self, Violations> {
        request_key(&request.space_id, &request.access_request_id)
    }
}

impl TryFrom<pb::DeclineAccessRequest> for RequestKey {
    type Error = Violations;

    fn try_from(request: pb::DeclineAccessRequest) -> Result<Self, Violations> {
        request_key(&request.space_id, &request.access_request_id)
    }
}

impl From<RequestState> for pb::AccessRequestState {
    fn from(state: RequestState) -> Self {
        match state {
            RequestState::Requested => Self::Requested,
            RequestState::Granted => Self::Granted,
            RequestState::Declined => Self::Declined,
            RequestState::Lapsed => Self::Lapsed,
        }
    }
}

impl From<AccessRequest> for pb::AccessRequest {
    fn from(request: AccessRequest) -> Self {
        let text_of = |id: Option<UserId>| id.map(|id| id.to_string()).unwrap_or_default();
        Self {
            access_request_id: request.access_request_id.to_string(),
            email_address: request.email_address,
            display_name: request.display_name,
            message: request.message,
            is_verified: request.is_verified,
            proposer_user_id: text_of(request.proposer_user_id),
            state: pb::AccessRequestState::from(request.state).into(),
            request_time: Some(timestamp(request.request_time)),
            lapse_time: Some(timestamp(request.lapse_time)),
            answerer_user_id: text_of(request.answerer_user_id),
            answer_time: request.answer_time.map(timestamp),
        }
    }
}

impl From<Noted> for pb::RequestAccessResponse {
    fn from(Noted: Noted) -> Self {
        Self {}
    }
}

impl From<Granted> for pb::GrantAccessResponse {
    fn from(Granted { request, participant }: Granted) -> Self {
        Self { access_request: Some(request.into()), participant: participant.map(Into::into) }
    }
}

impl From<Declined> for pb::DeclineAccessResponse {
    fn from(Declined(request): Declined) -> Self {
        Self { access_request: Some(request.into()) }
    }
}

pub(super) fn list_access_requests_response(page: Page<AccessRequest>) -> pb::ListAccessRequestsResponse {
    pb::ListAccessRequestsResponse {
        access_requests: page.items.into_iter().map(pb::AccessRequest::from).collect(),
        next_page_token: page.next_page_token,
    }
}
