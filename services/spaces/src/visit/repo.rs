//! All SQL of visits.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::{Deed, Ended, GuestVisits, ITEMS_OF_GUEST_MAX, Insights, ItemDeeds, LISTED_MAX};

/// A visit that goes on.
pub(super) struct Begun {
    pub(super) visit_id: Uuid,
    pub(super) is_new: bool,
}

struct Row {
    visit_id: Uuid,
    space_id: Uuid,
    user_id: Uuid,
    start_time: DateTime<Utc>,
    last_time: DateTime<Utc>,
}

impl Row {
    fn into_ended(self, organization_id: OrganizationId) -> Ended {
        Ended {
            organization_id,
            visit_id: self.visit_id,
            space_id: self.space_id.into(),
            user_id: self.user_id.into(),
            start_time: self.start_time,
            last_time: self.last_time,
        }
    }
}

/// Ends a visit unless something was heard of it since.
pub(super) async fn end(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    visit_id: Uuid,
    quiet: Duration,
) -> Result<Option<Ended>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "UPDATE visits SET is_open = false
          WHERE organization_id = $1 AND visit_id = $2 AND is_open AND last_time <= now() - make_interval(secs => $3)
          RETURNING visit_id, space_id, user_id, start_time, last_time",
        organization_id.uuid(),
        visit_id,
        quiet.as_secs_f64(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| row.into_ended(organization_id)))
}

/// Ends a person's visit of a space unless something was heard of it lately.
pub(super) async fn end_of(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    user_id: UserId,
    quiet: Duration,
) -> Result<Option<Ended>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "UPDATE visits SET is_open = false
          WHERE organization_id = $1 AND space_id = $2 AND user_id = $3 AND is_open
            AND last_time <= now() - make_interval(secs => $4)
          RETURNING visit_id, space_id, user_id, start_time, last_time",
        organization_id.uuid(),
        space_id.uuid(),
        user_id.uuid(),
        quiet.as_secs_f64(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| row.into_ended(organization_id)))
}

/// Goes on with the open visit of a person, or begins one of this id.
pub(super) async fn go_on(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    user_id: UserId,
    new_visit_id: Uuid,
) -> Result<Begun, sqlx::Error> {
    let visit_id = sqlx::query_scalar!(
        "INSERT INTO visits (organization_id, visit_id, space_id, user_id, start_time, last_time)
         VALUES ($1, $2, $3, $4, now(), now())
         ON CONFLICT (organization_id, space_id, user_id) WHERE is_open
             DO UPDATE SET last_time = greatest(visits.last_time, now())
         RETURNING visit_id",
        organization_id.uuid(),
        new_visit_id,
        space_id.uuid(),
        user_id.uuid(),
    )
    .fetch_one(tx)
    .await?;
    Ok(Begun { visit_id, is_new: visit_id == new_visit_id })
}

/// Notes on the participant that a visit begins.
pub(super) async fn note_begin(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    user_id: UserId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE participants SET last_visit_time = now()
          WHERE organization_id = $1 AND space_id = $2 AND user_id = $3",
        organization_id.uuid(),
        space_id.uuid(),
        user_id.uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Counts what is done with an item in a visit.
pub(super) async fn note(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    visit_id: Uuid,
    item_id: Uuid,
    title: &str,
    deed: Deed,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO visit_items AS v (organization_id, visit_id, item_id, title, open_count, download_count, first_time)
         VALUES ($1, $2, $3, $4, $5, $6, now())
         ON CONFLICT (organization_id, visit_id, item_id) DO UPDATE
            SET title = excluded.title,
                open_count = v.open_count + excluded.open_count,
                download_count = v.download_count + excluded.download_count",
        organization_id.uuid(),
        visit_id,
        item_id,
        title,
        i32::from(deed == Deed::Open),
        i32::from(deed == Deed::Download),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Lists titles of what was opened in a visit, and of what was downloaded, in the order it was.
pub(super) async fn list_titles(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    visit_id: Uuid,
    limit: usize,
) -> Result<(Vec<String>, Vec<String>), sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT title, open_count, download_count FROM visit_items
          WHERE organization_id = $1 AND visit_id = $2 ORDER BY first_time, item_id",
        organization_id.uuid(),
        visit_id,
    )
    .fetch_all(tx)
    .await?;
    let opened = rows.iter().filter(|row| row.open_count > 0).map(|row| row.title.clone());
    let downloaded = rows.iter().filter(|row| row.download_count > 0).map(|row| row.title.clone());
    Ok((opened.take(limit).collect(), downloaded.take(limit).collect()))
}

