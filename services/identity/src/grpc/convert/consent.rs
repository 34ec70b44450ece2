//! Notices and consents, both ways.

use service_kit::clock::timestamp;
use service_kit::validate::Violations;
use sharedspaces_proto::identity::v1 as pb;

use crate::consent::Notice;
use crate::locale::Locale;

/// Which notice.
pub(in crate::grpc) struct NoticeWanted {
    pub(in crate::grpc) slug: String,
    pub(in crate::grpc) locale: Option<Locale>,
}

impl TryFrom<pb::GetPrivacyNoticeRequest> for NoticeWanted {
    type Error = Violations;

    fn try_from(request: pb::GetPrivacyNoticeRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let locale = Locale::read_optional(&mut check, "locale", &request.locale);
        check.into_result().map(|()| Self { slug: request.organization, locale })
    }
}

impl From<Notice> for pb::PrivacyNotice {
    fn from(notice: Notice) -> Self {
        Self {
            privacy_notice_id: notice.privacy_notice_id.to_string(),
            version: notice.version,
            locale: notice.locale.as_str().to_owned(),
            text: notice.text,
            sha256: notice.sha256,
            publish_time: Some(timestamp(notice.publish_time)),
            is_material: notice.is_material,
        }
    }
}
