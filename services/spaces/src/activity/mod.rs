//! The timeline of a space: what happened in it, in people's words.
//!
//! Owns the activities and their sentences. Whoever changes a space appends in their own transaction; nothing is ever
//! changed or taken out but with the whole space. Must not show anybody's address.

mod entity;
mod repo;
mod words;

use service_kit::caller::Caller;
use service_kit::db::Database;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::page::{Page, PageRequest};
use sqlx::PgConnection;

use crate::locale::{self, Locale};
use crate::permission::Viewer;
use crate::space::{self, SpaceError};

pub(crate) use entity::{Activity, ActivityKey, ActivityKind, NewActivity};

/// Adds to the timeline of a space, in the transaction of what happened.
pub(crate) async fn append(tx: &mut PgConnection, new: NewActivity) -> Result<(), sqlx::Error> {
    repo::append(tx, &new).await
}

/// Returns a person with their name as it is now, for [`NewActivity`].
pub(crate) async fn by(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
) -> Result<(UserId, String), sqlx::Error> {
    Ok((user_id, repo::find_display_name(tx, organization_id, user_id).await?))
}

/// Something that happened, with its sentence.
#[derive(Clone, Debug)]
pub(crate) struct ToldActivity {
    /// What happened.
    pub(crate) activity: Activity,
    /// The whole in one sentence.
    pub(crate) summary: String,
}

/// The use cases of the timeline.
#[derive(Clone)]
pub(crate) struct Activities {
    database: Database,
}

impl Activities {
    /// Returns the use cases.
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Lists what happened in a space the caller sees, the newest first; guests see what guests may see.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        page: PageRequest<ActivityKey>,
        locale: Option<Locale>,
    ) -> Result<Page<ToldActivity>, SpaceError> {
        let viewer = Viewer::from(caller);
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let organization_id = viewer.organization_id;
                    let view = space::visible(tx, &viewer, space_id).await?;
                    let locale = match locale {
                        Some(locale) => locale,
                        None => locale::of_person(tx, organization_id, viewer.user_id).await?,
                    };
                    let rows =
                        repo::list(tx, organization_id, space_id, !view.standing.is_guest(), &page).await?;
                    let page = Page::cut(rows, &page, Activity::key);
                    let told = page.items.into_iter().map(|activity| ToldActivity {
                        summary: words::summary(&activity, locale),
                        activity,
                    });
                    Ok(Page { items: told.collect(), next_page_token: page.next_page_token })
                })
            })
            .await
    }
}
