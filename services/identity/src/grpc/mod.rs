//! Transport: convert, call a use case, convert back.
//!
//! Owns the five gRPC services of identity. Must not hold a rule of the domain.

mod account_service;
mod consent_service;
mod convert;
mod invitation_service;
mod organization_service;
mod sign_in_service;

use prost::Message;
use service_kit::caller::Call;
use service_kit::grpc::UNARY_LIMIT_BYTES;
use sharedspaces_proto::identity::v1 as pb;
use tonic::service::Routes;
use tonic::{Request, Status};

use crate::Identity;
use crate::client::{Client, Gate};
use crate::consent::Origin;
use crate::mac::MacKey;
use crate::session::SessionError;

pub(crate) use account_service::AccountGrpc;
pub(crate) use consent_service::ConsentGrpc;
pub(crate) use invitation_service::InvitationGrpc;
pub(crate) use organization_service::OrganizationGrpc;
pub(crate) use sign_in_service::SignInGrpc;

/// Returns all services of identity, each within the limit of unary requests.
pub(crate) fn routes(identity: Identity) -> Routes {
    use pb::account_service_server::AccountServiceServer;
    use pb::consent_service_server::ConsentServiceServer;
    use pb::invitation_service_server::InvitationServiceServer;
    use pb::organization_service_server::OrganizationServiceServer;
    use pb::sign_in_service_server::SignInServiceServer;

    let Identity { organizations, people, sessions, links, credentials, invitations, consents, .. } =
        identity;
    let Identity { gate, mac, .. } = identity;
    let organization = OrganizationGrpc { organizations, people: people.clone(), mac: mac.clone() };
    let sign_in = SignInGrpc { sessions, links: links.clone(), gate: gate.clone() };
    let account = AccountGrpc { people, credentials, links: links.clone(), gate: gate.clone(), mac };
    let invitation = InvitationGrpc { invitations, links, gate: gate.clone() };
    let consent = ConsentGrpc { consents, gate };
    Routes::new(OrganizationServiceServer::new(organization).max_decoding_message_size(UNARY_LIMIT_BYTES))
        .add_service(SignInServiceServer::new(sign_in).max_decoding_message_size(UNARY_LIMIT_BYTES))
        .add_service(AccountServiceServer::new(account).max_decoding_message_size(UNARY_LIMIT_BYTES))
        .add_service(InvitationServiceServer::new(invitation).max_decoding_message_size(UNARY_LIMIT_BYTES))
        .add_service(ConsentServiceServer::new(consent).max_decoding_message_size(UNARY_LIMIT_BYTES))
}

/// Returns the client, or refuses one that calls too fast.
fn admit<T>(gate: &Gate, request: &Request<T>) -> Result<Client, SessionError> {
    Ok(gate.admit(request)?)
}

/// Tells where a consent comes from: the client's network, and what the client says of itself.
fn origin<T>(gate: &Gate, request: &Request<T>) -> Origin {
    Origin::new(Some(gate.client(request).network), request.metadata())
}

/// Reads the call from a request that holds passwords. What tells one request from another is kept as a plain hash,
/// from which a password could be guessed; so keyed hashes stand in their place.
fn call_without_password<M, F>(request: &Request<M>, mac: &MacKey, passwords: F) -> Result<Call, Status>
where
    M: Message + Clone,
    F: FnOnce(&mut M) -> Vec<&mut String>,
{
    let mut message = request.get_ref().clone();
    for password in passwords(&mut message) {
        *password = mac.stand_in("idempotency", password);
    }
    Call::of(&Request::from_parts(request.metadata().clone(), request.extensions().clone(), message))
}
