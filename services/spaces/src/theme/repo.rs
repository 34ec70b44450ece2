//! All SQL of themes.

use chrono::{DateTime, Utc};
use service_kit::db::violated_constraint;
use service_kit::ids::OrganizationId;
use service_kit::page::PageRequest;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::{Color, Colors, Font, Look, Theme, ThemeKey};
use super::error::ThemeError;

/// Tells whether the organisation has a theme, and keeps it from being deleted until the transaction ends.
pub(super) async fn exists(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    theme_id: Uuid,
) -> Result<bool, sqlx::Error> {
    let found = sqlx::query!(
        "SELECT 1 AS one FROM themes WHERE organization_id = $1 AND theme_id = $2 FOR KEY SHARE",
        organization_id.uuid(),
        theme_id,
    )
    .fetch_optional(tx)
    .await?;
    Ok(found.is_some())
}

/// Lists the looks that the organisation's themes give, and which is the default.
pub(super) async fn looks(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<Vec<(Look, bool)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT theme_id, name, background, text_color, header, header_text, accent, accent_text,
                  font AS "font: Font", banner_logo_id, is_default
             FROM themes WHERE organization_id = $1"#,
        organization_id.uuid(),
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let colors = colors([
                &row.background,
                &row.text_color,
                &row.header,
                &row.header_text,
                &row.accent,
                &row.accent_text,
            ]);
            let look = Look {
                theme_id: Some(row.theme_id),
                name: row.name,
                colors,
                font: row.font,
                banner_logo_id: row.banner_logo_id,
            };
            (look, row.is_default)
        })
        .collect())
}

/// Returns the colours of a row; the table's own check lets no other text in.
fn colors(texts: [&str; 6]) -> Colors {
    let [background, text, header, header_text, accent, accent_text] =
        texts.map(|text| Color::find(text).unwrap_or_default());
    Colors { background, text, header, header_text, accent, accent_text }
}

/// Lets one admin at a time change the set of themes.
pub(super) async fn lock_set(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('themes ' || $1::text, 0))",
        organization_id.to_string(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn count(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM themes WHERE organization_id = $1"#,
        organization_id.uuid(),
    )
    .fetch_one(tx)
    .await
}

pub(super) async fn insert(tx: &mut PgConnection, theme: &Theme) -> Result<(), ThemeError> {
    let inserted = sqlx::query!(
        "INSERT INTO themes (organization_id, theme_id, name, name_folded, background, text_color, header,
                             header_text, accent, accent_text, font, banner_logo_id, is_default, version,
                             create_time, update_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        theme.organization_id.uuid(),
        theme.theme_id,
        theme.name,
        theme.name_folded(),
        theme.colors.background.to_string(),
        theme.colors.text.to_string(),
        theme.colors.header.to_string(),
        theme.colors.header_text.to_string(),
        theme.colors.accent.to_string(),
        theme.colors.accent_text.to_string(),
        theme.font.as_str(),
        theme.banner_logo_id,
        theme.is_default,
        theme.version,
        theme.create_time,
        theme.update_time,
    )
    .execute(tx)
    .await;
    saved(inserted)
}

pub(super) async fn update(tx: &mut PgConnection, theme: &Theme) -> Result<(), ThemeError> {
    let updated = sqlx::query!(
        "UPDATE themes
            SET name = $3, name_folded = $4, background = $5, text_color = $6, header = $7, header_text = $8,
                accent = $9, accent_text = $10, font = $11, banner_logo_id = $12, is_default = $13,
                version = $14, update_time = $15
          WHERE organization_id = $1 AND theme_id = $2",
        theme.organization_id.uuid(),
        theme.theme_id,
        theme.name,
        theme.name_folded(),
        theme.colors.background.to_string(),
        theme.colors.text.to_string(),
        theme.colors.header.to_string(),
        theme.colors.header_text.to_string(),
        theme.colors.accent.to_string(),
        theme.colors.accent_text.to_string(),
        theme.font.as_str(),
        theme.banner_logo_id,
        theme.is_default,
        theme.version,
        theme.update_time,
    )
    .execute(tx)
    .await;
    saved(updated)
}

