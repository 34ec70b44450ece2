//! What this service has given up, for the admins of the organisation that it was for.
//!
//! Owns the answers of the `JobService` of every service that runs jobs, so that all answer alike. Must not run a job:
//! the runner does, once it is set to run again.

use chrono::{DateTime, Utc};
use service_kit::caller::{Call, Caller};
use service_kit::clock::timestamp;
use service_kit::db::{Database, Reply};
use service_kit::ids::OrganizationId;
use service_kit::page::{Page, PageRequest};
use service_kit::validate::Violations;
use sharedspaces_proto::jobs::v1 as pb;
use sqlx::{FromRow, PgConnection};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::jobs;

service_kit::domain_error! {
    /// Why a call on dead jobs was refused.
    pub enum DeadJobError in "jobs.sharedspaces" {
        /// The organisation has no such job among the dead ones of this service; it may run again already.
        #[error("no such dead job")]
        NotFound => NotFound "DEAD_JOB_NOT_FOUND",
    }
}

/// The dead jobs of all organisations, each seen by its own only.
#[derive(Clone, Debug)]
pub struct DeadJobs {
    database: Database,
}

#[derive(FromRow)]
struct DeadJob {
    id: Uuid,
    seq: i64,
    name: String,
    attempt: i32,
    last_error: Option<String>,
    create_time: DateTime<Utc>,
}

/// That a job runs again.
struct Redriven;

impl DeadJobs {
    /// Returns the dead jobs of a service's database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn list(
        &self,
        request: Request<pb::ListDeadJobsRequest>,
    ) -> Result<Response<pb::ListDeadJobsResponse>, Status> {
        let organization_id = Caller::of(&request)?.organization_id;
        let request = request.into_inner();
        let mut check = Violations::default();
        let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
        check.into_result()?;
        let page = self.page(organization_id, page).await?;
        let dead_jobs = page.items.into_iter().map(pb::DeadJob::from).collect();
        Ok(Response::new(pb::ListDeadJobsResponse { dead_jobs, next_page_token: page.next_page_token }))
    }

    async fn page(
        &self,
        organization_id: OrganizationId,
        page: PageRequest<i64>,
    ) -> Result<Page<DeadJob>, DeadJobError> {
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    let rows = list(tx, organization_id, page.after, page.limit()).await?;
                    Ok(Page::cut(rows, &page, |job| job.seq))
                })
            })
            .await
    }

    async fn retry(
        &self,
        request: Request<pb::RetryDeadJobRequest>,
    ) -> Result<Response<pb::RetryDeadJobResponse>, Status> {
        let call = Call::of(&request)?;
        let mut check = Violations::default();
        let id = check.id::<Uuid>("job_id", &request.get_ref().job_id);
        check.into_result()?;
        Ok(Response::new(self.redrive(&call, id).await?))
    }

    async fn redrive<R: Reply<Redriven>>(&self, call: &Call, id: Uuid) -> Result<R, DeadJobError> {
        let organization_id = call.caller()?.organization_id;
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    let was_dead = jobs::redrive(tx, organization_id, id).await?;
                    was_dead.then_some(Redriven).ok_or(DeadJobError::NotFound)
                })
            })
            .await
    }
}

async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    after: Option<i64>,
    limit: i64,
) -> Result<Vec<DeadJob>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, seq, name, attempt, last_error, create_time FROM jobs
          WHERE organization_id = $1 AND state = 'dead' AND ($2::bigint IS NULL OR seq < $2)
          ORDER BY seq DESC LIMIT $3",
    )
    .bind(organization_id)
    .bind(after)
    .bind(limit)
    .fetch_all(tx)
    .await
}

impl From<DeadJob> for pb::DeadJob {
    fn from(job: DeadJob) -> Self {
        Self {
            job_id: job.id.to_string(),
            name: job.name,
            reason: job.last_error.unwrap_or_default(),
            attempts: job.attempt,
            create_time: Some(timestamp(job.create_time)),
        }
    }
}

impl From<Redriven> for pb::RetryDeadJobResponse {
    fn from(Redriven: Redriven) -> Self {
        Self {}
    }
}

/// Answers the `JobService` of each package: the same two methods under four names, so that a path says which service
/// it is for.
macro_rules! answer {
    ($($package:ident),+) => {
        $(
            #[tonic::async_trait]
            impl sharedspaces_proto::$package::v1::job_service_server::JobService for DeadJobs {
                async fn list_dead_jobs(
                    &self,
                    request: Request<pb::ListDeadJobsRequest>,
                ) -> Result<Response<pb::ListDeadJobsResponse>, Status> {
                    self.list(request).await
                }

                async fn retry_dead_job(
                    &self,
                    request: Request<pb::RetryDeadJobRequest>,
                ) -> Result<Response<pb::RetryDeadJobResponse>, Status> {
                    self.retry(request).await
                }
            }
        )+
    };
}

answer!(spaces, assets, notifications, crmsync);
