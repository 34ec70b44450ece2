//! Finding spaces.

use std::collections::HashSet;

use service_kit::caller::{Caller, CallerKind};
use service_kit::ids::SpaceId;
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;

use super::world::Service;
use crate::permission::SpaceState;
use crate::space::{ListQuery, Order, SpaceError, Step, Summary};

async fn list(service: &Service, who: &Caller, query: ListQuery) -> Result<Vec<Summary>, SpaceError> {
    let page = PageRequest::read(&mut Violations::default(), 0, "");
    Ok(service.spaces.list(who, query, page).await?.items)
}

async fn titles(service: &Service, who: &Caller, query: ListQuery) -> Vec<String> {
    list(service, who, query).await.unwrap().into_iter().map(|summary| summary.title).collect()
}

fn find(text: &str) -> ListQuery {
    ListQuery { text: ListQuery::folded(text), order: Order::Title, ..ListQuery::default() }
}

async fn archive(service: &Service, owner: &Caller, space_id: SpaceId, step: Step) {
    let _done: pb::ArchiveSpaceResponse =
        service.spaces.step(&testkit::call(owner), space_id, step).await.unwrap();
}

#[tokio::test]
async fn everybody_lists_what_they_are_let_into_and_admins_all() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let admin = testkit::caller_of(owner.organization_id, CallerKind::Admin);
    let open = service.space(&owner, "Open").await;
    let archived = service.space(&owner, "Archived").await;
    let deleted = service.space(&owner, "Deleted").await;
    service.space(&admin, "Admins' own").await;
    let mut gina = None;
    for space_id in [open, archived, deleted] {
        gina = Some(service.participant(&owner, space_id, "gina@buyer.example").await);
    }
    let gina = gina.unwrap();
    archive(&service, &owner, archived, Step::Archive).await;
    archive(&service, &owner, deleted, Step::Delete).await;
    assert_eq!(titles(&service, &gina, find("")).await, ["Open"]);
    assert_eq!(titles(&service, &owner, find("")).await, ["Archived", "Open"]);
    assert_eq!(titles(&service, &admin, find("")).await, ["Admins' own", "Archived", "Open"]);
    let of = |states: &[SpaceState]| ListQuery { states: states.to_vec(), ..find("") };
    assert_eq!(titles(&service, &admin, of(&[SpaceState::Deleted])).await, ["Deleted"]);
    for who in [&owner, &gina] {
        assert!(titles(&service, who, of(&[SpaceState::Deleted])).await.is_empty());
    }
    assert!(titles(&service, &gina, of(&[SpaceState::Archived])).await.is_empty());
    let foreign = Caller { kind: CallerKind::Admin, ..service.member_of_new_organization(true).await };
    assert!(titles(&service, &foreign, find("")).await.is_empty());
    let forgetful =
        Caller { consent_notice_version: 0, ..testkit::caller_of(owner.organization_id, gina.kind) };
    let refused = list(&service, &forgetful, find("")).await;
    assert!(matches!(refused, Err(SpaceError::ConsentRequired)));
}

#[tokio::test]
async fn a_row_has_all_that_a_card_needs() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Card").await;
    let noah = service.participant(&owner, space_id, "noah@acme.example").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    service.participant(&owner, space_id, "gus@buyer.example").await;
    let _left: pb::LeaveSpaceResponse =
        service.participants.leave(&testkit::call(&noah), space_id).await.unwrap();
    let rows = list(&service, &gina, ListQuery::default()).await.unwrap();
    let card = pb::SpaceSummary::from(rows.into_iter().next().unwrap());
    assert_eq!((card.participant_count, card.item_count), (3, 0));
    assert!(card.url.starts_with("https://rooms.example/acme/"));
    let seen = pb::Space::from(service.spaces.get(&gina, space_id).await.unwrap());
    assert_eq!(card.permissions, seen.permissions, "the list and the space agree");
    assert_eq!((card.theme, card.last_activity_time), (seen.theme, seen.last_activity_time));
    let rows = list(&service, &owner, ListQuery::default()).await.unwrap();
    assert!(rows[0].permissions.contains(&crate::permission::Permission::Duplicate));
}

