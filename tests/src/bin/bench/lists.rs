//! The list of spaces of somebody who takes part in ten thousand.
//!
//! Owns the section on ListSpaces: each order, and searching. The spaces are inserted beside the service.

use std::time::Duration;

use anyhow::Context;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::SpaceOrder;
use xtask::process::say;

use crate::calls::pgbench;
use crate::load::{Call, measure};
use crate::scripts::Script;
use crate::stage::Stage;

const COUNT: i32 = 10_000;
const CALLERS: usize = 32;
const LIST_FOR: Duration = Duration::from_secs(6);
/// In the title of one space in a hundred.
const RARE: &str = "umbrella";
/// In no title and no name.
const MISSING: &str = "quince";

/// Every space is the member's own, and of two people.
const FILL: &str = "
    WITH organization AS (SELECT organization_id FROM organizations WHERE slug = $1),
    made AS (
        INSERT INTO spaces (organization_id, space_id, title, title_folded, address, description, allow_download,
                            allow_invite, allow_upload, owner_user_id, version, create_time, update_time,
                            last_activity_time)
        SELECT organization_id, gen_random_uuid(), name, lower(name), 'list-' || n, 'Welcome!', true, false, false,
               $2::uuid, 1, now() - make_interval(mins => n), now(),
               now() - make_interval(mins => (n * 7919) % 10007)
          FROM organization,
               (SELECT n, CASE WHEN n % 100 = 0 THEN 'Umbrella ' ELSE 'Contoso ' END || (n * 7907) % 10007 AS name
                  FROM generate_series(1, $4::integer) AS n) AS names
        RETURNING organization_id, space_id)
    INSERT INTO participants (organization_id, participant_id, space_id, user_id, kind, state, create_time)
    SELECT organization_id, gen_random_uuid(), space_id, user_id, kind, 'ACTIVE', now()
      FROM made, (VALUES ($2::uuid, 'OWNER'), ($3::uuid, 'INTERNAL')) AS people (user_id, kind)";

/// ListSpaces against the same statements through pgbench.
pub(crate) async fn lists(stage: &mut Stage) -> anyhow::Result<()> {
    let member = stage.sign_in().await?;
    let [_, colleague] = &stage.accounts.members;
    let colleague = stage.journey.sign_in(&stage.accounts.organization, colleague).await?;
    let space = stage.journey.create_space(&member, "Contoso 2027 renewal", "", None).await?;
    let database = stage.superuser("spaces").await?;
    say("Ten thousand spaces …");
    sqlx::query(FILL)
        .bind(&stage.accounts.organization)
        .bind(member.user_id.parse::<uuid::Uuid>()?)
        .bind(colleague.user_id.parse::<uuid::Uuid>()?)
        .bind(COUNT)
        .execute(&database)
        .await
        .context("the spaces could not be inserted")?;
    sqlx::query("VACUUM ANALYZE").execute(&database).await?;

    let address = stage.world.environment()?.spaces;
    let pgbench = pgbench(stage, &member, &space.space_id).await?;
    for (what, order, text) in [
        ("by last activity", SpaceOrder::LastActivity, None),
        ("by title", SpaceOrder::Title, None),
        ("by creation", SpaceOrder::CreateTime, None),
        ("search, one in a hundred found", SpaceOrder::LastActivity, Some(RARE)),
        ("search, nothing found", SpaceOrder::LastActivity, Some(MISSING)),
    ] {
        say(&format!("ListSpaces {what}, {CALLERS} callers …"));
        // Access tokens live five minutes.
        let member = stage.sign_in().await?;
        let call = Call::List(pb::ListSpacesRequest {
            order: order.into(),
            query: text.unwrap_or_default().to_owned(),
            ..pb::ListSpacesRequest::default()
        });
        let ours = measure(&address, &member, &call, CALLERS, LIST_FOR).await?;
        stage.memory.note(&stage.world)?;
        let same = pgbench.measure(&Script::List(order, text), CALLERS, LIST_FOR)?;
        let what = format!("ListSpaces of 10,000 {what}, {CALLERS} callers");
        stage.report.add_calls(what, &ours, (same, "same statements".to_owned()), None);
    }
    Ok(())
}
