//! What a copy of a space has and has not. No I/O.

use std::collections::HashMap;

use uuid::Uuid;

use crate::item::Origin;
use crate::locale::Locale;
use crate::space::TITLE_MAX;

/// A part of a space, in respect of duplication.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Part {
    /// The title, with a word in front.
    Title,
    /// The customer's logo and how the logos are shown.
    Logo,
    /// The welcome text.
    Description,
    /// What internal participants added, with descriptions, in order.
    InternalContent,
    /// The toggles for guests.
    Sharing,
    /// The theme.
    Theme,
    /// The notification defaults.
    NotificationDefaults,
    /// Participants and invitations.
    Participants,
    /// Comments.
    Comments,
    /// What guests added.
    ExternalContent,
    /// Visits.
    Visits,
    /// CRM links and logs.
    Crm,
    /// The timeline.
    Timeline,
    /// The address.
    Address,
}

impl Part {
    /// Every part there is.
    pub(crate) const ALL: [Self; 14] = [
        Self::Title,
        Self::Logo,
        Self::Description,
        Self::InternalContent,
        Self::Sharing,
        Self::Theme,
        Self::NotificationDefaults,
        Self::Participants,
        Self::Comments,
        Self::ExternalContent,
        Self::Visits,
        Self::Crm,
        Self::Timeline,
        Self::Address,
    ];

    /// Tells whether a copy has it (R5.2, R5.3).
    pub(crate) fn is_copied(self) -> bool {
        match self {
            Self::Title
            | Self::Logo
            | Self::Description
            | Self::InternalContent
            | Self::Sharing
            | Self::Theme
            | Self::NotificationDefaults => true,
            Self::Participants
            | Self::Comments
            | Self::ExternalContent
            | Self::Visits
            | Self::Crm
            | Self::Timeline
            | Self::Address => false,
        }
    }
}

/// How many there are of what is counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    /// Logos of the customer.
    pub(crate) logos: i64,
    /// Items that internal participants added.
    pub(crate) internal_items: i64,
    /// Items that guests added.
    pub(crate) external_items: i64,
    /// People who take part or are invited.
    pub(crate) participants: i64,
    /// Logs in a CRM.
    pub(crate) crm_logs: i64,
    /// What stands in the timeline.
    pub(crate) activities: i64,
}

impl Counts {
    /// Returns how many there are of a part; 0 for one that is not counted.
    pub(crate) fn of(self, part: Part) -> i64 {
        match part {
            Part::Logo => self.logos,
            Part::InternalContent => self.internal_items,
            Part::ExternalContent => self.external_items,
            Part::Participants => self.participants,
            Part::Crm => self.crm_logs,
            Part::Timeline => self.activities,
            Part::Title
            | Part::Description
            | Part::Sharing
            | Part::Theme
            | Part::NotificationDefaults
            | Part::Comments
            | Part::Visits
            | Part::Address => 0,
        }
    }
}

/// What duplicating a space would do.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    /// The title the copy would have.
    pub(crate) title: String,
    /// How many there are of what is counted.
    pub(crate) counts: Counts,
}

/// Returns the title of a copy: a word in front, cut to fit (R5.4).
pub(crate) fn title_of_copy(title: &str, locale: Locale) -> String {
    let word = match locale {
        Locale::En => "Copy",
        Locale::Fr => "Copie",
        Locale::De => "Kopie",
    };
    let whole = format!("{word} {title}");
    let cut: String = whole.chars().take(TITLE_MAX).collect();
    cut.trim_end().to_owned()
}

/// An item of the space that is duplicated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceItem {
    pub(crate) item_id: Uuid,
    pub(crate) folder_id: Option<Uuid>,
    pub(crate) origin: Origin,
}

/// Which item is copied where, under which id.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct CopyPlan {
    pub(crate) item_ids: Vec<Uuid>,
    pub(crate) copy_ids: Vec<Uuid>,
    /// The copy's folder, among `copy_ids`.
    pub(crate) folder_ids: Vec<Option<Uuid>>,
    pub(crate) positions: Vec<i32>,
}

