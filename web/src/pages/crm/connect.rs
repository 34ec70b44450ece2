//! Connecting a CRM: its form, the way to the CRM where an admin allows it there, and the way back.

use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sharedspaces_proto::crmsync::v1 as crm;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::admin::{draw_failed, frame, get, host, require_admin};
use super::{Kind, words};
use crate::failure::{Failure, Reason};
use crate::form::Filled;
use crate::frame::{Frame, fill, render};
use crate::pages::sign_in::answer;
use crate::texts::Texts;
use crate::visitor::Me;

/// The connection that is connected anew.
#[derive(Deserialize)]
pub(crate) struct Anew {
    #[serde(default)]
    again: String,
}

#[derive(askama::Template)]
#[template(path = "crm/connect.html")]
struct ConnectPage {
    frame: Frame,
    slug: &'static str,
    heading: String,
    form: Filled,
    is_again: bool,
    url_hint: String,
    /// Which fields there are: those of `salesforce`, `dynamics` or `sap`.
    fields: &'static str,
}

#[derive(askama::Template)]
#[template(path = "crm/leave.html")]
struct LeavePage {
    frame: Frame,
    heading: String,
    explained: String,
    leave: String,
    url: String,
}

fn draw(me: &Me, kind: Kind, form: Filled) -> Result<Response, Failure> {
    let t = me.texts();
    let is_again = !form.value("connection_id").is_empty();
    let heading = if is_again { t.crm.reconnect_to } else { t.crm.connect_to };
    let page = ConnectPage {
        frame: frame(me),
        slug: kind.slug(),
        heading: fill(heading, kind.name()),
        form,
        is_again,
        url_hint: fill(t.crm.instance_url_hint, kind.example()),
        fields: match kind {
            Kind::Salesforce => "salesforce",
            Kind::Dynamics => "dynamics",
            Kind::C4c | Kind::SalesCloud => "sap",
        },
    };
    answer(page.form.is_refused(), &page)
}

/// Asks what a CRM is connected with; anew with what is known of the connection but its secrets.
pub(crate) async fn page(
    me: Me,
    Path(slug): Path<String>,
    Query(Anew { again }): Query<Anew>,
) -> Result<Response, Failure> {
    require_admin(&me)?;
    let kind = Kind::find(&slug).ok_or(Reason::NoSuchPage)?;
    let mut form = Filled::with([
        ("display_name", kind.name()),
        ("login_url", Kind::Salesforce.example()),
        ("sign_in", "client"),
    ]);
    if !again.is_empty() {
        let connection = get(&me, &again).await?;
        form.put("connection_id", &connection.connection_id);
        form.put("display_name", &connection.display_name);
        form.put("instance_url", &connection.instance_url);
        if !connection.instance_url.is_empty() {
            // An org can be signed in to at its own address too.
            form.put("login_url", &connection.instance_url);
        }
        if connection.sign_in() == crm::CrmSignIn::Code {
            form.put("sign_in", "code");
        }
    }
    draw(&me, kind, form)
}

fn request(kind: Kind, form: &Filled) -> crm::StartConnectionRequest {
    let by_code = kind == Kind::Salesforce || (kind == Kind::Dynamics && form.value("sign_in") == "code");
    let sign_in = match kind {
        Kind::Salesforce | Kind::Dynamics if by_code => crm::CrmSignIn::Code,
        Kind::Salesforce | Kind::Dynamics => crm::CrmSignIn::ClientCredentials,
        Kind::C4c | Kind::SalesCloud => crm::CrmSignIn::Basic,
    };
    crm::StartConnectionRequest {
        provider: kind.provider().into(),
        display_name: form.text("display_name"),
        login_url: if kind == Kind::Salesforce { form.text("login_url") } else { String::new() },
        sign_in: sign_in.into(),
        instance_url: if kind == Kind::Salesforce { String::new() } else { form.text("instance_url") },
        credentials: Some(crm::CrmCredentials {
            tenant: form.text("tenant"),
            client_id: form.text("client_id"),
            client_secret: form.text("client_secret"),
            username: form.text("username"),
            // A password may begin or end with a space.
            password: form.value("password").to_owned(),
            ..crm::CrmCredentials::default()
        }),
        connection_id: form.text("connection_id"),
    }
}

