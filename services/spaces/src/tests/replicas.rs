//! What spaces keeps of identity's organisations and people: the newest that was told, whatever the order.

use messaging::Received;
use service_kit::ids::OrganizationId;
use sharedspaces_proto::identity::events::v1::{ConsentChanged, PersonUpdated, PrivacyNoticePublished};
use sharedspaces_proto::identity::v1 as identity;

use super::peers::user_of;
use super::world::{Service, person};
use crate::consumers::identity::{keep_consent, keep_organization, keep_person, require_notice};

const GINA: &str = "gina@buyer.example";

fn received<E>(organization_id: OrganizationId, version: i64, event: E) -> Received<E> {
    Received {
        event_id: super::world::new_id(),
        organization_id,
        aggregate_id: user_of(GINA),
        aggregate_version: version,
        event_time: super::world::now(),
        event,
    }
}

async fn tell_name(service: &Service, organization_id: OrganizationId, version: i64, name: &str) {
    let told = identity::Person { display_name: name.to_owned(), ..person(GINA, 1) };
    service
        .work(organization_id, move |tx| {
            Box::pin(async move {
                let received = received(organization_id, version, PersonUpdated::default());
                keep_person(tx, &received, Some(told)).await.unwrap();
            })
        })
        .await;
}

async fn tell_consent(service: &Service, organization_id: OrganizationId, version: i64, notice: i32) {
    service
        .work(organization_id, move |tx| {
            Box::pin(async move {
                let event =
                    ConsentChanged { person: Some(person(GINA, notice)), ..ConsentChanged::default() };
                keep_consent(tx, received(organization_id, version, event)).await.unwrap();
            })
        })
        .await;
}

async fn name_of(service: &Service) -> (String, String) {
    sqlx::query_as("SELECT display_name, name_folded FROM people")
        .fetch_one(&service.database.superuser_pool())
        .await
        .unwrap()
}

async fn consent_of(service: &Service) -> (i32, bool) {
    sqlx::query_as("SELECT consent_notice_version, consent_withdraw_time IS NOT NULL FROM people")
        .fetch_one(&service.database.superuser_pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn an_older_event_of_a_person_never_overwrites_a_newer() {
    let service = Service::start().await;
    let organization_id = service.member_of_new_organization(true).await.organization_id;
    for (version, name) in [(2, "Zoë"), (4, "Zoé Müller"), (3, "Zoe"), (1, "")] {
        tell_name(&service, organization_id, version, name).await;
    }
    assert_eq!(name_of(&service).await, ("Zoé Müller".to_owned(), "zoe muller".to_owned()));
    service
        .work(organization_id, move |tx| {
            Box::pin(async move {
                let answer = crate::person::Person::try_from(&person(GINA, 0)).unwrap();
                crate::person::repo::keep_answer(tx, organization_id, &answer).await.unwrap();
            })
        })
        .await;
    assert_eq!(name_of(&service).await.0, "Zoé Müller", "an answer does not say how new it is");
}

#[tokio::test]
async fn a_withdrawn_consent_is_remembered_until_another_is_given() {
    let service = Service::start().await;
    let organization_id = service.member_of_new_organization(true).await.organization_id;
    tell_consent(&service, organization_id, 1, 1).await;
    assert_eq!(consent_of(&service).await, (1, false));
    tell_consent(&service, organization_id, 3, 0).await;
    assert_eq!(consent_of(&service).await, (0, true));
    tell_consent(&service, organization_id, 2, 1).await;
    assert_eq!(consent_of(&service).await, (0, true), "an older consent does not bring it back");
    tell_consent(&service, organization_id, 4, 1).await;
    assert_eq!(consent_of(&service).await, (1, false));
    tell_consent(&service, organization_id, 5, 0).await;
    let unchanged = identity::Person { display_name: "New name".to_owned(), ..person(GINA, 0) };
    service
        .work(organization_id, move |tx| {
            Box::pin(async move {
                let received = received(organization_id, 6, PersonUpdated::default());
                keep_person(tx, &received, Some(unchanged)).await.unwrap();
            })
        })
        .await;
    assert_eq!(consent_of(&service).await, (0, true), "a new name is no consent");
}

#[tokio::test]
async fn an_organisation_follows_its_newest_event_and_its_required_notice_never_goes_back() {
    let service = Service::start().await;
    let organization_id = service.member_of_new_organization(true).await.organization_id;
    let tell = async |version: i64, slug: &str| {
        let told = identity::Organization {
            slug: slug.to_owned(),
            base_url: "https://rooms.example".to_owned(),
            ..identity::Organization::default()
        };
        service
            .work(organization_id, move |tx| {
                Box::pin(async move {
                    let received = received(organization_id, version, ());
                    keep_organization(tx, &received, Some(told)).await.unwrap();
                })
            })
            .await;
    };
    tell(3, "newest").await;
    tell(2, "older").await;
    for required_version in [2, 3, 2] {
        service
            .work(organization_id, move |tx| {
                Box::pin(async move {
                    let event =
                        PrivacyNoticePublished { required_version, ..PrivacyNoticePublished::default() };
                    require_notice(tx, received(organization_id, 1, event)).await.unwrap();
                })
            })
            .await;
    }
    let kept: (String, i32) = sqlx::query_as("SELECT slug, required_notice_version FROM organizations")
        .fetch_one(&service.database.superuser_pool())
        .await
        .unwrap();
    assert_eq!(kept, ("newest".to_owned(), 3));
    let unknown: OrganizationId = super::world::new_id().into();
    service
        .work(unknown, move |tx| {
            Box::pin(async move {
                let event = PrivacyNoticePublished { required_version: 2, ..Default::default() };
                let early = require_notice(tx, received(unknown, 1, event)).await;
                assert!(early.is_err(), "tried again once the organisation is known");
            })
        })
        .await;
}
