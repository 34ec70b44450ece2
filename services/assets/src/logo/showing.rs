//! Showing logos: to whom, and in which size.
//!
//! Owns who sees a logo. A customer's is seen by whoever sees a space that shows it, which spaces says at each call,
//! and while no place shows it by whoever may edit the space it was uploaded for; the others by everybody of the
//! organisation who has their id. What somebody may not see looks like what never was.

use std::collections::HashMap;

use service_kit::caller::{Call, Caller};
use service_kit::db::Reply;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::space_access::Permission;

use super::{
    FormattedLogo, Kind, Known, LinkedLogo, LinkedLogos, Logo, LogoError, LogoId, LogoRemoved, Logos,
    PicturesOfPeople, Rendition, Shown, View, places, repo,
};

impl Logos {
    /// Returns a logo with an address to fetch it from.
    pub(crate) async fn get(
        &self,
        caller: &Caller,
        logo_id: LogoId,
        view: View,
    ) -> Result<LinkedLogo, LogoError> {
        let known = self.find(caller.organization_id, logo_id).await?;
        if !self.may_see(caller, &known).await? {
            return Err(LogoError::NotFound);
        }
        let shown = known.show(view)?;
        self.linked(known.logo, shown).await
    }

    /// Returns those of the logos that the caller may see because a space shows them, in the order they were asked
    /// for. Asks spaces once.
    pub(crate) async fn batch_get(
        &self,
        caller: &Caller,
        wanted: &[(LogoId, View)],
    ) -> Result<LinkedLogos, LogoError> {
        let logo_ids: Vec<LogoId> = wanted.iter().map(|(logo_id, _)| *logo_id).collect();
        let known = self.known(caller.organization_id, &logo_ids).await?;
        let of_customers = known.iter().filter(|known| known.logo.kind == Kind::Customer);
        let of_customers: Vec<_> = of_customers.map(|known| known.logo.logo_id.uuid()).collect();
        let visible = self.access.visible_logos(caller, &of_customers).await?;
        let known: HashMap<LogoId, Known> = known
            .into_iter()
            .filter(|known| known.logo.kind != Kind::Customer || visible.contains(&known.logo.logo_id.uuid()))
            .map(|known| (known.logo.logo_id, known))
            .collect();
        let mut linked = Vec::new();
        for (logo_id, view) in wanted {
            let Some(known) = known.get(logo_id) else { continue };
            let Some(shown) = known.show_best(*view) else { continue };
            linked.push(self.linked(known.logo.clone(), shown).await?);
        }
        Ok(LinkedLogos(linked))
    }

    /// Returns what a logo looks like in the header and in a list, to whoever may edit the space it was uploaded for.
    pub(crate) async fn format(
        &self,
        caller: &Caller,
        logo_id: LogoId,
        is_transparent: bool,
    ) -> Result<FormattedLogo, LogoError> {
        let known = self.find(caller.organization_id, logo_id).await?;
        if !self.may_edit_its_space(caller, &known.logo).await? {
            return Err(LogoError::NotFound);
        }
        let header = known.show(View { rendition: Rendition::Header, is_transparent })?;
        let gallery = known.show(View { rendition: Rendition::Gallery, is_transparent })?;
        Ok(FormattedLogo {
            header: self.linked(known.logo.clone(), header).await?,
            gallery: self.linked(known.logo, gallery).await?,
        })
    }

    /// Returns the organisation's own logo.
    pub(crate) async fn get_own(&self, caller: &Caller, view: View) -> Result<LinkedLogo, LogoError> {
        let organization_id = caller.organization_id;
        let logo_id = self
            .database
            .read(organization_id, move |tx| {
                Box::pin(async move { Ok::<_, LogoError>(places::find_own(tx, organization_id).await?) })
            })
            .await?;
        let known = self.find(organization_id, logo_id.ok_or(LogoError::NotFound)?).await?;
        let shown = known.show(view)?;
        self.linked(known.logo, shown).await
    }

