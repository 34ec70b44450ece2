//! What an invitation says, and who came of it. No I/O.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use service_kit::address::EmailAddress;
use service_kit::ids::SpaceId;
use service_kit::validate::{Violations, is_control};
use uuid::Uuid;

use super::address_list::pieces;
use super::entity::Participant;
use crate::space::CrmTarget;

/// Most addresses in one call, after folding duplicates.
pub(super) const ADDRESSES_MAX: usize = 100;
/// Most entries of addresses in one call, before folding.
pub(super) const ENTRIES_MAX: usize = 1_000;
/// Longest entry, in characters: a name beside an address.
pub(super) const ENTRY_MAX: usize = 600;
/// Longest personal note, in characters (R8.3).
pub(super) const NOTE_MAX: usize = 1_000;
/// Longest pasted list, in characters.
pub(super) const LIST_MAX: usize = 20_000;
/// How much of a bad address is told back, in characters.
const GIVEN_MAX: usize = 100;
/// How many bad addresses are named.
const NAMED_MAX: usize = 100;

/// What somebody asks for, as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct InvitationText {
    /// Addresses.
    pub(crate) email_addresses: Vec<String>,
    /// More addresses, in one text.
    pub(crate) pasted_list: String,
    /// The personal note.
    pub(crate) note: String,
    /// Whether the good addresses are invited where others are bad.
    pub(crate) send_good_ones: bool,
}

/// Whom to invite, and with which words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Invitation {
    /// The space.
    pub(crate) space_id: SpaceId,
    /// Addresses, each once.
    pub(crate) addresses: Vec<String>,
    /// Where addresses stand in the request and how, by address.
    given: HashMap<String, Given>,
    /// What the list calls people, by address.
    pub(crate) names: HashMap<String, String>,
    /// The personal note.
    pub(crate) note: String,
    /// Addresses that are left out because the good ones alone are invited.
    pub(crate) refused: Vec<Refused>,
    /// Whether bad addresses are left out instead of refusing the call.
    pub(crate) send_good_ones: bool,
    /// Whether it is logged to the CRM, and where.
    pub(crate) log: Option<Log>,
}

/// An address as it came.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Given {
    place: String,
    text: String,
}

/// Where an invitation is logged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Log {
    /// The record; absent: that of the space's own link.
    pub(crate) target: Option<CrmTarget>,
}

/// An address that is not invited.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Refused {
    /// Where it stands in the request.
    pub(crate) place: String,
    /// As it was given.
    pub(crate) given: String,
    /// What is wrong with it.
    pub(crate) reason: String,
}

/// Who was invited.
#[derive(Clone, Debug)]
pub(crate) struct Invited {
    /// The participants behind the addresses.
    pub(crate) participants: Vec<Participant>,
    /// How many the space has now.
    pub(crate) total: i64,
    /// Who was not invited.
    pub(crate) refused: Vec<Refused>,
    /// Addresses that the owner was asked about.
    pub(crate) requested: Vec<String>,
    /// The log in crm-sync.
    pub(crate) log_id: Option<Uuid>,
}

impl Invitation {
    /// Reads whom to invite; each bad address is named by its place, or left out where the good ones alone are invited.
    pub(crate) fn read(
        check: &mut Violations,
        space_id: SpaceId,
        text: &InvitationText,
        log: Option<Log>,
    ) -> Self {
        let mut list = List::default();
        if text.email_addresses.len() > ENTRIES_MAX {
            check.add("email_addresses", format!("must have at most {ENTRIES_MAX} entries"));
        } else {
            list.read_entries(&text.email_addresses);
        }
        if text.pasted_list.chars().count() > LIST_MAX {
            check.add("pasted_list", format!("must have at most {LIST_MAX} characters"));
        } else {
            list.read(&text.pasted_list, |index| format!("pasted_list[{index}]"));
        }
        let count = list.addresses.len();
        if list.refused.is_empty() && count == 0 || count > ADDRESSES_MAX {
            let is_pasted = text.email_addresses.is_empty() && !text.pasted_list.is_empty();
            let field = if is_pasted { "pasted_list" } else { "email_addresses" };
            check.add(field, format!("must have 1 to {ADDRESSES_MAX} different addresses"));
        }
        if !text.send_good_ones || count == 0 {
            name(check, &list.refused);
        }
        let note = check.paragraphs("personal_note", &text.note, NOTE_MAX);
        Self {
            space_id,
            addresses: list.addresses,
            given: list.given,
            names: list.names,
            note,
            refused: list.refused,
            send_good_ones: text.send_good_ones,
            log,
        }
    }

