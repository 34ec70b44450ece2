//! The rules of a space, and its state machine. No I/O.

use chrono::{DateTime, Utc};
use service_kit::caller::Caller;
use service_kit::fold::fold;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use uuid::Uuid;

use super::SpaceError;
use super::address::Address;
use crate::permission::{Permission, Refusal, Rules, Sharing, SpaceState, Standing, refusals};

/// Longest title, in characters (R2.1).
pub(crate) const TITLE_MAX: usize = 255;
/// Longest description, in characters (R3.1).
pub(crate) const DESCRIPTION_MAX: usize = 65_535;
/// Lowest logo, in pixels (R3.3).
pub(crate) const LOGO_HEIGHT_MIN: i32 = 24;
/// Highest logo, in pixels (R3.3).
pub(crate) const LOGO_HEIGHT_MAX: i32 = 400;
/// How high a logo is shown where nobody chose.
const LOGO_HEIGHT: i32 = 64;

/// Where to log the creation of a space.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct CrmTarget {
    /// The connection of crm-sync.
    pub(crate) connection_id: Uuid,
    /// Whether the record is an Opportunity; otherwise it is an Account.
    pub(crate) is_opportunity: bool,
    /// The CRM's own id.
    pub(crate) record_id: String,
    /// The record's name as it was shown.
    pub(crate) record_name: String,
}

/// What a caller says of a space to create.
#[derive(Clone, Debug)]
pub(crate) struct NewSpace {
    /// The space itself.
    pub(crate) space: SpaceContent,
    /// Where to log its creation.
    pub(crate) crm_target: Option<CrmTarget>,
}

/// The part of a new space that is stored with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpaceContent {
    /// 1–255 characters.
    pub(crate) title: String,
    /// The chosen address; absent: a random one.
    pub(crate) address: Option<Address>,
    /// What external participants may do.
    pub(crate) sharing: Sharing,
    /// At most 65,535 characters.
    pub(crate) description: String,
    /// The theme; absent: the organisation's default.
    pub(crate) theme_id: Option<Uuid>,
    /// Which mails members who join get.
    pub(crate) notifications: Notifications,
}

/// Which mails members who join get, unless they choose their own (R2.7).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Notifications {
    /// Summaries of guests' visits.
    pub(crate) visit_summaries: bool,
    /// Somebody joined.
    pub(crate) new_joiners: bool,
    /// Somebody commented.
    pub(crate) comments: bool,
}

impl Default for Notifications {
    fn default() -> Self {
        Self { visit_summaries: true, new_joiners: true, comments: true }
    }
}

service_kit::text_enum! {
    /// What an image really is.
    pub(crate) enum LogoFormat {
        /// image/png
        Png = "PNG",
        /// image/jpeg
        Jpeg = "JPEG",
        /// image/webp
        Webp = "WEBP",
    }
}

/// A logo in the header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct CustomerLogo {
    /// Its id in assets.
    pub(crate) logo_id: Uuid,
    /// Width of the image in pixels.
    pub(crate) width_px: i32,
    /// Height of the image in pixels.
    pub(crate) height_px: i32,
    /// What it is; absent where it was set before this was kept.
    pub(crate) format: Option<LogoFormat>,
}

/// How the logos are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct LogoDisplay {
    /// Height of the customer's logo in pixels.
    pub(crate) customer_height_px: i32,
    /// Height of the organisation's logo in pixels.
    pub(crate) organization_height_px: i32,
    /// Whether the customer's is shown with its background removed.
    pub(crate) transparent_background: bool,
}

impl Default for LogoDisplay {
    fn default() -> Self {
        Self {
            customer_height_px: LOGO_HEIGHT,
            organization_height_px: LOGO_HEIGHT,
            transparent_background: false,
        }
    }
}

/// How to show the logos; absent stays.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct LogoDisplayChange {
    /// New height of the customer's logo.
    pub(crate) customer_height_px: Option<i32>,
    /// New height of the organisation's logo.
    pub(crate) organization_height_px: Option<i32>,
    /// Whether to remove the background of the customer's.
    pub(crate) transparent_background: Option<bool>,
}

/// A space.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Space {
    /// The tenant.
    pub(crate) organization_id: OrganizationId,
    /// The space.
    pub(crate) space_id: SpaceId,
    /// Shown to customers.
    pub(crate) title: String,
    /// The last part of its address.
    pub(crate) address: Address,
    /// Welcome text.
    pub(crate) description: String,
    /// What external participants may do.
    pub(crate) sharing: Sharing,
    /// Whom it belongs to.
    pub(crate) owner_user_id: UserId,
    /// The logo in its header.
    pub(crate) logo: Option<CustomerLogo>,
    /// How the logos are shown.
    pub(crate) logo_display: LogoDisplay,
    /// The theme; absent: the organisation's default.
    pub(crate) theme_id: Option<Uuid>,
    /// Which mails members who join get.
    pub(crate) notifications: Notifications,
    /// Where it stands.
    pub(crate) lifecycle: Lifecycle,
    /// Counts changes, from 1.
    pub(crate) version: i64,
    /// When something last happened in it.
    pub(crate) last_activity_time: DateTime<Utc>,
    /// When it was created.
    pub(crate) create_time: DateTime<Utc>,
    /// When it was last changed.
    pub(crate) update_time: DateTime<Utc>,
}

