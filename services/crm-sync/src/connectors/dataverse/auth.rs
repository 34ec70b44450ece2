//! Signing in to Dataverse with the directory, Microsoft Entra ("Use OAuth authentication with Microsoft Dataverse",
//! "Microsoft identity platform and OAuth 2.0 authorization code flow", "… client credentials flow").
//!
//! Owns the forms of the authorize and token endpoints of v2.0. The life of tokens is told. Must not keep a token.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use service_kit::validate::Violations;
use url::Url;
use uuid::Uuid;

use super::Dataverse;
use super::error::OauthError;
use crate::connectors::http::{self, Answer};
use crate::connectors::{Access, AccessForm, CrmError, Grant, Proof, SignInKind};

/// Where the directory is, unless the setting names another.
const DIRECTORY: &str = "https://login.microsoftonline.com";
/// The tenant of the code flow where none is given: the one that the admin belongs to.
const ANY_TENANT: &str = "organizations";
/// The longest domain name (RFC 1035).
const DOMAIN_MAX: usize = 253;

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    expires_in: u64,
}

/// Tells whether a text is a tenant: a UUID, or a domain of at least two labels.
fn is_tenant(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_uuid = text.len() == 36 && Uuid::try_parse(text).is_ok();
    is_uuid || (text.len() <= DOMAIN_MAX && text.contains('.') && text.split('.').all(is_label))
}

fn tenant(access: &Access) -> &str {
    if access.credentials.tenant.is_empty() { ANY_TENANT } else { &access.credentials.tenant }
}

fn endpoint(access: &Access, name: &str) -> Url {
    let mut url = access.login_url.clone();
    // A tenant that passed has no character that means anything in a path.
    url.set_path(&format!("/{}/oauth2/v2.0/{name}", tenant(access)));
    url
}

/// The environment as the directory knows it: its address without a slash at its end.
fn resource(instance_url: &Url) -> &str {
    instance_url.as_str().trim_end_matches('/')
}

/// What is asked for: all that the application is allowed, and in the code flow a refresh token.
fn scope(access: &Access, instance_url: &Url) -> String {
    let offline = if access.sign_in == SignInKind::Code { " offline_access" } else { "" };
    format!("{}/.default{offline}", resource(instance_url))
}

fn instance(access: &Access) -> Result<&Url, CrmError> {
    access
        .instance_url
        .as_ref()
        .ok_or_else(|| CrmError::permanent("The connection names no environment: connect again."))
}

impl Dataverse {
    pub(super) fn check_form(&self, form: AccessForm) -> Result<Access, Violations> {
        let mut check = Violations::default();
        if !form.login_url.is_empty() {
            check.add("login_url", "must be empty for Dynamics");
        }
        let tenant = form.credentials.tenant.as_str();
        let is_optional = form.sign_in == SignInKind::Code && tenant.is_empty();
        if !is_optional && !is_tenant(tenant) {
            check.add(
                "credentials.tenant",
                "must be the Entra tenant, a UUID or a domain such as contoso.onmicrosoft.com",
            );
        }
        if form.sign_in == SignInKind::Code && !self.has_app() {
            check.add(
                "sign_in",
                "must be CRM_SIGN_IN_CLIENT_CREDENTIALS: no application is set up here for the code flow",
            );
        }
        let login_url = self.login_hosts.check(self.config.login_url.as_ref().map_or(DIRECTORY, Url::as_str));
        let instance_url = self.hosts.check(&form.instance_url);
        if let Err(refused) = &instance_url {
            check.add("instance_url", refused.to_string());
        }
        check.into_result()?;
        let (Ok(login_url), Ok(instance_url)) = (login_url, instance_url) else {
            return Err(Violations::one("provider", "cannot be connected here: its sign-in is not set up"));
        };
        let AccessForm { sign_in, credentials, .. } = form;
        Ok(Access { sign_in, login_url, instance_url: Some(instance_url), credentials })
    }

    fn has_app(&self) -> bool {
        let DataverseApp { client_id, client_secret, redirect_url } = self.app();
        !client_id.is_empty() && client_secret.is_some() && redirect_url.is_some()
    }

    fn app(&self) -> DataverseApp<'_> {
        DataverseApp {
            client_id: &self.config.client_id,
            client_secret: self.config.client_secret.as_ref(),
            redirect_url: self.config.redirect_url.as_ref(),
        }
    }

    pub(super) fn authorize_url(&self, access: &Access, state: &str, challenge: &str) -> Option<Url> {
        let app = self.app();
        let (redirect_url, instance_url) = (app.redirect_url?, access.instance_url.as_ref()?);
        if access.sign_in != SignInKind::Code {
            return None;
        }
        let mut url = endpoint(access, "authorize");
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("response_mode", "query")
            .append_pair("client_id", app.client_id)
            .append_pair("redirect_uri", redirect_url.as_str())
            .append_pair("scope", &scope(access, instance_url))
            .append_pair("state", state)
            .append_pair("code_challenge", challenge)
            .append_pair("code_challenge_method", "S256");
        Some(url)
    }

    pub(super) async fn token(&self, access: &Access, proof: Proof<'_>) -> Result<Grant, CrmError> {
        let instance_url = instance(access)?;
        let scope = scope(access, instance_url);
        let app = self.app();
        let redirect_url = app.redirect_url.map(Url::as_str).unwrap_or_default();
        let secret = app.client_secret.map(ExposeSecret::expose_secret).unwrap_or_default();
        let own = [("client_id", app.client_id), ("client_secret", secret), ("scope", &scope)];
        let mut form: Vec<(&str, &str)> = own.to_vec();
        match proof {
            Proof::Code { code, verifier } => form.extend([
                ("grant_type", "authorization_code"),
                ("code", code.expose_secret()),
                ("redirect_uri", redirect_url),
                ("code_verifier", verifier.expose_secret()),
            ]),
            Proof::Refresh(token) => {
                form.extend([("grant_type", "refresh_token"), ("refresh_token", token.expose_secret())]);
            }
            Proof::Credentials => {
                form = vec![
                    ("grant_type", "client_credentials"),
                    ("client_id", &access.credentials.client_id),
                    ("client_secret", access.credentials.client_secret.expose_secret()),
                    ("scope", &scope),
                ];
            }
        }
        let answer = http::send(self.login_http.post(endpoint(access, "token")).form(&form)).await?;
        if !answer.status.is_success() {
            return Err(OauthError::read(&answer).class(matches!(proof, Proof::Code { .. })));
        }
        let grant = grant(&answer, instance_url)?;
        if matches!(proof, Proof::Code { .. }) && grant.refresh_token.is_none() {
            return Err(CrmError::permanent(
                "Microsoft gave no refresh token: allow the application `offline_access`, then connect again.",
            ));
        }
        Ok(grant)
    }
}

