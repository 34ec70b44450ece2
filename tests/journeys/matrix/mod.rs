//! Every RPC against every id of another organisation, made from the descriptors: what is new is in it by itself.

mod kinds;
mod requests;
mod tenant;

use std::collections::BTreeMap;

use journeys::visit::Journey;
use journeys::world::World;
use prost::Message;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use sharedspaces_proto::{Access, FILE_DESCRIPTOR_SET, MethodRule, find_method_rule};
use sqlx::{AssertSqlSafe, PgPool};
use tonic::{Code, Request, Status};
use uuid::Uuid;
use xtask::workspace::SERVICES;

use crate::isolation::tenant_tables;
use crate::raw::{Raw, bearer};
use crate::start;
use requests::{IdField, id_fields, request};
use tenant::{Tenant, nobodys_id};

type Answer = Result<Vec<u8>, Status>;

/// A method without streams, with the ids it takes.
struct Rpc {
    rule: &'static MethodRule,
    input: MessageDescriptor,
    output: MessageDescriptor,
    fields: Vec<IdField>,
}

impl Rpc {
    /// `SpaceService/GetSpace`, for instance.
    fn name(&self) -> &'static str {
        self.rule.path.rsplit('.').next().unwrap()
    }
}

/// What is answered with something new each time: it says nothing of the id, which is not looked up or only later.
const ANSWERED_ANEW: [(&str, &str); 8] = [
    // Its link counts only where no connection is named; the address in the answer is a new one each time.
    ("RecordService/CheckInvitation", "space_id"),
    // The creation's log says that there is no such connection.
    ("SpaceService/CreateSpace", "crm_target.connection_id"),
    // Given back to whoever signs in, who is then refused by spaces.
    ("SignInService/RequestSignInLink", "space_id"),
    // Made by spaces, which identity believes.
    ("InvitationService/IssueInvitation", "invitation_id"),
    ("InvitationService/IssueInvitation", "space_id"),
    ("InvitationService/IssueInvitation", "inviter_user_id"),
    // Said by spaces; whether that person may is asked again when the file is fetched.
    ("AssetService/IssueDownload", "space_id"),
    ("AssetService/IssueDownload", "user_id"),
];

/// What takes something away comes last when everything is called with one's own ids, in this order.
const ENDS: [&str; 16] = [
    "AccessRequestService/GrantAccess",
    "AccessRequestService/DeclineAccess",
    "ConnectionService/Disconnect",
    "InvitationService/AcceptInvitation",
    "CommentService/DeleteComment",
    "ContentService/RemoveItem",
    "SpaceService/RemoveCustomerLogo",
    "SignInService/RevokeSession",
    "ParticipantService/RevokeParticipant",
    "PolicyService/DeleteTheme",
    "SpaceService/ArchiveSpace",
    "SpaceService/ReactivateSpace",
    "SpaceService/TransferOwnership",
    "ParticipantService/LeaveSpace",
    "SpaceService/DeleteSpace",
    "OrganizationService/DeactivateMember",
];

fn rpcs() -> Vec<Rpc> {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
    let services = pool.services().filter(|service| service.package_name().starts_with("sharedspaces."));
    let mut rpcs = Vec::new();
    for method in services.flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let rule = find_method_rule(&format!("/{}/{}", method.parent_service().full_name(), method.name()));
        let input = method.input();
        rpcs.push(Rpc { rule: rule.unwrap(), fields: id_fields(&input), input, output: method.output() });
    }
    assert_eq!(rpcs.len(), sharedspaces_proto::method_rules().len());
    rpcs.retain(|rpc| !rpc.rule.is_streaming && !rpc.fields.is_empty());
    rpcs.sort_by_key(|rpc| (ENDS.iter().position(|end| *end == rpc.name()), rpc.rule.path));
    rpcs
}

/// Who may call a method at all, with their tokens.
fn callers(world: &World, tenant: &Tenant, rule: &MethodRule) -> Vec<(&'static str, Option<String>)> {
    let admin = ("an admin", Some(tenant.admin.token().to_owned()));
    match rule.access {
        Access::Public | Access::Visitor => vec![("nobody", None)],
        Access::Participant => vec![admin, ("a guest", Some(tenant.guest.token().to_owned()))],
        Access::Member | Access::Admin => vec![admin],
        Access::Service => {
            let service = *rule.callers.first().unwrap();
            let token = std::fs::read_to_string(world.addresses.sandbox.token_file(service)).unwrap();
            vec![(service, Some(token.trim().to_owned()))]
        }
    }
}

/// Everything that came back, as text to look for canaries in.
fn text(answer: &Answer) -> String {
    match answer {
        Ok(message) => String::from_utf8_lossy(message).into_owned(),
        Err(status) => {
            let details = String::from_utf8_lossy(status.details());
            format!("{} {details} {:?}", status.message(), status.metadata())
        }
    }
}

/// Says what tells the two answers apart, or what one of them gives away.
fn difference(rpc: &Rpc, field: &str, foreign: &Answer, nothing: &Answer) -> Option<String> {
    if text(foreign).contains("CANARY_B") {
        return Some("gives away what belongs to another organisation".to_owned());
    }
    match (foreign, nothing) {
        (Ok(_), Ok(_)) if ANSWERED_ANEW.contains(&(rpc.name(), field)) => None,
        (Ok(foreign), Ok(nothing)) if foreign == nothing => None,
        (Err(foreign), Err(nothing)) => {
            let parts =
                |status: &Status| (status.code(), status.message().to_owned(), status.details().to_vec());
            let refusals =
                [Code::NotFound, Code::InvalidArgument, Code::FailedPrecondition, Code::PermissionDenied];
            if parts(foreign) != parts(nothing) {
                Some(format!("{foreign:?} is not {nothing:?}"))
            } else if !refusals.contains(&foreign.code()) {
                Some(format!("fails with {foreign:?}"))
            } else {
                None
            }
        }
        _ => Some(format!("{foreign:?} is not {nothing:?}")),
    }
}

