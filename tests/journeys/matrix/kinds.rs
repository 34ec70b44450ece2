//! What the ids in requests are ids of.

use prost_reflect::FieldDescriptor;

/// A kind of object that belongs to one organisation.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    AccessRequest,
    /// A file that an item shows.
    Asset,
    Banner,
    Comment,
    Connection,
    /// The same in every service that runs jobs.
    DeadJob,
    Delivery,
    Folder,
    /// Who has come in.
    Guest,
    Invitation,
    /// Who is invited, and has not come in.
    Invitee,
    Item,
    Log,
    Logo,
    Member,
    Notice,
    /// A notice in the app of whoever calls.
    Notification,
    OtherTheme,
    /// Who owns the space.
    Owner,
    Participant,
    Session,
    SignInLink,
    Space,
    Theme,
}

/// What a field that is called an id takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FieldKind {
    /// The id of one of an organisation's objects.
    Object(Kind),
    /// The organisation that a service speaks for, or an id that only the CRM knows.
    NotOurs,
}

/// Tells what a field takes by its name; nothing: the matrix has to learn of it.
pub(crate) fn kind_of(field: &FieldDescriptor) -> Option<FieldKind> {
    let kind = match field.name() {
        "user_id" if field.parent_message().name() == "IssueInvitationRequest" => Kind::Invitee,
        "user_id"
            if ["ListConsentsRequest", "UpdateGuestProfileRequest"]
                .contains(&field.parent_message().name()) =>
        {
            Kind::Guest
        }
        // Who has a picture.
        "user_ids" if field.parent_message().name() == "BatchGetProfilePicturesRequest" => Kind::Owner,
        "access_request_id" => Kind::AccessRequest,
        "asset_id" => Kind::Asset,
        "banner_logo_id" => Kind::Banner,
        "comment_id" => Kind::Comment,
        "connection_id" => Kind::Connection,
        "delivery_id" => Kind::Delivery,
        "job_id" => Kind::DeadJob,
        "folder_id" => Kind::Folder,
        "invitation_id" => Kind::Invitation,
        "item_id" => Kind::Item,
        "log_id" => Kind::Log,
        "logo_id" | "logo_ids" => Kind::Logo,
        "user_id" | "user_ids" | "mentioned_user_ids" => Kind::Member,
        "notification_ids" | "up_to_notification_id" => Kind::Notification,
        "owner_user_id" | "inviter_user_id" => Kind::Owner,
        "privacy_notice_id" => Kind::Notice,
        "replacement_theme_id" => Kind::OtherTheme,
        "participant_id" => Kind::Participant,
        "session_id" => Kind::Session,
        "sign_in_link_id" => Kind::SignInLink,
        "space_id" => Kind::Space,
        "theme_id" => Kind::Theme,
        // What a CRM calls its clients, and what spaces calls the use of a token, belong to nobody here.
        "organization_id" | "record_id" | "client_id" | "use_id" => return Some(FieldKind::NotOurs),
        _ => return None,
    };
    Some(FieldKind::Object(kind))
}
