//! Logs of invitations and snapshots, links, and whom logs are on.

use serde_json::json;
use service_kit::ids::SpaceId;
use sharedspaces_proto::crmsync::v1 as pb;
use sharedspaces_proto::spaces::v1 as spaces_pb;
use uuid::Uuid;

use super::world::{CONTOSO, World, reason_of, target};
use crate::log::LogError;

const LENA: &str = "00QSb000000001aMAA";
/// Converted; by now she is the Contact below.
const CONVERTED_NORA: &str = "00QSb000000004aMAA";
const NORA: &str = "003Sb000000001aIAA";

fn lead(record_id: &str) -> pb::LogPerson {
    pb::LogPerson {
        person_type: pb::CrmPersonType::Lead.into(),
        record_id: record_id.to_owned(),
        display_name: "Lena Brook".to_owned(),
    }
}

async fn create(
    world: &World,
    space: SpaceId,
    target: Option<spaces_pb::CrmTarget>,
    person: Option<pb::LogPerson>,
) -> Result<pb::CrmLog, LogError> {
    let request = pb::CreateLogRequest { space_id: space.to_string(), target, person };
    let created: pb::CreateLogResponse =
        world.logs.create(&world.call(), request.try_into().unwrap()).await?;
    Ok(created.log.unwrap())
}

async fn link(
    world: &World,
    space: SpaceId,
    target: Option<spaces_pb::CrmTarget>,
) -> Result<Option<pb::SpaceLink>, LogError> {
    let request = pb::LinkSpaceRequest { space_id: space.to_string(), target };
    let linked: pb::LinkSpaceResponse = world.logs.link(&world.call(), request.try_into().unwrap()).await?;
    Ok(linked.link)
}

async fn panel(world: &World, space: SpaceId) -> pb::ListLogsResponse {
    let list = pb::ListLogsRequest { space_id: space.to_string(), ..Default::default() };
    world.logs.list(&world.admin, list.try_into().unwrap()).await.unwrap().into()
}

/// A space whose creation is logged, with its log written.
async fn logged_space(world: &World) -> (String, SpaceId) {
    let connection = world.connect().await.connection_id;
    let space = world.create_logged_space(&connection, CONTOSO).await;
    world.run_jobs().await.unwrap();
    sqlx::query("DELETE FROM jobs").execute(&world.superuser).await.unwrap();
    (connection, space)
}

