//! TemplateService.

use sharedspaces_proto::notifications::v1 as pb;
use tonic::{Request, Response, Status};

/// Answers TemplateService.
pub(crate) struct TemplateGrpc {}

#[tonic::async_trait]
impl pb::template_service_server::TemplateService for TemplateGrpc {
    async fn preview_template(
        &self,
        _request: Request<pb::PreviewTemplateRequest>,
    ) -> Result<Response<pb::PreviewTemplateResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }
}
