//! Which mails went out and how they fared, and the addresses that get none any more.

use axum::extract::{Path, Query};
use axum::response::{Redirect, Response};
use serde::Deserialize;
use sharedspaces_proto::notifications::v1 as pb;

use super::admin::frame;
use super::room::Paged;
use crate::failure::Failure;
use crate::form::Filled;
use crate::frame::{Frame, render};
use crate::texts::Texts;
use crate::view::Moment;
use crate::visitor::Me;

/// Which mails are asked for.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    to: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    page: String,
}

struct Mail {
    id: String,
    subject: &'static str,
    to: String,
    state: &'static str,
    reason: String,
    attempts: i32,
    has_failed: bool,
    when: Moment,
}

#[derive(askama::Template)]
#[template(path = "admin/mails.html")]
struct MailsPage {
    frame: Frame,
    mails: Vec<Mail>,
    to: String,
    state: String,
    /// What can be chosen: value and name.
    states: [(&'static str, &'static str); 4],
    is_filtered: bool,
    next_page: String,
}

/// Shows the mails, the newest first: all, or those to an address or in a state.
pub(crate) async fn page(me: Me, Query(wanted): Query<Wanted>) -> Result<Response, Failure> {
    let t = me.texts();
    let request = pb::ListDeliveriesRequest {
        page_size: 50,
        page_token: wanted.page,
        states: state_of(&wanted.state).map(i32::from).into_iter().collect(),
        email_address: wanted.to.trim().to_owned(),
        space_id: String::new(),
    };
    let listed = me.web().api.deliveries().list_deliveries(me.ask(request)).await?.into_inner();
    let page = MailsPage {
        frame: frame(&me),
        mails: listed.deliveries.into_iter().map(|of| mail(t, of)).collect(),
        is_filtered: !wanted.to.trim().is_empty() || !wanted.state.is_empty(),
        to: wanted.to.trim().to_owned(),
        state: wanted.state,
        states: [
            ("pending", t.state_pending),
            ("sent", t.state_sent),
            ("failed", t.state_failed),
            ("not-due", t.state_not_due),
        ],
        next_page: listed.next_page_token,
    };
    render(&page)
}

fn mail(t: &'static Texts, of: pb::Delivery) -> Mail {
    Mail {
        subject: kind_name(t, of.kind()),
        state: state_name(t, of.state()),
        has_failed: of.state() == pb::DeliveryState::Failed,
        attempts: of.attempts,
        when: of.create_time.into(),
        id: of.delivery_id,
        to: of.email_address,
        reason: of.reason,
    }
}

fn state_of(value: &str) -> Option<pb::DeliveryState> {
    match value {
        "pending" => Some(pb::DeliveryState::Pending),
        "sent" => Some(pb::DeliveryState::Sent),
        "failed" => Some(pb::DeliveryState::Failed),
        "not-due" => Some(pb::DeliveryState::NotDue),
        _ => None,
    }
}

fn state_name(t: &'static Texts, state: pb::DeliveryState) -> &'static str {
    use pb::DeliveryState as State;
    match state {
        State::Unspecified | State::Pending => t.state_pending,
        State::Sent => t.state_sent,
        State::Failed => t.state_failed,
        State::NotDue => t.state_not_due,
    }
}

fn kind_name(t: &'static Texts, kind: pb::MailKind) -> &'static str {
    use pb::MailKind as Kind;
    match kind {
        Kind::GuestInvitation => t.mail_guest_invitation,
        Kind::ColleagueInvitation => t.mail_colleague_invitation,
        Kind::InvitationAccepted => t.mail_invitation_accepted,
        Kind::Unspecified | Kind::AccountLink | Kind::SignInLink => t.mail_sign_in_link,
        Kind::PasswordReset => t.mail_password,
        Kind::NewDevice | Kind::PasswordChanged | Kind::SessionReused => t.mail_security,
        Kind::Reminder => t.mail_reminder,
        Kind::AccessRequested | Kind::AccessGranted | Kind::AccessDeclined | Kind::RequestLink => {
            t.mail_access
        }
        Kind::VisitSummary | Kind::NewJoiner | Kind::NewComment | Kind::NewContent => t.mail_news,
    }
}

/// Sends a mail that failed for good once more.
pub(crate) async fn retry(me: Me, Path(delivery_id): Path<String>) -> Result<Redirect, Failure> {
    me.web().api.deliveries().retry_delivery(me.ask(pb::RetryDeliveryRequest { delivery_id })).await?;
    Ok(Redirect::to("/app/admin/mails?done=retried"))
}

struct Address {
    email_address: String,
    detail: String,
    since: Moment,
}

#[derive(askama::Template)]
#[template(path = "admin/suppressions.html")]
struct SuppressionsPage {
    frame: Frame,
    addresses: Vec<Address>,
    next_page: String,
}

/// Shows the addresses that get no mails any more.
pub(crate) async fn suppressions(me: Me, Query(paged): Query<Paged>) -> Result<Response, Failure> {
    let request = pb::ListSuppressionsRequest { page_size: 50, page_token: paged.page };
    let listed = me.web().api.deliveries().list_suppressions(me.ask(request)).await?.into_inner();
    let address = |of: pb::Suppression| Address {
        email_address: of.email_address,
        detail: of.detail,
        since: of.create_time.into(),
    };
    let addresses = listed.suppressions.into_iter().map(address).collect();
    render(&SuppressionsPage { frame: frame(&me), addresses, next_page: listed.next_page_token })
}

/// Lets an address get mails again.
pub(crate) async fn allow(me: Me, form: Filled) -> Result<Redirect, Failure> {
    let request = pb::RemoveSuppressionRequest { email_address: form.text("email_address") };
    me.web().api.deliveries().remove_suppression(me.ask(request)).await?;
    Ok(Redirect::to("/app/admin/suppressions?done=allowed"))
}
