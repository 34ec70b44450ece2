//! tonic and nothing else: what a call costs without any layer of ours and without a database.
//!
//! Owns the server, which runs as a process of its own like a service does.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use prost::Message;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::space_service_server::{SpaceService, SpaceServiceServer};
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use xtask::process::{Child, wait_until};

struct Echo(pb::GetSpaceResponse);

/// The service with one method that answers; the generated trait wants all of them.
macro_rules! answers_get_space_only {
    ($($method:ident($request:ident) -> $response:ident,)*) => {
        #[tonic::async_trait]
        impl SpaceService for Echo {
            async fn get_space(
                &self,
                _: Request<pb::GetSpaceRequest>,
            ) -> Result<Response<pb::GetSpaceResponse>, Status> {
                Ok(Response::new(self.0.clone()))
            }

            $(async fn $method(
                &self,
                _: Request<pb::$request>,
            ) -> Result<Response<pb::$response>, Status> {
                Err(Status::unimplemented("only GetSpace is answered here"))
            })*
        }
    };
}

answers_get_space_only! {
    create_space(CreateSpaceRequest) -> CreateSpaceResponse,
    list_spaces(ListSpacesRequest) -> ListSpacesResponse,
    describe_space(DescribeSpaceRequest) -> DescribeSpaceResponse,
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
    check_access(CheckAccessRequest) -> CheckAccessResponse,
}

/// Answers until the process is ended.
pub(crate) async fn serve(address: SocketAddr, answer: &Path) -> anyhow::Result<()> {
    let answer = pb::GetSpaceResponse::decode(std::fs::read(answer)?.as_slice())?;
    Server::builder()
        .tcp_nodelay(true)
        .add_service(SpaceServiceServer::new(Echo(answer)))
        .serve(address)
        .await?;
    Ok(())
}

/// Starts a server that answers with `answer`, as a child; returns its address too.
pub(crate) fn start(dir: &Path, answer: &pb::GetSpaceResponse) -> anyhow::Result<(Child, String)> {
    let file = dir.join("answer");
    std::fs::write(&file, answer.encode_to_vec())?;
    let address = SocketAddr::from(([127, 0, 0, 1], xtask::ports::free()?));
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("echo-server").arg(address.to_string()).arg(file);
    let child = Child::spawn("the echo server", command, &dir.join("echo.log"))?;
    wait_until(Duration::from_secs(10), || Ok(TcpStream::connect(address).ok()))?
        .context("the echo server does not answer")?;
    Ok((child, format!("http://{address}")))
}
