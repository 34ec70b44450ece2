//! OAuth with Salesforce: the web server flow with PKCE and refreshing ("OAuth 2.0 Web Server Flow"), and JWT bearer
//! ("OAuth 2.0 JWT Bearer Flow", RFC 7523).
//!
//! Owns the requests to the token endpoint and what their answers mean. Access tokens have no known end: a 401 tells.
//! Must not keep a token.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::Salesforce;
use super::error::{self, OauthError};
use super::mapping::{ID_LENGTH, is_record_id};
use crate::config::SalesforceConfig;
use crate::connectors::http::{self, Answer};
use crate::connectors::{Access, CrmError, Grant, Proof, keys};

/// `refresh_token` is what makes Salesforce give one.
const SCOPE: &str = "api refresh_token";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long an assertion is good for, in seconds; Salesforce takes at most three minutes.
const ASSERTION_SECONDS: i64 = 120;

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    instance_url: String,
    /// `https://login.salesforce.com/id/<organisation>/<user>`
    id: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: String,
    exp: i64,
}

pub(super) fn authorization_url(
    config: &SalesforceConfig,
    login_url: &Url,
    state: &str,
    challenge: &str,
) -> Url {
    let mut url = login_url.clone();
    url.set_path("/services/oauth2/authorize");
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &config.client_id)
        .append_pair("redirect_uri", config.redirect_url.as_str())
        .append_pair("scope", SCOPE)
        .append_pair("state", state)
        .append_pair("code_challenge", challenge)
        .append_pair("code_challenge_method", "S256");
    url
}

/// Returns whom an assertion is for: the sign-in of production or of sandboxes, also where the admin gave a My Domain.
fn audience(login_url: &Url) -> String {
    let host = login_url.host_str().unwrap_or_default();
    if host == "test.salesforce.com" || host.ends_with(".sandbox.my.salesforce.com") {
        "https://test.salesforce.com".to_owned()
    } else if host.ends_with(".salesforce.com") {
        "https://login.salesforce.com".to_owned()
    } else {
        login_url.as_str().trim_end_matches('/').to_owned()
    }
}

impl Salesforce {
    pub(super) async fn get_grant(&self, access: &Access, proof: Proof<'_>) -> Result<Grant, CrmError> {
        match proof {
            Proof::Code { code, verifier } => self.exchange_code(&access.login_url, code, verifier).await,
            Proof::Refresh(token) => self.refresh_token(&access.login_url, token).await,
            Proof::Credentials => self.present_assertion(access).await,
        }
    }