/// Reads all that insights tell of a space.
pub(super) async fn insights(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
) -> Result<Insights, sqlx::Error> {
    let (organization, space) = (organization_id.uuid(), space_id.uuid());
    let totals = sqlx::query!(
        r#"SELECT count(*) AS "visit_count!",
                  coalesce(sum(extract(epoch FROM last_time - start_time)), 0)::float8 AS "seconds!"
             FROM visits WHERE organization_id = $1 AND space_id = $2"#,
        organization,
        space,
    )
    .fetch_one(&mut *tx)
    .await?;
    let items = sqlx::query_as!(
        ItemDeeds,
        r#"SELECT d.item_id, coalesce(max(i.title), '') AS "title!", sum(d.open_count) AS "open_count!",
                  sum(d.download_count) AS "download_count!"
             FROM visit_items d
             JOIN visits v ON v.organization_id = d.organization_id AND v.visit_id = d.visit_id
             LEFT JOIN items i ON i.organization_id = d.organization_id AND i.item_id = d.item_id
            WHERE v.organization_id = $1 AND v.space_id = $2
            GROUP BY d.item_id
            ORDER BY 3 DESC, 4 DESC, d.item_id
            LIMIT $3"#,
        organization,
        space,
        LISTED_MAX,
    )
    .fetch_all(&mut *tx)
    .await?;
    let rows = sqlx::query!(
        r#"SELECT p.user_id, e.display_name, e.email_address, count(v.visit_id) AS "visit_count!",
                  coalesce(sum(extract(epoch FROM v.last_time - v.start_time)), 0)::float8 AS "seconds!",
                  min(v.start_time) AS first_visit_time, max(v.start_time) AS last_visit_time,
                  (SELECT count(*) FROM items i
                    WHERE i.organization_id = $1 AND i.space_id = $2 AND i.kind <> 'FOLDER'
                      AND NOT EXISTS (
                          SELECT FROM visit_items d
                            JOIN visits w ON w.organization_id = d.organization_id AND w.visit_id = d.visit_id
                           WHERE d.organization_id = $1 AND d.item_id = i.item_id
                             AND w.space_id = $2 AND w.user_id = p.user_id
                      )) AS "unopened_item_count!"
             FROM participants p
             JOIN people e ON e.organization_id = p.organization_id AND e.user_id = p.user_id
             LEFT JOIN visits v
               ON v.organization_id = p.organization_id AND v.space_id = p.space_id AND v.user_id = p.user_id
            WHERE p.organization_id = $1 AND p.space_id = $2 AND p.kind = 'EXTERNAL'
              AND p.state IN ('INVITED', 'ACTIVE')
            GROUP BY p.user_id, e.display_name, e.email_address
            ORDER BY max(v.start_time) DESC NULLS LAST, p.user_id
            LIMIT $3"#,
        organization,
        space,
        LISTED_MAX,
    )
    .fetch_all(&mut *tx)
    .await?;
    let guest_ids: Vec<Uuid> = rows.iter().map(|row| row.user_id).collect();
    let mut deeds = deeds_by_guest(tx, (organization, space), &guest_ids).await?;
    let guests = rows.into_iter().map(|row| GuestVisits {
        user_id: row.user_id.into(),
        display_name: row.display_name,
        email_address: row.email_address,
        visit_count: row.visit_count,
        seconds: row.seconds,
        first_visit_time: row.first_visit_time,
        last_visit_time: row.last_visit_time,
        items: deeds.remove(&row.user_id).unwrap_or_default(),
        unopened_item_count: row.unopened_item_count,
    });
    Ok(Insights { visit_count: totals.visit_count, seconds: totals.seconds, guests: guests.collect(), items })
}

/// Reads what these guests opened and downloaded most, at most 50 items each.
async fn deeds_by_guest(
    tx: &mut PgConnection,
    (organization, space): (Uuid, Uuid),
    guest_ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<ItemDeeds>>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT s.user_id, s.item_id, coalesce(i.title, '') AS "title!", s.open_count AS "open_count!",
                  s.download_count AS "download_count!"
             FROM (SELECT v.user_id, d.item_id, sum(d.open_count) AS open_count,
                          sum(d.download_count) AS download_count,
                          row_number() OVER (PARTITION BY v.user_id ORDER BY sum(d.open_count) DESC,
                                             sum(d.download_count) DESC, d.item_id) AS place
                     FROM visit_items d
                     JOIN visits v ON v.organization_id = d.organization_id AND v.visit_id = d.visit_id
                    WHERE v.organization_id = $1 AND v.space_id = $2 AND v.user_id = ANY($3)
                    GROUP BY v.user_id, d.item_id) s
             LEFT JOIN items i ON i.organization_id = $1 AND i.item_id = s.item_id
            WHERE s.place <= $4
            ORDER BY s.user_id, s.place"#,
        organization,
        space,
        guest_ids,
        ITEMS_OF_GUEST_MAX,
    )
    .fetch_all(tx)
    .await?;
    let mut deeds: HashMap<Uuid, Vec<ItemDeeds>> = HashMap::new();
    for row in rows {
        deeds.entry(row.user_id).or_default().push(ItemDeeds {
            item_id: row.item_id,
            title: row.title,
            open_count: row.open_count,
            download_count: row.download_count,
        });
    }
    Ok(deeds)
}