/// Where a space stands, and what a deleted one goes back to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lifecycle {
    /// In use.
    Active,
    /// Guests are shut out.
    Archived,
    /// Gone for all but admins.
    Deleted {
        /// What taking it back leads to.
        was_archived: bool,
        /// When it is purged; absent while it is being deleted, as the database says it.
        purge_time: Option<DateTime<Utc>>,
    },
}

/// What moves a space from state to state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// Shut guests out.
    Archive,
    /// Open it again, or take it back.
    Reactivate,
    /// Delete it.
    Delete,
}

impl Lifecycle {
    /// The state machine of spaces (docs/state-machines.md): where a step leads. Nothing: there is no such step.
    pub(crate) fn after(self, step: Step) -> Option<Self> {
        match (self, step) {
            (Self::Active | Self::Archived, Step::Archive)
            | (Self::Deleted { was_archived: true, .. }, Step::Reactivate) => Some(Self::Archived),
            (Self::Active | Self::Archived | Self::Deleted { was_archived: false, .. }, Step::Reactivate) => {
                Some(Self::Active)
            }
            (Self::Active, Step::Delete) => Some(Self::Deleted { was_archived: false, purge_time: None }),
            (Self::Archived, Step::Delete) => Some(Self::Deleted { was_archived: true, purge_time: None }),
            (Self::Deleted { .. }, Step::Delete) => Some(self),
            (Self::Deleted { .. }, Step::Archive) => None,
        }
    }

    /// Returns the state alone.
    pub(crate) fn state(self) -> SpaceState {
        match self {
            Self::Active => SpaceState::Active,
            Self::Archived => SpaceState::Archived,
            Self::Deleted { .. } => SpaceState::Deleted,
        }
    }

    /// Returns what a deleted space goes back to.
    pub(super) fn before_delete(self) -> Option<SpaceState> {
        match self {
            Self::Active | Self::Archived => None,
            Self::Deleted { was_archived: true, .. } => Some(SpaceState::Archived),
            Self::Deleted { was_archived: false, .. } => Some(SpaceState::Active),
        }
    }

    /// Returns when a deleted space is purged.
    pub(crate) fn purge_time(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Active | Self::Archived => None,
            Self::Deleted { purge_time, .. } => purge_time,
        }
    }
}

/// What to change; absent stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpaceChange {
    /// New title.
    pub(crate) title: Option<String>,
    /// New description.
    pub(crate) description: Option<String>,
    /// New toggles.
    pub(crate) sharing: Option<Sharing>,
    /// New theme; `Some(None)`: the organisation's default.
    pub(crate) theme_id: Option<Option<Uuid>>,
    /// New notification defaults.
    pub(crate) notifications: Option<Notifications>,
    /// The version the change was made on; absent: whatever stands there.
    pub(crate) version: Option<i64>,
}

/// A part of a space that was changed, for its timeline.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Changed {
    /// The title.
    Title,
    /// The description.
    Description,
    /// The toggles.
    Sharing,
    /// The theme, or how the logos are shown.
    Look,
    /// The notification defaults.
    Notifications,
}