    async fn exchange_code(
        &self,
        login_url: &Url,
        code: &SecretString,
        verifier: &SecretString,
    ) -> Result<Grant, CrmError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", self.config.redirect_url.as_str()),
            ("code_verifier", verifier.expose_secret()),
            ("client_id", &self.config.client_id),
            ("client_secret", self.config.client_secret.expose_secret()),
        ];
        let grant = match self.ask_for_token(login_url, &form).await? {
            Ok(answer) => self.grant(&answer)?,
            Err(refusal) => return Err(error::of_exchange(&refusal)),
        };
        if grant.refresh_token.is_none() {
            return Err(CrmError::permanent(
                "Salesforce gave no refresh token: allow the app the scope `refresh_token`, then connect again.",
            ));
        }
        Ok(grant)
    }

    async fn refresh_token(&self, login_url: &Url, refresh_token: &SecretString) -> Result<Grant, CrmError> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose_secret()),
            ("client_id", &self.config.client_id),
            ("client_secret", self.config.client_secret.expose_secret()),
        ];
        match self.ask_for_token(login_url, &form).await? {
            Ok(answer) => self.grant(&answer),
            Err(refusal) => Err(error::of_refresh(&refusal)),
        }
    }

    async fn present_assertion(&self, access: &Access) -> Result<Grant, CrmError> {
        let assertion = self.assertion(access)?;
        let form = [("grant_type", JWT_BEARER), ("assertion", assertion.expose_secret())];
        match self.ask_for_token(&access.login_url, &form).await? {
            Ok(answer) => Ok(Grant { refresh_token: None, ..self.grant(&answer)? }),
            Err(refusal) => Err(error::of_credentials(&refusal)),
        }
    }

    /// Signs an assertion with the connection's own key (RS256).
    fn assertion(&self, access: &Access) -> Result<SecretString, CrmError> {
        service_kit::jwt::install_provider();
        let credentials = &access.credentials;
        let claims = Claims {
            iss: &credentials.client_id,
            sub: &credentials.username,
            aud: audience(&access.login_url),
            exp: self.clock.now().timestamp() + ASSERTION_SECONDS,
        };
        let unusable =
            || CrmError::reconnect("The private key of the connection cannot be used: connect again.");
        let der = keys::rsa_der(&credentials.private_key_pem).map_err(|_| unusable())?;
        let header = Header::new(Algorithm::RS256);
        let signed = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_rsa_der(&der));
        signed.map(SecretString::from).map_err(|_| unusable())
    }

    async fn ask_for_token(
        &self,
        login_url: &Url,
        form: &[(&str, &str)],
    ) -> Result<Result<Answer, OauthError>, CrmError> {
        let mut url = login_url.clone();
        url.set_path("/services/oauth2/token");
        let answer = http::send(self.http.post(url).form(form)).await?;
        if answer.status.is_success() {
            return Ok(Ok(answer));
        }
        Ok(Err(OauthError::read(&answer)))
    }

    fn grant(&self, answer: &Answer) -> Result<Grant, CrmError> {
        let token: TokenAnswer = answer.json()?;
        let instance_url = self.hosts.check(&token.instance_url).map_err(|_| {
            CrmError::permanent("Salesforce names an instance whose address is none of Salesforce's own.")
        })?;
        let organization = token.id.rsplit('/').nth(1).filter(|id| is_record_id(id));
        let crm_organization_id = organization
            .and_then(|id| id.get(..ID_LENGTH))
            .ok_or_else(|| CrmError::retry("Salesforce did not say which organisation it is."))?
            .to_owned();
        Ok(Grant {
            instance_url,
            crm_organization_id,
            access_token: token.access_token,
            expires_in: None,
            refresh_token: token.refresh_token,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authorization_address_asks_for_a_refresh_token_and_carries_the_challenge() {
        let config = SalesforceConfig {
            client_id: "app&id".to_owned(),
            client_secret: SecretString::from("hidden"),
            redirect_url: "https://spaces.example/crm/callback".parse().unwrap(),
            allowed_hosts: Vec::new(),
            api_version: "v60.0".to_owned(),
            external_id_field: "X__c".to_owned(),
        };
        let login = "https://login.salesforce.com/".parse().unwrap();
        let url = authorization_url(&config, &login, "state", "challenge");
        assert_eq!(
            url.as_str(),
            "https://login.salesforce.com/services/oauth2/authorize?response_type=code&client_id=app%26id\
             &redirect_uri=https%3A%2F%2Fspaces.example%2Fcrm%2Fcallback&scope=api+refresh_token&state=state\
             &code_challenge=challenge&code_challenge_method=S256"
        );
    }

    #[test]
    fn an_assertion_is_for_production_or_for_sandboxes() {
        for (login_url, expected) in [
            ("https://login.salesforce.com/", "https://login.salesforce.com"),
            ("https://acme.my.salesforce.com/", "https://login.salesforce.com"),
            ("https://test.salesforce.com/", "https://test.salesforce.com"),
            ("https://acme--sb.sandbox.my.salesforce.com/", "https://test.salesforce.com"),
            ("http://127.0.0.1:9/", "http://127.0.0.1:9"),
        ] {
            assert_eq!(audience(&login_url.parse().unwrap()), expected);
        }
    }
}
