//! Between what is on the wire and what the use cases know.

use service_kit::clock::timestamp;
use service_kit::ids::SpaceId;
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use uuid::Uuid;

use crate::permission::{Permission, Sharing};
use crate::space::{
    Address, CrmTarget, CustomerLogo, DESCRIPTION_MAX, LOGO_HEIGHT_MAX, LOGO_HEIGHT_MIN, LogoDisplay,
    LogoDisplayChange, NewSpace, Notifications, Shown, SpaceChange, SpaceContent, TITLE_MAX,
};

const RECORD_ID_MAX: usize = 64;
const RECORD_NAME_MAX: usize = 255;

const MASK: &str = "title, description, sharing, theme_id, notification_defaults";
const DISPLAY_MASK: &str = "customer_logo_height_px, organization_logo_height_px, transparent_background";

/// Which space to change, and how.
pub(super) struct SpaceUpdate {
    pub(super) space_id: SpaceId,
    pub(super) change: SpaceChange,
}

pub(super) fn space_id(value: &str) -> Result<SpaceId, Violations> {
    let mut check = Violations::default();
    let space_id = check.id("space_id", value);
    check.into_result().map(|()| space_id)
}

impl TryFrom<pb::CreateSpaceRequest> for NewSpace {
    type Error = Violations;

    fn try_from(request: pb::CreateSpaceRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let title = check.line("title", &request.title, 1, TITLE_MAX);
        let address =
            (!request.address.is_empty()).then(|| Address::chosen(&mut check, "address", &request.address));
        let description = check.paragraphs("description", &request.description, DESCRIPTION_MAX);
        let sharing = request.sharing.map_or_else(Sharing::default, Sharing::from);
        let crm_target = request.crm_target.map(|target| crm_target(&mut check, "crm_target", &target));
        let theme_id = theme_id(&mut check, &request.theme_id);
        let notifications =
            request.notification_defaults.map_or_else(Notifications::default, Notifications::from);
        check.into_result()?;
        let space = SpaceContent { title, address, sharing, description, theme_id, notifications };
        Ok(Self { space, crm_target })
    }
}

fn theme_id(check: &mut Violations, value: &str) -> Option<Uuid> {
    (!value.is_empty()).then(|| check.id("theme_id", value))
}

/// Reads an etag, which is a version; absent: whatever stands there.
pub(super) fn etag(check: &mut Violations, value: &str) -> Option<i64> {
    let version = value.parse().ok();
    if version.is_none() && !value.is_empty() {
        check.add("etag", "must be the etag last read");
    }
    version
}

/// Reads a record of a CRM from the field of this name.
pub(super) fn crm_target(check: &mut Violations, field: &str, target: &pb::CrmTarget) -> CrmTarget {
    if target.record_type() == pb::CrmRecordType::Unspecified {
        check.add(format!("{field}.record_type"), "must be an Account or an Opportunity");
    }
    CrmTarget {
        connection_id: check.id(&format!("{field}.connection_id"), &target.connection_id),
        is_opportunity: target.record_type() == pb::CrmRecordType::Opportunity,
        record_id: check.line(&format!("{field}.record_id"), &target.record_id, 1, RECORD_ID_MAX),
        record_name: check.line(&format!("{field}.record_name"), &target.record_name, 0, RECORD_NAME_MAX),
    }
}

impl From<&CrmTarget> for pb::CrmTarget {
    fn from(target: &CrmTarget) -> Self {
        let record_type =
            if target.is_opportunity { pb::CrmRecordType::Opportunity } else { pb::CrmRecordType::Account };
        Self {
            connection_id: target.connection_id.to_string(),
            record_type: record_type.into(),
            record_id: target.record_id.clone(),
            record_name: target.record_name.clone(),
        }
    }
}

impl TryFrom<pb::UpdateSpaceRequest> for SpaceUpdate {
    type Error = Violations;

    fn try_from(request: pb::UpdateSpaceRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let mut change = SpaceChange { version: etag(&mut check, &request.etag), ..SpaceChange::default() };
        let paths = request.update_mask.unwrap_or_default().paths;
        if paths.is_empty() {
            check.add("update_mask", format!("must name at least one of {MASK}"));
        }
        for path in &paths {
            match path.as_str() {
                "title" => change.title = Some(check.line("title", &request.title, 1, TITLE_MAX)),
                "description" => {
                    let text = check.paragraphs("description", &request.description, DESCRIPTION_MAX);
                    change.description = Some(text);
                }
                "sharing" => match request.sharing {
                    Some(sharing) => change.sharing = Some(sharing.into()),
                    None => check.add("sharing", "must be set, because update_mask names it"),
                },
                "theme_id" => change.theme_id = Some(theme_id(&mut check, &request.theme_id)),
                "notification_defaults" => match request.notification_defaults {
                    Some(defaults) => change.notifications = Some(defaults.into()),
                    None => check.add("notification_defaults", "must be set, because update_mask names it"),
                },
                "address" => check.add("update_mask", "must not name address: it never changes"),
                other => check.add("update_mask", format!("must name only {MASK}, not {other:?}")),
            }
        }
        check.into_result()?;
        Ok(Self { space_id, change })
    }
}

impl From<pb::SharingToggles> for Sharing {
    fn from(toggles: pb::SharingToggles) -> Self {
        Self { download: toggles.download, invite: toggles.invite, upload: toggles.upload }
    }
}

impl From<Sharing> for pb::SharingToggles {
    fn from(sharing: Sharing) -> Self {
        Self { download: sharing.download, invite: sharing.invite, upload: sharing.upload }
    }
}

