//! Themes: the looks that an organisation's admins make for its spaces.
//!
//! Owns the use cases; each opens and commits its transaction. The rules are in `entity`, the SQL in `repo`. Whether a
//! banner exists is assets' to say.

mod entity;
mod error;
mod events;
mod repo;

use service_kit::caller::{Call, Caller};
use service_kit::clock::SharedClock;
use service_kit::db::{Database, Reply};
use service_kit::error::CommonError;
use service_kit::ids::{Ids, OrganizationId};
use service_kit::page::{Page, PageRequest};
use service_kit::peers::PeerChannel;
use service_kit::validate::Violations;
use sharedspaces_proto::assets::v1 as assets;
use sharedspaces_proto::assets::v1::logo_service_client::LogoServiceClient;
use sqlx::PgConnection;
use tonic::Code;
use uuid::Uuid;

pub(crate) use entity::{
    Color, Colors, ContrastWarning, Font, Look, Looks, NAME_MAX, NewTheme, Theme, ThemeChange, ThemeDeleted,
    ThemeKey, ThemeSaved,
};
pub use error::ThemeError;

/// Tells whether the organisation has a theme; it then stays until the transaction ends.
pub(crate) async fn exists(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    theme_id: Uuid,
) -> Result<bool, sqlx::Error> {
    repo::exists(tx, organization_id, theme_id).await
}

