//! Between the list of spaces on the wire and what the use cases know of it.

use chrono::DateTime;
use service_kit::clock::timestamp;
use service_kit::ids::UserId;
use service_kit::page::{Page, PageRequest};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;

use super::convert::codes;
use crate::permission::SpaceState;
use crate::space::{ListKey, ListQuery, Order, QUERY_MAX, Summary};

/// Which page of which list is asked for.
pub(super) struct SpaceList {
    pub(super) query: ListQuery,
    pub(super) page: PageRequest<ListKey>,
}

impl SpaceList {
    /// Reads a request; `me` stands for `owned_by_me`.
    pub(super) fn read(request: &pb::ListSpacesRequest, me: UserId) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let text = check.line("query", &request.query, 0, QUERY_MAX);
        let mut query = ListQuery {
            text: ListQuery::folded(&text),
            owner_user_id: request.owned_by_me.then_some(me),
            states: states(&mut check, &request.states),
            active_since: None,
            order: order(&mut check, request.order),
        };
        if !request.owner_user_id.is_empty() {
            let owner: UserId = check.id("owner_user_id", &request.owner_user_id);
            if request.owned_by_me && owner != me {
                check.add("owner_user_id", "must be empty or the caller's own, because owned_by_me is set");
            }
            query.owner_user_id = Some(owner);
        }
        if let Some(since) = &request.active_since {
            let nanos = u32::try_from(since.nanos).ok();
            query.active_since = nanos.and_then(|nanos| DateTime::from_timestamp(since.seconds, nanos));
            if query.active_since.is_none() {
                check.add("active_since", "must be a time");
            }
        }
        let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
        query.check_token(&mut check, &page);
        check.into_result()?;
        Ok(Self { query, page })
    }
}

fn states(check: &mut Violations, codes: &[i32]) -> Vec<SpaceState> {
    let mut states = Vec::new();
    for (index, code) in codes.iter().enumerate() {
        let state = match pb::SpaceState::try_from(*code) {
            Ok(pb::SpaceState::Active) => SpaceState::Active,
            Ok(pb::SpaceState::Archived) => SpaceState::Archived,
            Ok(pb::SpaceState::Deleted) => SpaceState::Deleted,
            Ok(pb::SpaceState::Unspecified) | Err(_) => {
                check.add(format!("states[{index}]"), "must be a state of spaces");
                continue;
            }
        };
        if !states.contains(&state) {
            states.push(state);
        }
    }
    states
}

fn order(check: &mut Violations, code: i32) -> Order {
    match pb::SpaceOrder::try_from(code) {
        Ok(pb::SpaceOrder::Unspecified | pb::SpaceOrder::LastActivity) => Order::LastActivity,
        Ok(pb::SpaceOrder::Title) => Order::Title,
        Ok(pb::SpaceOrder::CreateTime) => Order::CreateTime,
        Err(_) => {
            check.add("order", "must be an order of spaces");
            Order::default()
        }
    }
}

impl From<SpaceState> for pb::SpaceState {
    fn from(state: SpaceState) -> Self {
        match state {
            SpaceState::Active => Self::Active,
            SpaceState::Archived => Self::Archived,
            SpaceState::Deleted => Self::Deleted,
        }
    }
}

impl From<Summary> for pb::SpaceSummary {
    fn from(summary: Summary) -> Self {
        Self {
            space_id: summary.space_id.to_string(),
            title: summary.title,
            url: summary.url,
            state: pb::SpaceState::from(summary.state).into(),
            owner_user_id: summary.owner_user_id.to_string(),
            owner_display_name: summary.owner_name,
            customer_logo: summary.logo.map(pb::CustomerLogo::from),
            transparent_background: summary.transparent_background,
            theme: Some(summary.look.into()),
            participant_count: i32::try_from(summary.participant_count).unwrap_or(i32::MAX),
            item_count: i32::try_from(summary.item_count).unwrap_or(i32::MAX),
            last_activity_time: Some(timestamp(summary.last_activity_time)),
            create_time: Some(timestamp(summary.create_time)),
            permissions: codes(summary.permissions),
            purge_time: summary.purge_time.map(timestamp),
        }
    }
}

pub(super) fn list_spaces_response(page: Page<Summary>) -> pb::ListSpacesResponse {
    pb::ListSpacesResponse {
        spaces: page.items.into_iter().map(pb::SpaceSummary::from).collect(),
        next_page_token: page.next_page_token,
    }
}
