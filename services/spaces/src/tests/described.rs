//! What crm-sync is told of a space for a log.

use service_kit::caller::CallerKind;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::space_service_server::SpaceService;
use tonic::{Code, Request};

use super::world::Service;
use crate::duplication::Duplications;
use crate::grpc::SpaceGrpc;

#[tokio::test]
async fn a_space_is_described_with_who_takes_part_and_what_it_holds_until_it_is_deleted() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    service.know_member(&owner, "olga").await;
    let space_id = service.space(&owner, "Room").await;
    service.participant(&owner, space_id, "gina@buyer.example").await;
    let out = service.participant(&owner, space_id, "gus@buyer.example").await;
    let _left: pb::LeaveSpaceResponse =
        service.participants.leave(&testkit::call(&out), space_id).await.unwrap();
    let _invited: pb::InviteParticipantsResponse = service
        .participants
        .invite(&testkit::call(&owner), super::world::invitation(space_id, &["eve@buyer.example"]))
        .await
        .unwrap();
    service
        .sql(&format!(
            "INSERT INTO items (organization_id, item_id, space_id, kind, position, title, description, url, origin,
                                adder_user_id, adder_display_name, version, create_time, update_time)
             VALUES ('{}', gen_random_uuid(), '{space_id}', 'LINK', 0, 'Offer', '', 'https://a.example', 'EXTERNAL',
                     gen_random_uuid(), '', 1, now(), now())",
            owner.organization_id
        ))
        .await;
    let database = service.database.database.clone();
    let duplications = Duplications::new(database, testkit::clock(), testkit::ids());
    let grpc = SpaceGrpc { spaces: service.spaces.clone(), duplications };
    let ask = |organization_id: String| {
        Request::new(pb::DescribeSpaceRequest { organization_id, space_id: space_id.to_string() })
    };
    let own = owner.organization_id.to_string();
    let told = grpc.describe_space(ask(own.clone())).await.unwrap().into_inner();
    let people: Vec<_> = told
        .participants
        .iter()
        .map(|person| (person.email_address.as_str(), person.is_internal, person.is_invited))
        .collect();
    let expected = [
        ("olga@acme.example", true, false),
        ("gina@buyer.example", false, false),
        ("eve@buyer.example", false, true),
    ];
    assert_eq!(people, expected);
    assert_eq!((told.items[0].path.as_str(), told.items[0].is_external, told.item_count), ("Offer", true, 1));
    assert_eq!((told.title.as_str(), told.url.starts_with("https://rooms.example/acme/")), ("Room", true));

    let foreign = testkit::caller(CallerKind::Member).organization_id.to_string();
    assert_eq!(grpc.describe_space(ask(foreign)).await.unwrap_err().code(), Code::NotFound);
    service
        .sql(
            "UPDATE spaces SET state = 'DELETED', state_before_delete = 'ACTIVE', delete_time = now(),
                               purge_time = now()",
        )
        .await;
    assert_eq!(grpc.describe_space(ask(own)).await.unwrap_err().code(), Code::NotFound);
}
