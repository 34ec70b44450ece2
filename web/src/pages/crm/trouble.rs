//! The logs that an admin has to look after: those of the spaces that were active last.
//!
//! There is no call that lists the logs of an organisation, so that each page asks for those of some spaces at once; and the
//! logs of a space are told to those alone who take part in it.

use axum::extract::Query;
use axum::response::Response;
use sharedspaces_proto::crmsync::v1 as crm;
use sharedspaces_proto::spaces::v1 as pb;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use super::admin::{frame, require_admin};
use super::show::Log;
use crate::failure::Failure;
use crate::frame::{Frame, render};
use crate::pages::room::Paged;
use crate::visitor::Me;

/// How many spaces a page looks at.
const SPACES: i32 = 20;
/// How many logs of each, the newest.
const LOGS: i32 = 100;

#[derive(askama::Template)]
#[template(path = "crm/trouble.html")]
struct TroublePage {
    frame: Frame,
    logs: Vec<Log>,
    next_page: String,
    back: String,
}

/// Shows what failed or waits.
pub(crate) async fn page(me: Me, Query(paged): Query<Paged>) -> Result<Response, Failure> {
    require_admin(&me)?;
    let request = pb::ListSpacesRequest {
        page_size: SPACES,
        page_token: paged.page,
        order: pb::SpaceOrder::LastActivity.into(),
        ..pb::ListSpacesRequest::default()
    };
    let known = super::list(&me).await?;
    let spaces = me.web().api.spaces().list_spaces(me.ask(request)).await?.into_inner();
    let mut asked = JoinSet::new();
    for space in spaces.spaces {
        asked.spawn(in_trouble(me.clone(), space.space_id));
    }
    let mut logs = Vec::new();
    for answer in asked.join_all().await {
        logs.extend(answer?);
    }
    logs.sort_by_key(|log| std::cmp::Reverse(log.create_time.map(|at| (at.seconds, at.nanos))));
    let page = TroublePage {
        frame: frame(&me),
        logs: logs.into_iter().map(|log| Log::new(me.texts(), &known, log)).collect(),
        next_page: spaces.next_page_token,
        back: me.address().split("done=").next().unwrap_or_default().trim_end_matches(['?', '&']).to_owned(),
    };
    render(&page)
}

async fn in_trouble(me: Me, space_id: String) -> Result<Vec<crm::CrmLog>, Status> {
    let request = crm::ListLogsRequest { space_id, page_size: LOGS, page_token: String::new() };
    let told = match me.web().api.crm_logs().list_logs(me.ask(request)).await {
        Ok(told) => told.into_inner(),
        Err(status) if status.code() == Code::NotFound => return Ok(Vec::new()),
        Err(status) => return Err(status),
    };
    let is_in_trouble = |log: &crm::CrmLog| log.state() != crm::LogState::Logged;
    Ok(told.logs.into_iter().filter(is_in_trouble).collect())
}
