//! What is said, added and looked at.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use messaging::Received;
use messaging::jobs::JobError;
use service_kit::clock;
use service_kit::ids::UserId;
use sharedspaces_proto::spaces::events::v1::{CommentAdded, ItemAdded, VisitEnded};
use sqlx::PgConnection;

use super::super::id;
use super::{certain, due_times, gather, new_delivery, news, recipients, space};
use crate::delivery::{self, Added, Gathering, Mail, NewDelivery, Said};
use crate::directory::name_of;
use crate::notice::{self, News, NoticeKind};

/// Whom a comment mentions gets it as the others do, marked as such.
pub(crate) async fn comment_added(
    tx: &mut PgConnection,
    received: Received<CommentAdded>,
    gathering: Gathering,
) -> Result<(), JobError> {
    let event = &received.event;
    let space = certain(space(event.space.as_ref()))?;
    let author = certain(event.author.as_ref().context("the event has no author"))?;
    let mentioned: anyhow::Result<HashSet<UserId>> =
        event.mentioned_user_ids.iter().map(|user_id| id("mentioned_user_ids", user_id)).collect();
    let mentioned = certain(mentioned)?;
    let news = News {
        object_id: Some(certain(id("item_id", &event.item_id))?),
        object_name: event.item_title.clone(),
        ..certain(news(&received, &space, Some(author)))?
    };
    let told = recipients(tx, &received, space.space_id, &event.audience).await?;
    let said = |user_id| Said {
        author: name_of(author),
        item_title: event.item_title.clone(),
        excerpt: event.excerpt.clone(),
        mentions_recipient: mentioned.contains(&user_id),
    };
    let mail_to = |user_id| Mail::NewComment { space: space.clone(), comments: vec![said(user_id)], more: 0 };
    gather(tx, &received, &told, gathering.window, mail_to).await?;
    let kind = |user_id| {
        if mentioned.contains(&user_id) { NoticeKind::Mentioned } else { NoticeKind::NewComment }
    };
    Ok(notice::tell(tx, &news, told.iter().map(|person| person.hears(kind(person.user_id)))).await?)
}

pub(crate) async fn item_added(
    tx: &mut PgConnection,
    received: Received<ItemAdded>,
    gathering: Gathering,
) -> Result<(), JobError> {
    let event = &received.event;
    let space = certain(space(event.space.as_ref()))?;
    let adder = certain(event.adder.as_ref().context("the event has nobody who added it"))?;
    let news = News {
        object_id: Some(certain(id("item_id", &event.item_id))?),
        object_name: event.title.clone(),
        ..certain(news(&received, &space, Some(adder)))?
    };
    let told = recipients(tx, &received, space.space_id, &event.audience).await?;
    let added =
        || Added { adder: name_of(adder), title: event.title.clone(), is_external: event.is_external };
    let mail_to = |_| Mail::NewContent { space: space.clone(), items: vec![added()], more: 0 };
    gather(tx, &received, &told, gathering.window, mail_to).await?;
    Ok(notice::tell(tx, &news, told.iter().map(|person| person.hears(NoticeKind::NewContent))).await?)
}

/// One mail per visit, which waits for the end of quiet hours only.
pub(crate) async fn visit_ended(
    tx: &mut PgConnection,
    received: Received<VisitEnded>,
) -> Result<(), JobError> {
    let event = &received.event;
    let space = certain(space(event.space.as_ref()))?;
    let visitor = certain(event.visitor.as_ref().context("the event has no visitor"))?;
    let news = certain(news(&received, &space, Some(visitor)))?;
    let mail = Mail::VisitSummary {
        visitor: name_of(visitor),
        start_time: certain(time("start_time", event.start_time.as_ref()))?,
        end_time: certain(time("end_time", event.end_time.as_ref()))?,
        opened: event.opened_titles.clone(),
        downloaded: event.downloaded_titles.clone(),
        space: space.clone(),
    };
    let told = recipients(tx, &received, space.space_id, &event.audience).await?;
    let due_times = due_times(tx, &received, &told, Duration::ZERO).await?;
    for (person, due_time) in told.iter().zip(due_times) {
        let new = new_delivery(&received, person.user_id, mail.clone());
        delivery::plan(tx, &NewDelivery { due_time: Some(due_time), ..new }).await?;
    }
    Ok(notice::tell(tx, &news, told.iter().map(|person| person.hears(NoticeKind::Visit))).await?)
}

fn time(field: &str, told: Option<&prost_types::Timestamp>) -> anyhow::Result<DateTime<Utc>> {
    told.and_then(clock::time).with_context(|| format!("the event's {field} is no time"))
}
