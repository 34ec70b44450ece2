//! Inviting people: the form's addresses, what is wrong with them, what came of them, and colleagues while one types.

use axum::extract::{Path, Query};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::spaces::v1 as pb;
use tonic::Status;
use tonic_types::StatusExt;

use super::people::draw;
use super::room::Refused;
use crate::failure::Failure;
use crate::form::Filled;
use crate::frame::fill;
use crate::texts::{self, Texts};
use crate::view::Person;
use crate::visitor::Me;

/// How many new guests an address names; more would make it longer than some proxies take.
const NAMED_MAX: usize = 20;
/// How many people are recommended at most.
const RECOMMENDED: usize = 15;
/// How many colleagues are suggested.
const SUGGESTIONS: i32 = 6;

/// An entry of a list that is no address, and the rule it breaks.
pub(super) struct Bad {
    pub(super) given: String,
    pub(super) rule: String,
}

/// What came of an invitation, as the address of the next page carries it.
#[derive(Default, Deserialize)]
pub(crate) struct Sent {
    /// The new guests.
    #[serde(default)]
    new: String,
    /// How many entries were left out.
    #[serde(default)]
    left_out: i32,
    /// About how many colleagues the owner was asked.
    #[serde(default)]
    asked: i32,
    /// Whether there are more people than recommended.
    #[serde(default)]
    many: bool,
}

impl Sent {
    fn of(answer: &pb::InviteParticipantsResponse) -> Self {
        let guests = answer.participants.iter().filter(|of| of.kind() == pb::ParticipantKind::External);
        let ids: Vec<_> = guests.take(NAMED_MAX).map(|of| of.participant_id.as_str()).collect();
        let count = |list: usize| i32::try_from(list).unwrap_or(i32::MAX);
        Self {
            new: ids.join(","),
            left_out: count(answer.refused.len()),
            asked: count(answer.requested_email_addresses.len()),
            many: !answer.notice.is_empty(),
        }
    }

    fn address(&self, space_id: &str) -> String {
        let Self { new, left_out, asked, many } = self;
        format!(
            "/app/spaces/{space_id}/people?done=invited&new={new}&left_out={left_out}&asked={asked}&many={many}"
        )
    }

    /// Says it.
    pub(super) fn told(&self, t: &'static Texts, people: &[pb::Participant]) -> Vec<String> {
        let mut told = Vec::new();
        if self.left_out > 0 {
            told.push(texts::count(self.left_out, (t.team.left_out_one, t.team.left_out_many)));
        }
        if self.asked > 0 {
            told.push(texts::count(self.asked, (t.team.asked_one, t.team.asked_many)));
        }
        let here = people
            .iter()
            .filter(|of| matches!(of.state(), pb::ParticipantState::Active | pb::ParticipantState::Invited));
        let count = here.count();
        if self.many && count > RECOMMENDED {
            told.push(fill(t.team.many_people, count));
        }
        told
    }

    /// Returns the guests who were invited just now.
    pub(super) fn guests(&self, people: &[pb::Participant]) -> Vec<(String, Person)> {
        let is_new = |of: &&pb::Participant| self.new.split(',').any(|id| id == of.participant_id);
        let new = people.iter().filter(is_new);
        new.map(|of| (of.participant_id.clone(), Person::new(&of.display_name, &of.email_address))).collect()
    }
}

/// Invites a pasted list: all of it, or after saying so what is good of it.
pub(crate) async fn invite(me: Me, Path(space_id): Path<String>, form: Filled) -> Result<Response, Refused> {
    let request = pb::InviteParticipantsRequest {
        space_id: space_id.clone(),
        pasted_list: form.lines("pasted_list"),
        personal_note: form.lines("personal_note"),
        send_good_ones: form.is_on("send_good_ones"),
        ..pb::InviteParticipantsRequest::default()
    };
    let invited =
        me.web().api.participants().invite_participants(me.ask_once(request, form.value("key"))).await;
    match invited {
        Ok(answer) => {
            let sent = Sent::of(&answer.into_inner());
            Ok(Redirect::to(&sent.address(&space_id)).into_response())
        }
        Err(status) => {
            let bad = bad_addresses(me.texts(), &status);
            let mut form = form.refused(me.texts(), status)?;
            if !bad.is_empty() {
                let note = form.error("personal_note").to_owned();
                form = form.accepted();
                if !note.is_empty() {
                    form = form.wrong("personal_note", &note);
                }
            }
            form.put("key", &me.form_key());
            draw(&me, &space_id, (form, bad, Sent::default())).await
        }
    }
}

/// Returns the entries that are no addresses: the API names each by its place and quotes it before its rule.
fn bad_addresses(t: &'static Texts, status: &Status) -> Vec<Bad> {
    let told = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    let entries = told
        .iter()
        .filter(|of| of.field.starts_with("pasted_list[") || of.field.starts_with("email_addresses["));
    let quoted = entries.filter_map(|of| of.description.strip_prefix('“')?.rsplit_once("” "));
    quoted.map(|(given, rule)| Bad { given: given.to_owned(), rule: rule_of(t, rule) }).collect()
}

/// Puts the rule of an address into the person's words; a rule that we do not know is told as the API says it.
fn rule_of(t: &'static Texts, rule: &str) -> String {
    let known = [
        ("must be an e-mail address", t.team.bad_address),
        ("must have at most 254", t.team.address_too_long),
        ("must have at most 600", t.team.entry_too_long),
    ];
    let found = known.iter().find(|(start, _)| rule.starts_with(start));
    found.map_or(rule, |(_, words)| words).to_owned()
}

/// What has been typed of a colleague.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    q: String,
}

#[derive(Serialize)]
struct Suggestion {
    name: String,
    address: String,
}

/// Suggests colleagues to the script, by the beginning of their name or address; who is nobody's colleague gets none.
pub(crate) async fn suggest(me: Me, Query(typed): Query<Typed>) -> Result<Response, Failure> {
    let query = typed.q.trim();
    let mut found = Vec::new();
    if me.session().is_member && !query.is_empty() {
        let request = identity::SearchMembersRequest { query: query.to_owned(), page_size: SUGGESTIONS };
        found = me.web().api.organizations().search_members(me.ask(request)).await?.into_inner().members;
    }
    let suggestions: Vec<_> =
        found.into_iter().map(|of| Suggestion { name: of.display_name, address: of.email_address }).collect();
    let json = serde_json::to_string(&suggestions)
        .map_err(|_| Status::internal("suggestions could not be written"))?;
    Ok(([(CONTENT_TYPE, "application/json")], json).into_response())
}

#[cfg(test)]
mod tests {
    use service_kit::locale::Locale;
    use service_kit::validate::Violations;

    use super::*;

    #[test]
    fn each_bad_entry_is_named_with_its_rule_and_nothing_else_is() {
        let mut check = Violations::default();
        check.add("pasted_list[1]", "“Bob “B” <bob>” must be an e-mail address such as name@example.com");
        check.add("email_addresses[2]", "“ann” must be a Contact of the CRM");
        check.add("personal_note", "must have 0 to 1000 characters, has 1001");
        let t = texts::of(Locale::English);
        let bad = bad_addresses(t, &Status::from(check));
        let told: Vec<_> = bad.iter().map(|bad| (bad.given.as_str(), bad.rule.as_str())).collect();
        assert_eq!(told, [("Bob “B” <bob>", t.team.bad_address), ("ann", "must be a Contact of the CRM")]);
    }
}