fn saved<T>(result: Result<T, sqlx::Error>) -> Result<(), ThemeError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if violated_constraint(&error) == Some("themes_name_key") => Err(ThemeError::NameTaken),
        Err(error) => Err(error.into()),
    }
}

/// Takes the default away from whichever other theme has it.
pub(super) async fn clear_default(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    except: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE themes SET is_default = false, version = version + 1, update_time = $3
          WHERE organization_id = $1 AND is_default AND theme_id <> $2",
        organization_id.uuid(),
        except,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

struct Row {
    theme_id: Uuid,
    name: String,
    background: String,
    text_color: String,
    header: String,
    header_text: String,
    accent: String,
    accent_text: String,
    font: Font,
    banner_logo_id: Option<Uuid>,
    is_default: bool,
    space_count: i64,
    version: i64,
    create_time: DateTime<Utc>,
    update_time: DateTime<Utc>,
}

impl Row {
    fn into_theme(self, organization_id: OrganizationId) -> Theme {
        let colors = colors([
            &self.background,
            &self.text_color,
            &self.header,
            &self.header_text,
            &self.accent,
            &self.accent_text,
        ]);
        Theme {
            organization_id,
            theme_id: self.theme_id,
            name: self.name,
            colors,
            font: self.font,
            banner_logo_id: self.banner_logo_id,
            is_default: self.is_default,
            space_count: self.space_count,
            version: self.version,
            create_time: self.create_time,
            update_time: self.update_time,
        }
    }
}

/// Finds a theme of the organisation.
pub(super) async fn find(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    theme_id: Uuid,
) -> Result<Option<Theme>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT t.theme_id, t.name, t.background, t.text_color, t.header, t.header_text, t.accent, t.accent_text,
                  t.font AS "font: Font", t.banner_logo_id, t.is_default, t.version, t.create_time, t.update_time,
                  (SELECT count(*) FROM spaces s
                    WHERE s.organization_id = $1 AND s.theme_id = t.theme_id AND s.state <> 'DELETED')
                  AS "space_count!"
             FROM themes t WHERE t.organization_id = $1 AND t.theme_id = $2"#,
        organization_id.uuid(),
        theme_id,
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| row.into_theme(organization_id)))
}

/// Lists the themes of the organisation by name.
pub(super) async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    page: &PageRequest<ThemeKey>,
) -> Result<Vec<Theme>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT t.theme_id, t.name, t.background, t.text_color, t.header, t.header_text, t.accent, t.accent_text,
                  t.font AS "font: Font", t.banner_logo_id, t.is_default, t.version, t.create_time, t.update_time,
                  (SELECT count(*) FROM spaces s
                    WHERE s.organization_id = $1 AND s.theme_id = t.theme_id AND s.state <> 'DELETED')
                  AS "space_count!"
             FROM themes t
            WHERE t.organization_id = $1 AND ($2::text IS NULL OR t.name_folded > $2)
            ORDER BY t.name_folded
            LIMIT $3"#,
        organization_id.uuid(),
        page.after.as_ref().map(|key| key.name_folded.as_str()),
        page.limit(),
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| row.into_theme(organization_id)).collect())
}

/// Puts another theme, or none, in the place of one in every space that chose it.
pub(super) async fn replace(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    theme_id: Uuid,
    replacement: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE spaces SET theme_id = $3, version = version + 1, update_time = $4
          WHERE organization_id = $1 AND theme_id = $2",
        organization_id.uuid(),
        theme_id,
        replacement,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Deletes a theme. Errors: a space chose it this moment.
pub(super) async fn delete(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    theme_id: Uuid,
) -> Result<(), ThemeError> {
    let deleted = sqlx::query!(
        "DELETE FROM themes WHERE organization_id = $1 AND theme_id = $2",
        organization_id.uuid(),
        theme_id,
    )
    .execute(tx)
    .await;
    match deleted {
        Ok(_) => Ok(()),
        Err(error) if violated_constraint(&error) == Some("spaces_theme_fkey") => Err(ThemeError::InUse),
        Err(error) => Err(error.into()),
    }
}
