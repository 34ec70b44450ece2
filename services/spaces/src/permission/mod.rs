//! What somebody may do in a space, and who says no: the one place where it is decided.
//!
//! Owns the table policy ∧ space ∧ kind of participant ∧ state, and who is let in at all. No I/O; what it decides on is
//! read anew for each call, so that every change takes effect at the next.

use service_kit::caller::{Caller, CallerKind};
use service_kit::ids::{OrganizationId, UserId};

use crate::participant::Kind;

service_kit::text_enum! {
    /// Where a space stands.
    pub(crate) enum SpaceState {
        /// In use.
        Active = "ACTIVE",
        /// Guests are shut out, members read on.
        Archived = "ARCHIVED",
        /// Nobody but admins sees it, until it is purged.
        Deleted = "DELETED",
    }
}

/// The abilities that guests are given or not: by a space (R2.3), and by the organisation's policy (R2.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Sharing {
    /// May download content.
    pub(crate) download: bool,
    /// May invite others.
    pub(crate) invite: bool,
    /// May upload their own documents.
    pub(crate) upload: bool,
}

impl Sharing {
    /// Every ability; the policy of an organisation that decided nothing.
    pub(crate) const ALL: Self = Self { download: true, invite: true, upload: true };
}

impl Default for Sharing {
    fn default() -> Self {
        Self { download: true, invite: false, upload: false }
    }
}

/// What somebody may do in a space.
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
    /// Comment on content.
    Comment,
    /// Make a new space of it.
    Duplicate,
    /// Archive and reactivate.
    Archive,
    /// Delete.
    Delete,
    /// Make another the owner.
    Transfer,
}

impl Permission {
    /// Every permission there is.
    pub(crate) const ALL: [Self; 11] = [
        Self::View,
        Self::Edit,
        Self::Invite,
        Self::Download,
        Self::Upload,
        Self::Crm,
        Self::Comment,
        Self::Duplicate,
        Self::Archive,
        Self::Delete,
        Self::Transfer,
    ];
}

/// Who withholds a permission.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// The organisation's sharing policy.
    Policy,
    /// The space's own toggle.
    Space,
    /// The kind of participant.
    Kind,
    /// The space is archived or deleted.
    State,
}

/// Who looks at spaces, as their token says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Viewer {
    /// The tenant.
    pub(crate) organization_id: OrganizationId,
    /// The person.
    pub(crate) user_id: UserId,
    /// Whether they see all spaces of the organisation.
    pub(crate) is_admin: bool,
    /// The privacy notice that their consent stood for when the token was issued; 0: none. It bridges the moment until
    /// identity's event arrives.
    pub(crate) consent_notice_version: i32,
}

impl From<&Caller> for Viewer {
    fn from(caller: &Caller) -> Self {
        Self {
            organization_id: caller.organization_id,
            user_id: caller.user_id,
            is_admin: caller.kind == CallerKind::Admin,
            consent_notice_version: caller.consent_notice_version,
        }
    }
}

/// How somebody stands to a space.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Standing {
    /// How they take part; absent: they do not.
    pub(crate) kind: Option<Kind>,
    /// Whether they are an admin of the organisation.
    pub(crate) is_admin: bool,
    /// Whether their consent stands; asked of guests alone.
    pub(crate) has_consent: bool,
}

impl Standing {
    /// Returns the standing of a participant who is no admin and, as a guest, gave consent.
    pub(crate) fn of(kind: Kind) -> Self {
        Self { kind: Some(kind), is_admin: false, has_consent: true }
    }

    /// Tells whether they take part as one of the organisation (R7.1).
    pub(crate) fn is_internal(self) -> bool {
        self.kind.is_some_and(Kind::is_internal)
    }

    /// Tells whether they take part as a guest.
    pub(crate) fn is_guest(self) -> bool {
        self.kind == Some(Kind::External)
    }
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shut {
    /// They take no part, or the space is deleted: as if there were none.
    NotFound,
    /// A guest whose consent does not stand.
    ConsentRequired,
    /// A guest of an archived space.
    Archived,
}

/// Tells whether somebody is let into a space at all.
pub(crate) fn admission(standing: Standing, state: SpaceState) -> Result<(), Shut> {
    if standing.kind.is_none() && !standing.is_admin {
        return Err(Shut::NotFound);
    }
    if state == SpaceState::Deleted && !standing.is_admin {
        return Err(Shut::NotFound);
    }
    if standing.is_guest() && !standing.has_consent {
        return Err(Shut::ConsentRequired);
    }
    if standing.is_guest() && state != SpaceState::Active {
        return Err(Shut::Archived);
    }
    Ok(())
}

/// What decides beside the person.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Rules {
    /// What the organisation lets spaces give to guests.
    pub(crate) policy: Sharing,
    /// What the space gives to guests.
    pub(crate) sharing: Sharing,
    /// Where the space stands.
    pub(crate) state: SpaceState,
}

/// Returns everybody who says no, in the order of [`Refusal`]; nobody: it is granted.
pub(crate) fn refusals(rules: Rules, standing: Standing, permission: Permission) -> Vec<Refusal> {
    if standing.is_admin && admins_may(rules.state, permission) {
        return Vec::new();
    }
    let (policy, space) = match (standing.is_guest(), ability(permission)) {
        (true, Some(ability)) => (ability(rules.policy), ability(rules.sharing)),
        _ => (true, true),
    };
    let kind = standing.kind.is_some_and(|kind| kind_may(kind, permission));
    let state = state_allows(rules.state, standing, permission);
    let votes =
        [(policy, Refusal::Policy), (space, Refusal::Space), (kind, Refusal::Kind), (state, Refusal::State)];
    votes.into_iter().filter(|(allowed, _)| !allowed).map(|(_, refusal)| refusal).collect()
}

/// What an admin may do in every space of the organisation, also without taking part.
fn admins_may(state: SpaceState, permission: Permission) -> bool {
    match permission {
        Permission::View | Permission::Archive | Permission::Delete => true,
        Permission::Transfer => state == SpaceState::Active,
        Permission::Edit
        | Permission::Invite
        | Permission::Download
        | Permission::Upload
        | Permission::Crm
        | Permission::Comment
        | Permission::Duplicate => false,
    }
}

/// Returns which of the abilities stands for a permission; none: no toggle is asked.
fn ability(permission: Permission) -> Option<fn(Sharing) -> bool> {
    match permission {
        Permission::Invite => Some(|sharing| sharing.invite),
        Permission::Download => Some(|sharing| sharing.download),
        Permission::Upload => Some(|sharing| sharing.upload),
        Permission::View
        | Permission::Edit
        | Permission::Crm
        | Permission::Comment
        | Permission::Duplicate
        | Permission::Archive
        | Permission::Delete
        | Permission::Transfer => None,
    }
}

fn kind_may(kind: Kind, permission: Permission) -> bool {
    match permission {
        Permission::View
        | Permission::Comment
        | Permission::Invite
        | Permission::Download
        | Permission::Upload => true,
        Permission::Edit | Permission::Crm | Permission::Duplicate | Permission::Archive => {
            kind.is_internal()
        }
        Permission::Delete | Permission::Transfer => kind == Kind::Owner,
    }
}

fn state_allows(state: SpaceState, standing: Standing, permission: Permission) -> bool {
    match state {
        SpaceState::Active => true,
        SpaceState::Archived => {
            let kept = matches!(
                permission,
                Permission::View | Permission::Download | Permission::Archive | Permission::Delete
            );
            kept && !standing.is_guest()
        }
        SpaceState::Deleted => false,
    }
}

#[cfg(test)]
mod tests;
