//! What every connector promises of signing in and of looking at what a CRM has.

use secrecy::SecretString;
use serde_json::json;

use super::crm::{Crm, session};
use crate::connectors::{Check, Credentials, CrmError, Proof, Provider, Severity, SignInKind};

pub(super) async fn it_connects_with_each_way_to_sign_in(crm: Crm) {
    for form in crm.forms() {
        assert!(crm.connector.sign_ins().contains(&form.sign_in), "{:?}", form.sign_in);
        let access = crm.connector.check_access(form).unwrap();
        let grant = crm.sign_in(&access).await.unwrap();
        assert!(!grant.crm_organization_id.is_empty());
        assert_eq!(grant.refresh_token.is_some(), access.sign_in == SignInKind::Code);
        let refresh = grant.refresh_token.clone();
        let of_code = session(&access, grant);
        assert_eq!(crm.connector.search_accounts(&of_code, "Fabrikam").await.unwrap().len(), 1);
        if let Some(refresh) = refresh {
            let renewed = crm.connector.sign_in(&access, Proof::Refresh(&refresh)).await.unwrap();
            let renewed = session(&access, renewed);
            assert_eq!(crm.connector.search_accounts(&renewed, "Fabrikam").await.unwrap().len(), 1);
        }
    }
}

pub(super) async fn it_refuses_wrong_credentials_and_asks_for_others(crm: Crm) {
    for mut form in crm.forms() {
        let wrong = SecretString::from("wrong");
        form.credentials =
            Credentials { password: wrong.clone(), client_secret: wrong.clone(), ..form.credentials };
        let access = crm.connector.check_access(form).unwrap();
        let proof = match access.sign_in {
            SignInKind::Code => Proof::Refresh(&wrong),
            _ => Proof::Credentials,
        };
        let refused = crm.connector.sign_in(&access, proof).await.unwrap_err();
        let CrmError::Reconnect { message } = &refused else { panic!("{refused:?}") };
        assert!(message.len() > 20 && !message.contains("wrong\""), "{message}");
        if access.sign_in == SignInKind::Code {
            let proof = Proof::Code { code: &wrong, verifier: &wrong };
            let refused = crm.connector.sign_in(&access, proof).await.unwrap_err();
            assert!(matches!(refused, CrmError::Permanent { .. }), "{refused:?}");
        }
    }
}

pub(super) async fn it_tells_of_an_expired_token_and_takes_a_new_one(crm: Crm) {
    let access = crm.access();
    let mut session = crm.session().await;
    match crm.provider {
        // A user and password do not expire: an admin locks them, and the same sign-in finds that out.
        Provider::SapSalesCloud => {
            crm.script(json!({"locked": true})).await;
            let refused = crm.connector.search_accounts(&session, "Fabrikam").await.unwrap_err();
            assert_eq!(refused, CrmError::Reauthenticate);
            let again = crm.connector.sign_in(&access, Proof::Credentials).await.unwrap_err();
            assert!(matches!(again, CrmError::Reconnect { .. }), "{again:?}");
            crm.script(json!({"locked": false})).await;
        }
        Provider::SapC4c => session.access_token = SecretString::from("eDp5"),
        Provider::Salesforce | Provider::Dataverse => crm.script(json!({"expire_all_tokens": true})).await,
    }
    if crm.provider != Provider::SapSalesCloud {
        let refused = crm.connector.search_accounts(&session, "Fabrikam").await.unwrap_err();
        assert_eq!(refused, CrmError::Reauthenticate);
    }
    let renewed = super::crm::session(&access, crm.sign_in(&access).await.unwrap());
    assert_eq!(crm.connector.search_accounts(&renewed, "Fabrikam").await.unwrap().len(), 1);
}

pub(super) async fn it_refuses_a_form_that_leads_elsewhere(crm: Crm) {
    for bad in [
        "https://evil.test",
        "http://acme.crm.dynamics.com",
        "https://my000000.crm.ondemand.com.evil.test",
        "https://user@my000000.crm.ondemand.com",
        "https://169.254.169.254",
        "https://[::ffff:7f00:1]",
        "",
    ] {
        let mut form = crm.forms().remove(0);
        let field = match crm.provider {
            Provider::Salesforce => {
                form.login_url = bad.to_owned();
                "login_url"
            }
            _ => {
                form.instance_url = bad.to_owned();
                "instance_url"
            }
        };
        let refused = crm.connector.check_access(form).unwrap_err();
        let fields: Vec<_> = refused.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, [field], "{bad}");
    }
}

pub(super) async fn it_finds_nothing_wrong_where_nothing_is(crm: Crm) {
    let session = crm.session().await;
    let findings = crm.connector.check_setup(&session).await.unwrap();
    assert!(findings.iter().all(|finding| finding.severity == Severity::Ok), "{findings:?}");
    for check in [Check::ExternalId, Check::CreateRight] {
        assert!(findings.iter().any(|finding| finding.check == check), "{check:?}: {findings:?}");
    }
}

pub(super) async fn it_names_a_missing_right(crm: Crm) {
    let session = crm.session().await;
    // Salesforce tells rights by what it describes, the others by what they let us read.
    let (path, status) = match crm.provider {
        Provider::Salesforce => return,
        Provider::Dataverse => ("/tasks", 403),
        Provider::SapC4c => ("TasksCollection", 403),
        Provider::SapSalesCloud => ("task-service/tasks", 403),
    };
    crm.script(json!({"status": status, "method": "GET", "path": path, "message": "no privilege"})).await;
    let findings = crm.connector.check_setup(&session).await.unwrap();
    let missing = findings.iter().find(|finding| finding.check == Check::CreateRight).unwrap();
    assert_eq!(missing.severity, Severity::Error);
    assert!(missing.message.contains("right"), "{}", missing.message);
}
