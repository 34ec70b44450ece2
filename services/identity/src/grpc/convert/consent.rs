//! Notices and consents, both ways.

use service_kit::clock::timestamp;
use service_kit::ids::UserId;
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::identity::v1 as pb;
use uuid::Uuid;

use crate::consent::{
    Action, Entry, NOTICE_PAGE_MAX, NOTICE_TEXT_MAX, NewNotice, Notice, NoticeKey, NoticeText, Published,
    Standing, Verdict, Via, Withdrawn, hex,
};
use crate::locale::Locale;

/// Which page of notices.
pub(in crate::grpc) struct ListNotices(pub(in crate::grpc) PageRequest<NoticeKey>);

/// Which page of entries, of whom.
pub(in crate::grpc) struct ListConsents {
    pub(in crate::grpc) user_id: Option<UserId>,
    pub(in crate::grpc) page: PageRequest<i64>,
}

/// The notice that was agreed to.
pub(in crate::grpc) struct Agreement(pub(in crate::grpc) Uuid);

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

impl TryFrom<pb::PublishPrivacyNoticeRequest> for NewNotice {
    type Error = Violations;

    fn try_from(request: pb::PublishPrivacyNoticeRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let mut texts: Vec<NoticeText> = Vec::new();
        if request.texts.is_empty() || request.texts.len() > Locale::ALL.len() {
            check.add("texts", format!("must be 1 to {}", Locale::ALL.len()));
            return check.into_result().map(|()| Self { texts, is_material: false });
        }
        for (at, text) in request.texts.iter().enumerate() {
            let field = format!("texts[{at}].locale");
            let locale = Locale::read(&mut check, &field, &text.locale);
            if texts.iter().any(|text| text.locale == locale) {
                check.add(field, "must be another language than those before");
            }
            let field = format!("texts[{at}].text");
            let text = check.paragraphs(&field, &text.text, NOTICE_TEXT_MAX);
            if text.trim().is_empty() {
                check.add(field, "must not be empty");
            }
            texts.push(NoticeText { locale, text });
        }
        check.into_result().map(|()| Self { texts, is_material: request.is_material })
    }
}

impl TryFrom<pb::ListPrivacyNoticesRequest> for ListNotices {
    type Error = Violations;

    fn try_from(request: pb::ListPrivacyNoticesRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let asked = request.page_size;
        let page_size = if asked == 0 { NOTICE_PAGE_MAX } else { asked };
        if !(0..=NOTICE_PAGE_MAX).contains(&asked) {
            check.add("page_size", format!("must be 0 to {NOTICE_PAGE_MAX}"));
        }
        check.clone().into_result()?;
        let page = PageRequest::read(&mut check, page_size, &request.page_token);
        check.into_result().map(|()| Self(page))
    }
}

impl TryFrom<pb::GiveConsentRequest> for Agreement {
    type Error = Violations;

    fn try_from(request: pb::GiveConsentRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        if !request.consent_given {
            check.add("consent_given", "must be true: the box must be ticked");
        }
        let privacy_notice_id = check.id("privacy_notice_id", &request.privacy_notice_id);
        check.into_result().map(|()| Self(privacy_notice_id))
    }
}

impl TryFrom<pb::ListConsentsRequest> for ListConsents {
    type Error = Violations;

    fn try_from(request: pb::ListConsentsRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let user_id = match request.user_id.as_str() {
            "" => None,
            user_id => Some(check.id("user_id", user_id)),
        };
        let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
        check.into_result().map(|()| Self { user_id, page })
    }
}

impl From<Entry> for pb::Consent {
    fn from(entry: Entry) -> Self {
        let action = match entry.action {
            Action::Given => pb::ConsentAction::Given,
            Action::Withdrawn => pb::ConsentAction::Withdrawn,
        };
        let via = match entry.via {
            Via::Invitation => pb::ConsentVia::Invitation,
            Via::Account => pb::ConsentVia::Account,
        };
        Self {
            consent_id: entry.consent_id.to_string(),
            sequence: entry.sequence,
            user_id: entry.user_id.to_string(),
            action: action.into(),
            privacy_notice_id: entry.privacy_notice_id.to_string(),
            notice_version: entry.notice_version,
            notice_locale: entry.notice_locale.as_str().to_owned(),
            notice_sha256: entry.notice_sha256,
            via: via.into(),
            create_time: Some(timestamp(entry.create_time)),
            hash: hex(&entry.hash),
        }
    }
}

impl From<Standing> for pb::GiveConsentResponse {
    fn from(Standing(entry): Standing) -> Self {
        Self { consent: Some(entry.into()) }
    }
}

impl From<Withdrawn> for pb::WithdrawConsentResponse {
    fn from(Withdrawn(entry): Withdrawn) -> Self {
        Self { consent: entry.map(Into::into) }
    }
}

impl From<Verdict> for pb::VerifyConsentLedgerResponse {
    fn from(verdict: Verdict) -> Self {
        Self {
            is_intact: verdict.first_broken_sequence == 0,
            entry_count: verdict.entry_count,
            head_hash: verdict.head_hash.as_deref().map(hex).unwrap_or_default(),
            first_broken_sequence: verdict.first_broken_sequence,
        }
    }
}

impl From<Published> for pb::PublishPrivacyNoticeResponse {
    fn from(Published(notices): Published) -> Self {
        Self { privacy_notices: notices.into_iter().map(Into::into).collect() }
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