    /// Reads an invitation of these addresses alone.
    #[cfg(test)]
    pub(crate) fn checked(
        check: &mut Violations,
        space_id: SpaceId,
        addresses: &[String],
        note: &str,
    ) -> Self {
        let (email_addresses, note) = (addresses.to_vec(), note.to_owned());
        Self::read(check, space_id, &InvitationText { email_addresses, note, ..Default::default() }, None)
    }

    /// Leaves out addresses that somebody else knows to be bad, or refuses the call for them.
    pub(super) fn leave_out(mut self, bad: &[String], reason: &str) -> Result<Self, Violations> {
        let bad: HashSet<&str> = bad.iter().map(String::as_str).collect();
        let (left_out, kept): (Vec<_>, Vec<_>) =
            self.addresses.into_iter().partition(|address| bad.contains(address.as_str()));
        let given = left_out.iter().filter_map(|address| self.given.remove(address));
        let refused =
            given.map(|given| Refused { place: given.place, given: given.text, reason: reason.to_owned() });
        let is_refused = self.refused.len();
        self.refused.extend(refused);
        self.addresses = kept;
        if self.refused.len() > is_refused && (!self.send_good_ones || self.addresses.is_empty()) {
            let mut check = Violations::default();
            name(&mut check, &self.refused);
            check.into_result()?;
        }
        Ok(self)
    }
}

/// Names bad addresses, as many as somebody would read.
fn name(check: &mut Violations, refused: &[Refused]) {
    for bad in refused.iter().take(NAMED_MAX) {
        check.add(bad.place.as_str(), format!("“{}” {}", bad.given, bad.reason));
    }
    if let Some(more) = refused.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        check.add("email_addresses", format!("and {more} more are no addresses"));
    }
}

#[derive(Default)]
struct List {
    addresses: Vec<String>,
    given: HashMap<String, Given>,
    names: HashMap<String, String>,
    refused: Vec<Refused>,
}

impl List {
    fn read_entries(&mut self, entries: &[String]) {
        for (index, entry) in entries.iter().enumerate() {
            let place = format!("email_addresses[{index}]");
            if entry.chars().count() > ENTRY_MAX {
                self.refuse(place, entry, &format!("must have at most {ENTRY_MAX} characters"));
            } else if self.read(entry, |_| place.clone()) == 0 {
                self.refuse(place, entry, "must not be empty");
            }
        }
    }

    /// Reads addresses and returns how many pieces there were.
    fn read(&mut self, text: &str, place: impl Fn(usize) -> String) -> usize {
        let pieces = pieces(text);
        let count = pieces.len();
        for (index, piece) in pieces.into_iter().enumerate() {
            let mut rules = Violations::default();
            let address = EmailAddress::read(&mut rules, "", &piece.address);
            if let Some(violation) = rules.iter().next() {
                self.refuse(place(index), &piece.given, &violation.rule);
                continue;
            }
            if !piece.name.is_empty() {
                self.names.entry(address.as_str().to_owned()).or_insert(piece.name);
            }
            if let Entry::Vacant(new) = self.given.entry(address.as_str().to_owned()) {
                new.insert(Given { place: place(index), text: told_back(&piece.given) });
                self.addresses.push(address.as_str().to_owned());
            }
        }
        count
    }

    fn refuse(&mut self, place: String, given: &str, reason: &str) {
        self.refused.push(Refused { place, given: told_back(given), reason: reason.to_owned() });
    }
}

