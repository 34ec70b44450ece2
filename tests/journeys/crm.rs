//! What of a space arrives in each CRM, over the running services and the look-alikes.

use journeys::crm::{Crm, person, target};
use journeys::visit::{Journey, unique};
use journeys::world::World;
use sharedspaces_proto::crmsync::v1 as crm;
use sharedspaces_proto::identity::v1::Plan;
use sharedspaces_proto::spaces::v1 as spaces;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{Organization, Stage, found, start};

#[tokio::test(flavor = "multi_thread")]
async fn each_crm_gets_one_record_per_log_through_a_broken_connection_too() {
    each_crm(&Stage::set(&[]).await).await;
}

pub(crate) async fn each_crm(stage: &Stage) {
    let journey = &stage.journey;
    let acme = found(journey, "en", Plan::Ultimate).await;
    for which in Crm::ALL {
        one_crm(journey, &acme, which).await;
    }
}

async fn one_crm(journey: &Journey, acme: &Organization, which: Crm) {
    let name = which.name();
    let connection = journey.connect(&acme.admin, which, "").await.unwrap();
    assert_eq!(connection.state(), crm::ConnectionState::Connected, "{name}");
    let tested = journey.test_connection(&acme.admin, &connection.connection_id).await.unwrap();
    let is_bad = |finding: &crm::Finding| finding.severity() == crm::FindingSeverity::Error;
    assert!(!tested.findings.is_empty() && !tested.findings.iter().any(is_bad), "{name}: {tested:?}");

    let word = unique();
    let title = format!("Renewal {word}");
    let connection_id = connection.connection_id.as_str();
    let account = journey.find_record(&acme.member, connection_id, "Contoso Ltd").await.unwrap();
    let space = journey.create_space(&acme.member, &title, "", Some((&connection, &account))).await.unwrap();
    let id = space.space_id.as_str();
    let creation = journey.logged(&acme.member, id).await.unwrap();
    assert_eq!(creation.kind(), crm::LogKind::Creation);

    let stranger = format!("stranger.{word}@buyer.example");
    let nora = "nora.field@contoso.test";
    let refused = journey.invite_logged(&acme.member, id, &[nora, &stranger]).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{name}: {refused}");
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["email_addresses[1]"], "{name}: {violations:?}");
    let invited = journey.invite_logged(&acme.member, id, &[nora]).await.unwrap();
    let invitation =
        journey.log_in_state(&acme.member, &invited.crm_log_id, crm::LogState::Logged).await.unwrap();
    assert_eq!(invitation.kind(), crm::LogKind::Invitation);

    let mut logs = vec![creation, invitation];
    for (person_name, person_type) in
        [("Nora Field", crm::CrmPersonType::Contact), ("Lena Brook", crm::CrmPersonType::Lead)]
    {
        let found = journey.find_person(&acme.member, connection_id, person_name, person_type).await;
        let log = journey.log_snapshot(&acme.member, id, Some(person(&found.unwrap()))).await.unwrap();
        logs.push(journey.log_in_state(&acme.member, &log.log_id, crm::LogState::Logged).await.unwrap());
    }

    journey.break_off(which).await.unwrap();
    let log = journey.log_snapshot(&acme.member, id, None).await.unwrap();
    let stuck =
        journey.log_in_state(&acme.member, &log.log_id, crm::LogState::ReconnectNeeded).await.unwrap();
    assert!(!stuck.reason.is_empty() && stuck.record_url.is_empty(), "{name}: {stuck:?}");
    let broken = journey.connection(&acme.member, connection_id).await.unwrap();
    assert_eq!(broken.state(), crm::ConnectionState::ReconnectNeeded, "{name}");
    assert!(!broken.reason.is_empty(), "{name}");
    journey.outside.fail_no_more().await.unwrap();
    let again = journey.connect(&acme.admin, which, connection_id).await.unwrap();
    assert_eq!(again.connection_id, connection_id, "{name}");
    assert_eq!((again.state(), again.reason.as_str()), (crm::ConnectionState::Connected, ""), "{name}");
    journey.retry_log(&acme.member, &log.log_id).await.unwrap();
    logs.push(journey.log_in_state(&acme.member, &log.log_id, crm::LogState::Logged).await.unwrap());

    let panel = journey.crm_panel(&acme.member, id).await.unwrap();
    let link = panel.link.unwrap();
    assert_eq!(link.target, Some(target(&account, spaces::CrmRecordType::Account)), "{name}");
    assert_eq!(panel.logs.len(), logs.len(), "{name}");
    if which.has_links() {
        assert!(journey.record_page(&link.record_url).await.unwrap().contains("Contoso Ltd"), "{name}");
        for log in &panel.logs {
            let page = journey.record_page(&log.record_url).await.unwrap();
            assert!(page.contains(&title), "{name}: {}", log.record_url);
        }
    } else {
        assert!(link.record_url.is_empty() && panel.logs.iter().all(|log| log.record_url.is_empty()));
    }
    let written: usize = panel.logs.iter().map(|log| log.records.len()).sum();
    assert_eq!(journey.records_naming(which, &word).await.unwrap(), written, "{name}: {:?}", panel.logs);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demos_walk_through_the_crms_goes_to_its_end() {
    let world = start(World::start).await;
    let told = crate::walk(&world, "crm").await;
    assert_eq!(told.matches("connected again and tried once more").count(), Crm::ALL.len(), "{told}");
    assert!(told.ends_with("Every log is in its CRM, once.\n"), "{told}");
}
