//! CRMs: connecting them, choosing their records, and what of a space is logged to them.
//!
//! Owns which CRMs there are, which of them the person's organisation has, and the addresses of these pages. Nothing of it is
//! shown to guests, nor where the plan does not have it.

mod admin;
mod connect;
mod invite;
pub(crate) mod pick;
mod room;
mod show;
mod trouble;

use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use sharedspaces_proto::crmsync::v1 as crm;
use tonic::Status;

use crate::failure;
use crate::texts::Texts;
use crate::visitor::Me;

/// How long a page waits to be told which CRMs there are.
const PATIENCE: Duration = Duration::from_secs(2);

/// Returns the pages.
pub(super) fn routes() -> Router {
    Router::new()
        .route("/crm/callback", get(connect::callback))
        .route("/app/admin/crm", get(admin::page))
        .route("/app/admin/crm/mode", post(admin::set_mode))
        .route("/app/admin/crm/logs", get(trouble::page))
        .route("/app/admin/crm/connect/{kind}", get(connect::page).post(connect::start))
        .route("/app/admin/crm/{connection}/test", post(admin::test))
        .route("/app/admin/crm/{connection}/disconnect", get(admin::ask_disconnect).post(admin::disconnect))
        .route("/app/crm/records", get(pick::found_records))
        .route("/app/crm/people", get(pick::found_people))
        .route("/app/spaces/{space}/crm", get(room::page))
        .route("/app/spaces/{space}/crm/link", get(room::page).post(room::link))
        .route("/app/spaces/{space}/crm/invite", get(invite::page).post(invite::invite))
        .route("/app/spaces/{space}/crm/unlink", post(room::unlink))
        .route("/app/spaces/{space}/crm/logs", get(room::page).post(room::add_log))
        .route("/app/spaces/{space}/crm/logs/{log}/retry", post(room::retry))
}

/// A CRM that can be connected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Salesforce,
    Dynamics,
    C4c,
    SalesCloud,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Salesforce, Self::Dynamics, Self::C4c, Self::SalesCloud];

    fn of(provider: crm::CrmProvider) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.provider() == provider)
    }

    fn find(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == slug)
    }

    fn provider(self) -> crm::CrmProvider {
        match self {
            Self::Salesforce => crm::CrmProvider::Salesforce,
            Self::Dynamics => crm::CrmProvider::Dataverse,
            Self::C4c => crm::CrmProvider::SapC4c,
            Self::SalesCloud => crm::CrmProvider::SapSalesCloud,
        }
    }

    /// Its part of addresses.
    fn slug(self) -> &'static str {
        match self {
            Self::Salesforce => "salesforce",
            Self::Dynamics => "dynamics",
            Self::C4c => "sap-c4c",
            Self::SalesCloud => "sap-sales-cloud",
        }
    }

    /// The name it is sold under, which is the same in every language.
    fn name(self) -> &'static str {
        match self {
            Self::Salesforce => "Salesforce",
            Self::Dynamics => "Microsoft Dynamics 365",
            Self::C4c => "SAP Sales Cloud (C4C)",
            Self::SalesCloud => "SAP Sales Cloud V2",
        }
    }

    fn about(self, t: &'static Texts) -> &'static str {
        match self {
            Self::Salesforce => t.crm.about_salesforce,
            Self::Dynamics => t.crm.about_dynamics,
            Self::C4c => t.crm.about_c4c,
            Self::SalesCloud => t.crm.about_sales_cloud,
        }
    }

    /// An address of its own, as an example.
    fn example(self) -> &'static str {
        match self {
            Self::Salesforce => "https://login.salesforce.com",
            Self::Dynamics => "https://contoso.crm4.dynamics.com",
            Self::C4c => "https://my000000.crm.ondemand.com",
            Self::SalesCloud => "https://my000000.de1.crm.cloud.sap",
        }
    }
}

/// The CRMs of the person's organisation, those that were ended among them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    connections: Vec<crm::Connection>,
    mode: crm::LoggingMode,
}

impl Known {
    /// Whether there is anything of a CRM to show at all.
    pub(crate) fn is_shown(&self) -> bool {
        !self.connections.is_empty()
    }

    /// Whether something can be logged now.
    pub(crate) fn may_log(&self) -> bool {
        self.is_on() && self.working().next().is_some()
    }

    /// Whether an invitation is logged where nobody has said anything.
    pub(crate) fn invites(&self) -> bool {
        self.is_default() && self.may_log()
    }

    /// Whether logging is asked for where nobody has said anything.
    pub(crate) fn is_default(&self) -> bool {
        self.mode == crm::LoggingMode::DefaultOn
    }

    fn is_on(&self) -> bool {
        matches!(self.mode, crm::LoggingMode::Available | crm::LoggingMode::DefaultOn)
    }

    fn working(&self) -> impl Iterator<Item = &crm::Connection> {
        self.connections.iter().filter(|of| of.state() == crm::ConnectionState::Connected)
    }

    /// The name of a connection; empty where there is none such.
    fn name_of(&self, connection_id: &str) -> String {
        let found = self.connections.iter().find(|of| of.connection_id == connection_id);
        found.map(|of| of.display_name.clone()).unwrap_or_default()
    }
}

/// Returns the CRMs of the person's organisation: none for guests, where the plan lacks them, and where crm-sync does not
/// answer, since no page of a space shall wait for it long.
pub(crate) async fn known(me: &Me) -> Known {
    if !me.session().is_member {
        return Known::default();
    }
    match list(me).await {
        Ok(known) => known,
        Err(status) => {
            if failure::reason(&status) != "PLAN_REQUIRED" {
                tracing::warn!(rpc.code = ?status.code(), "the connections to CRMs could not be listed");
            }
            Known::default()
        }
    }
}

async fn list(me: &Me) -> Result<Known, Status> {
    let mut request = me.ask(crm::ListConnectionsRequest { with_disconnected: true });
    request.set_timeout(PATIENCE);
    let listed = me.web().api.connections().list_connections(request).await?.into_inner();
    Ok(Known { mode: listed.logging_mode(), connections: listed.connections })
}

/// Puts what a CRM refused into words: ours, and those of the CRM, which tell an admin more.
fn words(t: &'static Texts, status: &Status) -> String {
    let words = failure::words(t, status);
    match failure::reason(status).as_str() {
        "CRM_REFUSED" | "CRM_UNAVAILABLE" => format!("{words} {}", status.message()),
        _ => words,
    }
}
