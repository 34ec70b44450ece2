//! The rules of a space. No I/O.

use chrono::{DateTime, Utc};
use service_kit::caller::Caller;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::validate::Violations;
use uuid::Uuid;

use super::SpaceError;
use crate::participant::Kind;

/// Longest title, in characters (R2.1).
pub(crate) const TITLE_MAX: usize = 255;
/// Longest description, in characters (R3.1).
pub(crate) const DESCRIPTION_MAX: usize = 65_535;

const ADDRESS_MIN: usize = 3;
const ADDRESS_MAX: usize = 63;
/// No `l` and no `o`, which are read as digits; 32 letters carry five bits each.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Words that the client apps use or may come to use in the place of a space.
const RESERVED: [&str; 26] = [
    "about",
    "account",
    "admin",
    "api",
    "app",
    "assets",
    "auth",
    "help",
    "home",
    "invitation",
    "invitations",
    "link",
    "login",
    "logout",
    "me",
    "members",
    "new",
    "profile",
    "search",
    "settings",
    "sign-in",
    "sign-out",
    "spaces",
    "static",
    "support",
    "unsubscribe",
];

/// The last part of a space's address; never changes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Address(String);

impl Address {
    /// Checks a chosen address: `[a-z0-9][a-z0-9_-]{2,62}`, not a reserved word (R2.2).
    pub(crate) fn chosen(check: &mut Violations, field: &str, value: &str) -> Self {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let starts_well = value.chars().next().is_some_and(is_plain);
        let is_well_formed = value.chars().all(|c| is_plain(c) || c == '_' || c == '-');
        if !starts_well || !is_well_formed || !(ADDRESS_MIN..=ADDRESS_MAX).contains(&value.len()) {
            check.add(field, "must be 3 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit");
        } else if RESERVED.contains(&value) {
            check.add(field, "must not be a reserved word");
        }
        Self(value.to_owned())
    }

    /// Returns an address nobody can guess and anybody can type: 80 random bits in four groups.
    pub(crate) fn from_random(bytes: [u8; 10]) -> Self {
        let bits = bytes.iter().fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
        let letter = |index: u32| {
            let five = usize::try_from((bits >> (5 * index)) & 31).unwrap_or_default();
            char::from(ALPHABET.get(five).copied().unwrap_or(b'a'))
        };
        let group = |first: u32| (first..first + 4).map(letter).collect::<String>();
        Self([group(0), group(4), group(8), group(12)].join("-"))
    }

    /// Returns an address as it was stored.
    pub(super) fn stored(address: String) -> Self {
        Self(address)
    }

    /// Returns the text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What external participants may do (R2.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Sharing {
    /// May download content.
    pub(crate) download: bool,
    /// May invite others.
    pub(crate) invite: bool,
    /// May upload their own documents.
    pub(crate) upload: bool,
}

impl Default for Sharing {
    fn default() -> Self {
        Self { download: true, invite: false, upload: false }
    }
}

/// What a participant may do in a space.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Permission {
    /// See the space and its content.
    View,
    /// Change the space.
    Edit,
    /// Invite others.
    Invite,
    /// Download content.
    Download,
    /// Upload documents.
    Upload,
    /// Work with the CRM.
    Crm,
}

impl Permission {
    const ALL: [Self; 6] = [Self::View, Self::Edit, Self::Invite, Self::Download, Self::Upload, Self::Crm];
}

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
#[derive(Clone, Debug)]
pub(crate) struct SpaceContent {
    /// 1–255 characters.
    pub(crate) title: String,
    /// The chosen address; absent: a random one.
    pub(crate) address: Option<Address>,
    /// What external participants may do.
    pub(crate) sharing: Sharing,
    /// At most 65,535 characters.
    pub(crate) description: String,
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
    /// Counts changes, from 1.
    pub(crate) version: i64,
    /// When it was created.
    pub(crate) create_time: DateTime<Utc>,
    /// When it was last changed.
    pub(crate) update_time: DateTime<Utc>,
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
    /// The version the change was made on; absent: whatever stands there.
    pub(crate) version: Option<i64>,
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
            version: 1,
            create_time: now,
            update_time: now,
        }
    }

    /// Changes what the change names; refused where somebody else was faster.
    pub(crate) fn change(&mut self, change: SpaceChange, now: DateTime<Utc>) -> Result<(), SpaceError> {
        if change.version.is_some_and(|version| version != self.version) {
            return Err(SpaceError::Changed);
        }
        if let Some(title) = change.title {
            self.title = title;
        }
        if let Some(description) = change.description {
            self.description = description;
        }
        if let Some(sharing) = change.sharing {
            self.sharing = sharing;
        }
        self.touch(now);
        Ok(())
    }

    /// Shows `logo` in the header.
    pub(crate) fn show_logo(&mut self, logo: CustomerLogo, now: DateTime<Utc>) {
        self.logo = Some(logo);
        self.touch(now);
    }

    /// Tells whether a participant of this kind may do something here.
    pub(crate) fn allows(&self, kind: Kind, permission: Permission) -> bool {
        match permission {
            Permission::View => true,
            Permission::Edit | Permission::Crm => kind.is_internal(),
            Permission::Invite => kind.is_internal() || self.sharing.invite,
            Permission::Download => kind.is_internal() || self.sharing.download,
            Permission::Upload => kind.is_internal() || self.sharing.upload,
        }
    }

    fn touch(&mut self, now: DateTime<Utc>) {
        self.version += 1;
        self.update_time = now;
    }
}

