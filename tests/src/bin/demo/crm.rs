//! The walk through what arrives in each CRM.

use anyhow::ensure;
use journeys::crm::{Crm, person};
use journeys::visit::{Accounts, Journey, Session, unique};
use sharedspaces_proto::crmsync::v1::{CrmLog, CrmPersonType, LogState};
use sharedspaces_proto::identity::v1::Plan;
use tonic::Code;

use crate::{expect, saw, step};

/// Connects each CRM, logs to it, breaks the connection and mends it.
pub(crate) async fn walk(journey: &Journey) -> anyhow::Result<()> {
    let acme = Accounts::of(&format!("crm-{}", unique()));
    journey.found(&acme, "Acme", "en", Plan::Ultimate).await?;
    let admin = journey.sign_in(&acme.organization, &acme.admin).await?;
    let seller = journey.sign_in(&acme.organization, &acme.members[0]).await?;
    for (number, which) in (1..).zip(Crm::ALL) {
        step(number, &format!("{}: connected, logged to, broken and mended.", which.name()));
        one_crm(journey, &admin, &seller, which).await?;
    }
    println!("\nEvery log is in its CRM, once.");
    Ok(())
}

async fn one_crm(journey: &Journey, admin: &Session, seller: &Session, which: Crm) -> anyhow::Result<()> {
    let connection = journey.connect(admin, which, "").await?;
    let connection_id = connection.connection_id.as_str();
    for finding in journey.test_connection(admin, connection_id).await?.findings {
        saw(&format!("{} {:?}: {}", finding.check, finding.severity(), finding.message));
    }
    let word = unique();
    let account = journey.find_record(seller, connection_id, "Contoso Ltd").await?;
    let title = format!("Renewal {word}");
    let space = journey.create_space(seller, &title, "", Some((&connection, &account))).await?;
    let id = space.space_id.as_str();
    let log = journey.logged(seller, id).await?;
    saw(&format!("`{}` on {}: {}", log.title, account.display_name, place(&log)));

    let nora = "nora.field@contoso.test";
    let stranger = format!("stranger.{word}@buyer.example");
    expect(
        journey.invite_logged(seller, id, &[nora, &stranger]).await.map(drop),
        Code::InvalidArgument,
        "inviting somebody the CRM does not know",
    )?;
    let invited = journey.invite_logged(seller, id, &[nora]).await?;
    let log = journey.log_in_state(seller, &invited.crm_log_id, LogState::Logged).await?;
    saw(&format!("`{}`: {}", log.title, place(&log)));
    for (name, person_type) in [("Nora Field", CrmPersonType::Contact), ("Lena Brook", CrmPersonType::Lead)] {
        let found = journey.find_person(seller, connection_id, name, person_type).await?;
        let log = journey.log_snapshot(seller, id, Some(person(&found))).await?;
        let log = journey.log_in_state(seller, &log.log_id, LogState::Logged).await?;
        saw(&format!("`{}` on {name}: {} record(s)", log.title, log.records.len()));
    }

    journey.break_off(which).await?;
    let log = journey.log_snapshot(seller, id, None).await?;
    let stuck = journey.log_in_state(seller, &log.log_id, LogState::ReconnectNeeded).await?;
    saw(&format!("broken: {}", stuck.reason));
    journey.outside.fail_no_more().await?;
    let again = journey.connect(admin, which, connection_id).await?;
    ensure!(again.connection_id == connection_id, "connected under another id");
    journey.retry_log(seller, &log.log_id).await?;
    let log = journey.log_in_state(seller, &log.log_id, LogState::Logged).await?;
    saw(&format!("connected again and tried once more: {}", place(&log)));

    let panel = journey.crm_panel(seller, id).await?;
    let written: usize = panel.logs.iter().map(|log| log.records.len()).sum();
    let found = journey.records_naming(which, &word).await?;
    ensure!(found == written, "{found} records of {written}");
    saw(&format!("{} logs are {found} records", panel.logs.len()));
    Ok(())
}

/// Where a person opens the record.
fn place(log: &CrmLog) -> &str {
    if log.record_url.is_empty() {
        "in the CRM, whose records have no known address"
    } else {
        &log.record_url
    }
}
