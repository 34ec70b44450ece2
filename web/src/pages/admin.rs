//! What admins manage: what guests may be allowed, who belongs to the organisation, which mails went out.

use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::notifications::v1 as notifications;
use sharedspaces_proto::spaces::v1 as pb;

use super::room::{Paged, box_of};
use super::sign_in::answer;
use crate::failure::Failure;
use crate::form::{Filled, mask};
use crate::frame::{Frame, render};
use crate::texts::Texts;
use crate::view::{Moment, Person};
use crate::visitor::Me;

#[derive(askama::Template)]
#[template(path = "admin/policy.html")]
struct PolicyPage {
    frame: Frame,
    form: Filled,
}

struct One {
    person: Person,
    kind: &'static str,
    email_address: String,
}

#[derive(askama::Template)]
#[template(path = "admin/members.html")]
struct MembersPage {
    frame: Frame,
    members: Vec<One>,
    form: Filled,
}

struct Sent {
    subject: &'static str,
    to: String,
    state: &'static str,
    when: Moment,
}

#[derive(askama::Template)]
#[template(path = "admin/mails.html")]
struct MailsPage {
    frame: Frame,
    mails: Vec<Sent>,
    next_page: String,
}

fn frame(me: &Me) -> Frame {
    Frame::new(me, me.texts().nav_admin).area("admin")
}

/// Shows what guests may be allowed at all.
pub(crate) async fn policy_page(me: Me) -> Result<Response, Failure> {
    let told = me.web().api.policies().get_sharing_policy(me.ask(pb::GetSharingPolicyRequest {})).await?;
    let policy = told.into_inner().sharing_policy.unwrap_or_default();
    let form = Filled::with([
        ("allow_download", box_of(policy.allow_download)),
        ("allow_invite", box_of(policy.allow_invite)),
        ("allow_upload", box_of(policy.allow_upload)),
        ("etag", &policy.etag),
    ]);
    render(&PolicyPage { frame: frame(&me), form })
}

/// Changes it.
pub(crate) async fn save_policy(me: Me, form: Filled) -> Result<Response, Failure> {
    let request = pb::UpdateSharingPolicyRequest {
        update_mask: mask(&["allow_download", "allow_invite", "allow_upload"]),
        allow_download: form.is_on("allow_download"),
        allow_invite: form.is_on("allow_invite"),
        allow_upload: form.is_on("allow_upload"),
        etag: form.text("etag"),
    };
    match me.web().api.policies().update_sharing_policy(me.ask(request)).await {
        Ok(_) => Ok(Redirect::to("/app/admin?done=saved").into_response()),
        Err(status) => {
            answer(true, &PolicyPage { frame: frame(&me), form: form.refused(me.texts(), status)? })
        }
    }
}

/// Shows who belongs to the organisation.
pub(crate) async fn members_page(me: Me) -> Result<Response, Failure> {
    let form = Filled::with([("key", &me.form_key())]);
    draw_members(&me, form).await
}

async fn draw_members(me: &Me, form: Filled) -> Result<Response, Failure> {
    let mut request = identity::ListMembersRequest { page_size: 100, page_token: String::new() };
    let (t, mut members) = (me.texts(), Vec::new());
    loop {
        let listed = me.web().api.organizations().list_members(me.ask(request.clone())).await?.into_inner();
        members.extend(listed.members.into_iter().filter(|member| !member.is_deactivated).map(|member| {
            One {
                kind: if member.role() == identity::Role::Admin { t.is_admin } else { t.member },
                person: Person::new(&member.display_name, &member.email_address),
                email_address: member.email_address,
            }
        }));
        if listed.next_page_token.is_empty() {
            break;
        }
        request.page_token = listed.next_page_token;
    }
    let page = MembersPage { frame: frame(me), members, form };
    answer(page.form.is_refused(), &page)
}

/// Takes somebody in; they sign in by link until they set a password.
pub(crate) async fn add_member(me: Me, form: Filled) -> Result<Response, Failure> {
    let role = if form.is_on("is_admin") { identity::Role::Admin } else { identity::Role::Member };
    let request = identity::CreateMemberRequest {
        member: Some(identity::NewMember {
            email_address: form.text("email_address"),
            display_name: form.text("display_name"),
            locale: String::new(),
            password: String::new(),
        }),
        role: role.into(),
    };
    let added = me.web().api.organizations().create_member(me.ask_once(request, form.value("key"))).await;
    match added {
        Ok(_) => Ok(Redirect::to("/app/admin/members?done=added").into_response()),
        Err(status) => {
            let mut form = form.refused(me.texts(), status)?;
            form.put("key", &me.form_key());
            draw_members(&me, form).await
        }
    }
}

/// Shows which mails went out, and how they fared.
pub(crate) async fn mails_page(me: Me, Query(paged): Query<Paged>) -> Result<Response, Failure> {
    let request = notifications::ListDeliveriesRequest {
        page_size: 50,
        page_token: paged.page,
        ..notifications::ListDeliveriesRequest::default()
    };
    let listed = me.web().api.deliveries().list_deliveries(me.ask(request)).await?.into_inner();
    let t = me.texts();
    let sent = |mail: notifications::Delivery| Sent {
        subject: kind_name(t, mail.kind()),
        state: state_name(t, mail.state()),
        when: mail.create_time.into(),
        to: mail.email_address,
    };
    let mails = listed.deliveries.into_iter().map(sent).collect();
    render(&MailsPage { frame: frame(&me), mails, next_page: listed.next_page_token })
}

fn state_name(t: &'static Texts, state: notifications::DeliveryState) -> &'static str {
    use notifications::DeliveryState as State;
    match state {
        State::Unspecified | State::Pending => t.state_pending,
        State::Sent => t.state_sent,
        State::Failed => t.state_failed,
        State::NotDue => t.state_not_due,
    }
}

fn kind_name(t: &'static Texts, kind: notifications::MailKind) -> &'static str {
    use notifications::MailKind as Kind;
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