/// Connects it, or leads to where the admin allows it.
pub(crate) async fn start(me: Me, Path(slug): Path<String>, form: Filled) -> Result<Response, Failure> {
    require_admin(&me)?;
    let kind = Kind::find(&slug).ok_or(Reason::NoSuchPage)?;
    let started = me.web().api.connections().start_connection(me.ask(request(kind, &form))).await;
    match started.map(tonic::Response::into_inner) {
        Ok(started) if !started.authorization_url.is_empty() => leave(&me, kind, started.authorization_url),
        Ok(_) => Ok(Redirect::to("/app/admin/crm?done=crm-connected").into_response()),
        Err(status) => {
            let form = refused(me.texts(), kind, form, status)?;
            draw(&me, kind, form.without("client_secret").without("password"))
        }
    }
}

/// Says where the way leads, and leaves it to a press: a form may not lead to another site.
fn leave(me: &Me, kind: Kind, url: String) -> Result<Response, Failure> {
    let t = me.texts();
    let page = LeavePage {
        frame: frame(me),
        heading: fill(t.crm.leave_heading, kind.name()),
        explained: fill(t.crm.leave_words, host(&url)),
        leave: fill(t.crm.leave, kind.name()),
        url,
    };
    render(&page)
}

/// Says beside each field what is wrong with it.
fn refused(t: &'static Texts, kind: Kind, form: Filled, status: Status) -> Result<Filled, Failure> {
    let told = words(t, &status);
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    let is_input = status.code() == Code::InvalidArgument;
    let mut form = form.refused(t, status)?;
    if !is_input {
        return Ok(form.saying(&told));
    }
    for violation in violations {
        let field = violation.field.rsplit('.').next().unwrap_or_default();
        let words = match field {
            "display_name" => t.rule_name.to_owned(),
            "login_url" | "instance_url" => fill(t.crm.rule_url, kind.example()),
            field if form.text(field).is_empty() => t.crm.rule_needed.to_owned(),
            _ => t.crm.rule_form.to_owned(),
        };
        form = form.wrong(field, &words);
    }
    Ok(form)
}

/// What a CRM sends the browser back with.
#[derive(Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
}

/// Takes an admin who comes back from the CRM.
pub(crate) async fn callback(me: Me, Query(back): Query<Back>) -> Result<Response, Failure> {
    let t = me.texts();
    if back.code.is_empty() || !back.error.is_empty() {
        // What the CRM says stands in an address that anybody can write; its words are not ours to show.
        let words = if back.error == "access_denied" { t.crm.denied } else { t.crm.refused };
        return draw_failed(&me, words.to_owned()).await;
    }
    let request = crm::CompleteConnectionRequest { code: back.code, state: back.state };
    match me.web().api.connections().complete_connection(me.ask(request)).await {
        Ok(_) => Ok(Redirect::to("/app/admin/crm?done=crm-connected").into_response()),
        Err(status) if matches!(status.code(), Code::FailedPrecondition | Code::Unavailable) => {
            draw_failed(&me, words(t, &status)).await
        }
        Err(status) => Err(status.into()),
    }
}

#[cfg(test)]
mod tests {
    use service_kit::locale::Locale;
    use service_kit::validate::Violations;

    use super::*;
    use crate::texts;

    #[test]
    fn each_kind_asks_for_its_own_way_to_sign_in_and_sends_only_its_own_address() {
        let form = Filled::with([
            ("login_url", "https://test.salesforce.com"),
            ("instance_url", "https://contoso.crm4.dynamics.com"),
            ("sign_in", "client"),
        ]);
        let asked = Kind::ALL.map(|kind| request(kind, &form));
        let ways = asked.each_ref().map(crm::StartConnectionRequest::sign_in);
        use crm::CrmSignIn as Way;
        assert_eq!(ways, [Way::Code, Way::ClientCredentials, Way::Basic, Way::Basic]);
        assert_eq!(asked[0].instance_url, "");
        assert!(asked[1..].iter().all(|asked| asked.login_url.is_empty() && !asked.instance_url.is_empty()));
        let by_code = request(Kind::Dynamics, &Filled::with([("sign_in", "code")]));
        assert_eq!(by_code.sign_in(), Way::Code);
    }

    #[test]
    fn what_is_missing_stands_beside_its_field() {
        let t = texts::of(Locale::English);
        let mut violations = Violations::one("credentials.password", "is needed to sign in by basic");
        violations.add("instance_url", "must be https");
        let form = refused(t, Kind::C4c, Filled::default(), violations.into()).unwrap();
        assert_eq!(form.error("password"), t.crm.rule_needed);
        assert!(form.error("instance_url").contains("my000000.crm.ondemand.com"));
    }
}