/// A space as one participant sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SpaceView {
    /// The space.
    pub(crate) space: Space,
    /// Its whole address.
    pub(crate) url: String,
    /// How the viewer belongs to it.
    pub(crate) kind: Kind,
}

impl SpaceView {
    /// Returns the view of a participant of this kind.
    pub(crate) fn of(space: Space, url: String, kind: Kind) -> Self {
        Self { space, url, kind }
    }

    /// Tells whether the viewer may do something.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.space.allows(self.kind, permission)
    }

    /// Returns all that the viewer may do.
    pub(crate) fn permissions(&self) -> Vec<Permission> {
        Permission::ALL.into_iter().filter(|permission| self.may(*permission)).collect()
    }
}

#[cfg(test)]
mod tests {
    use service_kit::clock::Clock;

    use super::*;

    fn chosen(value: &str) -> bool {
        let mut check = Violations::default();
        Address::chosen(&mut check, "address", value);
        check.into_result().is_ok()
    }

    #[test]
    fn an_address_is_taken_within_its_rule_and_refused_outside() {
        for good in ["abc", "a-1", "0_x", &"a".repeat(63)] {
            assert!(chosen(good), "{good}");
        }
        for bad in ["", "ab", "-ab", "_ab", "Abc", "a c", "é12", "a/b", "admin", &"a".repeat(64)] {
            assert!(!chosen(bad), "{bad}");
        }
    }

    #[test]
    fn a_random_address_is_well_formed_and_follows_its_bits() {
        let address = Address::from_random([0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert!(chosen(address.as_str()), "{address:?}");
        assert_eq!(address.as_str().len(), 19);
        assert_ne!(address, Address::from_random([0xfe, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    }

    fn space(sharing: Sharing) -> Space {
        let caller = testkit::caller(service_kit::caller::CallerKind::Member);
        let content = SpaceContent { title: "t".into(), address: None, sharing, description: String::new() };
        Space::create(
            Uuid::nil().into(),
            &caller,
            content,
            Address::from_random([7; 10]),
            testkit::clock().now(),
        )
    }

    #[test]
    fn guests_may_what_the_toggles_say_and_internal_participants_everything() {
        let closed = space(Sharing { download: false, invite: false, upload: false });
        let open = space(Sharing { download: true, invite: true, upload: true });
        for permission in Permission::ALL {
            assert!(closed.allows(Kind::Owner, permission) && closed.allows(Kind::Internal, permission));
            assert_eq!(closed.allows(Kind::External, permission), permission == Permission::View);
            let never = matches!(permission, Permission::Edit | Permission::Crm);
            assert_eq!(open.allows(Kind::External, permission), !never);
        }
    }

    #[test]
    fn a_change_on_an_old_version_is_refused_and_changes_nothing() {
        let mut space = space(Sharing::default());
        let before = space.clone();
        let change = SpaceChange { title: Some("new".into()), version: Some(2), ..SpaceChange::default() };
        assert!(matches!(space.change(change, testkit::clock().now()), Err(SpaceError::Changed)));
        assert_eq!(space, before);
        let change = SpaceChange { title: Some("new".into()), version: Some(1), ..SpaceChange::default() };
        space.change(change, testkit::clock().now()).unwrap();
        assert_eq!((space.title.as_str(), space.version), ("new", 2));
    }
}
