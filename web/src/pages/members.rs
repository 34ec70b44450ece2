//! Who belongs to the organisation: finding them, taking them in, their role, and taking their access away.

use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sharedspaces_proto::identity::v1 as pb;

use super::admin::frame;
use super::room::box_of;
use super::sign_in::answer;
use crate::failure::{Failure, Reason};
use crate::form::{Filled, mask};
use crate::frame::{Frame, fill};
use crate::texts::Texts;
use crate::view::Person;
use crate::visitor::Me;

const PAGE_SIZE: i32 = 50;

/// Who is looked for, and which page.
#[derive(Default, Deserialize)]
pub(crate) struct Search {
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: String,
}

struct One {
    id: String,
    person: Person,
    kind: &'static str,
    email_address: String,
}

#[derive(askama::Template)]
#[template(path = "admin/members.html")]
struct MembersPage {
    frame: Frame,
    members: Vec<One>,
    query: String,
    nobody: String,
    next_page: String,
    form: Filled,
}

#[derive(askama::Template)]
#[template(path = "admin/member.html")]
struct MemberPage {
    frame: Frame,
    id: String,
    person: Person,
    email_address: String,
    form: Filled,
}

impl One {
    fn new(t: &'static Texts, member: pb::Member) -> Self {
        Self {
            kind: if member.role() == pb::Role::Admin { t.is_admin } else { t.member },
            person: Person::new(&member.display_name, &member.email_address),
            id: member.user_id,
            email_address: member.email_address,
        }
    }
}

/// Shows who belongs to the organisation.
pub(crate) async fn page(me: Me, Query(search): Query<Search>) -> Result<Response, Failure> {
    let form = Filled::with([("key", &me.form_key())]);
    draw(&me, (search, form)).await
}

async fn draw(me: &Me, (search, form): (Search, Filled)) -> Result<Response, Failure> {
    let query = search.q.trim().to_owned();
    let mut client = me.web().api.organizations();
    let (members, next_page) = if query.is_empty() {
        let request = pb::ListMembersRequest { page_size: PAGE_SIZE, page_token: search.page };
        let listed = client.list_members(me.ask(request)).await?.into_inner();
        (listed.members, listed.next_page_token)
    } else {
        let request = pb::SearchMembersRequest { query: query.clone(), page_size: 0 };
        (client.search_members(me.ask(request)).await?.into_inner().members, String::new())
    };
    let t = me.texts();
    let page = MembersPage {
        frame: frame(me),
        members: members.into_iter().map(|member| One::new(t, member)).collect(),
        nobody: fill(t.admin.nobody_found, &query),
        query,
        next_page,
        form,
    };
    answer(page.form.is_refused(), &page)
}

fn role(form: &Filled) -> pb::Role {
    if form.is_on("is_admin") { pb::Role::Admin } else { pb::Role::Member }
}

/// Takes somebody in; they sign in by link until they set a password.
pub(crate) async fn add(me: Me, form: Filled) -> Result<Response, Failure> {
    let request = pb::CreateMemberRequest {
        member: Some(pb::NewMember {
            email_address: form.text("email_address"),
            display_name: form.text("display_name"),
            locale: form.text("locale"),
            password: String::new(),
        }),
        role: role(&form).into(),
    };
    let added = me.web().api.organizations().create_member(me.ask_once(request, form.value("key"))).await;
    match added {
        Ok(_) => Ok(Redirect::to("/app/admin/members?done=added").into_response()),
        Err(status) => {
            let mut form = form.refused(me.texts(), status)?;
            form.put("key", &me.form_key());
            draw(&me, (Search::default(), form)).await
        }
    }
}

/// Finds a member: there is no call that does, so the list is walked.
async fn find(me: &Me, user_id: &str) -> Result<pb::Member, Failure> {
    let mut request = pb::ListMembersRequest { page_size: 100, page_token: String::new() };
    loop {
        let listed = me.web().api.organizations().list_members(me.ask(request.clone())).await?.into_inner();
        if let Some(member) = listed.members.into_iter().find(|member| member.user_id == user_id) {
            return Ok(member);
        }
        if listed.next_page_token.is_empty() {
            return Err(Reason::NoSuchPage.into());
        }
        request.page_token = listed.next_page_token;
    }
}

/// Shows one member.
pub(crate) async fn member_page(me: Me, Path(user_id): Path<String>) -> Result<Response, Failure> {
    draw_member(&me, (user_id, None)).await
}

async fn draw_member(me: &Me, (user_id, form): (String, Option<Filled>)) -> Result<Response, Failure> {
    let member = find(me, &user_id).await?;
    let is_refused = form.is_some();
    let page = MemberPage {
        frame: frame(me),
        id: user_id,
        person: Person::new(&member.display_name, &member.email_address),
        form: form.unwrap_or_else(|| filled(&member)),
        email_address: member.email_address,
    };
    answer(is_refused, &page)
}

fn filled(member: &pb::Member) -> Filled {
    Filled::with([
        ("display_name", member.display_name.as_str()),
        ("locale", &member.locale),
        ("is_admin", box_of(member.role() == pb::Role::Admin)),
    ])
}

/// Changes name, language and role.
pub(crate) async fn save(me: Me, Path(user_id): Path<String>, form: Filled) -> Result<Response, Failure> {
    let request = pb::UpdateMemberRequest {
        user_id: user_id.clone(),
        update_mask: mask(&["display_name", "locale", "role"]),
        display_name: form.text("display_name"),
        locale: form.text("locale"),
        role: role(&form).into(),
    };
    match me.web().api.organizations().update_member(me.ask(request)).await {
        Ok(_) => Ok(Redirect::to(&format!("/app/admin/members/{user_id}?done=saved")).into_response()),
        Err(status) => {
            let form = form.refused(me.texts(), status)?;
            draw_member(&me, (user_id, Some(form))).await
        }
    }
}

/// Takes a member's way in.
pub(crate) async fn deactivate(me: Me, Path(user_id): Path<String>) -> Result<Response, Failure> {
    let request = pb::DeactivateMemberRequest { user_id: user_id.clone() };
    match me.web().api.organizations().deactivate_member(me.ask(request)).await {
        Ok(_) => Ok(Redirect::to("/app/admin/members?done=deactivated").into_response()),
        Err(status) => {
            let form = filled(&find(&me, &user_id).await?).refused(me.texts(), status)?;
            draw_member(&me, (user_id, Some(form))).await
        }
    }
}
