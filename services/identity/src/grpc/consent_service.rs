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

    async fn publish_privacy_notice(
        &self,
        _request: Request<pb::PublishPrivacyNoticeRequest>,
    ) -> Result<Response<pb::PublishPrivacyNoticeResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn list_privacy_notices(
        &self,
        _request: Request<pb::ListPrivacyNoticesRequest>,
    ) -> Result<Response<pb::ListPrivacyNoticesResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn give_consent(
        &self,
        _request: Request<pb::GiveConsentRequest>,
    ) -> Result<Response<pb::GiveConsentResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn withdraw_consent(
        &self,
        _request: Request<pb::WithdrawConsentRequest>,
    ) -> Result<Response<pb::WithdrawConsentResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn list_consents(
        &self,
        _request: Request<pb::ListConsentsRequest>,
    ) -> Result<Response<pb::ListConsentsResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn verify_consent_ledger(
        &self,
        _request: Request<pb::VerifyConsentLedgerRequest>,
    ) -> Result<Response<pb::VerifyConsentLedgerResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }
}
