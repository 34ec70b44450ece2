//! Inviting contacts and leads of a CRM, with a log of it (R8.8–R8.11). Without a log people are invited on the page of people.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use sharedspaces_proto::crmsync::v1 as crm;
use sharedspaces_proto::spaces::v1 as pb;
use tonic::Status;
use tonic_types::StatusExt;

use super::pick::{self, Chosen, Pick, Sought, is_pressed, pick};
use super::{Known, words};
use crate::failure::Reason;
use crate::form::Filled;
use crate::frame::{Frame, render};
use crate::pages::room::{Entered, Refused, Room, enter};
use crate::texts::Texts;
use crate::visitor::Me;

/// Most addresses that a CRM is asked for at once.
const ADDRESSES_MAX: usize = 100;

/// Who is behind an address.
struct Match {
    email_address: String,
    /// Empty: nobody.
    people: Vec<String>,
}

#[derive(askama::Template)]
#[template(path = "crm/invite.html")]
struct InvitePage {
    frame: Frame,
    space: Room,
    form: Filled,
    target: Pick,
    recipients: Pick,
    matches: Vec<Match>,
    match_error: String,
    /// Addresses that cannot be invited.
    refused: Vec<String>,
    /// Where the form goes.
    to: String,
}

/// Asks whom to invite.
pub(crate) async fn page(me: Me, Path(space_id): Path<String>) -> Result<Response, Refused> {
    let form = Filled::with([("key", &me.form_key())]);
    draw(&me, &space_id, (form, Vec::new())).await
}

async fn draw(me: &Me, space_id: &str, (form, refused): (Filled, Vec<String>)) -> Result<Response, Refused> {
    let Entered { room, frame, .. } = enter(me, space_id, "people").await?;
    if !room.crm.may_log() || !room.may_invite {
        return Err(crate::failure::Failure::from(Reason::NoSuchPage).into());
    }
    let usual = linked(me, &room.crm, space_id).await?;
    let connection_id = Chosen::read_connection(form.value("target"))
        .or_else(|| usual.as_ref().map(|of| of.connection().to_owned()))
        .or_else(|| room.crm.working().next().map(|of| of.connection_id.clone()));
    let wants_matches = is_pressed(&form, "crm_match") || is_pressed(&form, "recipients_add");
    let (target, recipients, matched) = tokio::join!(
        pick(me, (&room.crm, Sought::Record), (&form, "target"), usual),
        pick(me, (&room.crm, Sought::Recipients), (&form, "recipients"), None),
        matches(me, connection_id.filter(|_| wants_matches), form.value("pasted_list"))
    );
    let (matches, match_error) = match matched {
        Ok(matches) => (matches, String::new()),
        Err(status) => (Vec::new(), words(me.texts(), &status)),
    };
    let is_refused = form.is_refused() || !refused.is_empty();
    let to = format!("/app/spaces/{space_id}/crm/invite");
    let page = InvitePage { frame, space: room, form, target, recipients, matches, match_error, refused, to };
    let code = if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((code, render(&page)?).into_response())
}

/// The record that the space is linked to, where its CRM works.
async fn linked(me: &Me, known: &Known, space_id: &str) -> Result<Option<Chosen>, Status> {
    let request =
        crm::ListLogsRequest { space_id: space_id.to_owned(), page_size: 1, page_token: String::new() };
    let told = me.web().api.crm_logs().list_logs(me.ask(request)).await?.into_inner();
    let target = told.link.and_then(|link| link.target);
    let works = |target: &pb::CrmTarget| known.working().any(|of| of.connection_id == target.connection_id);
    Ok(target.filter(works).as_ref().map(Chosen::of_target))
}

async fn matches(me: &Me, connection_id: Option<String>, pasted: &str) -> Result<Vec<Match>, Status> {
    let email_addresses = addresses(pasted);
    let Some(connection_id) = connection_id.filter(|_| !email_addresses.is_empty()) else {
        return Ok(Vec::new());
    };
    let request = crm::MatchAddressesRequest { connection_id, email_addresses };
    let told = me.web().api.records().match_addresses(me.ask(request)).await?.into_inner();
    let t = me.texts();
    let found = |of: crm::AddressMatch| Match {
        email_address: of.email_address,
        people: of.people.into_iter().map(|person| described(t, &person)).collect(),
    };
    Ok(told.matches.into_iter().map(found).collect())
}

