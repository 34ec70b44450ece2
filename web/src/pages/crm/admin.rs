//! The connections of an organisation, and whether it logs at all.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use sharedspaces_proto::crmsync::v1 as crm;
use tonic::Status;

use super::{Kind, Known, words};
use crate::failure::{self, Failure};
use crate::form::Filled;
use crate::frame::{Frame, fill, render};
use crate::texts::Texts;
use crate::view::Moment;
use crate::visitor::Me;

/// A connection as it is drawn.
struct One {
    id: String,
    name: String,
    crm: &'static str,
    slug: &'static str,
    host: String,
    sign_in: &'static str,
    state: &'static str,
    /// `good`, `bad` or `wait`.
    tone: &'static str,
    reason: String,
    since: Moment,
    paused_until: Moment,
    is_ended: bool,
    is_broken: bool,
}

impl One {
    fn new(t: &'static Texts, of: crm::Connection) -> Option<Self> {
        use crm::ConnectionState as State;
        let (kind, state) = (Kind::of(of.provider())?, of.state());
        let (label, tone) = match state {
            State::ReconnectNeeded => (t.crm.reconnect_needed, "bad"),
            State::Disconnected => (t.crm.disconnected, "wait"),
            State::Connected | State::Unspecified => (t.crm.connected, "good"),
        };
        Some(Self {
            sign_in: match of.sign_in() {
                crm::CrmSignIn::Code | crm::CrmSignIn::Unspecified => t.crm.by_code,
                crm::CrmSignIn::ClientCredentials => t.crm.by_client,
                crm::CrmSignIn::Basic => t.crm.by_password,
                crm::CrmSignIn::JwtBearer | crm::CrmSignIn::SamlBearer => t.crm.by_key,
            },
            id: of.connection_id,
            name: of.display_name,
            crm: kind.name(),
            slug: kind.slug(),
            host: host(&of.instance_url),
            state: label,
            tone,
            reason: of.reason,
            since: of.create_time.into(),
            paused_until: of.paused_until.into(),
            is_ended: state == State::Disconnected,
            is_broken: state == State::ReconnectNeeded,
        })
    }
}

/// The host of an address, without what nobody reads.
pub(super) fn host(url: &str) -> String {
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    url.split('/').next().unwrap_or_default().to_owned()
}

/// What a test found.
struct Told {
    check: String,
    severity: &'static str,
    tone: &'static str,
    message: String,
}

/// A test of a connection.
struct Tested {
    id: String,
    heading: String,
    findings: Vec<Told>,
    /// Why there are none.
    failed: String,
    all_works: bool,
}

/// A way to log, to choose.
struct Mode {
    value: &'static str,
    label: &'static str,
    hint: &'static str,
    is_chosen: bool,
}