#[tokio::test]
async fn a_snapshot_has_all_of_the_space_and_the_panel_shows_it_with_the_link() {
    let world = World::start().await;
    let (connection, space) = logged_space(&world).await;
    let log = create(&world, space, None, None).await.unwrap();
    assert_eq!((log.kind(), log.state()), (pb::LogKind::Snapshot, pb::LogState::Pending));
    world.run_jobs().await.unwrap();
    let task = world.tasks().await.pop().unwrap();
    assert_eq!(task["Subject"], "Space log: Contoso renewal");
    let text = task["Description"].as_str().unwrap();
    for part in ["Welcome!", "Created on", "Ada <ada@acme.test>", "Offers / Offer.pdf", "2 more"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let panel = panel(&world, space).await;
    assert_eq!(panel.logging_mode(), pb::LoggingMode::Available);
    let shown = panel.link.unwrap();
    assert_eq!(shown.target.unwrap(), target(&connection, CONTOSO));
    assert!(shown.record_url.ends_with(&format!("/lightning/r/Account/{CONTOSO}/view")));
    let kinds: Vec<pb::LogKind> = panel.logs.iter().map(pb::CrmLog::kind).collect();
    assert_eq!(kinds, [pb::LogKind::Snapshot, pb::LogKind::Creation]);
    assert!(panel.logs[0].record_url.contains("/Task/") && panel.logs[0].records[0].is_written);
    assert_eq!(panel.logs[0].requester_user_id, world.admin.user_id.to_string());
}

#[tokio::test]
async fn a_log_on_an_account_and_a_lead_is_two_tasks_whatever_is_lost_on_the_way() {
    let world = World::start().await;
    let (_, space) = logged_space(&world).await;
    let log = create(&world, space, None, Some(lead(LENA))).await.unwrap();
    let lost = json!({"target": "salesforce", "phase": "after_commit", "method": "POST", "path": "composite",
        "drop": true});
    world.script(lost).await;
    assert!(world.run_jobs().await.is_err());
    world.run_jobs().await.unwrap();
    let tasks = world.tasks().await;
    assert_eq!(tasks.len(), 3, "that of the creation, and two");
    let who: Vec<_> = tasks.iter().map(|task| (task["WhatId"].as_str(), task["WhoId"].as_str())).collect();
    assert!(who.contains(&(Some(CONTOSO), None)) && who.contains(&(None, Some(LENA))), "{who:?}");
    let log = world.log(log.log_id.parse().unwrap()).await;
    assert_eq!((log.state(), log.records.len(), log.people.len()), (pb::LogState::Logged, 2, 1));
    assert!(log.people[0].url.contains(LENA) && log.records.iter().all(|record| record.is_written));
}

#[tokio::test]
async fn a_lead_that_was_converted_is_followed_to_its_contact() {
    let world = World::start().await;
    let (_, space) = logged_space(&world).await;
    create(&world, space, None, Some(lead(CONVERTED_NORA))).await.unwrap();
    world.run_jobs().await.unwrap();
    let tasks = world.tasks().await;
    assert!(tasks.iter().any(|task| task["WhoId"] == NORA), "{tasks:?}");
}

#[tokio::test]
async fn an_invitation_is_logged_on_the_link_and_on_whom_the_addresses_belong_to() {
    let world = World::start().await;
    let (_, space) = logged_space(&world).await;
    let invited =
        ["nora.field@contoso.test", "lena.brook@brookside.test", "pat.double@tailspin.test", "x@y.test"];
    let log_id = world.invite(space, &invited, None).await.unwrap();
    assert_eq!(world.log(log_id).await.kind(), pb::LogKind::Invitation);
    world.run_jobs().await.unwrap();
    let log = world.log(log_id).await;
    assert_eq!(log.state(), pb::LogState::Logged, "{}", log.reason);
    let people: Vec<&str> = log.people.iter().map(|person| person.display_name.as_str()).collect();
    assert_eq!(people, ["Nora Field", "Lena Brook", "Pat Double"]);
    let tasks = world.tasks().await;
    let main = tasks.iter().find(|task| task["SharedSpacesLogId__c"] == log.log_id).unwrap();
    assert_eq!((&main["WhatId"], &main["WhoId"]), (&json!(CONTOSO), &json!(NORA)));
    let text = main["Description"].as_str().unwrap();
    for part in ["Invited by: Ada", "See you", "2 records", "x@y.test: neither"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(tasks.len(), 4, "the creation, and one for the Contact, the Lead and the other Contact");
}

#[tokio::test]
async fn an_invitation_without_target_or_link_says_why_it_is_not_logged() {
    let world = World::start().await;
    let (_, space) = logged_space(&world).await;
    assert!(link(&world, space, None).await.unwrap().is_none());
    let log_id = world.invite(space, &["nora.field@contoso.test"], None).await.unwrap();
    let log = world.log(log_id).await;
    assert_eq!((log.state(), log.target.as_ref()), (pb::LogState::Failed, None));
    assert!(log.reason.contains("linked to none"), "{}", log.reason);
    assert_eq!(reason_of(create(&world, space, None, None).await), "INVALID_FIELD");
}

#[tokio::test]
async fn a_link_must_be_a_record_of_a_connection_that_is_there() {
    let world = World::start().await;
    let (connection, space) = logged_space(&world).await;
    let opportunity = spaces_pb::CrmTarget {
        record_type: spaces_pb::CrmRecordType::Opportunity.into(),
        ..target(&connection, "006Sb000000001aIAA")
    };
    let linked = link(&world, space, Some(opportunity)).await.unwrap().unwrap();
    assert!(linked.record_url.contains("/Opportunity/"));
    let unknown = Uuid::nil().to_string();
    assert_eq!(reason_of(link(&world, space, Some(target(&unknown, CONTOSO))).await), "CONNECTION_NOT_FOUND");
    for wrong in ["006Sb000000001aIAA", "' OR Name != '", "../x"] {
        assert_eq!(reason_of(link(&world, space, Some(target(&connection, wrong))).await), "INVALID_FIELD");
        let created = create(&world, space, None, Some(lead(wrong))).await;
        let fields: Vec<String> = service_kit::error::DomainError::violations(&created.unwrap_err())
            .iter()
            .map(|violation| violation.field.clone())
            .collect();
        assert_eq!(fields, ["person.record_id"]);
    }
}

#[tokio::test]
async fn who_may_not_use_the_spaces_crm_neither_links_nor_logs_nor_reads() {
    let world = World::start().await;
    let (connection, space) = logged_space(&world).await;
    let guest = testkit::caller_of(world.admin.organization_id, service_kit::caller::CallerKind::Member);
    for (permissions, expected) in
        [(vec![], "SPACE_NOT_FOUND"), (vec![spaces_pb::Permission::View], "INTERNAL_PARTICIPANTS_ONLY")]
    {
        world.grant(space, &guest, &permissions);
        let call = testkit::call(&guest);
        let space_id = space.to_string();
        let request = pb::CreateLogRequest { space_id: space_id.clone(), ..Default::default() };
        let created: Result<pb::CreateLogResponse, _> =
            world.logs.create(&call, request.try_into().unwrap()).await;
        assert_eq!(reason_of(created), expected);
        let request = pb::LinkSpaceRequest { space_id, target: Some(target(&connection, CONTOSO)) };
        let linked: Result<pb::LinkSpaceResponse, _> =
            world.logs.link(&call, request.try_into().unwrap()).await;
        assert_eq!(reason_of(linked), expected);
        let log_id: Uuid = world.log_of(space).await.log_id.parse().unwrap();
        let hidden = if permissions.is_empty() { "LOG_NOT_FOUND" } else { expected };
        assert_eq!(reason_of(world.logs.get(&guest, log_id.into()).await), hidden);
    }
}