impl CopyPlan {
    /// Plans the copy of what internal participants added. `items` are in the order of their places. What lies in a
    /// guest's folder moves up to where that folder was, for the folder itself is not copied.
    pub(crate) fn of(items: &[SourceItem], mut next_id: impl FnMut() -> Uuid) -> Self {
        let mut held: HashMap<Option<Uuid>, Vec<SourceItem>> = HashMap::new();
        for item in items {
            held.entry(item.folder_id).or_default().push(*item);
        }
        let mut plan = Self::default();
        plan.add(&held, None, None, &mut 0, &mut next_id);
        plan
    }

    fn add(
        &mut self,
        held: &HashMap<Option<Uuid>, Vec<SourceItem>>,
        folder_id: Option<Uuid>,
        copy_folder_id: Option<Uuid>,
        position: &mut i32,
        next_id: &mut impl FnMut() -> Uuid,
    ) {
        for item in held.get(&folder_id).into_iter().flatten() {
            match item.origin {
                Origin::Internal => {
                    let copy_id = next_id();
                    self.item_ids.push(item.item_id);
                    self.copy_ids.push(copy_id);
                    self.folder_ids.push(copy_folder_id);
                    self.positions.push(*position);
                    *position += 1;
                    self.add(held, Some(item.item_id), Some(copy_id), &mut 0, next_id);
                }
                Origin::External => self.add(held, Some(item.item_id), copy_folder_id, position, next_id),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_has_the_word_of_the_language_in_front_and_is_cut_to_fit() {
        assert_eq!(title_of_copy("Contoso", Locale::En), "Copy Contoso");
        assert_eq!(title_of_copy("Contoso", Locale::Fr), "Copie Contoso");
        assert_eq!(title_of_copy("Contoso", Locale::De), "Kopie Contoso");
        let fits = "é".repeat(TITLE_MAX - 5);
        assert_eq!(title_of_copy(&fits, Locale::En), format!("Copy {fits}"));
        let long = title_of_copy(&"é".repeat(TITLE_MAX), Locale::En);
        assert_eq!(long.chars().count(), TITLE_MAX);
        assert_eq!(long, format!("Copy {fits}"));
        let spaced = format!("{} b", "a".repeat(TITLE_MAX - 6));
        assert_eq!(title_of_copy(&spaced, Locale::En).chars().count(), TITLE_MAX - 1, "no space at the end");
    }

    fn item(id: u128, folder: Option<u128>, origin: Origin) -> SourceItem {
        SourceItem { item_id: Uuid::from_u128(id), folder_id: folder.map(Uuid::from_u128), origin }
    }

    #[test]
    fn what_lies_in_a_guests_folder_moves_up_to_its_place_and_the_rest_stays_in_order() {
        let (internal, external) = (Origin::Internal, Origin::External);
        let items = [
            item(1, None, internal),
            item(2, None, external),
            item(3, None, internal),
            item(4, Some(1), external),
            item(5, Some(1), internal),
            item(6, Some(2), internal),
            item(7, Some(2), external),
            item(8, Some(7), internal),
            item(9, Some(6), internal),
        ];
        let mut next = 100;
        let plan = CopyPlan::of(&items, || {
            next += 1;
            Uuid::from_u128(next)
        });
        let of = |id: u128| {
            let index = plan.item_ids.iter().position(|item_id| *item_id == Uuid::from_u128(id))?;
            let folder = plan.folder_ids[index]
                .and_then(|folder| plan.copy_ids.iter().position(|copy| *copy == folder))
                .map(|folder| plan.item_ids[folder].as_u128());
            Some((folder, plan.positions[index]))
        };
        assert_eq!(of(1), Some((None, 0)));
        assert_eq!(of(6), Some((None, 1)), "in the place of the guest's folder 2");
        assert_eq!(of(8), Some((None, 2)), "two guests' folders up");
        assert_eq!(of(3), Some((None, 3)));
        assert_eq!(of(5), Some((Some(1), 0)), "the gap of the guest's item is closed");
        assert_eq!(of(9), Some((Some(6), 0)));
        for guests in [2, 4, 7] {
            assert_eq!(of(guests), None);
        }
    }
}
