//! Finding spaces: what is asked for, and how a page is put together.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::caller::{Caller, CallerKind};
use service_kit::fold::fold;
use service_kit::ids::{SpaceId, UserId};
use service_kit::page::{Page, PageRequest};
use service_kit::validate::Violations;
use uuid::Uuid;

use super::{CustomerLogo, SpaceError, Spaces, list_repo};
use crate::permission::{Permission, Rules, SpaceState, Standing, Viewer, refusals};
use crate::theme::{self, Look};

/// Longest text to search for, in characters.
pub(crate) const QUERY_MAX: usize = 255;

/// In which order spaces are listed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Order {
    /// The last activity first.
    #[default]
    LastActivity,
    /// By title, whatever accents and case.
    Title,
    /// The newest first.
    CreateTime,
}

/// Which spaces are asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct ListQuery {
    /// What titles or participants' names contain, folded; empty: anything.
    pub(crate) text: String,
    /// Whose spaces; absent: anybody's.
    pub(crate) owner_user_id: Option<UserId>,
    /// Where they stand; empty: not deleted.
    pub(crate) states: Vec<SpaceState>,
    /// Since when something must have happened.
    pub(crate) active_since: Option<DateTime<Utc>>,
    /// The order.
    pub(crate) order: Order,
}

impl ListQuery {
    /// Folds what a person typed.
    pub(crate) fn folded(text: &str) -> String {
        fold(text.trim())
    }

    /// Returns the pattern that matches where the text is contained, whatever signs it has.
    pub(super) fn pattern(&self) -> Option<String> {
        let escaped = self.text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        (!self.text.is_empty()).then(|| format!("%{escaped}%"))
    }

    /// Returns the states that a person is shown: deleted spaces to admins who ask for them.
    pub(super) fn states_for(&self, viewer: &Viewer) -> Vec<String> {
        let asked = if self.states.is_empty() {
            &[SpaceState::Active, SpaceState::Archived][..]
        } else {
            &self.states[..]
        };
        let shown = |state: &&SpaceState| viewer.is_admin || **state != SpaceState::Deleted;
        asked.iter().filter(shown).map(|state| state.as_str().to_owned()).collect()
    }

    /// Refuses a token that came with another query, filter or order.
    pub(crate) fn check_token(&self, check: &mut Violations, page: &PageRequest<ListKey>) {
        let fits = |key: &ListKey| {
            let is_title = matches!(key.place, Place::Title(_));
            key.query == self.name() && is_title == (self.order == Order::Title)
        };
        if !page.after.as_ref().is_none_or(fits) {
            check.add("page_token", "must be used with the query, filters and order it was given for");
        }
    }

    /// Names the query; two that ask for the same have one name.
    fn name(&self) -> String {
        format!("{self:?}")
    }
}

/// Where a space stands in a list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct ListKey {
    /// The query that the list answers.
    query: String,
    /// The place in the order.
    pub(super) place: Place,
    /// Tells apart what stands at one place.
    pub(super) space_id: Uuid,
}

/// A place in an order.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Place {
    /// Of the last activity, or of creation.
    Time(DateTime<Utc>),
    /// Of the folded title.
    Title(String),
}

/// A space in a list, as somebody sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Summary {
    /// The space.
    pub(crate) space_id: SpaceId,
    /// Shown to customers.
    pub(crate) title: String,
    /// Its whole address.
    pub(crate) url: String,
    /// Where it stands.
    pub(crate) state: SpaceState,
    /// Whom it belongs to.
    pub(crate) owner_user_id: UserId,
    /// The owner's name.
    pub(crate) owner_name: String,
    /// The logo in its header.
    pub(crate) logo: Option<CustomerLogo>,
    /// Whether the logo's background is removed.
    pub(crate) transparent_background: bool,
    /// How its card is drawn.
    pub(crate) look: Look,
    /// How many take part, or are invited to.
    pub(crate) participant_count: i64,
    /// How many files and links it has.
    pub(crate) item_count: i64,
    /// When something last happened in it.
    pub(crate) last_activity_time: DateTime<Utc>,
    /// When it was created.
    pub(crate) create_time: DateTime<Utc>,
    /// When a deleted one is purged.
    pub(crate) purge_time: Option<DateTime<Utc>>,
    /// What the viewer may do.
    pub(crate) permissions: Vec<Permission>,
}

/// A row of the list before its look and permissions are known.
pub(super) struct Found {
    pub(super) summary: Summary,
    pub(super) theme_id: Option<Uuid>,
    pub(super) title_folded: String,
    pub(super) standing: Standing,
    pub(super) rules: Rules,
}

impl Found {
    fn key(&self, query: &ListQuery) -> ListKey {
        let place = match query.order {
            Order::LastActivity => Place::Time(self.summary.last_activity_time),
            Order::CreateTime => Place::Time(self.summary.create_time),
            Order::Title => Place::Title(self.title_folded.clone()),
        };
        ListKey { query: query.name(), place, space_id: self.summary.space_id.uuid() }
    }
}

impl Spaces {
    /// Lists the spaces that somebody takes part in, or for an admin all; one question to the database per page, and one
    /// for the looks.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        query: ListQuery,
        page: PageRequest<ListKey>,
    ) -> Result<Page<Summary>, SpaceError> {
        let viewer = Viewer::from(caller);
        let is_guest = caller.kind == CallerKind::Guest;
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    if is_guest && !list_repo::has_consent(tx, &viewer).await? {
                        return Err(SpaceError::ConsentRequired);
                    }
                    let rows = list_repo::list(tx, &viewer, &query, &page).await?;
                    let looks = theme::looks(tx, viewer.organization_id).await?;
                    let page = Page::cut(rows, &page, |row| row.key(&query));
                    let summary = |found: Found| {
                        let may = |permission: &Permission| {
                            refusals(found.rules, found.standing, *permission).is_empty()
                        };
                        let permissions = Permission::ALL.into_iter().filter(may).collect();
                        Summary { look: looks.of(found.theme_id), permissions, ..found.summary }
                    };
                    Ok(Page {
                        items: page.items.into_iter().map(summary).collect(),
                        next_page_token: page.next_page_token,
                    })
                })
            })
            .await
    }
}
