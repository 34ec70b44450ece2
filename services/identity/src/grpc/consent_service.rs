//! `ConsentService`.

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::identity::v1 as pb;
use tonic::{Request, Response, Status};

use super::convert::{Agreement, ListConsents, ListNotices, NoticeWanted};
use super::origin;
use crate::client::Gate;
use crate::consent::{Consents, NewNotice};

/// Answers `ConsentService`.
pub(crate) struct ConsentGrpc {
    pub(crate) consents: Consents,
    pub(crate) gate: Gate,
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
        request: Request<pb::PublishPrivacyNoticeRequest>,
    ) -> Result<Response<pb::PublishPrivacyNoticeResponse>, Status> {
        let call = Call::of(&request)?;
        let new = NewNotice::try_from(request.into_inner())?;
        let response: pb::PublishPrivacyNoticeResponse = self.consents.publish(&call, new).await?;
        Ok(Response::new(response))
    }

    async fn list_privacy_notices(
        &self,
        request: Request<pb::ListPrivacyNoticesRequest>,
    ) -> Result<Response<pb::ListPrivacyNoticesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let ListNotices(page) = request.into_inner().try_into()?;
        let page = self.consents.list_notices(&caller, page).await?;
        let privacy_notices = page.items.into_iter().map(Into::into).collect();
        let next_page_token = page.next_page_token;
        Ok(Response::new(pb::ListPrivacyNoticesResponse { privacy_notices, next_page_token }))
    }

    async fn give_consent(
        &self,
        request: Request<pb::GiveConsentRequest>,
    ) -> Result<Response<pb::GiveConsentResponse>, Status> {
        let (call, origin) = (Call::of(&request)?, origin(&self.gate, &request));
        let Agreement(privacy_notice_id) = request.into_inner().try_into()?;
        let response: pb::GiveConsentResponse = self.consents.give(&call, privacy_notice_id, origin).await?;
        Ok(Response::new(response))
    }

    async fn withdraw_consent(
        &self,
        request: Request<pb::WithdrawConsentRequest>,
    ) -> Result<Response<pb::WithdrawConsentResponse>, Status> {
        let (call, origin) = (Call::of(&request)?, origin(&self.gate, &request));
        let response: pb::WithdrawConsentResponse = self.consents.withdraw(&call, origin).await?;
        Ok(Response::new(response))
    }

    async fn list_consents(
        &self,
        request: Request<pb::ListConsentsRequest>,
    ) -> Result<Response<pb::ListConsentsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let ListConsents { user_id, page } = request.into_inner().try_into()?;
        let page = self.consents.list(&caller, user_id, page).await?;
        let consents = page.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListConsentsResponse { consents, next_page_token: page.next_page_token }))
    }

    async fn verify_consent_ledger(
        &self,
        request: Request<pb::VerifyConsentLedgerRequest>,
    ) -> Result<Response<pb::VerifyConsentLedgerResponse>, Status> {
        let caller = Caller::of(&request)?;
        let verdict = self.consents.verify(&caller).await?;
        Ok(Response::new(verdict.into()))
    }
}
