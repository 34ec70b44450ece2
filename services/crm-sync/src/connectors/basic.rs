//! Signing in with a user and password for machines (RFC 7617), for the CRMs that know nothing better.
//!
//! Owns the check of both and the form in which they are sent. Must not keep them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use service_kit::validate::Violations;
use url::Url;

use super::{Access, AccessForm, CrmError, Grant, Hosts};

/// Checks a form that needs an address, a user and a password.
pub(super) fn check_form(hosts: &Hosts, form: AccessForm) -> Result<Access, Violations> {
    let mut check = Violations::default();
    if !form.login_url.is_empty() {
        check.add("login_url", "must be empty for SAP");
    }
    if form.credentials.username.contains([':', '\r', '\n', '\0']) {
        check.add("credentials.username", "must not contain a colon or line breaks");
    }
    let instance_url = hosts.check(&form.instance_url);
    if let Err(refused) = &instance_url {
        check.add("instance_url", refused.to_string());
    }
    check.into_result()?;
    let url = instance_url.map_err(|refused| Violations::one("instance_url", refused.to_string()))?;
    let AccessForm { sign_in, credentials, .. } = form;
    Ok(Access { sign_in, login_url: url.clone(), instance_url: Some(url), credentials })
}

/// What stands after `Basic `.
pub(super) fn token(access: &Access) -> SecretString {
    let credentials = &access.credentials;
    let both = format!("{}:{}", credentials.username, credentials.password.expose_secret());
    SecretString::from(STANDARD.encode(both))
}

/// Where the API is.
pub(super) fn instance(access: &Access) -> Result<&Url, CrmError> {
    let instance_url = access.instance_url.as_ref();
    instance_url.ok_or_else(|| CrmError::permanent("The connection names no tenant: connect again."))
}

/// What a user and password give once they are known to be taken: themselves, for as long as they are.
pub(super) fn grant(access: &Access) -> Result<Grant, CrmError> {
    let instance_url = instance(access)?;
    Ok(Grant {
        instance_url: instance_url.clone(),
        crm_organization_id: instance_url.host_str().unwrap_or_default().to_owned(),
        access_token: token(access),
        expires_in: None,
        refresh_token: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::{Credentials, SignInKind};

    fn form(instance_url: &str, username: &str) -> AccessForm {
        AccessForm {
            sign_in: SignInKind::Basic,
            login_url: String::new(),
            instance_url: instance_url.to_owned(),
            credentials: Credentials {
                username: username.to_owned(),
                password: SecretString::from("open sesame"),
                ..Credentials::default()
            },
        }
    }

    #[test]
    fn user_and_password_are_sent_as_rfc_7617_says() {
        let access =
            check_form(&Hosts::sap_c4c(&[]), form("https://my000000.crm.ondemand.com", "Aladdin")).unwrap();
        let grant = grant(&access).unwrap();
        assert_eq!(grant.access_token.expose_secret(), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(grant.crm_organization_id, "my000000.crm.ondemand.com");
        assert_eq!(grant.expires_in, None);
    }

    #[test]
    fn a_form_is_refused_by_field() {
        let refused = |instance_url: &str, username: &str| {
            let refused = check_form(&Hosts::sap_c4c(&[]), form(instance_url, username)).unwrap_err();
            refused.iter().map(|violation| violation.field.clone()).collect::<Vec<_>>()
        };
        assert_eq!(refused("https://my000000.crm.ondemand.com", "a:b"), ["credentials.username"]);
        assert_eq!(refused("https://my000000.crm.ondemand.com.evil.test", "a"), ["instance_url"]);
        assert_eq!(refused("", "a\r\nx"), ["credentials.username", "instance_url"]);
    }
}
