//! Between which mails people get, on the wire, and what the use cases know of it.

use service_kit::ids::{SpaceId, UserId};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;

use crate::participant::{Mute, MuteableMail, Muted, OwnSettings, RecipientQuestion, Settings};

/// Most people in one question.
const RECIPIENTS_MAX: usize = 200;
/// Which settings can be changed.
const FIELDS: [&str; 4] = ["visit_summaries", "new_joiners", "comments", "new_content"];

/// Which settings to change, and how.
pub(super) struct SettingsUpdate {
    pub(super) space_id: SpaceId,
    pub(super) change: OwnSettings,
}

impl TryFrom<pb::UpdateNotificationSettingsRequest> for SettingsUpdate {
    type Error = Violations;

    fn try_from(request: pb::UpdateNotificationSettingsRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let paths = request.update_mask.unwrap_or_default().paths;
        if paths.is_empty() || paths.iter().any(|path| !FIELDS.contains(&path.as_str())) {
            check.add("update_mask", format!("must name at least one of {}", FIELDS.join(", ")));
        }
        if request.settings.is_none() {
            check.add("settings", "must be set");
        }
        let wanted = request.settings.unwrap_or_default();
        let named = |field: &str, value: bool| paths.iter().any(|path| path == field).then_some(value);
        let change = OwnSettings {
            visit_summaries: named("visit_summaries", wanted.visit_summaries),
            new_joiners: named("new_joiners", wanted.new_joiners),
            comments: named("comments", wanted.comments),
            new_content: named("new_content", wanted.new_content),
        };
        check.into_result()?;
        Ok(Self { space_id, change })
    }
}

impl From<Settings> for pb::NotificationSettings {
    fn from(settings: Settings) -> Self {
        Self {
            visit_summaries: settings.visit_summaries,
            new_joiners: settings.new_joiners,
            comments: settings.comments,
            new_content: settings.new_content,
        }
    }
}

impl From<Settings> for pb::GetNotificationSettingsResponse {
    fn from(settings: Settings) -> Self {
        Self { settings: Some(settings.into()) }
    }
}

impl From<Settings> for pb::UpdateNotificationSettingsResponse {
    fn from(settings: Settings) -> Self {
        Self { settings: Some(settings.into()) }
    }
}

/// Reads a kind of mail; nothing where none is set.
fn mail(check: &mut Violations, code: i32) -> Option<MuteableMail> {
    match pb::MuteableMail::try_from(code) {
        Ok(pb::MuteableMail::Unspecified) => None,
        Ok(pb::MuteableMail::VisitSummaries) => Some(MuteableMail::VisitSummaries),
        Ok(pb::MuteableMail::NewJoiners) => Some(MuteableMail::NewJoiners),
        Ok(pb::MuteableMail::Comments) => Some(MuteableMail::Comments),
        Ok(pb::MuteableMail::NewContent) => Some(MuteableMail::NewContent),
        Err(_) => {
            check.add("mail", "must be a kind of mail");
            None
        }
    }
}

impl TryFrom<pb::MuteNotificationsRequest> for Mute {
    type Error = Violations;

    fn try_from(request: pb::MuteNotificationsRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let organization_id = check.id("organization_id", &request.organization_id);
        let space_id = check.id("space_id", &request.space_id);
        let user_id = check.id("user_id", &request.user_id);
        let mail = mail(&mut check, request.mail);
        check.into_result()?;
        let mail = mail.ok_or_else(|| Violations::one("mail", "must be a kind of mail"))?;
        Ok(Self { organization_id, space_id, user_id, mail })
    }
}

impl From<Muted> for pb::MuteNotificationsResponse {
    fn from(Muted: Muted) -> Self {
        Self {}
    }
}

impl TryFrom<pb::CheckRecipientsRequest> for RecipientQuestion {
    type Error = Violations;

    fn try_from(request: pb::CheckRecipientsRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        if request.user_ids.len() > RECIPIENTS_MAX {
            check.add("user_ids", format!("must have at most {RECIPIENTS_MAX} entries"));
        }
        let user_ids = request.user_ids.iter().take(RECIPIENTS_MAX).enumerate();
        let user_ids: Vec<UserId> =
            user_ids.map(|(index, user_id)| check.id(&format!("user_ids[{index}]"), user_id)).collect();
        let question = Self {
            organization_id: check.id("organization_id", &request.organization_id),
            space_id: check.id("space_id", &request.space_id),
            user_ids,
            mail: mail(&mut check, request.mail),
        };
        check.into_result()?;
        Ok(question)
    }
}
