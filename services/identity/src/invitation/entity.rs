//! The rules of an invitation link.

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use service_kit::ids::{OrganizationId, SpaceId, UserId};

use crate::consent::{Notice, Origin};
use crate::locale::Locale;
use crate::mac::MacKey;
use crate::organization::Organization;
use crate::person::{NewPassword, Person, ProfileChange};
use crate::session::{Device, Tokens};
use crate::token::Token;

/// How long a link works. A decision: this is the link of an *invitation*, not of a sign-in. People read an invitation
/// days later, so the ten minutes of a sign-in link would make it useless; it leads into one organisation as one guest,
/// once, and only over the consent page. Signing in again later takes a sign-in link or a password. An invitation whose
/// link has expired is sent again with a new one.
pub(crate) const LINK_TTL: TimeDelta = TimeDelta::days(7);

service_kit::typed_id! {
    /// An invitation of spaces.
    InvitationId
}

/// What a link is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invitation {
    pub(crate) organization_id: OrganizationId,
    pub(crate) invitation_id: InvitationId,
    pub(crate) space_id: SpaceId,
    pub(crate) user_id: UserId,
    pub(crate) inviter_user_id: UserId,
}

impl Invitation {
    /// Returns the token of a version of the link. It is made from the key alone, so that it can be printed again byte
    /// by byte while nothing secret is stored or queued.
    pub(crate) fn token(&self, mac: &MacKey, version: i32) -> Token {
        let (organization, invitation) = (self.organization_id.uuid(), self.invitation_id.uuid());
        let version = version.to_be_bytes();
        let parts: [&[u8]; 3] = [organization.as_bytes(), invitation.as_bytes(), &version];
        Token::new(self.organization_id, mac.hash("invitation", &parts))
    }
}

/// A link as it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredLink {
    pub(crate) invitation_id: InvitationId,
    pub(crate) space_id: SpaceId,
    pub(crate) user_id: UserId,
    pub(crate) inviter_user_id: UserId,
    pub(crate) version: i32,
    pub(crate) is_used: bool,
    pub(crate) is_expired: bool,
}

impl StoredLink {
    /// Tells whether this is the link of exactly that invitation.
    pub(crate) fn is_of(&self, invitation: &Invitation) -> bool {
        let Invitation { organization_id: _, invitation_id, space_id, user_id, inviter_user_id } =
            *invitation;
        (self.invitation_id, self.space_id, self.user_id, self.inviter_user_id)
            == (invitation_id, space_id, user_id, inviter_user_id)
    }
}

/// What notifications prints.
pub(crate) struct IssuedLink {
    pub(crate) url: SecretString,
    pub(crate) guest: Person,
    pub(crate) organization_display_name: String,
}

impl IssuedLink {
    /// Puts the token into the fragment, which browsers send to nobody.
    pub(crate) fn new(organization: Organization, guest: Person, token: &Token) -> Self {
        let Organization { base_url, slug, display_name, .. } = organization;
        let url = format!("{base_url}/{slug}/invitation#{}", token.text().expose_secret());
        Self { url: url.into(), guest, organization_display_name: display_name }
    }
}

/// What the landing page may show before consent.
pub(crate) struct LandingPage {
    pub(crate) organization_display_name: String,
    pub(crate) inviter_display_name: String,
    pub(crate) guest: Person,
    pub(crate) notice: Notice,
    /// Fewest characters of a password.
    pub(crate) password_min_length: i32,
}

/// A guest ticks the box and continues, checked but for the time zone and the strength of the password.
#[derive(Clone)]
pub(crate) struct Acceptance {
    pub(crate) token: SecretString,
    pub(crate) privacy_notice_id: uuid::Uuid,
    /// What the guest told of themselves.
    pub(crate) profile: ProfileChange,
    /// The first password; absent: none.
    pub(crate) password: Option<NewPassword>,
    pub(crate) device: Device,
    /// Where the consent comes from.
    pub(crate) origin: Origin,
}

/// A guest came in.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) tokens: Tokens,
    pub(crate) user_id: UserId,
    pub(crate) space_id: SpaceId,
}

/// What the landing page is asked for, checked.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) token: SecretString,
    /// Absent: the guest's.
    pub(crate) locale: Option<Locale>,
}
