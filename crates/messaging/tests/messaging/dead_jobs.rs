//! Dead jobs as the admins of their organisation see them.

use messaging::DeadJobs;
use service_kit::caller::{Caller, CallerKind, Principal};
use sharedspaces_proto::find_method_rule;
use sharedspaces_proto::jobs::v1 as pb;
use sharedspaces_proto::spaces::v1::job_service_server::JobService;
use testkit::TestDatabase;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::support::database;

async fn die(database: &TestDatabase, organization: &Caller, name: &str, state: &str) -> Uuid {
    sqlx::query_scalar(
        "INSERT INTO jobs (name, organization_id, payload, state, attempt, max_attempts, last_error)
         VALUES ($1, $2, '{}', $3, 7, 7, 'the teapot is empty') RETURNING id",
    )
    .bind(name)
    .bind(organization.organization_id)
    .bind(state)
    .fetch_one(&database.owner_pool())
    .await
    .unwrap()
}

async fn list(
    jobs: &DeadJobs,
    caller: &Caller,
    page_size: i32,
    page_token: &str,
) -> Result<pb::ListDeadJobsResponse, Status> {
    let page_token = page_token.to_owned();
    let mut request = Request::new(pb::ListDeadJobsRequest { page_size, page_token });
    request.extensions_mut().insert(Principal::Person(caller.clone()));
    Ok(JobService::list_dead_jobs(jobs, request).await?.into_inner())
}

async fn retry(jobs: &DeadJobs, caller: &Caller, job_id: &str) -> Result<(), Status> {
    let mut request = Request::new(pb::RetryDeadJobRequest { job_id: job_id.to_owned() });
    let rule = find_method_rule("/sharedspaces.spaces.v1.JobService/RetryDeadJob").unwrap();
    request.extensions_mut().insert(rule);
    request.extensions_mut().insert(Principal::Person(caller.clone()));
    JobService::retry_dead_job(jobs, request).await.map(drop)
}

#[tokio::test]
async fn an_organizations_dead_jobs_are_listed_newest_first_in_pages_and_no_others() {
    let database = database("spaces").await;
    let jobs = DeadJobs::new(database.database.clone());
    let [own, other] = [(); 2].map(|()| testkit::caller(CallerKind::Member));
    for name in ["first", "second", "third"] {
        die(&database, &own, name, "dead").await;
    }
    die(&database, &own, "waits", "pending").await;
    die(&database, &other, "anothers", "dead").await;

    let page = list(&jobs, &own, 2, "").await.unwrap();
    let names = |page: &pb::ListDeadJobsResponse| {
        page.dead_jobs.iter().map(|job| job.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&page), ["third", "second"]);
    let job = &page.dead_jobs[0];
    assert_eq!((job.reason.as_str(), job.attempts), ("the teapot is empty", 7));
    assert!(job.create_time.is_some());
    let rest = list(&jobs, &own, 2, &page.next_page_token).await.unwrap();
    assert_eq!((names(&rest), rest.next_page_token.as_str()), (vec!["first".to_owned()], ""));

    list(&jobs, &own, 100, "").await.unwrap();
    for (size, token, field) in [(101, "", "page_size"), (-1, "", "page_size"), (0, "none", "page_token")] {
        let refused = list(&jobs, &own, size, token).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let details = refused.get_details_bad_request().unwrap();
        assert_eq!(details.field_violations[0].field, field);
    }
}

#[tokio::test]
async fn a_dead_job_runs_again_once_and_for_its_own_organization_alone() {
    let database = database("spaces").await;
    let jobs = DeadJobs::new(database.database.clone());
    let [own, other] = [(); 2].map(|()| testkit::caller(CallerKind::Member));
    let id = die(&database, &own, "work", "dead").await.to_string();
    let waiting = die(&database, &own, "waits", "pending").await.to_string();
    let left = async || messaging::backlog(database.database.pool()).await.unwrap().jobs_dead;

    for (caller, id) in [(&other, &id), (&own, &waiting), (&own, &Uuid::nil().to_string())] {
        let refused = retry(&jobs, caller, id).await.unwrap_err();
        assert_eq!(refused.get_details_error_info().unwrap().reason, "DEAD_JOB_NOT_FOUND");
        assert_eq!(left().await, 1);
    }
    let refused = retry(&jobs, &own, "work").await.unwrap_err();
    assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, "job_id");

    retry(&jobs, &own, &id).await.unwrap();
    assert_eq!(left().await, 0);
    let refused = retry(&jobs, &own, &id).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "it runs again already");
}
