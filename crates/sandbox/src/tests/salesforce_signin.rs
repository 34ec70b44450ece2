//! Sign-in of the Salesforce look-alike: PKCE, refresh, rotation, revocation, and who may be sent back to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use url::Url;

use super::client::{Answer, Directory, encode, get, post_form, script, send, start};
use crate::{SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET, Sandbox};

const REDIRECT: &str = "http://127.0.0.1:9/callback?x=1";
const VERIFIER: &str = "a-verifier-that-is-long-enough-to-be-one-0123456789";

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()))
}

async fn authorize(sandbox: &Sandbox, changed: &[(&str, &str)]) -> Answer {
    let challenge = challenge();
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", SALESFORCE_CLIENT_ID),
        ("redirect_uri", REDIRECT),
        ("state", "s p&a"),
        ("scope", "api refresh_token"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changed {
        pairs.retain(|(known, _)| known != name);
        if !value.is_empty() {
            pairs.push((name, value));
        }
    }
    get(sandbox.salesforce_addr(), &format!("/services/oauth2/authorize?{}", encode(&pairs))).await
}

fn sent_back(answer: &Answer, name: &str) -> Option<String> {
    assert_eq!(answer.status, 303, "{}", answer.body);
    let location = Url::parse(answer.header("location").unwrap()).unwrap();
    assert!(location.as_str().starts_with(REDIRECT));
    location.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

async fn code(sandbox: &Sandbox, changed: &[(&str, &str)]) -> String {
    let mut changed = changed.to_vec();
    changed.push(("approve", "true"));
    let answer = authorize(sandbox, &changed).await;
    assert_eq!(sent_back(&answer, "state").as_deref(), Some("s p&a"));
    sent_back(&answer, "code").unwrap()
}

async fn exchange(sandbox: &Sandbox, form: &[(&str, &str)]) -> Answer {
    let mut all = vec![("client_id", SALESFORCE_CLIENT_ID), ("client_secret", SALESFORCE_CLIENT_SECRET)];
    all.retain(|(name, _)| !form.iter().any(|(given, _)| given == name));
    all.extend_from_slice(form);
    post_form(sandbox.salesforce_addr(), "/services/oauth2/token", &all).await
}

async fn redeem(sandbox: &Sandbox, code: &str, changed: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    for (name, value) in changed {
        form.retain(|(known, _)| known != name);
        if !value.is_empty() {
            form.push((name, value));
        }
    }
    exchange(sandbox, &form).await
}

async fn refresh(sandbox: &Sandbox, token: &Value) -> Answer {
    exchange(sandbox, &[("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())]).await
}

/// Signs in and gives the token answer.
pub(super) async fn sign_in(sandbox: &Sandbox) -> Value {
    let code = code(sandbox, &[]).await;
    let answer = redeem(sandbox, &code, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn limits(sandbox: &Sandbox, token: &Value) -> Answer {
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    let headers = [("authorization", bearer.as_str())];
    send(sandbox.salesforce_addr(), "GET", "/services/data/v60.0/limits", &headers, "").await.unwrap()
}

fn error(answer: &Answer) -> (u16, String, String) {
    let body = answer.json();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (answer.status, text("error"), text("error_description"))
}

#[tokio::test]
async fn sign_in_gives_the_answer_of_the_real_one_without_an_expiry() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    let answer = sign_in(&sandbox).await;
    assert!(answer.get("expires_in").is_none());
    assert_eq!(answer["instance_url"], format!("http://{}", sandbox.salesforce_addr()));
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["scope"], "api refresh_token");
    assert!(answer["issued_at"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000_000);
    assert!(answer["signature"].is_string() && answer["refresh_token"].is_string());
    let identity = Url::parse(answer["id"].as_str().unwrap()).unwrap();
    assert_eq!(limits(&sandbox, &answer["access_token"]).await.status, 200);

    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str())];
    for path in [identity.path(), "/services/oauth2/userinfo"] {
        let who = send(sandbox.salesforce_addr(), "GET", path, &headers, "").await.unwrap().json();
        assert!(who["user_id"].as_str().unwrap().starts_with("005"), "{who}");
        assert!(who["organization_id"].as_str().unwrap().starts_with("00D"));
        assert_eq!(get(sandbox.salesforce_addr(), path).await.status, 401);
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn page_asks_and_both_answers_lead_back() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    let page = authorize(&sandbox, &[("state", "\"><script>")]).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Allow") && page.body.contains("Deny") && !page.body.contains("<script>"));
    assert!(
        page.header("content-security-policy").unwrap().contains("form-action 'self' http://127.0.0.1:9")
    );
    let challenge = challenge();
    let mut form = vec![
        ("response_type", "code"),
        ("client_id", SALESFORCE_CLIENT_ID),
        ("redirect_uri", REDIRECT),
        ("code_challenge", challenge.as_str()),
        ("decision", "allow"),
    ];
    let path = "/services/oauth2/authorize";
    let allowed = post_form(sandbox.salesforce_addr(), path, &form).await;
    assert!(sent_back(&allowed, "code").is_some());
    form.pop();
    form.push(("decision", "deny"));
    let denied = post_form(sandbox.salesforce_addr(), path, &form).await;
    assert_eq!(sent_back(&denied, "error").as_deref(), Some("access_denied"));
    assert_eq!(sent_back(&denied, "code"), None);
    sandbox.stop().await;
}

#[tokio::test]
async fn app_that_asks_wrongly_is_refused_and_sent_back_only_to_this_machine() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    for (name, value) in [
        ("client_id", "somebody-else"),
        ("client_id", ""),
        ("redirect_uri", "https://evil.test/callback"),
        ("redirect_uri", "http://localhost.evil.test/callback"),
        ("redirect_uri", "javascript:alert(1)"),
        ("redirect_uri", "/callback"),
        ("redirect_uri", ""),
    ] {
        let answer = authorize(&sandbox, &[(name, value), ("approve", "true")]).await;
        assert_eq!(answer.status, 400, "{name}={value}");
        assert!(answer.header("location").is_none());
    }
    for (name, value, why) in [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
    ] {
        let answer = authorize(&sandbox, &[(name, value), ("approve", "true")]).await;
        assert_eq!(sent_back(&answer, "error").as_deref(), Some(why), "{name}={value}");
    }
    let answer = authorize(&sandbox, &[("approve", "false")]).await;
    assert_eq!(sent_back(&answer, "error").as_deref(), Some("access_denied"));
    sandbox.stop().await;
}

#[tokio::test]
async fn code_is_exchanged_once_and_only_by_whoever_asked_for_it() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    for (name, value, status, why) in [
        ("code_verifier", "", 400, "invalid_grant"),
        ("code_verifier", "another-verifier-that-is-long-enough-0123456789", 400, "invalid_request"),
        ("redirect_uri", "http://127.0.0.1:9/other", 400, "redirect_uri_mismatch"),
        ("client_secret", "wrong", 400, "invalid_client"),
        ("client_id", "wrong", 400, "invalid_client_id"),
        ("code", "made-up", 400, "invalid_grant"),
        ("grant_type", "password", 400, "unsupported_grant_type"),
    ] {
        let code = code(&sandbox, &[]).await;
        let answer = redeem(&sandbox, &code, &[(name, value)]).await;
        assert_eq!((answer.status, error(&answer).1.as_str()), (status, why), "{name}={value}");
    }
    let code = code(&sandbox, &[]).await;
    assert_eq!(redeem(&sandbox, &code, &[]).await.status, 200);
    assert_eq!(error(&redeem(&sandbox, &code, &[]).await).1, "invalid_grant");
    sandbox.stop().await;
}

#[tokio::test]
async fn refresh_token_comes_only_with_its_scope() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    for (scope, given) in [("api", false), ("api offline_access", true), ("", true)] {
        let code = code(&sandbox, &[("scope", scope)]).await;
        let answer = redeem(&sandbox, &code, &[]).await.json();
        assert_eq!(answer.get("refresh_token").is_some(), given, "{scope}");
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn overlapping_refreshes_of_one_token_let_one_through() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    let token = sign_in(&sandbox).await["refresh_token"].clone();
    let (one, two) = tokio::join!(refresh(&sandbox, &token), refresh(&sandbox, &token));
    let (won, lost) = if one.status == 200 { (one, two) } else { (two, one) };
    assert_eq!(won.status, 200);
    let expected = (400, "invalid_grant".to_owned(), "token request is already being processed".to_owned());
    assert_eq!(error(&lost), expected);
    assert!(won.json().get("refresh_token").is_none());
    assert_eq!(refresh(&sandbox, &token).await.status, 200);
    sandbox.stop().await;
}

#[tokio::test]
async fn rotation_ends_the_whole_grant_when_a_token_is_shown_twice() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    script(&sandbox, &json!({"target": "salesforce", "rotation": true})).await;
    let first = sign_in(&sandbox).await;
    let second = refresh(&sandbox, &first["refresh_token"]).await.json();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_eq!(limits(&sandbox, &second["access_token"]).await.status, 200);
    assert_eq!(error(&refresh(&sandbox, &first["refresh_token"]).await).1, "invalid_grant");
    assert_eq!(error(&refresh(&sandbox, &second["refresh_token"]).await).1, "invalid_grant");
    assert_eq!(limits(&sandbox, &second["access_token"]).await.status, 401);
    sandbox.stop().await;
}

#[tokio::test]
async fn sessions_end_on_demand_and_grants_outlive_a_restart() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    let first = sign_in(&sandbox).await;
    script(&sandbox, &json!({"target": "salesforce", "expire_all_tokens": true})).await;
    let ended = limits(&sandbox, &first["access_token"]).await;
    assert_eq!((ended.status, ended.code().as_str()), (401, "INVALID_SESSION_ID"));
    sandbox.stop().await;

    let sandbox = start(&dir).await;
    let second = refresh(&sandbox, &first["refresh_token"]).await.json();
    assert_eq!(limits(&sandbox, &second["access_token"]).await.status, 200);
    script(&sandbox, &json!({"target": "salesforce", "revoke_all_refresh_tokens": true})).await;
    assert_eq!(limits(&sandbox, &second["access_token"]).await.status, 401);
    assert_eq!(error(&refresh(&sandbox, &first["refresh_token"]).await).1, "invalid_grant");
    sandbox.stop().await;
}

#[tokio::test]
async fn revoking_a_refresh_token_ends_its_sessions_and_no_others() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    let (one, two) = (sign_in(&sandbox).await, sign_in(&sandbox).await);
    let path = "/services/oauth2/revoke";
    let token = one["refresh_token"].as_str().unwrap();
    assert_eq!(post_form(sandbox.salesforce_addr(), path, &[("token", token)]).await.status, 200);
    assert_eq!(limits(&sandbox, &one["access_token"]).await.status, 401);
    assert_eq!(limits(&sandbox, &two["access_token"]).await.status, 200);
    assert_eq!(post_form(sandbox.salesforce_addr(), path, &[("token", token)]).await.status, 400);
    let access = two["access_token"].as_str().unwrap();
    assert_eq!(post_form(sandbox.salesforce_addr(), path, &[("token", access)]).await.status, 200);
    assert_eq!(refresh(&sandbox, &two["refresh_token"]).await.status, 200);
    sandbox.stop().await;
}
