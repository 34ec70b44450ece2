//! Who is refused, for every RPC there is.

use journeys::visit::{Journey, Session, unique};
use journeys::world::World;
use sharedspaces_proto::identity::v1::{PersonKind, Plan};
use sharedspaces_proto::spaces::v1 as spaces;
use sharedspaces_proto::{Access, MethodRule, method_rules};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;

use crate::{Organization, found, start};
use journeys::api::{channel, with_token};

/// Calls any method with an empty message.
async fn call(world: &World, rule: &MethodRule, token: Option<&str>) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(service_channel(world, rule.path));
    client.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
    let codec: ProstCodec<(), ()> = ProstCodec::default();
    let request = match token {
        Some(token) => with_token((), token),
        None => Request::new(()),
    };
    client.unary(request, http::uri::PathAndQuery::from_static(rule.path), codec).await.map(drop)
}

fn service_channel(world: &World, path: &str) -> Channel {
    let service = path.trim_start_matches("/sharedspaces.").split('.').next().unwrap();
    let service = if service == "crmsync" { "crm-sync" } else { service };
    channel(&format!("http://{}", world.addresses.service(service).unwrap().grpc)).unwrap()
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_refuses_whom_its_access_option_does_not_name() {
    let world = start(World::start).await;
    let journey = Journey::new(&world.environment().unwrap()).unwrap();
    let acme = found(&journey, "en", Plan::Ultimate).await;
    let guest = guest_of(&journey, &acme).await;
    let service = std::fs::read_to_string(world.addresses.sandbox.token_file("notifications")).unwrap();
    let service = service.trim();
    for rule in method_rules() {
        let (access, path) = (rule.access, rule.path);
        if access == Access::Public {
            let answer = call(&world, rule, Some("a.b.c")).await;
            let reason = answer.err().map(|status| reason(&status)).unwrap_or_default();
            assert!(!reason.starts_with("TOKEN_") && !reason.ends_with("_ONLY"), "{path}: {reason}");
            continue;
        }
        if access == Access::Visitor {
            let answer = call(&world, rule, None).await;
            let code = answer.map_or_else(|status| status.code(), |()| Code::Ok);
            assert!(!matches!(code, Code::Unauthenticated | Code::PermissionDenied), "{path}: {code:?}");
        }
        let strangers: &[_] = match access {
            Access::Visitor => &[("a forged token", Some("a.b.c"))],
            _ => &[("nobody", None), ("a forged token", Some("a.b.c"))],
        };
        for (who, token) in strangers.iter().copied() {
            let refused = call(&world, rule, token).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated, "{path} by {who}");
        }
        let mut denied = vec![];
        if !matches!(access, Access::Participant | Access::Visitor) {
            denied.push(("a guest", guest.token()));
        }
        if matches!(access, Access::Admin | Access::Service) {
            denied.push(("a member", acme.member.token()));
        }
        if access == Access::Service {
            denied.push(("an admin", acme.admin.token()));
        }
        if access != Access::Service || !rule.callers.contains(&"notifications") {
            denied.push(("another service", service));
        }
        for (who, token) in denied {
            let refused = call(&world, rule, Some(token)).await.unwrap_err();
            assert_eq!(refused.code(), Code::PermissionDenied, "{path} by {who}: {refused}");
            assert!(reason(&refused).ends_with("_ONLY"), "{path} by {who}: {refused}");
        }
    }
}

async fn guest_of(journey: &Journey, organization: &Organization) -> Session {
    let space = journey.create_space(&organization.member, "A space", "", None).await.unwrap();
    let address = format!("g{}@buyer.example", unique());
    journey.invite(&organization.member, &space.space_id, &[&address], "").await.unwrap();
    let token = journey.invitation_token(&address, "").await.unwrap();
    journey.enter(&token, "Gus").await.unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_may_not_see_is_byte_for_byte_what_does_not_exist() {
    let world = start(World::start).await;
    let journey = Journey::new(&world.environment().unwrap()).unwrap();
    let acme = found(&journey, "en", Plan::Ultimate).await;
    let globex = found(&journey, "en", Plan::Ultimate).await;
    let space = journey.create_space(&acme.member, "Secret title", "", None).await.unwrap();
    let other = journey.create_space(&globex.member, "Theirs", "", None).await.unwrap();
    let guest = guest_of(&journey, &acme).await;
    let random = journeys::visit::fresh_key();
    for (who, session) in [
        ("a colleague who was not invited", &acme.colleague),
        ("another organisation's member", &globex.member),
        ("a guest of another space", &guest),
    ] {
        let foreign = refusals_of(&journey, session, &space.space_id).await;
        let nothing = refusals_of(&journey, session, &random).await;
        for (foreign, nothing) in foreign.iter().zip(&nothing) {
            assert_eq!(foreign.code(), Code::NotFound, "{who}: {foreign}");
            assert_eq!(foreign.message(), nothing.message(), "{who}");
            assert_eq!(foreign.details(), nothing.details(), "{who}");
            assert!(!format!("{foreign:?}").contains("Secret title"), "{who}");
        }
    }
    assert!(journey.get_space(&globex.member, &other.space_id).await.is_ok());
}

/// What somebody is told who tries everything on a space.
async fn refusals_of(journey: &Journey, who: &Session, space_id: &str) -> Vec<Status> {
    let logo = spaces::SetCustomerLogoRequest {
        space_id: space_id.to_owned(),
        logo_id: journeys::visit::fresh_key(),
    };
    let mut refusals = vec![
        journey.get_space(who, space_id).await.unwrap_err(),
        journey.rename(who, space_id, "Mine").await.unwrap_err(),
        journey.participants(who, space_id).await.unwrap_err(),
        journey.invite(who, space_id, &["a@b.example"], "").await.unwrap_err(),
        journey.api.spaces.clone().set_customer_logo(with_token(logo, who.token())).await.unwrap_err(),
    ];
    if journey.get_profile_kind(who).await.unwrap() == PersonKind::Member {
        refusals.push(journey.upload_logo(who, space_id, "l.png", b"x").await.unwrap_err());
        let request = sharedspaces_proto::crmsync::v1::ListLogsRequest {
            space_id: space_id.to_owned(),
            ..Default::default()
        };
        refusals
            .push(journey.api.logs.clone().list_logs(with_token(request, who.token())).await.unwrap_err());
    }
    refusals
}
