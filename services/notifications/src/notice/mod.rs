//! Notices in the app: telling people, listing what they were told, marking it read, streaming it as it comes.
//!
//! Owns the tables `notices` and `notice_feeds`, and the open streams of this process. Must not decide who is told: the
//! event says so.

mod entity;
mod error;
mod hub;
mod repo;
mod stream;
pub(crate) mod words;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use service_kit::caller::{Call, Caller};
use service_kit::db::{Database, Reply};
use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::page::{Page, PageRequest};
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) use entity::{Hearer, News, Notice, NoticeId, NoticeKind};
pub use error::NoticeError;
pub(crate) use hub::Hub;
pub(crate) use stream::{Seen, Watcher};

/// How far unread notices are counted.
const MOST_UNREAD: i64 = 1_000;
/// How many notices a stream reads at once.
const BATCH: i64 = 100;
/// How many rows of each table are deleted at once.
const DELETE_BATCH: i64 = 1_000;

/// The notices of all people, each seen by their own person only.
#[derive(Clone, Debug)]
pub(crate) struct Notices {
    database: Database,
}

/// A page, and how many of the person's notices are unread.
pub(crate) struct Listed {
    /// The newest first.
    pub(crate) page: Page<Notice>,
    /// At most 1,000.
    pub(crate) unread: i64,
}

/// Which notices to mark read.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    /// Those named.
    pub(crate) named: Vec<NoticeId>,
    /// All up to this one; absent: only those named.
    pub(crate) up_to: Option<NoticeId>,
}

/// How many of the person's notices are unread, at most 1,000.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unread(pub(crate) i64);

/// What a stream reads at once.
pub(crate) struct Batch {
    /// The oldest first.
    pub(crate) notices: Vec<Notice>,
    /// Where the stream stands where there are none.
    pub(crate) position: i64,
    /// How many are unread, at most 1,000.
    pub(crate) unread: i64,
}

impl Notices {
    /// Returns the notices of a database.
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Lists the caller's, newest first.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        page: PageRequest<i64>,
        unread_only: bool,
    ) -> Result<Listed, NoticeError> {
        let (organization_id, user_id) = (caller.organization_id, caller.user_id);
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    let limit = page.limit();
                    let rows =
                        repo::list(tx, organization_id, user_id, page.after, unread_only, limit).await?;
                    let unread = repo::count_unread(tx, organization_id, user_id, MOST_UNREAD).await?;
                    Ok(Listed { page: Page::cut(rows, &page, |notice| notice.position), unread })
                })
            })
            .await
    }

    /// Marks notices of the caller read. What is not the caller's is left out.
    pub(crate) async fn mark_read<R: Reply<Unread>>(
        &self,
        call: &Call,
        marks: Marks,
    ) -> Result<R, NoticeError> {
        let caller = call.caller()?;
        let (organization_id, user_id) = (caller.organization_id, caller.user_id);
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    let named: Vec<Uuid> = marks.named.iter().map(|id| id.uuid()).collect();
                    repo::mark_read(tx, organization_id, user_id, &named, marks.up_to).await?;
                    let unread = repo::count_unread(tx, organization_id, user_id, MOST_UNREAD).await?;
                    Ok::<_, NoticeError>(Unread(unread))
                })
            })
            .await
    }

    /// Reads what came for somebody after a position, or only where they stand.
    async fn read_after(
        &self,
        organization_id: OrganizationId,
        user_id: UserId,
        after: Option<i64>,
    ) -> Result<Batch, NoticeError> {
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    let last = repo::last_position(tx, organization_id, user_id).await?;
                    // One from the future was made up, or is from before a restore.
                    let after = after.map_or(last, |after| after.min(last));
                    let notices = repo::list_after(tx, organization_id, user_id, after, BATCH).await?;
                    let unread = repo::count_unread(tx, organization_id, user_id, MOST_UNREAD).await?;
                    Ok(Batch { notices, position: after, unread })
                })
            })
            .await
    }

    /// Deletes what is older than 90 days by the database's clock; returns how many rows.
    pub(crate) async fn delete_old(&self) -> Result<i64, CommonError> {
        let mut deleted = 0;
        loop {
            let count = repo::delete_old(self.database.pool()).await?;
            deleted += count;
            if count < DELETE_BATCH {
                return Ok(deleted);
            }
        }
    }
}

/// Tells people what happened, in the transaction that applies its event. The same again tells nobody twice.
pub(crate) async fn tell(
    tx: &mut PgConnection,
    news: &News,
    hearers: impl IntoIterator<Item = Hearer>,
) -> Result<(), CommonError> {
    let hearers: BTreeMap<UserId, Hearer> =
        hearers.into_iter().map(|hearer| (hearer.user_id, hearer)).collect();
    if hearers.is_empty() {
        return Ok(());
    }
    Ok(repo::insert(tx, news, &hearers).await?)
}

/// Hides the notices of a space from somebody who is out of it, as far as they are of before.
pub(crate) async fn hide(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    user_id: UserId,
    until: DateTime<Utc>,
) -> Result<(), CommonError> {
    Ok(repo::hide(tx, organization_id, space_id, user_id, until).await?)
}
