//! Between suppressed addresses, links to get out of mails, and the wire.

use service_kit::address::EmailAddress;
use service_kit::clock::timestamp;
use service_kit::page::{Page, PageRequest};
use service_kit::validate::Violations;
use sharedspaces_proto::notifications::v1 as pb;

use crate::suppression::{PageKey, Removed, Suppression, SuppressionReason};
use crate::unsubscribe::Unsubscribed;

pub(super) fn page_of_suppressions(
    request: &pb::ListSuppressionsRequest,
) -> Result<PageRequest<PageKey>, Violations> {
    let mut check = Violations::default();
    let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
    check.into_result()?;
    Ok(page)
}

pub(super) fn address_of(request: &pb::RemoveSuppressionRequest) -> Result<EmailAddress, Violations> {
    let mut check = Violations::default();
    let address = EmailAddress::read(&mut check, "email_address", &request.email_address);
    check.into_result().map(|()| address)
}

pub(super) fn list_suppressions_response(page: Page<Suppression>) -> pb::ListSuppressionsResponse {
    pb::ListSuppressionsResponse {
        suppressions: page.items.into_iter().map(pb::Suppression::from).collect(),
        next_page_token: page.next_page_token,
    }
}

impl From<Suppression> for pb::Suppression {
    fn from(suppression: Suppression) -> Self {
        let reason = match suppression.reason {
            SuppressionReason::Bounced => pb::SuppressionReason::Bounced,
        };
        Self {
            email_address: suppression.email_address,
            reason: reason.into(),
            detail: suppression.detail,
            create_time: Some(timestamp(suppression.create_time)),
        }
    }
}

impl From<Removed> for pb::RemoveSuppressionResponse {
    fn from(Removed: Removed) -> Self {
        Self {}
    }
}

impl From<Unsubscribed> for pb::UnsubscribeResponse {
    fn from(unsubscribed: Unsubscribed) -> Self {
        Self { kind: pb::MailKind::from(unsubscribed.kind).into(), space_title: unsubscribed.space_title }
    }
}