/// Returns the looks of the organisation's spaces: for a list, one question for all of them.
pub(crate) async fn looks(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<Looks, sqlx::Error> {
    Ok(Looks::new(repo::looks(tx, organization_id).await?))
}

/// Returns the look of a space that chose this theme: its theme, else the default, else the built-in one.
pub(crate) async fn look(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    theme_id: Option<Uuid>,
) -> Result<Look, sqlx::Error> {
    Ok(looks(tx, organization_id).await?.of(theme_id))
}

/// The use cases of themes.
#[derive(Clone)]
pub(crate) struct Themes {
    database: Database,
    clock: SharedClock,
    ids: Ids,
    logos: LogoServiceClient<PeerChannel>,
}

impl Themes {
    /// Returns the use cases; `logos` is where uploaded banners are asked for.
    pub(crate) fn new(
        database: Database,
        clock: SharedClock,
        ids: Ids,
        logos: LogoServiceClient<PeerChannel>,
    ) -> Self {
        Self { database, clock, ids, logos }
    }

    /// Creates a theme.
    pub(crate) async fn create<R: Reply<ThemeSaved>>(
        &self,
        call: &Call,
        new: NewTheme,
    ) -> Result<R, ThemeError> {
        let organization_id = call.caller()?.organization_id;
        if let Some(reply) = self.database.replay(call, organization_id).await? {
            return Ok(reply);
        }
        self.check_banner(organization_id, new.banner_logo_id).await?;
        let theme = Theme::create(organization_id, self.ids.next(), new, self.clock.now());
        let event_id = self.ids.next();
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    repo::lock_set(tx, organization_id).await?;
                    if repo::count(tx, organization_id).await? >= entity::THEMES_MAX {
                        return Err(ThemeError::TooMany);
                    }
                    if theme.is_default {
                        repo::clear_default(tx, organization_id, theme.theme_id, theme.create_time).await?;
                    }
                    repo::insert(tx, &theme).await?;
                    if theme.banner_logo_id.is_some() {
                        events::banner_placed(tx, event_id, &theme).await?;
                    }
                    Ok(ThemeSaved(theme))
                })
            })
            .await
    }

    /// Changes a theme; spaces that use it change with it.
    pub(crate) async fn update<R: Reply<ThemeSaved>>(
        &self,
        call: &Call,
        theme_id: Uuid,
        change: ThemeChange,
    ) -> Result<R, ThemeError> {
        let organization_id = call.caller()?.organization_id;
        if let Some(reply) = self.database.replay(call, organization_id).await? {
            return Ok(reply);
        }
        self.check_banner(organization_id, change.banner_logo_id.flatten()).await?;
        let (now, event_id) = (self.clock.now(), self.ids.next());
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    repo::lock_set(tx, organization_id).await?;
                    let mut theme =
                        repo::find(tx, organization_id, theme_id).await?.ok_or(ThemeError::NotFound)?;
                    let banner_before = theme.banner_logo_id;
                    theme.change(change, now)?;
                    if theme.is_default {
                        repo::clear_default(tx, organization_id, theme_id, now).await?;
                    }
                    repo::update(tx, &theme).await?;
                    if theme.banner_logo_id != banner_before {
                        events::banner_placed(tx, event_id, &theme).await?;
                    }
                    Ok(ThemeSaved(theme))
                })
            })
            .await
    }

    /// Deletes a theme that is not used, or puts another in its place everywhere.
    pub(crate) async fn delete<R: Reply<ThemeDeleted>>(
        &self,
        call: &Call,
        theme_id: Uuid,
        replacement: Option<Uuid>,
    ) -> Result<R, ThemeError> {
        let organization_id = call.caller()?.organization_id;
        if replacement == Some(theme_id) {
            return Err(Violations::one("replacement_theme_id", "must be another theme").into());
        }
        let this = self.clone();
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move { this.delete_in(tx, organization_id, theme_id, replacement).await })
            })
            .await
    }

    async fn delete_in(
        &self,
        tx: &mut PgConnection,
        organization_id: OrganizationId,
        theme_id: Uuid,
        replacement: Option<Uuid>,
    ) -> Result<ThemeDeleted, ThemeError> {
        let now = self.clock.now();
        repo::lock_set(tx, organization_id).await?;
        let mut theme = repo::find(tx, organization_id, theme_id).await?.ok_or(ThemeError::NotFound)?;
        let successor = match replacement {
            Some(id) => {
                Some(repo::find(tx, organization_id, id).await?.ok_or(ThemeError::ReplacementNotFound)?)
            }
            None if theme.is_default || theme.space_count > 0 => return Err(ThemeError::InUse),
            None => None,
        };
        // Deleted spaces that may come back lose it silently where nobody else uses it.
        repo::replace(tx, organization_id, theme_id, replacement, now).await?;
        if let Some(mut successor) = successor.filter(|_| theme.is_default) {
            repo::clear_default(tx, organization_id, successor.theme_id, now).await?;
            successor.change(ThemeChange { is_default: Some(true), ..ThemeChange::default() }, now)?;
            repo::update(tx, &successor).await?;
        }
        repo::delete(tx, organization_id, theme_id).await?;
        if theme.banner_logo_id.take().is_some() {
            theme.version += 1;
            events::banner_placed(tx, self.ids.next(), &theme).await?;
        }
        Ok(ThemeDeleted)
    }

    /// Lists the themes of the organisation by name.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        page: PageRequest<ThemeKey>,
    ) -> Result<Page<Theme>, ThemeError> {
        let organization_id = caller.organization_id;
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    let rows = repo::list(tx, organization_id, &page).await?;
                    Ok(Page::cut(rows, &page, Theme::key))
                })
            })
            .await
    }

    /// Asks assets whether a banner is one.
    async fn check_banner(
        &self,
        organization_id: OrganizationId,
        banner_logo_id: Option<Uuid>,
    ) -> Result<(), ThemeError> {
        let Some(logo_id) = banner_logo_id else { return Ok(()) };
        let request = assets::DescribeLogoRequest {
            organization_id: organization_id.to_string(),
            space_id: String::new(),
            logo_id: logo_id.to_string(),
        };
        match self.logos.clone().describe_logo(request).await {
            Ok(answer) => match answer.into_inner().logo {
                Some(logo) if logo.kind() == assets::LogoKind::Banner => Ok(()),
                _ => Err(ThemeError::BannerNotFound),
            },
            Err(status) if status.code() == Code::NotFound => Err(ThemeError::BannerNotFound),
            Err(status) => Err(CommonError::Peer(Box::new(status)).into()),
        }
    }
}
