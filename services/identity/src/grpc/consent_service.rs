//! `ConsentService`.

use sharedspaces_proto::identity::v1 as pb;
use tonic::{Request, Response, Status};

use super::convert::NoticeWanted;
use crate::consent::Consents;

/// Answers `ConsentService`.
pub(crate) struct ConsentGrpc {
    pub(crate) consents: Consents,
}

#[tonic::async_trait]
impl pb::consent_service_server::ConsentService for ConsentGrpc {
    async fn get_privacy_notice(
        &self,
        request: Request<pb::GetPrivacyNoticeRequest>,
    ) -> Result<Response<pb::GetPrivacyNoticeResponse>, Status> {
        let NoticeWanted { slug, locale } = request.into_inner().try_into()?;
        let notice = self.consents.notice(slug, locale).await?;
        Ok(Response::new(pb::GetPrivacyNoticeResponse { privacy_notice: Some(notice.into()) }))
    }
}