/// One sum over all rows of an organisation, by table.
async fn sums(world: &World, organization_id: &str) -> BTreeMap<String, String> {
    let organization_id: Uuid = organization_id.parse().unwrap();
    let mut sums = BTreeMap::new();
    for service in SERVICES {
        let pool = PgPool::connect(&world.superuser_url(service).unwrap()).await.unwrap();
        for table in tenant_tables(service, &pool).await {
            let sql = format!(
                "SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {table} t
                  WHERE organization_id = $1"
            );
            let sum =
                sqlx::query_scalar(AssertSqlSafe(sql)).bind(organization_id).fetch_one(&pool).await.unwrap();
            sums.insert(format!("{service}.{table}"), sum);
        }
    }
    sums
}

#[tokio::test(flavor = "multi_thread")]
async fn every_id_of_another_organization_is_byte_for_byte_one_that_does_not_exist() {
    let world = start(World::start).await;
    let journey = Journey::new(&world.environment().unwrap()).unwrap();
    let mut own = Tenant::found(&world, &journey, 'A').await;
    let other = Tenant::found(&world, &journey, 'B').await;
    world.quiesce().await.unwrap();
    own.refresh(&journey).await;
    let raw = Raw::of(&world);
    let untouched = sums(&world, &other.organization_id).await;
    let rpcs = rpcs();
    let mut failures = Vec::new();
    let mut attacks = 0;
    for rpc in &rpcs {
        for (who, token) in callers(&world, &own, rpc.rule) {
            for field in &rpc.fields {
                let call = async |id: &str| {
                    let message = request(&rpc.input, &own, Some((field, id))).encode_to_vec();
                    raw.call(rpc.rule.path, message, token.as_deref().map(bearer)).await
                };
                let foreign = call(other.id(field.kind)).await;
                let nothing = call(&nobodys_id()).await;
                attacks += 1;
                if let Some(difference) = difference(rpc, &field.name(), &foreign, &nothing) {
                    failures.push(format!("{} by {who}: {}: {difference}", rpc.name(), field.name()));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} of {attacks}:\n{}", failures.len(), failures.join("\n"));
    world.quiesce().await.unwrap();
    assert_eq!(sums(&world, &other.organization_id).await, untouched, "something of the other was changed");

    // The same requests with one's own ids reach what they name: what was refused above was refused for its id.
    own.refresh(&journey).await;
    for rpc in &rpcs {
        let callers = callers(&world, &own, rpc.rule);
        // Members need no consent.
        let caller =
            if rpc.name() == "ConsentService/GiveConsent" { callers.last() } else { callers.first() };
        let (who, token) = caller.unwrap();
        let message = request(&rpc.input, &own, None).encode_to_vec();
        let answer = raw.call(rpc.rule.path, message, token.as_deref().map(bearer)).await;
        // What there is to say is said: an empty answer could be about anything.
        let says_something = |message: &Vec<u8>| !message.is_empty() || rpc.output.fields().len() == 0;
        // Neither a state nor a limit is that of an object that is not there.
        let limits = [Code::FailedPrecondition, Code::ResourceExhausted];
        let reached = answer.as_ref().map_or_else(|status| limits.contains(&status.code()), says_something);
        if !reached {
            failures.push(format!("{} by {who} with their own ids: {answer:?}", rpc.name()));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), rpcs.len(), failures.join("\n"));
}

#[test]
fn every_id_in_a_request_is_of_a_kind_that_the_matrix_has() {
    let rpcs = rpcs();
    let fields: usize = rpcs.iter().map(|rpc| rpc.fields.len()).sum();
    assert!(rpcs.len() >= 40 && fields >= 60, "{} methods with {fields} ids", rpcs.len());
    for (method, field) in ANSWERED_ANEW {
        let rpc = rpcs.iter().find(|rpc| rpc.name() == method);
        let is_there = rpc.is_some_and(|rpc| rpc.fields.iter().any(|id| id.name() == field));
        assert!(is_there, "{method} takes no {field}");
    }
    for end in ENDS {
        assert!(rpcs.iter().any(|rpc| rpc.name() == end), "there is no {end}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_descriptors_is_not_there() {
    let world = start(World::start).await;
    let raw = Raw::of(&world);
    for service in SERVICES {
        for path in [
            "/",
            "/metrics",
            "/livez",
            "/readyz",
            "/.well-known/jwks.json",
            "/debug/pprof",
            "/grpc.health.v1.Health/Check",
            "/grpc.channelz.v1.Channelz/GetServers",
            "/sharedspaces.spaces.v1.SpaceService/Nothing",
            "/sharedspaces.spaces.v1.SpaceService/getspace",
            "/sharedspaces.spaces.v1.SpaceService/GetSpace/",
            "//sharedspaces.spaces.v1.SpaceService/GetSpace",
            "/sharedspaces.spaces.v1.SpaceService",
            "/sharedspaces.spaces.v2.SpaceService/GetSpace",
            "/sharedspaces.admin.v1.AdminService/Reset",
        ] {
            let refused = raw.send(service, path, Request::new(vec![])).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unimplemented, "{service} {path}: {refused:?}");
        }
    }
}
