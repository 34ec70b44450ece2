//! Every error of the service with its kind and reason; docs/errors.md says the same.

use service_kit::error::{ErrorEntry, Kind};

use crate::{
    ConsentError, CredentialError, InvitationError, OrganizationError, PersonError, SessionError,
    SignInLinkError,
};

#[test]
fn every_error_has_the_kind_and_reason_that_clients_know() {
    let all = [
        OrganizationError::CATALOGUE,
        PersonError::CATALOGUE,
        SessionError::CATALOGUE,
        SignInLinkError::CATALOGUE,
        CredentialError::CATALOGUE,
        InvitationError::CATALOGUE,
        ConsentError::CATALOGUE,
    ];
    let rows: Vec<_> = all
        .concat()
        .iter()
        .map(|ErrorEntry { variant, kind, reason, when }| {
            assert!(!when.is_empty());
            (*variant, *kind, *reason)
        })
        .collect();
    let expected = [
        ("NotFound", Kind::NotFound, "ORGANIZATION_NOT_FOUND"),
        ("SlugTaken", Kind::AlreadyExists, "SLUG_TAKEN"),
        ("Changed", Kind::Aborted, "ORGANIZATION_CHANGED"),
        ("NotAnAdmin", Kind::PermissionDenied, "ADMINS_ONLY"),
        ("Busy", Kind::ResourceExhausted, "SIGN_IN_BUSY"),
        ("NotFound", Kind::NotFound, "PERSON_NOT_FOUND"),
        ("OrganizationNotFound", Kind::NotFound, "ORGANIZATION_NOT_FOUND"),
        ("MemberNotFound", Kind::NotFound, "MEMBER_NOT_FOUND"),
        ("LastAdmin", Kind::FailedPrecondition, "LAST_ADMIN"),
        ("NotAnAdmin", Kind::PermissionDenied, "ADMINS_ONLY"),
        ("AddressTaken", Kind::AlreadyExists, "ADDRESS_TAKEN"),
        ("NotAGuest", Kind::FailedPrecondition, "NOT_A_GUEST"),
        ("Busy", Kind::ResourceExhausted, "SIGN_IN_BUSY"),
        ("CredentialsRefused", Kind::Unauthenticated, "CREDENTIALS_REFUSED"),
        ("RefreshTokenRefused", Kind::Unauthenticated, "REFRESH_TOKEN_REFUSED"),
        ("Busy", Kind::ResourceExhausted, "SIGN_IN_BUSY"),
        ("TooManyAttempts", Kind::ResourceExhausted, "TOO_MANY_ATTEMPTS"),
        ("OrganizationNotFound", Kind::NotFound, "ORGANIZATION_NOT_FOUND"),
        ("SessionNotFound", Kind::NotFound, "SESSION_NOT_FOUND"),
        ("LinkRefused", Kind::NotFound, "SIGN_IN_LINK_REFUSED"),
        ("OtherBrowser", Kind::FailedPrecondition, "OTHER_BROWSER"),
        ("RequestLinkRefused", Kind::NotFound, "REQUEST_LINK_REFUSED"),
        ("OrganizationNotFound", Kind::NotFound, "ORGANIZATION_NOT_FOUND"),
        ("TooManyAttempts", Kind::ResourceExhausted, "TOO_MANY_ATTEMPTS"),
        ("AlreadySet", Kind::FailedPrecondition, "PASSWORD_ALREADY_SET"),
        ("Refused", Kind::PermissionDenied, "PASSWORD_REFUSED"),
        ("LinkRefused", Kind::NotFound, "SIGN_IN_LINK_REFUSED"),
        ("PersonNotFound", Kind::NotFound, "PERSON_NOT_FOUND"),
        ("SessionEnded", Kind::Unauthenticated, "SESSION_ENDED"),
        ("Busy", Kind::ResourceExhausted, "SIGN_IN_BUSY"),
        ("TooManyAttempts", Kind::ResourceExhausted, "TOO_MANY_ATTEMPTS"),
        ("LinkRefused", Kind::NotFound, "INVITATION_LINK_REFUSED"),
        ("NoticeOutdated", Kind::FailedPrecondition, "NOTICE_OUTDATED"),
        ("OrganizationNotFound", Kind::NotFound, "ORGANIZATION_NOT_FOUND"),
        ("PersonNotFound", Kind::NotFound, "PERSON_NOT_FOUND"),
        ("NotAGuest", Kind::FailedPrecondition, "NOT_A_GUEST"),
        ("AlreadyAccepted", Kind::FailedPrecondition, "INVITATION_ACCEPTED"),
        ("Mismatch", Kind::FailedPrecondition, "INVITATION_MISMATCH"),
        ("PasswordAlreadySet", Kind::FailedPrecondition, "PASSWORD_ALREADY_SET"),
        ("Busy", Kind::ResourceExhausted, "SIGN_IN_BUSY"),
        ("TooManyAttempts", Kind::ResourceExhausted, "TOO_MANY_ATTEMPTS"),
        ("OrganizationNotFound", Kind::NotFound, "ORGANIZATION_NOT_FOUND"),
        ("PersonNotFound", Kind::NotFound, "PERSON_NOT_FOUND"),
        ("NoticeOutdated", Kind::FailedPrecondition, "NOTICE_OUTDATED"),
        ("NotNeeded", Kind::FailedPrecondition, "CONSENT_NOT_NEEDED"),
        ("NotAnAdmin", Kind::PermissionDenied, "ADMINS_ONLY"),
        ("OwnOnly", Kind::PermissionDenied, "OWN_CONSENTS_ONLY"),
    ];
    assert_eq!(rows, expected);
}
