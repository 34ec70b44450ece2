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

fn refused<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("only GetSpace is answered here"))
}

#[tonic::async_trait]
impl SpaceService for Echo {
    async fn get_space(
        &self,
        _: Request<pb::GetSpaceRequest>,
    ) -> Result<Response<pb::GetSpaceResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn create_space(
        &self,
        _: Request<pb::CreateSpaceRequest>,
    ) -> Result<Response<pb::CreateSpaceResponse>, Status> {
        refused()
    }

    async fn update_space(
        &self,
        _: Request<pb::UpdateSpaceRequest>,
    ) -> Result<Response<pb::UpdateSpaceResponse>, Status> {
        refused()
    }

    async fn set_customer_logo(
        &self,
        _: Request<pb::SetCustomerLogoRequest>,
    ) -> Result<Response<pb::SetCustomerLogoResponse>, Status> {
        refused()
    }

    async fn check_access(
        &self,
        _: Request<pb::CheckAccessRequest>,
    ) -> Result<Response<pb::CheckAccessResponse>, Status> {
        refused()
    }
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