impl From<pb::NotificationDefaults> for Notifications {
    fn from(defaults: pb::NotificationDefaults) -> Self {
        Self {
            visit_summaries: defaults.visit_summaries,
            new_joiners: defaults.new_joiners,
            comments: defaults.comments,
        }
    }
}

impl From<Notifications> for pb::NotificationDefaults {
    fn from(defaults: Notifications) -> Self {
        Self {
            visit_summaries: defaults.visit_summaries,
            new_joiners: defaults.new_joiners,
            comments: defaults.comments,
        }
    }
}

/// Of which space to change how logos are shown, and how.
pub(super) struct DisplayUpdate {
    pub(super) space_id: SpaceId,
    pub(super) change: LogoDisplayChange,
}

impl TryFrom<pb::UpdateLogoDisplayRequest> for DisplayUpdate {
    type Error = Violations;

    fn try_from(request: pb::UpdateLogoDisplayRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let mut change = LogoDisplayChange::default();
        let paths = request.update_mask.unwrap_or_default().paths;
        if paths.is_empty() {
            check.add("update_mask", format!("must name at least one of {DISPLAY_MASK}"));
        }
        let display = request.logo_display.unwrap_or_else(|| {
            check.add("logo_display", "must be set");
            pb::LogoDisplay::default()
        });
        for path in &paths {
            match path.as_str() {
                "customer_logo_height_px" => {
                    change.customer_height_px =
                        Some(height(&mut check, path, display.customer_logo_height_px));
                }
                "organization_logo_height_px" => {
                    change.organization_height_px =
                        Some(height(&mut check, path, display.organization_logo_height_px));
                }
                "transparent_background" => {
                    change.transparent_background = Some(display.transparent_background);
                }
                other => check.add("update_mask", format!("must name only {DISPLAY_MASK}, not {other:?}")),
            }
        }
        check.into_result()?;
        Ok(Self { space_id, change })
    }
}

fn height(check: &mut Violations, field: &str, value: i32) -> i32 {
    if !(LOGO_HEIGHT_MIN..=LOGO_HEIGHT_MAX).contains(&value) {
        let rule = format!("must be {LOGO_HEIGHT_MIN} to {LOGO_HEIGHT_MAX} pixels, is {value}");
        check.add(format!("logo_display.{field}"), rule);
    }
    value
}

impl From<LogoDisplay> for pb::LogoDisplay {
    fn from(display: LogoDisplay) -> Self {
        Self {
            customer_logo_height_px: display.customer_height_px,
            organization_logo_height_px: display.organization_height_px,
            transparent_background: display.transparent_background,
        }
    }
}

impl From<Permission> for pb::Permission {
    fn from(permission: Permission) -> Self {
        match permission {
            Permission::View => Self::View,
            Permission::Edit => Self::Edit,
            Permission::Invite => Self::Invite,
            Permission::Download => Self::Download,
            Permission::Upload => Self::Upload,
            Permission::Crm => Self::Crm,
            Permission::Comment => Self::Comment,
            Permission::Duplicate => Self::Duplicate,
            Permission::Archive => Self::Archive,
            Permission::Delete => Self::Delete,
            Permission::Transfer => Self::Transfer,
        }
    }
}

impl From<CustomerLogo> for pb::CustomerLogo {
    fn from(logo: CustomerLogo) -> Self {
        Self { logo_id: logo.logo_id.to_string(), width_px: logo.width_px, height_px: logo.height_px }
    }
}

impl From<Shown> for pb::Space {
    fn from(shown: Shown) -> Self {
        let view = shown.view;
        let permissions = codes(view.permissions());
        let may_edit = view.may(Permission::Edit);
        let space = view.space;
        Self {
            space_id: space.space_id.to_string(),
            title: space.title,
            address: space.address.as_str().to_owned(),
            url: view.url,
            description: space.description,
            sharing: may_edit.then(|| space.sharing.into()),
            permissions,
            customer_logo: space.logo.map(pb::CustomerLogo::from),
            owner_user_id: space.owner_user_id.to_string(),
            etag: space.version.to_string(),
            create_time: Some(timestamp(space.create_time)),
            update_time: Some(timestamp(space.update_time)),
            state: pb::SpaceState::from(space.lifecycle.state()).into(),
            sharing_shown: may_edit.then(|| view.policy.into()),
            theme: Some(shown.look.into()),
            theme_id: space.theme_id.map(|theme_id| theme_id.to_string()).unwrap_or_default(),
            notification_defaults: may_edit.then(|| space.notifications.into()),
            logo_display: Some(space.logo_display.into()),
            last_activity_time: Some(timestamp(space.last_activity_time)),
            purge_time: space.lifecycle.purge_time().map(timestamp),
        }
    }
}

pub(super) fn codes(permissions: Vec<Permission>) -> Vec<i32> {
    permissions.into_iter().map(|permission| pb::Permission::from(permission).into()).collect()
}

macro_rules! answers_with_space {
    ($($response:ident),+) => {
        $(
            impl From<Shown> for pb::$response {
                fn from(shown: Shown) -> Self {
                    Self { space: Some(shown.into()) }
                }
            }
        )+
    };
}

answers_with_space!(
    CreateSpaceResponse,
    GetSpaceResponse,
    UpdateSpaceResponse,
    SetCustomerLogoResponse,
    RemoveCustomerLogoResponse,
    UpdateLogoDisplayResponse,
    PreviewSpaceResponse,
    ArchiveSpaceResponse,
    ReactivateSpaceResponse,
    TransferOwnershipResponse
);

impl From<Shown> for pb::DeleteSpaceResponse {
    fn from(shown: Shown) -> Self {
        Self { purge_time: shown.view.space.lifecycle.purge_time().map(timestamp) }
    }
}
