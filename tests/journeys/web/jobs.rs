//! What the services could not do, as an admin sees it and sets it to run again.

use journeys::api::with_token;
use journeys::visit::fresh_key;
use messaging::Event;
use prost::Message as _;
use serde_json::json;
use sharedspaces_proto::identity::events::v1::OrganizationUpdated;
use sharedspaces_proto::identity::v1::GetOrganizationRequest;
use sharedspaces_proto::jobs::v1::{ListDeadJobsRequest, RetryDeadJobRequest};
use sharedspaces_proto::spaces::events::v1::LogoPlaced;
use uuid::Uuid;

use super::*;
use crate::files::reason;

const RENAMED: &str = OrganizationUpdated::ROUTING_KEY;
const LOGO_PLACED: &str = LogoPlaced::ROUTING_KEY;

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sees_what_could_not_be_done_and_sets_it_to_run_again() {
    let Web { world, journey, accounts, address: web } = open().await;
    let admin = Browser::start(true).await.unwrap();
    sign_in(&admin, &web, (&accounts.organization, &accounts.admin)).await;
    let page = format!("{web}/app/admin/jobs");
    admin.go(&page).await.unwrap();
    admin.reads("Everything has been done.").await.unwrap();
    look(&admin, "no-jobs").await;

    // A new name that never reached the mails, and a job that cannot succeed, of another service.
    let session = journey.sign_in(&accounts.organization, &accounts.admin).await.unwrap();
    let request = with_token(GetOrganizationRequest {}, session.token());
    let told = journey.api.organizations.clone().get_organization(request).await.unwrap();
    let mut organization = told.into_inner().organization.unwrap();
    let id: Uuid = organization.organization_id.parse().unwrap();
    organization.display_name = "Acme and Daughters".to_owned();
    let event = OrganizationUpdated { organization: Some(organization) }.encode_to_vec();
    let envelope = json!({
        "event_id": fresh_key(), "aggregate_id": id, "aggregate_version": 99, "event_time": "2026-01-01T00:00:00Z"
    });
    let [renamed, broken] = [(); 2].map(|()| fresh_key().parse::<Uuid>().unwrap());
    world.leave_dead_event("notifications", (id, renamed), RENAMED, (&envelope, &event)).await.unwrap();
    world.leave_dead_event("assets", (id, broken), LOGO_PLACED, (&json!({}), &[])).await.unwrap();
    admin.go(&page).await.unwrap();
    for read in ["Mails and notices", RENAMED, "Files and logos", LOGO_PLACED, "the database was full"] {
        admin.reads(read).await.unwrap();
    }
    look(&admin, "jobs").await;

    // Another organisation neither sees nor starts it.
    let others = Accounts::of(&format!("org-{}", unique()));
    journey.found(&others, "Others", "en", Plan::Ultimate).await.unwrap();
    let other = journey.sign_in(&others.organization, &others.admin).await.unwrap();
    let mut jobs = journey.api.notifications_jobs.clone();
    let all = ListDeadJobsRequest::default();
    let seen = jobs.list_dead_jobs(with_token(all.clone(), other.token())).await.unwrap().into_inner();
    assert!(seen.dead_jobs.is_empty());
    let again = RetryDeadJobRequest { job_id: renamed.to_string() };
    let refused = jobs.retry_dead_job(with_token(again.clone(), other.token())).await.unwrap_err();
    assert_eq!(reason(&refused), "DEAD_JOB_NOT_FOUND");

    // What can be done is done, and gone from the page; a mail bears the new name.
    admin.press("form[action*='/notifications/'] button").await.unwrap();
    admin.arrive("done=running").await.unwrap();
    admin.reads("It runs again.").await.unwrap();
    within(PATIENCE, "the job is done", async || {
        let left = jobs.list_dead_jobs(with_token(all.clone(), session.token())).await?.into_inner();
        Ok((left.dead_jobs.is_empty() && world.quiesce().await? == 1).then_some(()))
    })
    .await
    .unwrap();
    let refused = jobs.retry_dead_job(with_token(again, session.token())).await.unwrap_err();
    assert_eq!(reason(&refused), "DEAD_JOB_NOT_FOUND", "what is done is not done again");
    journey.request_link(&accounts.organization, &accounts.members[0]).await.unwrap();
    let mail = journey.outside.wait_for_mail(&accounts.members[0], "").await.unwrap();
    assert!(mail.html.contains("Acme and Daughters"), "{}", mail.text);

    // What fails again is there again, with its reason of now.
    admin.press("form[action*='/assets/'] button").await.unwrap();
    within(PATIENCE, "the job fails again", async || {
        admin.go(&page).await?;
        Ok(admin.text("body").await?.contains("missing field").then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(admin.count("tbody tr").await.unwrap(), 1);
    admin.close().await.unwrap();
}