/// The application of the code flow.
struct DataverseApp<'a> {
    client_id: &'a str,
    client_secret: Option<&'a SecretString>,
    redirect_url: Option<&'a Url>,
}

fn grant(answer: &Answer, instance_url: &Url) -> Result<Grant, CrmError> {
    let token: TokenAnswer = answer.json()?;
    Ok(Grant {
        instance_url: instance_url.clone(),
        crm_organization_id: instance_url.host_str().unwrap_or_default().to_owned(),
        access_token: token.access_token,
        expires_in: Some(Duration::from_secs(token.expires_in)),
        refresh_token: token.refresh_token,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DataverseConfig;
    use crate::connectors::Credentials;

    fn dataverse() -> Dataverse {
        let _second = rustls::crypto::ring::default_provider().install_default();
        Dataverse::try_new(DataverseConfig {
            client_id: "app&id".to_owned(),
            client_secret: Some(SecretString::from("hidden")),
            redirect_url: Some("https://spaces.example/crm/callback".parse().unwrap()),
            ..DataverseConfig::default()
        })
        .unwrap()
    }

    fn form(sign_in: SignInKind, instance_url: &str, tenant: &str) -> AccessForm {
        AccessForm {
            sign_in,
            login_url: String::new(),
            instance_url: instance_url.to_owned(),
            credentials: Credentials { tenant: tenant.to_owned(), ..Credentials::default() },
        }
    }

    #[test]
    fn a_tenant_is_a_uuid_or_a_domain() {
        for good in [
            "7d1f3a52-0000-4000-8000-00000000000a",
            "contoso.onmicrosoft.com",
            "a-b.example",
            &format!("{}.example", "a".repeat(63)),
        ] {
            assert!(is_tenant(good), "{good}");
        }
        for bad in [
            "",
            "contoso",
            "common",
            "../x.y",
            "contoso.com/",
            "contoso.com?x",
            "-a.example",
            "a..example",
            "a.example.",
            "7d1f3a52000040008000000000000000a",
            "é.example",
            &format!("{}.example", "a".repeat(64)),
            &format!("{}.example", "a.".repeat(130)),
        ] {
            assert!(!is_tenant(bad), "{bad}");
        }
    }

    #[test]
    fn the_authorization_address_belongs_to_the_tenant_and_asks_for_the_environment() {
        let access =
            dataverse().check_form(form(SignInKind::Code, "https://acme.crm4.dynamics.com", "acme.example"));
        let url = dataverse().authorize_url(&access.unwrap(), "state", "challenge").unwrap();
        assert_eq!(
            url.as_str(),
            "https://login.microsoftonline.com/acme.example/oauth2/v2.0/authorize?response_type=code\
             &response_mode=query&client_id=app%26id&redirect_uri=https%3A%2F%2Fspaces.example%2Fcrm%2Fcallback\
             &scope=https%3A%2F%2Facme.crm4.dynamics.com%2F.default+offline_access&state=state\
             &code_challenge=challenge&code_challenge_method=S256"
        );
    }

    #[test]
    fn a_form_is_refused_by_field() {
        let refused = |sign_in, instance_url: &str, tenant: &str| {
            let refused = dataverse().check_form(form(sign_in, instance_url, tenant)).unwrap_err();
            refused.iter().map(|violation| violation.field.clone()).collect::<Vec<_>>()
        };
        let environment = "https://acme.crm.dynamics.com";
        let machine = SignInKind::ClientCredentials;
        assert_eq!(refused(machine, environment, ""), ["credentials.tenant"]);
        assert_eq!(refused(SignInKind::Code, environment, "x"), ["credentials.tenant"]);
        assert_eq!(refused(machine, "https://evil.test", "a.example"), ["instance_url"]);
        assert_eq!(refused(machine, "", ""), ["credentials.tenant", "instance_url"]);
        assert!(dataverse().check_form(form(SignInKind::Code, environment, "")).is_ok());
        let bare = Dataverse::try_new(DataverseConfig::default()).unwrap();
        let refused = bare.check_form(form(SignInKind::Code, environment, "")).unwrap_err();
        assert_eq!(refused.iter().next().unwrap().field, "sign_in");
        assert!(bare.check_form(form(machine, environment, "a.example")).is_ok());
    }
}
