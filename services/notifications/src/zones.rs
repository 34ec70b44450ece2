//! The time zones that the database knows.
//!
//! Owns one look at them per process: the list is made of files, and making it takes longer than all else a mail needs. The
//! database keeps their rules up to date; a zone that is new is known once the process starts again.

use std::collections::HashSet;

use sqlx::PgConnection;
use tokio::sync::OnceCell;

static ZONES: OnceCell<HashSet<String>> = OnceCell::const_new();

/// Tells whether the database knows a time zone by exactly this name.
pub(crate) async fn is_known(tx: &mut PgConnection, zone: &str) -> Result<bool, sqlx::Error> {
    Ok(ZONES.get_or_try_init(|| read(tx)).await?.contains(zone))
}

async fn read(tx: &mut PgConnection) -> Result<HashSet<String>, sqlx::Error> {
    let names = sqlx::query_scalar!(r#"SELECT name AS "name!" FROM pg_timezone_names"#).fetch_all(tx).await?;
    Ok(names.into_iter().collect())
}
