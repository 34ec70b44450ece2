//! `TemplateService` over the wire.

use service_kit::caller::Caller;
use sharedspaces_proto::notifications::v1 as pb;
use sharedspaces_proto::notifications::v1::template_service_server::TemplateService;
use tonic::{Request, Response, Status};

use crate::preview::{Previews, Wanted};

/// Answers `TemplateService`.
pub(crate) struct TemplateGrpc {
    pub(crate) previews: Previews,
}

#[tonic::async_trait]
impl TemplateService for TemplateGrpc {
    async fn preview_template(
        &self,
        request: Request<pb::PreviewTemplateRequest>,
    ) -> Result<Response<pb::PreviewTemplateResponse>, Status> {
        let caller = Caller::of(&request)?;
        let wanted = Wanted::try_from(request.into_inner())?;
        let preview = self.previews.show(&caller, wanted).await?;
        Ok(Response::new(preview.into()))
    }
}