fn told_back(given: &str) -> String {
    given.chars().filter(|c| !is_control(*c)).take(GIVEN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(addresses: &[&str], note: &str) -> Result<Invitation, Violations> {
        read(&InvitationText {
            email_addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
            note: note.to_owned(),
            ..InvitationText::default()
        })
    }

    fn pasted(list: &str, send_good_ones: bool) -> Result<Invitation, Violations> {
        read(&InvitationText { pasted_list: list.to_owned(), send_good_ones, ..InvitationText::default() })
    }

    fn read(text: &InvitationText) -> Result<Invitation, Violations> {
        let mut check = Violations::default();
        let invitation = Invitation::read(&mut check, Uuid::nil().into(), text, None);
        check.into_result().map(|()| invitation)
    }

    fn fields(refused: &Violations) -> Vec<&str> {
        refused.iter().map(|violation| violation.field.as_str()).collect()
    }

    #[test]
    fn duplicates_are_folded_whatever_their_case_and_script() {
        let invitation = checked(&["Ann@B.example", " ann@b.example", "eve@bücher.example"], "").unwrap();
        assert_eq!(invitation.addresses, ["ann@b.example", "eve@xn--bcher-kva.example"]);
        let both = read(&InvitationText {
            email_addresses: vec!["Ann@b.example".to_owned()],
            pasted_list: "Ann Lee <ANN@B.EXAMPLE>; Eve <eve@BÜCHER.example>, eve@xn--bcher-kva.example"
                .to_owned(),
            ..InvitationText::default()
        });
        let both = both.unwrap();
        assert_eq!(both.addresses, ["ann@b.example", "eve@xn--bcher-kva.example"]);
        assert_eq!(both.names["ann@b.example"], "Ann Lee");
        assert_eq!(both.names["eve@xn--bcher-kva.example"], "Eve");
    }

    #[test]
    fn each_bad_address_is_named_by_its_place() {
        let refused = checked(&["a@b.example", "a@b", "c@d.example", "@", "x y@z.example"], "").unwrap_err();
        assert_eq!(fields(&refused), ["email_addresses[1]", "email_addresses[3]", "email_addresses[4]"]);
        let refused = pasted("a@b.example, bad; c@d.example\nworse@\u{202e}", false).unwrap_err();
        assert_eq!(fields(&refused), ["pasted_list[1]", "pasted_list[3]"]);
        assert!(refused.to_string().contains("“bad” must be an e-mail address"), "{refused}");
        assert!(refused.to_string().contains("“worse@” must"), "{refused}");
        assert_eq!(fields(&checked(&["", "a@b.example"], "").unwrap_err()), ["email_addresses[0]"]);
    }

    #[test]
    fn at_most_a_hundred_bad_addresses_are_named_and_the_others_counted() {
        let many = vec!["bad"; 102].join(",");
        let refused = pasted(&many, false).unwrap_err();
        assert_eq!(refused.iter().count(), NAMED_MAX + 1);
        assert!(refused.to_string().ends_with("and 2 more are no addresses"), "{refused}");
        assert_eq!(pasted(&vec!["bad"; 100].join(","), false).unwrap_err().iter().count(), NAMED_MAX);
    }

    #[test]
    fn the_good_ones_alone_are_taken_where_that_is_asked_for_and_there_are_any() {
        let invitation = pasted("bad, a@b.example, worse@", true).unwrap();
        assert_eq!(invitation.addresses, ["a@b.example"]);
        let given: Vec<_> = invitation.refused.iter().map(|refused| refused.given.as_str()).collect();
        assert_eq!(given, ["bad", "worse@"]);
        assert_eq!(fields(&pasted("bad", true).unwrap_err()), ["pasted_list[0]"]);
    }

    #[test]
    fn addresses_that_the_crm_does_not_know_are_named_or_left_out() {
        let known = checked(&["a@b.example", "c@d.example"], "").unwrap();
        let bad = ["c@d.example".to_owned()];
        let refused = known.clone().leave_out(&bad, "must be known").unwrap_err();
        assert_eq!(fields(&refused), ["email_addresses[1]"]);
        assert!(refused.to_string().contains("“c@d.example” must be known"), "{refused}");
        let good =
            Invitation { send_good_ones: true, ..known.clone() }.leave_out(&bad, "must be known").unwrap();
        assert_eq!((good.addresses.len(), good.refused.len()), (1, 1));
        let all = ["a@b.example".to_owned(), "c@d.example".to_owned()];
        assert!(Invitation { send_good_ones: true, ..known.clone() }.leave_out(&all, "x").is_err());
        assert_eq!(known.clone().leave_out(&[], "x").unwrap(), known);
    }

    #[test]
    fn what_is_left_out_is_named_where_and_as_it_was_given() {
        let text = InvitationText {
            email_addresses: vec!["bad".to_owned(), "A@b.example; a@b.example".to_owned()],
            pasted_list: "e@f.example, Cy <C@d.example>".to_owned(),
            send_good_ones: true,
            ..InvitationText::default()
        };
        let bad = ["a@b.example".to_owned(), "c@d.example".to_owned()];
        let good = read(&text).unwrap().leave_out(&bad, "must be known").unwrap();
        let refused: Vec<_> =
            good.refused.iter().map(|bad| (bad.place.as_str(), bad.given.as_str())).collect();
        let expected = [
            ("email_addresses[0]", "bad"),
            ("email_addresses[1]", "A@b.example"),
            ("pasted_list[1]", "Cy <C@d.example>"),
        ];
        assert_eq!(refused, expected);
        assert_eq!(good.addresses, ["e@f.example"]);
    }

    #[test]
    fn entries_are_taken_up_to_their_length_and_number_and_named_beyond() {
        let entry = |length: usize| format!("a@b.example{}", " ".repeat(length - "a@b.example".len()));
        assert!(checked(&[&entry(ENTRY_MAX)], "").is_ok());
        let refused = checked(&["a@b.example", &entry(ENTRY_MAX + 1)], "").unwrap_err();
        assert_eq!(fields(&refused), ["email_addresses[1]"]);
        assert!(refused.to_string().contains("must have at most 600 characters"), "{refused}");
        assert!(checked(&["a@b.example"; ENTRIES_MAX], "").is_ok());
        let refused = checked(&["a@b.example"; ENTRIES_MAX + 1], "").unwrap_err();
        assert!(fields(&refused).iter().all(|field| *field == "email_addresses"), "{refused}");
        assert!(refused.to_string().contains("must have at most 1000 entries"), "{refused}");
    }

    #[test]
    fn up_to_100_addresses_are_taken_and_101_refused() {
        let many: Vec<String> = (0..=ADDRESSES_MAX).map(|n| format!("p{n}@b.example")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(checked(&many[..ADDRESSES_MAX], "").is_ok());
        assert!(checked(&many, "").is_err());
        assert!(checked(&[], "").is_err());
        assert!(pasted(&many[..ADDRESSES_MAX].join(" "), false).is_ok());
        assert_eq!(fields(&pasted(&many.join(" "), false).unwrap_err()), ["pasted_list"]);
    }

    #[test]
    fn a_pasted_list_is_taken_up_to_its_limit_and_refused_beyond() {
        let list = |length: usize| format!("a@b.example{}", " ".repeat(length - "a@b.example".len()));
        assert!(pasted(&list(LIST_MAX), false).is_ok());
        assert!(fields(&pasted(&list(LIST_MAX + 1), false).unwrap_err()).contains(&"pasted_list"));
    }

    #[test]
    fn a_note_is_taken_up_to_its_limit_and_refused_beyond() {
        assert!(checked(&["a@b.example"], &"n".repeat(NOTE_MAX)).is_ok());
        assert!(checked(&["a@b.example"], &"n".repeat(NOTE_MAX + 1)).is_err());
        assert!(checked(&["a@b.example"], "one\r\ntwo\tthree").is_ok());
        assert!(checked(&["a@b.example"], "bell\u{7}").is_err());
    }
}
