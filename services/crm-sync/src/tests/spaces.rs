//! A spaces that says what it is told of who may do what, and nothing else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use service_kit::peers::PeerChannel;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::space_service_server::{SpaceService, SpaceServiceServer};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// What whom may do, by space and person.
pub(super) type Rights = Arc<Mutex<HashMap<(String, String), Vec<pb::Permission>>>>;

struct FakeSpaces(Rights);

/// Answers on loopback.
pub(super) fn serve_spaces(rights: Rights) -> PeerChannel {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap();
    let server = Server::builder().add_service(SpaceServiceServer::new(FakeSpaces(rights)));
    tokio::spawn(server.serve_with_incoming(incoming));
    testkit::peers(address).spaces().unwrap()
}

/// What every space of it is like.
fn described() -> pb::DescribeSpaceResponse {
    pb::DescribeSpaceResponse {
        title: "Contoso renewal".to_owned(),
        url: "https://spaces.example/acme/contoso".to_owned(),
        description: "Welcome!".to_owned(),
        create_time: Some(prost_types::Timestamp { seconds: 1_795_391_999, nanos: 0 }),
        participants: vec![pb::DescribedParticipant {
            display_name: "Ada".to_owned(),
            email_address: "ada@acme.test".to_owned(),
            is_internal: true,
            ..Default::default()
        }],
        items: vec![pb::DescribedItem { path: "Offers / Offer.pdf".to_owned(), ..Default::default() }],
        item_count: 3,
    }
}

/// The service with two methods that answer; the generated trait wants all of them.
macro_rules! answers_access_only {
    ($($method:ident($request:ident) -> $response:ident,)*) => {
        #[tonic::async_trait]
        impl SpaceService for FakeSpaces {
            async fn check_access(
                &self,
                request: Request<pb::CheckAccessRequest>,
            ) -> Result<Response<pb::CheckAccessResponse>, Status> {
                let asked = request.into_inner();
                let rights = self.0.lock().unwrap();
                let permissions = rights.get(&(asked.space_id, asked.user_id)).cloned().unwrap_or_default();
                let permissions = permissions.into_iter().map(i32::from).collect();
                Ok(Response::new(pb::CheckAccessResponse { permissions }))
            }

            async fn describe_space(
                &self,
                request: Request<pb::DescribeSpaceRequest>,
            ) -> Result<Response<pb::DescribeSpaceResponse>, Status> {
                let asked = request.into_inner();
                if !self.0.lock().unwrap().keys().any(|(space_id, _)| *space_id == asked.space_id) {
                    return Err(Status::not_found("no such space"));
                }
                Ok(Response::new(described()))
            }

            $(async fn $method(
                &self,
                _request: Request<pb::$request>,
            ) -> Result<Response<pb::$response>, Status> {
                Err(Status::unimplemented("not needed here"))
            })*
        }
    };
}

answers_access_only! {
    create_space(CreateSpaceRequest) -> CreateSpaceResponse,
    get_space(GetSpaceRequest) -> GetSpaceResponse,
    list_spaces(ListSpacesRequest) -> ListSpacesResponse,
    update_space(UpdateSpaceRequest) -> UpdateSpaceResponse,
    set_customer_logo(SetCustomerLogoRequest) -> SetCustomerLogoResponse,
    remove_customer_logo(RemoveCustomerLogoRequest) -> RemoveCustomerLogoResponse,
    update_logo_display(UpdateLogoDisplayRequest) -> UpdateLogoDisplayResponse,
    preview_space(PreviewSpaceRequest) -> PreviewSpaceResponse,
    describe_duplication(DescribeDuplicationRequest) -> DescribeDuplicationResponse,
    duplicate_space(DuplicateSpaceRequest) -> DuplicateSpaceResponse,
    archive_space(ArchiveSpaceRequest) -> ArchiveSpaceResponse,
    reactivate_space(ReactivateSpaceRequest) -> ReactivateSpaceResponse,
    delete_space(DeleteSpaceRequest) -> DeleteSpaceResponse,
    transfer_ownership(TransferOwnershipRequest) -> TransferOwnershipResponse,
    get_share_link(GetShareLinkRequest) -> GetShareLinkResponse,
    explain_permissions(ExplainPermissionsRequest) -> ExplainPermissionsResponse,
    check_logo_access(CheckLogoAccessRequest) -> CheckLogoAccessResponse,
}
