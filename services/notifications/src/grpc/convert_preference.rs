//! Between preferences and the wire.

use service_kit::validate::Violations;
use sharedspaces_proto::notifications::v1 as pb;

use crate::preference::{Change, Preferences, QuietHours, write_time};

const QUIET_HOURS: &str = "quiet_hours";

impl TryFrom<pb::UpdatePreferencesRequest> for Change {
    type Error = Violations;

    fn try_from(request: pb::UpdatePreferencesRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let paths = request.update_mask.unwrap_or_default().paths;
        if paths.is_empty() || paths.iter().any(|path| path != QUIET_HOURS) {
            check.add("update_mask", "must name quiet_hours and nothing else");
        }
        let wanted = request.preferences.unwrap_or_default().quiet_hours;
        let quiet_hours = wanted.and_then(|wanted| {
            QuietHours::read(&mut check, "preferences.quiet_hours", &wanted.start, &wanted.end)
        });
        check.into_result().map(|()| Self { quiet_hours })
    }
}

impl From<Preferences> for pb::Preferences {
    fn from(preferences: Preferences) -> Self {
        let quiet_hours = preferences
            .quiet_hours
            .map(|hours| pb::QuietHours { start: write_time(hours.start), end: write_time(hours.end) });
        Self { quiet_hours }
    }
}

impl From<Preferences> for pb::GetPreferencesResponse {
    fn from(preferences: Preferences) -> Self {
        Self { preferences: Some(preferences.into()) }
    }
}

impl From<Preferences> for pb::UpdatePreferencesResponse {
    fn from(preferences: Preferences) -> Self {
        Self { preferences: Some(preferences.into()) }
    }
}
