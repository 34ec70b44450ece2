//! Which messages are events.
//!
//! Owns the routing key and producer of each, and where it says whose it is. One that nobody consumes does not exist:
//! the consumers stand in [`crate::topology`].

use prost::{Message, Name};
use sharedspaces_proto::crmsync::events::v1::LogWritten;
use sharedspaces_proto::identity::events::v1::{
    ConsentChanged, GuestCreated, InvitationAccepted, MemberCreated, OrganizationCreated,
    OrganizationUpdated, PersonUpdated, PrivacyNoticePublished, SecurityNoticed, SignInLinkRequested,
};
use sharedspaces_proto::identity::v1::Organization;
use sharedspaces_proto::spaces::events::v1::{
    AccessDeclined, AccessGranted, AccessRequested, AssetPlaced, CommentAdded, InvitationsSent, ItemAdded,
    LogoPlaced, ParticipantInvited, ParticipantJoined, ParticipantReminded, ParticipantRemoved, SpaceCreated,
    SpaceSnapshot, VisitEnded,
};

/// A message that travels as an event.
pub trait Event: Message + Name + Default + Send + Sync + 'static {
    /// `<service>.<aggregate>.<past-tense>.v1`.
    const ROUTING_KEY: &'static str;
    /// The service that publishes it.
    const PRODUCER: &'static str;
    /// Returns the organisation that the content belongs to; empty where the content does not say.
    fn organization_id(&self) -> &str;
}

macro_rules! event {
    ($event:ty, $producer:literal, $key:literal, |$self:ident| $organization:expr) => {
        impl Event for $event {
            const ROUTING_KEY: &'static str = $key;
            const PRODUCER: &'static str = $producer;
            fn organization_id(&self) -> &str {
                let $self = self;
                $organization
            }
        }
    };
}

event!(OrganizationCreated, "identity", "identity.organization.created.v1", |event| {
    of_organization(event.organization.as_ref())
});
event!(OrganizationUpdated, "identity", "identity.organization.updated.v1", |event| {
    of_organization(event.organization.as_ref())
});
event!(MemberCreated, "identity", "identity.member.created.v1", |event| &event.organization_id);
event!(GuestCreated, "identity", "identity.guest.created.v1", |event| &event.organization_id);
event!(InvitationAccepted, "identity", "identity.invitation.accepted.v1", |event| &event.organization_id);
event!(PersonUpdated, "identity", "identity.person.updated.v1", |event| &event.organization_id);
event!(ConsentChanged, "identity", "identity.consent.changed.v1", |event| &event.organization_id);
event!(PrivacyNoticePublished, "identity", "identity.privacy_notice.published.v1", |event| &event
    .organization_id);
event!(SignInLinkRequested, "identity", "identity.sign_in_link.requested.v1", |event| &event.organization_id);
event!(SecurityNoticed, "identity", "identity.security.noticed.v1", |event| &event.organization_id);
event!(LogWritten, "crm-sync", "crm-sync.log.written.v1", |event| &event.organization_id);
event!(AssetPlaced, "spaces", "spaces.asset.placed.v1", |event| &event.organization_id);
event!(LogoPlaced, "spaces", "spaces.logo.placed.v1", |event| &event.organization_id);
event!(SpaceCreated, "spaces", "spaces.space.created.v1", |event| of_space(event.space.as_ref()));
event!(ParticipantInvited, "spaces", "spaces.participant.invited.v1", |event| of_space(event.space.as_ref()));
event!(ParticipantJoined, "spaces", "spaces.participant.joined.v1", |event| of_space(event.space.as_ref()));
event!(ParticipantReminded, "spaces", "spaces.participant.reminded.v1", |event| of_space(
    event.space.as_ref()
));
event!(ParticipantRemoved, "spaces", "spaces.participant.removed.v1", |event| &event.organization_id);
event!(InvitationsSent, "spaces", "spaces.invitations.sent.v1", |event| of_space(event.space.as_ref()));
event!(AccessRequested, "spaces", "spaces.access.requested.v1", |event| of_space(event.space.as_ref()));
event!(AccessGranted, "spaces", "spaces.access.granted.v1", |event| of_space(event.space.as_ref()));
event!(AccessDeclined, "spaces", "spaces.access.declined.v1", |event| of_space(event.space.as_ref()));
event!(CommentAdded, "spaces", "spaces.comment.added.v1", |event| of_space(event.space.as_ref()));
event!(ItemAdded, "spaces", "spaces.item.added.v1", |event| of_space(event.space.as_ref()));
event!(VisitEnded, "spaces", "spaces.visit.ended.v1", |event| of_space(event.space.as_ref()));

fn of_organization(organization: Option<&Organization>) -> &str {
    organization.map_or("", |organization| &organization.organization_id)
}

fn of_space(space: Option<&SpaceSnapshot>) -> &str {
    space.map_or("", |space| &space.organization_id)
}