#[tokio::test]
async fn search_finds_titles_and_names_whatever_accents_and_case_and_takes_signs_literally() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let elan = service.space(&owner, "Projet Élan").await;
    service.space(&owner, "100% sure").await;
    service.space(&owner, "1000 sure").await;
    let muller = "müller@buyer.example";
    let organization_id = owner.organization_id;
    let gina = service.participant(&owner, elan, "gina@buyer.example").await;
    service
        .work(organization_id, move |tx| {
            Box::pin(async move {
                let renamed = sharedspaces_proto::identity::v1::Person {
                    display_name: "Zoë Müller".to_owned(),
                    ..super::world::person("gina@buyer.example", 1)
                };
                let told = crate::person::repo::Told {
                    person: &renamed,
                    version: 3,
                    event_time: super::world::now(),
                    is_withdrawal: false,
                };
                crate::person::repo::keep(tx, organization_id, &told).await.unwrap();
            })
        })
        .await;
    for text in ["élan", "ELAN", "projet e\u{301}l", "zoe muller", "MÜLLER"] {
        assert_eq!(titles(&service, &owner, find(text)).await, ["Projet Élan"], "{text}");
    }
    assert_eq!(titles(&service, &owner, find("0%")).await, ["100% sure"]);
    assert!(titles(&service, &owner, find("100_ sure")).await.is_empty());
    assert!(titles(&service, &owner, find(muller)).await.is_empty(), "addresses are not searched");
    let _left: pb::LeaveSpaceResponse =
        service.participants.leave(&testkit::call(&gina), elan).await.unwrap();
    assert!(titles(&service, &owner, find("muller")).await.is_empty(), "who left is not found");
}

#[tokio::test]
async fn filters_narrow_by_owner_state_and_activity() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let admin = testkit::caller_of(owner.organization_id, CallerKind::Admin);
    let mine = service.space(&owner, "Mine").await;
    service.space(&admin, "Theirs").await;
    let of = ListQuery { owner_user_id: Some(owner.user_id), ..find("") };
    assert_eq!(titles(&service, &admin, of).await, ["Mine"]);
    archive(&service, &owner, mine, Step::Archive).await;
    let archived = ListQuery { states: vec![SpaceState::Archived], ..find("") };
    assert_eq!(titles(&service, &admin, archived).await, ["Mine"]);
    let last = service.spaces.get(&owner, mine).await.unwrap().view.space.last_activity_time;
    let since = |time| ListQuery { active_since: Some(time), ..find("m") };
    assert_eq!(titles(&service, &owner, since(last)).await, ["Mine"]);
    let later = last + chrono::TimeDelta::microseconds(1);
    assert!(titles(&service, &owner, since(later)).await.is_empty());
}

#[tokio::test]
async fn pages_are_stable_while_spaces_come_in_each_order() {
    for order in [Order::LastActivity, Order::Title, Order::CreateTime] {
        let service = Service::start().await;
        let owner = service.member_of_new_organization(true).await;
        let mut expected = HashSet::new();
        for n in 0..7 {
            expected.insert(service.space(&owner, &format!("Same {}", n / 3)).await);
        }
        let query = ListQuery { order, ..ListQuery::default() };
        let (mut token, mut seen) = (String::new(), Vec::new());
        for _ in 0..10 {
            let mut check = Violations::default();
            let page = PageRequest::read(&mut check, 2, &token);
            query.check_token(&mut check, &page);
            check.into_result().unwrap();
            let listed = service.spaces.list(&owner, query.clone(), page).await.unwrap();
            seen.extend(listed.items.into_iter().map(|summary| summary.space_id));
            token = listed.next_page_token;
            service.space(&owner, "Same 0").await;
            if token.is_empty() {
                break;
            }
        }
        let distinct: HashSet<_> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len(), "{order:?}: none twice");
        assert!(expected.is_subset(&distinct), "{order:?}: none left out");
    }
}

#[tokio::test]
async fn a_token_of_another_query_filter_or_order_is_refused() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    for title in ["One", "Two"] {
        service.space(&owner, title).await;
    }
    let first = ListQuery::default();
    let page = PageRequest::read(&mut Violations::default(), 1, "");
    let token = service.spaces.list(&owner, first.clone(), page).await.unwrap().next_page_token;
    let fits = |query: &ListQuery| {
        let mut check = Violations::default();
        let page = PageRequest::read(&mut check, 1, &token);
        query.check_token(&mut check, &page);
        check.into_result().is_ok()
    };
    assert!(fits(&first));
    for other in [
        ListQuery { text: "o".to_owned(), ..first.clone() },
        ListQuery { owner_user_id: Some(owner.user_id), ..first.clone() },
        ListQuery { states: vec![SpaceState::Active], ..first.clone() },
        ListQuery { active_since: Some(super::world::now()), ..first.clone() },
        ListQuery { order: Order::CreateTime, ..first.clone() },
        ListQuery { order: Order::Title, ..first.clone() },
    ] {
        assert!(!fits(&other), "{other:?}");
    }
}
