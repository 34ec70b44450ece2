//! Calls of the API against what they are made of.
//!
//! Owns the sections on GetSpace and CreateSpace. A call's limit is what the database does of the same statements
//! (pgbench), for a read together with what tonic does of the same messages (echo).

use std::time::Duration;

use anyhow::Context;
use journeys::visit::Session;
use sharedspaces_proto::spaces::v1 as pb;
use tokio::task::block_in_place;
use xtask::process::say;

use crate::broker::Bare;
use crate::echo;
use crate::load::{Call, measure};
use crate::pgbench::Pgbench;
use crate::scripts::{Event, Script};
use crate::stage::Stage;

const CALLERS: [usize; 2] = [8, 32];
const CREATE_FOR: Duration = Duration::from_secs(8);
const GET_FOR: Duration = Duration::from_secs(6);
const ECHO_FOR: Duration = Duration::from_secs(4);
const CREATE_AIM: f64 = 0.6;

/// GetSpace against a bare tonic server and the same SELECT.
pub(crate) async fn reads(stage: &mut Stage) -> anyhow::Result<()> {
    let member = stage.sign_in().await?;
    let space = stage.journey.create_space(&member, "Contoso 2027 renewal", "", None).await?;
    let call = Call::Get(pb::GetSpaceRequest { space_id: space.space_id.clone() });
    let address = stage.world.environment()?.spaces;
    let pgbench = pgbench(stage, &member, &space.space_id).await?;
    let answer = pb::GetSpaceResponse { space: Some(space) };
    for callers in CALLERS {
        say(&format!("GetSpace, {callers} callers …"));
        let ours = measure(&address, &member, &call, callers, GET_FOR).await?;
        stage.memory.note(&stage.world)?;
        let (server, bare) = block_in_place(|| echo::start(stage.dir.path(), &answer))?;
        let echo = measure(&bare, &member, &call, callers, ECHO_FOR).await?.per_second;
        drop(server);
        let database = pgbench.measure(&Script::Get, callers, ECHO_FOR)?;
        let limit = 1.0 / (1.0 / echo + 1.0 / database);
        let of = format!("echo {echo:.0} and SELECT {database:.0} one after the other");
        stage.report.add_calls(format!("GetSpace, {callers} callers"), &ours, (limit, of), None);
    }
    Ok(())
}

/// CreateSpace against the same statements through pgbench.
pub(crate) async fn writes(stage: &mut Stage) -> anyhow::Result<()> {
    let member = stage.sign_in().await?;
    let call = Call::Create(pb::CreateSpaceRequest {
        title: "Contoso 2027 renewal".to_owned(),
        sharing: Some(pb::SharingToggles { download: true, invite: false, upload: false }),
        description: "Welcome! Here you find **everything** about the offer.".to_owned(),
        ..pb::CreateSpaceRequest::default()
    });
    let address = stage.world.environment()?.spaces;
    let space = stage.journey.create_space(&member, "Contoso 2027 renewal", "", None).await?;
    let pgbench = pgbench(stage, &member, &space.space_id).await?;
    let database = stage.superuser("spaces").await?;

    say("CreateSpace with everything that follows it, 32 callers …");
    let followed = measure(&address, &member, &call, 32, CREATE_FOR).await?;
    stage.memory.note(&stage.world)?;

    // From here on the writers are alone, as pgbench is: nobody publishes, consumes or logs.
    stage.stop("crm-sync")?;
    stage.restart("spaces", "serve")?;
    let event: Event = sqlx::query_as(
        "SELECT encode(body, 'hex') AS body, traceparent FROM outbox ORDER BY id DESC LIMIT 1",
    )
    .fetch_one(&database)
    .await?;
    let mut limit = 0.0;
    for callers in CALLERS {
        say(&format!("CreateSpace, {callers} callers …"));
        sqlx::query("CHECKPOINT").execute(&database).await?;
        let ours = measure(&address, &member, &call, callers, CREATE_FOR).await?;
        stage.memory.note(&stage.world)?;
        sqlx::query("CHECKPOINT").execute(&database).await?;
        limit = pgbench.measure(&Script::Create(&event), callers, CREATE_FOR)?;
        let limit = (limit, "same statements".to_owned());
        let what = format!("CreateSpace, {callers} callers");
        stage.report.add_calls(what, &ours, limit, Some(CREATE_AIM));
    }
    let limit = (limit, "same statements, nothing following".to_owned());
    let what = "CreateSpace, 32 callers, with relay, broker and crm-sync following".to_owned();
    stage.report.add_calls(what, &followed, limit, None);

    // What was appended here is of no further use, and would take minutes to be delivered.
    stage.stop("spaces")?;
    let addresses = &stage.world.addresses;
    let broker = Bare::open(&addresses.broker_url, &addresses.broker_prefix, "none").await?;
    broker.purge(&format!("{}crm-sync.from-spaces", addresses.broker_prefix)).await?;
    broker.close().await?;
    sqlx::query("TRUNCATE outbox").execute(&database).await?;
    sqlx::query("TRUNCATE jobs").execute(&stage.superuser("crm-sync").await?).await?;
    stage.restart("spaces", "run")?;
    stage.restart("crm-sync", "run")
}

/// Returns one that acts as a member on a space.
pub(crate) async fn pgbench(stage: &Stage, member: &Session, space_id: &str) -> anyhow::Result<Pgbench> {
    let database = stage.superuser("spaces").await?;
    let organization: String =
        sqlx::query_scalar("SELECT organization_id::text FROM organizations WHERE slug = $1")
            .bind(&stage.accounts.organization)
            .fetch_one(&database)
            .await
            .context("spaces does not know the organisation")?;
    let url = &stage.world.addresses.service("spaces")?.database_url;
    Pgbench::new(url, stage.dir.path(), (&organization, &member.user_id, space_id))
}
