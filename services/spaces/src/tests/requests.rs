//! What a request may say: limits from both sides, and fields refused by name.

use prost_types::FieldMask;
use service_kit::caller::Caller;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::participant_service_server::ParticipantService;
use sharedspaces_proto::spaces::v1::space_service_server::SpaceService;
use tonic::{Code, Request, Status};

use super::world::{Service, new_id};
use crate::duplication::Duplications;
use crate::grpc::{ParticipantGrpc, SpaceGrpc};
use crate::policy::PolicyChange;

/// A request as the access layer hands it on.
pub(super) fn from<T>(caller: &Caller, method: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(service_kit::caller::Principal::Person(caller.clone()));
    let path = format!("/sharedspaces.spaces.v1.{method}");
    request.extensions_mut().insert(sharedspaces_proto::find_method_rule(&path).unwrap());
    request
}

fn grpc(service: &Service) -> SpaceGrpc {
    let database = service.database.database.clone();
    let duplications = Duplications::new(database, testkit::clock(), testkit::ids());
    SpaceGrpc { spaces: service.spaces.clone(), duplications }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

fn refused(answer: Result<tonic::Response<impl std::fmt::Debug>, Status>, words: &str) {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert!(status.message().contains(words), "{:?} does not say {words:?}", status.message());
}

#[tokio::test]
async fn the_address_and_unknown_fields_of_a_mask_are_refused_by_name() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await.to_string();
    let grpc = grpc(&service);
    for (paths, words) in [
        (&["address"][..], "address: it never changes"),
        (&["titel"], "titel"),
        (&[], "update_mask"),
        (&["sharing"], "sharing: must be set"),
        (&["notification_defaults"], "notification_defaults: must be set"),
    ] {
        let update = pb::UpdateSpaceRequest {
            space_id: space_id.clone(),
            update_mask: mask(paths),
            ..pb::UpdateSpaceRequest::default()
        };
        refused(grpc.update_space(from(&owner, "SpaceService/UpdateSpace", update)).await, words);
    }
    let update = pb::UpdateSpaceRequest {
        space_id: space_id.clone(),
        update_mask: mask(&["title"]),
        title: "New".to_owned(),
        etag: "x".to_owned(),
        ..pb::UpdateSpaceRequest::default()
    };
    refused(grpc.update_space(from(&owner, "SpaceService/UpdateSpace", update)).await, "etag");
    let update = pb::UpdateSharingPolicyRequest {
        update_mask: mask(&["allow_everything"]),
        ..pb::UpdateSharingPolicyRequest::default()
    };
    let named = PolicyChange::try_from(update).unwrap_err().to_string();
    assert!(named.contains("allow_everything"), "{named}");
}

#[tokio::test]
async fn a_logo_is_24_to_400_pixels_high_and_no_more_nor_less() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let space_id = service.space(&owner, "Room").await;
    let _set: pb::SetCustomerLogoResponse =
        service.spaces.set_logo(&testkit::call(&owner), space_id, super::peers::LOGO_ID).await.unwrap();
    let grpc = grpc(&service);
    for field in ["customer_logo_height_px", "organization_logo_height_px"] {
        for (height, good) in
            [(24, true), (400, true), (23, false), (401, false), (0, false), (10_000, false)]
        {
            let display = pb::LogoDisplay {
                customer_logo_height_px: height,
                organization_logo_height_px: height,
                transparent_background: false,
            };
            let update = pb::UpdateLogoDisplayRequest {
                space_id: space_id.to_string(),
                update_mask: mask(&[field]),
                logo_display: Some(display),
            };
            let answer =
                grpc.update_logo_display(from(&owner, "SpaceService/UpdateLogoDisplay", update)).await;
            if good {
                answer.unwrap();
            } else {
                refused(answer, &format!("logo_display.{field}: must be 24 to 400 pixels"));
            }
        }
    }
}

#[tokio::test]
async fn a_list_takes_a_query_of_255_characters_and_names_what_it_does_not_take() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let grpc = grpc(&service);
    let list = async |request: pb::ListSpacesRequest| {
        grpc.list_spaces(from(&owner, "SpaceService/ListSpaces", request)).await
    };
    let query = |n: usize| pb::ListSpacesRequest { query: "é".repeat(n), ..Default::default() };
    list(query(255)).await.unwrap();
    refused(list(query(256)).await, "query");
    refused(list(pb::ListSpacesRequest { states: vec![9], ..Default::default() }).await, "states[0]");
    refused(list(pb::ListSpacesRequest { order: 9, ..Default::default() }).await, "order");
    refused(list(pb::ListSpacesRequest { page_size: 101, ..Default::default() }).await, "page_size");
    let twice = pb::ListSpacesRequest {
        owned_by_me: true,
        owner_user_id: new_id().to_string(),
        ..Default::default()
    };
    refused(list(twice).await, "owner_user_id");
    let never = prost_types::Timestamp { seconds: i64::MAX, nanos: -1 };
    let request = pb::ListSpacesRequest { active_since: Some(never), ..Default::default() };
    refused(list(request).await, "active_since");
}

#[tokio::test]
async fn participants_are_asked_for_by_known_states_and_leaving_needs_a_space() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let grpc = ParticipantGrpc { participants: service.participants.clone() };
    let request = pb::ListParticipantsRequest {
        space_id: service.space(&owner, "Room").await.to_string(),
        states: vec![0],
        ..pb::ListParticipantsRequest::default()
    };
    let listed = grpc.list_participants(from(&owner, "ParticipantService/ListParticipants", request)).await;
    refused(listed, "states[0]");
    let left = grpc
        .leave_space(from(&owner, "ParticipantService/LeaveSpace", pb::LeaveSpaceRequest::default()))
        .await;
    refused(left, "space_id");
}

#[tokio::test]
async fn a_question_for_logos_takes_100_and_no_more() {
    let service = Service::start().await;
    let grpc = grpc(&service);
    let ask = |count: usize| pb::CheckLogoAccessRequest {
        organization_id: new_id().to_string(),
        user_id: new_id().to_string(),
        logo_ids: (0..count).map(|_| new_id().to_string()).collect(),
        ..pb::CheckLogoAccessRequest::default()
    };
    grpc.check_logo_access(Request::new(ask(100))).await.unwrap();
    refused(grpc.check_logo_access(Request::new(ask(101))).await, "logo_ids");
}

#[tokio::test]
async fn a_time_beyond_timestamps_is_refused_by_name() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    let grpc = grpc(&service);
    let list = |seconds: i64, nanos: i32| {
        let active_since = Some(prost_types::Timestamp { seconds, nanos });
        let request = pb::ListSpacesRequest { active_since, ..pb::ListSpacesRequest::default() };
        from(&owner, "SpaceService/ListSpaces", request)
    };
    for (seconds, nanos) in [(-62_135_596_800, 0), (253_402_300_799, 999_999_999)] {
        grpc.list_spaces(list(seconds, nanos)).await.unwrap();
    }
    for (seconds, nanos) in [(-62_135_596_801, 0), (253_402_300_800, 0), (59, 1_000_000_000), (0, -1)] {
        refused(grpc.list_spaces(list(seconds, nanos)).await, "active_since");
    }
}