impl Space {
    /// Returns a new space of the caller's; `random` is its address where none was chosen.
    pub(crate) fn create(
        space_id: SpaceId,
        caller: &Caller,
        content: SpaceContent,
        random: Address,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            organization_id: caller.organization_id,
            space_id,
            title: content.title,
            address: content.address.unwrap_or(random),
            description: content.description,
            sharing: content.sharing,
            owner_user_id: caller.user_id,
            logo: None,
            logo_display: LogoDisplay::default(),
            theme_id: content.theme_id,
            notifications: content.notifications,
            lifecycle: Lifecycle::Active,
            version: 1,
            last_activity_time: now,
            create_time: now,
            update_time: now,
        }
    }

    /// Changes what the change names and returns what differs; refused where somebody else was faster.
    pub(crate) fn change(
        &mut self,
        change: SpaceChange,
        now: DateTime<Utc>,
    ) -> Result<Vec<Changed>, SpaceError> {
        if change.version.is_some_and(|version| version != self.version) {
            return Err(SpaceError::Changed);
        }
        let mut changed = Vec::new();
        let mut note = |differs: bool, part| {
            if differs {
                changed.push(part);
            }
        };
        note(replace(&mut self.title, change.title), Changed::Title);
        note(replace(&mut self.description, change.description), Changed::Description);
        note(replace(&mut self.sharing, change.sharing), Changed::Sharing);
        note(replace(&mut self.theme_id, change.theme_id), Changed::Look);
        note(replace(&mut self.notifications, change.notifications), Changed::Notifications);
        if !changed.is_empty() {
            self.touch(now);
        }
        Ok(changed)
    }

    /// Shows `logo` in the header, with its background; tells whether that differs.
    pub(crate) fn show_logo(&mut self, logo: Option<CustomerLogo>, now: DateTime<Utc>) -> bool {
        if self.logo == logo {
            return false;
        }
        self.logo = logo;
        self.logo_display.transparent_background = false;
        self.touch(now);
        true
    }

    /// Changes how the logos are shown; tells whether that differs. Whether the background can be removed is asked of the
    /// logo's format.
    pub(crate) fn show_logos_as(
        &mut self,
        change: LogoDisplayChange,
        now: DateTime<Utc>,
    ) -> Result<bool, SpaceError> {
        let needs_logo = change.customer_height_px.is_some() || change.transparent_background.is_some();
        if needs_logo && self.logo.is_none() {
            return Err(SpaceError::NoCustomerLogo);
        }
        let is_png = self.logo.is_some_and(|logo| logo.format == Some(LogoFormat::Png));
        if change.transparent_background == Some(true) && !is_png {
            return Err(SpaceError::TransparencyNeedsPng);
        }
        let display = &mut self.logo_display;
        let differs = [
            replace(&mut display.customer_height_px, change.customer_height_px),
            replace(&mut display.organization_height_px, change.organization_height_px),
            replace(&mut display.transparent_background, change.transparent_background),
        ];
        if differs.contains(&true) {
            self.touch(now);
        }
        Ok(differs.contains(&true))
    }

    /// Takes a step of the state machine; tells whether the state differs. Refused where there is no such step.
    pub(crate) fn step(&mut self, step: Step, now: DateTime<Utc>) -> Result<bool, SpaceError> {
        let after = self.lifecycle.after(step).ok_or(SpaceError::NotFound)?;
        let differs = replace(&mut self.lifecycle, Some(after));
        if differs {
            self.touch(now);
        }
        Ok(differs)
    }

    /// Makes `user_id` the owner.
    pub(crate) fn hand_over(&mut self, user_id: UserId, now: DateTime<Utc>) {
        self.owner_user_id = user_id;
        self.touch(now);
    }

    /// Returns the title without case and accents, for searching and sorting.
    pub(crate) fn title_folded(&self) -> String {
        fold(&self.title)
    }

    fn touch(&mut self, now: DateTime<Utc>) {
        self.version += 1;
        self.update_time = now;
    }
}

fn replace<T: PartialEq>(old: &mut T, new: Option<T>) -> bool {
    match new {
        Some(new) if new != *old => {
            *old = new;
            true
        }
        _ => false,
    }
}

/// A space as one person sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SpaceView {
    /// The space.
    pub(crate) space: Space,
    /// Its whole address.
    pub(crate) url: String,
    /// How the viewer stands to it.
    pub(crate) standing: Standing,
    /// What the organisation lets spaces give to guests.
    pub(crate) policy: Sharing,
    /// Who looks.
    pub(crate) viewer_user_id: UserId,
    /// The viewer's name as it is known here; empty: not told yet.
    pub(crate) viewer_name: String,
}

impl SpaceView {
    /// Returns everybody who withholds a permission from the viewer; nobody: it is granted.
    pub(crate) fn refusals(&self, permission: Permission) -> Vec<Refusal> {
        self.refusals_of(self.standing, permission)
    }

    /// Returns everybody who withholds a permission from somebody of this standing.
    pub(crate) fn refusals_of(&self, standing: Standing, permission: Permission) -> Vec<Refusal> {
        let rules =
            Rules { policy: self.policy, sharing: self.space.sharing, state: self.space.lifecycle.state() };
        refusals(rules, standing, permission)
    }

    /// Tells whether the viewer may do something.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.refusals(permission).is_empty()
    }

    /// Refuses what the viewer may not do, by the first who says no.
    pub(crate) fn require(&self, permission: Permission) -> Result<(), SpaceError> {
        let refused_by = self.refusals(permission);
        if refused_by.is_empty() {
            return Ok(());
        }
        if refused_by == [Refusal::State] {
            return Err(SpaceError::Archived);
        }
        Err(match permission {
            Permission::Invite => SpaceError::InvitingNotAllowed,
            Permission::Download => SpaceError::DownloadingNotAllowed,
            Permission::Upload => SpaceError::UploadingNotAllowed,
            Permission::Delete | Permission::Transfer => SpaceError::OwnerOrAdminOnly,
            Permission::View
            | Permission::Edit
            | Permission::Crm
            | Permission::Comment
            | Permission::Duplicate
            | Permission::Archive => SpaceError::InternalParticipantsOnly,
        })
    }

    /// Returns all that the viewer may do.
    pub(crate) fn permissions(&self) -> Vec<Permission> {
        Permission::ALL.into_iter().filter(|permission| self.may(*permission)).collect()
    }

    /// Returns the same space as a guest sees it.
    pub(crate) fn seen_by_guest(self) -> Self {
        Self { standing: Standing::of(crate::participant::Kind::External), ..self }
    }
}

#[cfg(test)]
mod tests;
