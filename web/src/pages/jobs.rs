//! What the services could not do for an organisation, and setting it to run again.

use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sharedspaces_proto::jobs::v1 as pb;
use tonic::Status;

use super::admin::frame;
use crate::failure::{Failure, Reason};
use crate::frame::{Frame, render};
use crate::texts::Texts;
use crate::view::Moment;
use crate::visitor::Me;

/// Those that run jobs.
const SERVICES: [&str; 4] = ["spaces", "assets", "notifications", "crm-sync"];

/// Which page is asked for: the first of every service, or a further one of one.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    service: String,
    #[serde(default)]
    page: String,
}

struct Job {
    id: String,
    name: String,
    reason: String,
    attempts: i32,
    when: Moment,
}

/// What one service has given up.
struct Part {
    service: &'static str,
    name: &'static str,
    jobs: Vec<Job>,
    next_page: String,
}

#[derive(askama::Template)]
#[template(path = "admin/jobs.html")]
struct JobsPage {
    frame: Frame,
    parts: Vec<Part>,
}

/// Shows what failed, by service, the newest first.
pub(crate) async fn page(me: Me, Query(wanted): Query<Wanted>) -> Result<Response, Failure> {
    let is_asked = |service: &&str| wanted.service.is_empty() || wanted.service == *service;
    let mut parts = Vec::new();
    for service in SERVICES.into_iter().filter(is_asked) {
        parts.push(list(&me, service, &wanted.page).await?);
    }
    parts.retain(|part| !part.jobs.is_empty());
    render(&JobsPage { frame: frame(&me), parts })
}

async fn list(me: &Me, service: &'static str, page: &str) -> Result<Part, Status> {
    let request = me.ask(pb::ListDeadJobsRequest { page_size: 50, page_token: page.to_owned() });
    let api = &me.web().api;
    let listed = match service {
        "spaces" => api.spaces_jobs().list_dead_jobs(request).await,
        "assets" => api.assets_jobs().list_dead_jobs(request).await,
        "notifications" => api.notifications_jobs().list_dead_jobs(request).await,
        _ => api.crm_sync_jobs().list_dead_jobs(request).await,
    };
    let pb::ListDeadJobsResponse { dead_jobs, next_page_token } = listed?.into_inner();
    let jobs = dead_jobs.into_iter().map(Job::from).collect();
    Ok(Part { service, name: name_of(me.texts(), service), jobs, next_page: next_page_token })
}

fn name_of(t: &'static Texts, service: &str) -> &'static str {
    match service {
        "spaces" => t.admin.of_spaces,
        "assets" => t.admin.of_assets,
        "notifications" => t.admin.of_notifications,
        _ => t.admin.of_crm_sync,
    }
}

impl From<pb::DeadJob> for Job {
    fn from(job: pb::DeadJob) -> Self {
        Self {
            id: job.job_id,
            name: job.name,
            reason: job.reason,
            attempts: job.attempts,
            when: job.create_time.into(),
        }
    }
}

/// Sets a job to run again.
pub(crate) async fn retry(
    me: Me,
    Path((service, job_id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let request = me.ask(pb::RetryDeadJobRequest { job_id });
    let api = &me.web().api;
    match service.as_str() {
        "spaces" => api.spaces_jobs().retry_dead_job(request).await?,
        "assets" => api.assets_jobs().retry_dead_job(request).await?,
        "notifications" => api.notifications_jobs().retry_dead_job(request).await?,
        "crm-sync" => api.crm_sync_jobs().retry_dead_job(request).await?,
        _ => return Err(Reason::NoSuchPage.into()),
    };
    Ok(Redirect::to("/app/admin/jobs?done=running").into_response())
}