    /// Takes the organisation's own logo away, where there is one.
    pub(crate) async fn remove_own<R: Reply<LogoRemoved>>(&self, call: &Call) -> Result<R, LogoError> {
        let organization_id = call.caller()?.organization_id;
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    places::remove_own(tx, organization_id).await?;
                    Ok::<_, LogoError>(LogoRemoved)
                })
            })
            .await
    }

    /// Returns the pictures of those of the people who have one, in the order they were asked for.
    pub(crate) async fn of_people(
        &self,
        caller: &Caller,
        user_ids: Vec<UserId>,
    ) -> Result<PicturesOfPeople, LogoError> {
        let organization_id = caller.organization_id;
        let asked: Vec<_> = user_ids.iter().map(|user_id| user_id.uuid()).collect();
        let found: HashMap<UserId, LogoId> = self
            .database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    let found = places::find_of_people(tx, organization_id, &asked).await?;
                    Ok::<_, LogoError>(found.into_iter().collect())
                })
            })
            .await?;
        let logo_ids: Vec<LogoId> = found.values().copied().collect();
        let known = self.known(organization_id, &logo_ids).await?;
        let known: HashMap<LogoId, Known> =
            known.into_iter().map(|known| (known.logo.logo_id, known)).collect();
        let mut pictures = Vec::new();
        for user_id in user_ids {
            let Some(known) = found.get(&user_id).and_then(|logo_id| known.get(logo_id)) else { continue };
            let shown = known.show(View { rendition: Rendition::Gallery, is_transparent: false })?;
            pictures.push((user_id, self.linked(known.logo.clone(), shown).await?));
        }
        Ok(PicturesOfPeople(pictures))
    }

    /// Takes the caller's own picture away, where there is one.
    pub(crate) async fn remove_of_caller<R: Reply<LogoRemoved>>(&self, call: &Call) -> Result<R, LogoError> {
        let Caller { organization_id, user_id, .. } = *call.caller()?;
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    places::remove_of_person(tx, organization_id, user_id).await?;
                    Ok::<_, LogoError>(LogoRemoved)
                })
            })
            .await
    }

    /// Returns a logo to another service that is about to show it: in a space, where it was uploaded for that one or is
    /// shown there, or, without a space, a banner or an organisation's. It is kept for a day from then on.
    pub(crate) async fn describe(
        &self,
        organization_id: OrganizationId,
        space_id: Option<SpaceId>,
        logo_id: LogoId,
    ) -> Result<Logo, LogoError> {
        let found = self
            .database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    Ok::<_, LogoError>(repo::find_for_use(tx, organization_id, space_id, logo_id).await?)
                })
            })
            .await?;
        found.ok_or(LogoError::NotFound)
    }

    async fn may_see(&self, caller: &Caller, known: &Known) -> Result<bool, LogoError> {
        let logo = &known.logo;
        if logo.kind != Kind::Customer {
            return Ok(true);
        }
        let logo_id = logo.logo_id.uuid();
        if self.access.visible_logos(caller, &[logo_id]).await?.contains(&logo_id) {
            return Ok(true);
        }
        Ok(!known.is_placed && self.may_edit_its_space(caller, logo).await?)
    }

    async fn may_edit_its_space(&self, caller: &Caller, logo: &Logo) -> Result<bool, LogoError> {
        let Some(space_id) = logo.space_id else { return Ok(false) };
        Ok(self.access.permissions_of(caller, space_id).await?.may(Permission::Edit))
    }

    async fn linked(&self, logo: Logo, shown: Shown) -> Result<LinkedLogo, LogoError> {
        let key = shown.view.object_key(logo.organization_id, logo.logo_id);
        let url = self.store.link(&key, logo.format.content_type(), logo.format.file_name()).await?;
        Ok(LinkedLogo { logo, shown, url })
    }
}
