//! Passwords, both ways.

use secrecy::SecretString;
use service_kit::address::EmailAddress;
use service_kit::validate::Violations;
use sharedspaces_proto::identity::v1 as pb;

use crate::credential::{Change, PasswordSet, Reset};
use crate::person::{NewPassword, PASSWORD_BYTES_MAX, read_password_to_set};
use crate::sign_in_link::{LinkRequested, LinkWanted, Purpose};

impl TryFrom<pb::SetPasswordRequest> for NewPassword {
    type Error = Violations;

    fn try_from(request: pb::SetPasswordRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let new = read_password_to_set(&mut check, "new_password", &request.new_password);
        check.into_result().map(|()| new)
    }
}

impl TryFrom<pb::ChangePasswordRequest> for Change {
    type Error = Violations;

    fn try_from(request: pb::ChangePasswordRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let bytes = request.old_password.len();
        if bytes == 0 || bytes > PASSWORD_BYTES_MAX {
            check.add("old_password", format!("must have 1 to {PASSWORD_BYTES_MAX} bytes, has {bytes}"));
        }
        let new = read_password_to_set(&mut check, "new_password", &request.new_password);
        let old = SecretString::from(request.old_password);
        check.into_result().map(|()| Self { old, new })
    }
}

impl TryFrom<pb::RequestPasswordResetRequest> for LinkWanted {
    type Error = Violations;

    fn try_from(request: pb::RequestPasswordResetRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let email_address = EmailAddress::read(&mut check, "email_address", &request.email_address);
        let purpose = Purpose::ResetPassword;
        check.into_result().map(|()| Self {
            slug: request.organization,
            email_address,
            space_id: None,
            space_address: None,
            purpose,
        })
    }
}

impl TryFrom<pb::ResetPasswordRequest> for Reset {
    type Error = Violations;

    fn try_from(request: pb::ResetPasswordRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let new = read_password_to_set(&mut check, "new_password", &request.new_password);
        check.into_result().map(|()| Self { token: request.token.into(), new })
    }
}

impl From<PasswordSet> for pb::SetPasswordResponse {
    fn from(PasswordSet: PasswordSet) -> Self {
        Self {}
    }
}

impl From<PasswordSet> for pb::ChangePasswordResponse {
    fn from(PasswordSet: PasswordSet) -> Self {
        Self {}
    }
}

impl From<PasswordSet> for pb::ResetPasswordResponse {
    fn from(PasswordSet: PasswordSet) -> Self {
        Self {}
    }
}

impl From<LinkRequested> for pb::RequestPasswordResetResponse {
    fn from(_: LinkRequested) -> Self {
        Self {}
    }
}
