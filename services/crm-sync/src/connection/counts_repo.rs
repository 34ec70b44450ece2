//! The SQL that counts connections of all organisations.
//!
//! Acts through a function that says nothing of any of them.

use sqlx::PgPool;

use crate::connectors::Provider;

/// How many connections of one CRM are in one state.
pub(crate) struct Count {
    /// Which CRM.
    pub(crate) provider: Provider,
    /// `connected`, `paused` or `reconnect_needed`.
    pub(crate) state: String,
    /// How many.
    pub(crate) count: f64,
}

/// Counts the connections that nobody ended; what there is none of is left out.
pub(crate) async fn count(pool: &PgPool) -> Result<Vec<Count>, sqlx::Error> {
    sqlx::query_as!(
        Count,
        r#"SELECT provider AS "provider!: Provider", state AS "state!", count::float8 AS "count!"
             FROM count_connections()"#,
    )
    .fetch_all(pool)
    .await
}
