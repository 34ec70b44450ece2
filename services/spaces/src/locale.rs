//! The language somebody is answered in.

use service_kit::locale::Locale;
use sqlx::PgConnection;

use crate::permission::Viewer;

/// Returns the language that was asked for, else the viewer's own.
pub(crate) async fn or_own(
    tx: &mut PgConnection,
    viewer: &Viewer,
    asked: Option<Locale>,
) -> Result<Locale, sqlx::Error> {
    if let Some(locale) = asked {
        return Ok(locale);
    }
    let own = sqlx::query_scalar!(
        "SELECT locale FROM people WHERE organization_id = $1 AND user_id = $2",
        viewer.organization_id.uuid(),
        viewer.user_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(own.as_deref().map_or(Locale::English, Locale::of))
}