/// Names somebody: `Nora Field, Contact, Contoso Ltd`.
fn described(t: &'static Texts, person: &crm::CrmPerson) -> String {
    let kind = if person.person_type() == crm::CrmPersonType::Lead { t.crm.lead } else { t.crm.contact };
    let parts = [person.display_name.as_str(), kind, &person.company];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Takes the addresses out of a pasted list, as far as they look like some.
fn addresses(pasted: &str) -> Vec<String> {
    let words = pasted.split([',', ';', '\n', '\r', ' ', '\t', '<', '>']);
    words.filter(|word| word.contains('@')).take(ADDRESSES_MAX).map(str::to_owned).collect()
}

/// Returns where an invitation is to be logged, or the form to show again: with what was looked for, or what is missing.
fn asked(t: &'static Texts, mut form: Filled) -> Result<(Filled, pb::CrmTarget), Filled> {
    let added = form.text("recipients_add");
    if !added.is_empty() {
        let list = form.lines("pasted_list");
        let list = if list.is_empty() { added } else { format!("{list}\n{added}") };
        form.put("pasted_list", &list);
        return Err(form);
    }
    let buttons = ["recipients_find", "target_find", "crm_match", "crm_switch"];
    if buttons.into_iter().any(|button| is_pressed(&form, button)) {
        return Err(form);
    }
    match pick::record(&form, "target") {
        Some(target) => Ok((form, target)),
        None => Err(form.wrong("target", t.crm.choose_record)),
    }
}

/// Invites them and logs it, or shows what is looked for.
pub(crate) async fn invite(me: Me, Path(space_id): Path<String>, form: Filled) -> Result<Response, Refused> {
    let (form, target) = match asked(me.texts(), form) {
        Ok(asked) => asked,
        Err(form) => return draw(&me, &space_id, (form, Vec::new())).await,
    };
    let request = pb::InviteParticipantsRequest {
        space_id: space_id.clone(),
        pasted_list: form.lines("pasted_list"),
        personal_note: form.lines("personal_note"),
        send_good_ones: form.is_on("send_good_ones"),
        crm_log: Some(pb::InvitationLog { target: Some(target) }),
        ..pb::InviteParticipantsRequest::default()
    };
    let invited =
        me.web().api.participants().invite_participants(me.ask_once(request, form.value("key"))).await;
    match invited {
        Ok(answer) => {
            let log = answer.into_inner().crm_log_id;
            Ok(Redirect::to(&format!("/app/spaces/{space_id}/crm?done=crm-invited#l-{log}")).into_response())
        }
        Err(status) => {
            let (bad, told) = (bad_addresses(&status), words(me.texts(), &status));
            let mut form = form.refused(me.texts(), status)?;
            if !bad.is_empty() {
                form = form.accepted();
            } else if form.general != me.texts().reason_fields {
                form.general = told;
            }
            form.put("key", &me.form_key());
            draw(&me, &space_id, (form, bad)).await
        }
    }
}

/// Returns the addresses that were refused: those that the API's rules quote.
fn bad_addresses(status: &Status) -> Vec<String> {
    let told = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    let of_addresses = told
        .iter()
        .filter(|of| of.field.starts_with("pasted_list") || of.field.starts_with("email_addresses"));
    let quoted = of_addresses.filter_map(|of| of.description.split_once('“')?.1.split_once('”'));
    quoted.map(|(given, _)| given.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use service_kit::locale::Locale;
    use service_kit::validate::Violations;

    use super::*;
    use crate::texts;

    #[test]
    fn addresses_are_taken_out_of_whatever_was_pasted() {
        let pasted = "Nora <nora@contoso.test>, lena@brook.test;x\nnobody";
        assert_eq!(addresses(pasted), ["nora@contoso.test", "lena@brook.test"]);
    }

    #[test]
    fn somebody_who_is_added_stands_below_those_who_are_there() {
        let t = texts::of(Locale::English);
        let form = Filled::with([("pasted_list", "a@b.test\r\n"), ("recipients_add", "c@d.test")]);
        assert_eq!(asked(t, form).unwrap_err().value("pasted_list"), "a@b.test\nc@d.test");
        let refused = asked(t, Filled::with([("pasted_list", "a@b.test")])).unwrap_err();
        assert_eq!(refused.error("target"), t.crm.choose_record);
    }

    #[test]
    fn what_the_crm_does_not_know_is_named_as_it_was_given() {
        let status =
            Status::from(Violations::one("pasted_list[1]", "“Cy <c@d.test>” must be a Contact or Lead"));
        assert_eq!(bad_addresses(&status), ["Cy <c@d.test>"]);
    }
}
