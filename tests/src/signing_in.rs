//! The ways in: password, one-click link, code, and setting a new password by mail.
//!
//! Owns the steps as a client app takes them; the demo narrates them, the tests run the same.

use anyhow::Context;
use sharedspaces_proto::identity::v1 as identity;
use tonic::Status;

use crate::outside::Mail;
use crate::visit::{Journey, Session};

impl Journey {
    /// Asks how an address goes on.
    pub async fn start_sign_in(
        &self,
        organization: &str,
        address: &str,
    ) -> Result<Vec<identity::SignInOption>, Status> {
        let request = identity::StartSignInRequest {
            organization: organization.to_owned(),
            email_address: address.to_owned(),
            space_address: String::new(),
        };
        Ok(self.api.sign_in.clone().start_sign_in(request).await?.into_inner().options().collect())
    }

    /// Signs in with a password of one's own.
    pub async fn sign_in_with(
        &self,
        organization: &str,
        address: &str,
        password: &str,
    ) -> Result<Session, Status> {
        let request = identity::SignInWithPasswordRequest {
            organization: organization.to_owned(),
            email_address: address.to_owned(),
            password: password.to_owned(),
            device: None,
        };
        let answer = self.api.sign_in.clone().sign_in_with_password(request).await?.into_inner();
        session(answer.user_id, answer.tokens)
    }

    /// Asks for a mail with link and code; returns what the browser keeps in its cookie.
    pub async fn request_link(&self, organization: &str, address: &str) -> Result<String, Status> {
        let request = identity::RequestSignInLinkRequest {
            organization: organization.to_owned(),
            email_address: address.to_owned(),
            space_id: String::new(),
            ..identity::RequestSignInLinkRequest::default()
        };
        Ok(self.api.sign_in.clone().request_sign_in_link(request).await?.into_inner().login_request)
    }

    /// Clicks the link of a mail and presses the button, in a browser with that cookie.
    pub async fn redeem_link(&self, token: &str, login_request: &str) -> Result<Session, Status> {
        let request = identity::RedeemSignInLinkRequest {
            token: token.to_owned(),
            login_request: login_request.to_owned(),
            device: None,
        };
        let answer = self.api.sign_in.clone().redeem_sign_in_link(request).await?.into_inner();
        session(answer.user_id, answer.tokens)
    }

    /// Types the code of a mail into the browser with that cookie.
    pub async fn redeem_code(&self, login_request: &str, code: &str) -> Result<Session, Status> {
        let request = identity::RedeemSignInCodeRequest {
            login_request: login_request.to_owned(),
            code: code.to_owned(),
            device: None,
        };
        let answer = self.api.sign_in.clone().redeem_sign_in_code(request).await?.into_inner();
        session(answer.user_id, answer.tokens)
    }

    /// Asks for a mail to set a new password.
    pub async fn request_reset(&self, organization: &str, address: &str) -> Result<(), Status> {
        let request = identity::RequestPasswordResetRequest {
            organization: organization.to_owned(),
            email_address: address.to_owned(),
        };
        self.api.account.clone().request_password_reset(request).await.map(drop)
    }

    /// Sets a new password by the link of a mail.
    pub async fn reset_password(&self, token: &str, new_password: &str) -> Result<(), Status> {
        let request =
            identity::ResetPasswordRequest { token: token.to_owned(), new_password: new_password.to_owned() };
        self.api.account.clone().reset_password(request).await.map(drop)
    }

    /// Lists one's sessions.
    pub async fn sessions(&self, who: &Session) -> Result<Vec<identity::Session>, Status> {
        let request = crate::api::with_token(identity::ListSessionsRequest::default(), who.token());
        Ok(self.api.sign_in.clone().list_sessions(request).await?.into_inner().sessions)
    }
}

fn session(user_id: String, tokens: Option<identity::Tokens>) -> Result<Session, Status> {
    let tokens = tokens.ok_or_else(|| Status::internal("no tokens"))?;
    Ok(Session { user_id, tokens })
}

/// Returns the token in the fragment of a mail's link.
pub fn token_of(mail: &Mail) -> anyhow::Result<String> {
    Ok(mail.link()?.fragment().context("the link has no fragment")?.to_owned())
}

/// Returns the six digits of a mail, as it prints them: in two groups of three, or in one of six.
pub fn code_of(mail: &Mail) -> anyhow::Result<String> {
    let is_group = |word: &&str, length| word.len() == length && word.chars().all(|c| c.is_ascii_digit());
    let words: Vec<&str> =
        mail.text.split_whitespace().map(|word| word.trim_matches(['.', ',', ':'])).collect();
    let two = words.windows(2).find(|pair| pair.iter().all(|word| is_group(word, 3))).map(<[&str]>::concat);
    let one = || words.iter().find(|word| is_group(word, 6)).map(|word| (*word).to_owned());
    two.or_else(one).context("the mail has no code")
}