#[derive(askama::Template)]
#[template(path = "crm/admin.html")]
struct AdminPage {
    frame: Frame,
    connections: Vec<One>,
    tested: Option<Tested>,
    modes: Vec<Mode>,
    kinds: Vec<(&'static str, &'static str, &'static str)>,
    failed: String,
}

#[derive(askama::Template)]
#[template(path = "crm/no_plan.html")]
struct NoPlanPage {
    frame: Frame,
}

#[derive(askama::Template)]
#[template(path = "crm/disconnect.html")]
struct DisconnectPage {
    frame: Frame,
    id: String,
    heading: String,
}

pub(super) fn frame(me: &Me) -> Frame {
    Frame::new(me, me.texts().crm.connections).area("admin")
}

/// Refuses who is no admin; the API does so too, where something is changed.
pub(super) fn require_admin(me: &Me) -> Result<(), Failure> {
    if me.session().is_admin { Ok(()) } else { Err(Status::permission_denied("only admins see this").into()) }
}

/// Shows the connections.
pub(crate) async fn page(me: Me) -> Result<Response, Failure> {
    draw(&me, (None, String::new())).await
}

async fn draw(me: &Me, (tested, failed): (Option<Tested>, String)) -> Result<Response, Failure> {
    require_admin(me)?;
    let known = match super::list(me).await {
        Ok(known) => known,
        Err(status) if failure::reason(&status) == "PLAN_REQUIRED" => {
            return render(&NoPlanPage { frame: frame(me) });
        }
        Err(status) => return Err(status.into()),
    };
    let t = me.texts();
    let modes = modes(t, &known);
    let mut connections: Vec<One> = known.connections.into_iter().filter_map(|of| One::new(t, of)).collect();
    connections.sort_by_key(|of| of.is_ended);
    let is_refused = !failed.is_empty();
    let page = AdminPage {
        frame: frame(me),
        connections,
        tested,
        modes,
        kinds: Kind::ALL.map(|kind| (kind.slug(), kind.name(), kind.about(t))).into(),
        failed,
    };
    let code = if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((code, render(&page)?).into_response())
}

fn modes(t: &'static Texts, known: &Known) -> Vec<Mode> {
    let mode = |value, label, hint, mode| Mode { value, label, hint, is_chosen: known.mode == mode };
    vec![
        mode("off", t.crm.mode_off, t.crm.mode_off_hint, crm::LoggingMode::Off),
        mode("available", t.crm.mode_available, t.crm.mode_available_hint, crm::LoggingMode::Available),
        mode("default-on", t.crm.mode_default_on, t.crm.mode_default_on_hint, crm::LoggingMode::DefaultOn),
    ]
}

/// Sets whether logs are written.
pub(crate) async fn set_mode(me: Me, form: Filled) -> Result<Response, Failure> {
    let mode = match form.value("mode") {
        "off" => crm::LoggingMode::Off,
        "available" => crm::LoggingMode::Available,
        "default-on" => crm::LoggingMode::DefaultOn,
        _ => crm::LoggingMode::Unspecified,
    };
    let request = crm::SetLoggingModeRequest { logging_mode: mode.into() };
    me.web().api.connections().set_logging_mode(me.ask(request)).await?;
    Ok(Redirect::to("/app/admin/crm?done=saved").into_response())
}

/// Tests a connection and shows what was found.
pub(crate) async fn test(me: Me, Path(connection_id): Path<String>) -> Result<Response, Failure> {
    let connection = get(&me, &connection_id).await?;
    let t = me.texts();
    let request = crm::TestConnectionRequest { connection_id: connection_id.clone() };
    let tested = me.web().api.connections().test_connection(me.ask(request)).await;
    let (findings, failed) = match tested {
        Ok(told) => (told.into_inner().findings, String::new()),
        Err(status) => (Vec::new(), words(t, &status)),
    };
    let is_bad = |of: &crm::Finding| of.severity() != crm::FindingSeverity::Ok;
    let tested = Tested {
        id: connection_id,
        heading: fill(t.crm.findings_of, connection.display_name),
        all_works: failed.is_empty() && !findings.iter().any(is_bad),
        findings: findings.into_iter().map(|of| told(t, of)).collect(),
        failed,
    };
    draw(&me, (Some(tested), String::new())).await
}

fn told(t: &'static Texts, finding: crm::Finding) -> Told {
    let (severity, tone) = match finding.severity() {
        crm::FindingSeverity::Ok => (t.crm.finding_ok, "good"),
        crm::FindingSeverity::Warning => (t.crm.finding_warning, "wait"),
        crm::FindingSeverity::Error | crm::FindingSeverity::Unspecified => (t.crm.finding_error, "bad"),
    };
    let check = match finding.check.as_str() {
        "SIGN_IN" => t.crm.check_sign_in,
        "EXTERNAL_ID" => t.crm.check_external_id,
        "SALES_APP" => t.crm.check_sales_app,
        "CREATE_RIGHT" => t.crm.check_create_right,
        "QUOTA" => t.crm.check_quota,
        other => other,
    };
    Told { check: check.to_owned(), severity, tone, message: finding.message }
}

/// Returns a connection of the admin's organisation.
pub(super) async fn get(me: &Me, connection_id: &str) -> Result<crm::Connection, Failure> {
    require_admin(me)?;
    let request = crm::GetConnectionRequest { connection_id: connection_id.to_owned() };
    let told = me.web().api.connections().get_connection(me.ask(request)).await?.into_inner();
    Ok(told.connection.ok_or_else(|| Status::internal("no connection"))?)
}

/// Asks whether to end a connection.
pub(crate) async fn ask_disconnect(me: Me, Path(connection_id): Path<String>) -> Result<Response, Failure> {
    let connection = get(&me, &connection_id).await?;
    let heading = fill(me.texts().crm.disconnect_heading, connection.display_name);
    render(&DisconnectPage { frame: frame(&me), id: connection_id, heading })
}

/// Ends it.
pub(crate) async fn disconnect(me: Me, Path(connection_id): Path<String>) -> Result<Response, Failure> {
    let request = crm::DisconnectRequest { connection_id };
    me.web().api.connections().disconnect(me.ask(request)).await?;
    Ok(Redirect::to("/app/admin/crm?done=crm-disconnected").into_response())
}

/// Shows the connections with what went wrong at a CRM.
pub(super) async fn draw_failed(me: &Me, failed: String) -> Result<Response, Failure> {
    draw(me, (None, failed)).await
}
