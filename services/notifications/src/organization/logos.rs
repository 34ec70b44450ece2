//! Logos of organisations, asked of assets and kept for some minutes.
//!
//! Owns that a logo never keeps a mail waiting: whatever fails means the logo that was known before, or none. A copy of a
//! mail may differ from the first one in its logo alone, where that was replaced, or assets did not answer, in between.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use service_kit::ids::OrganizationId;
use service_kit::peers::PeerChannel;
use sharedspaces_proto::assets::v1 as pb;
use sharedspaces_proto::assets::v1::logo_service_client::LogoServiceClient;
use tokio::time::{Instant, timeout};

use crate::mail::Logo;

/// How long a logo is kept.
const FRESH: Duration = Duration::from_secs(300);
/// How long assets is not asked again after it failed.
const PAUSE: Duration = Duration::from_secs(30);
/// How long assets may take.
const WITHIN: Duration = Duration::from_secs(2);
/// Most logos kept, each of at most 128 KiB.
const MAX_KEPT: usize = 256;

/// The logos of all organisations.
#[derive(Clone)]
pub(crate) struct Logos {
    client: LogoServiceClient<PeerChannel>,
    shelf: Arc<Mutex<Shelf>>,
}

impl Logos {
    /// Returns the logos that assets has, over a channel.
    pub(crate) fn new(channel: PeerChannel) -> Self {
        Self { client: LogoServiceClient::new(channel), shelf: Arc::default() }
    }

    /// Finds the logo of an organisation; nothing where there is none or none is to be had.
    pub(crate) async fn find(&self, organization_id: OrganizationId) -> Option<Logo> {
        let kept = self.on_shelf(|shelf| shelf.find(organization_id, Instant::now()));
        match kept {
            Kept::Fresh(logo) => logo,
            Kept::Stale(before) => {
                let (logo, life) = match self.fetch(organization_id).await {
                    Ok(logo) => (logo, FRESH),
                    Err(reason) => {
                        tracing::warn!(organization.id = %organization_id, reason, "logo not fetched");
                        (before, PAUSE)
                    }
                };
                let until = Instant::now() + life;
                self.on_shelf(|shelf| shelf.put(organization_id, logo.clone(), until));
                logo
            }
        }
    }

    async fn fetch(&self, organization_id: OrganizationId) -> Result<Option<Logo>, String> {
        let request = pb::FetchOrganizationLogoRequest { organization_id: organization_id.to_string() };
        let mut client = self.client.clone();
        let answer = timeout(WITHIN, client.fetch_organization_logo(request)).await;
        let answer = answer.map_err(|_| "no answer in time".to_owned())?;
        let told = answer.map_err(|status| format!("{:?}", status.code()))?.into_inner();
        Ok(Logo::find(&told.image, &told.content_type, told.width_px, told.height_px))
    }

    fn on_shelf<T>(&self, work: impl FnOnce(&mut Shelf) -> T) -> T {
        work(&mut self.shelf.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is kept of one organisation.
#[derive(Debug, Eq, PartialEq)]
enum Kept {
    /// To be used.
    Fresh(Option<Logo>),
    /// Assets is to be asked; what it said last.
    Stale(Option<Logo>),
}

/// What assets said, and until when it counts.
#[derive(Default)]
struct Shelf(HashMap<OrganizationId, (Option<Logo>, Instant)>);

impl Shelf {
    fn find(&self, organization_id: OrganizationId, now: Instant) -> Kept {
        match self.0.get(&organization_id) {
            Some((logo, until)) if now < *until => Kept::Fresh(logo.clone()),
            Some((logo, _)) => Kept::Stale(logo.clone()),
            None => Kept::Stale(None),
        }
    }

    /// Keeps a logo, in the place of the one that ends first where all places are taken.
    fn put(&mut self, organization_id: OrganizationId, logo: Option<Logo>, until: Instant) {
        if self.0.len() >= MAX_KEPT && !self.0.contains_key(&organization_id) {
            let first = self.0.iter().min_by_key(|(_, (_, until))| *until).map(|(id, _)| *id);
            if let Some(first) = first {
                self.0.remove(&first);
            }
        }
        self.0.insert(organization_id, (logo, until));
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn organization(number: u128) -> OrganizationId {
        OrganizationId::from(Uuid::from_u128(number))
    }

    #[test]
    fn a_logo_is_used_until_its_time_ends_and_remembered_after_that() {
        let (mut shelf, now, id) = (Shelf::default(), Instant::now(), organization(1));
        assert_eq!(shelf.find(id, now), Kept::Stale(None));
        let logo = Logo::find(&[1], "image/png", 4, 2);
        shelf.put(id, logo.clone(), now + FRESH);
        assert_eq!(shelf.find(id, now + FRESH - Duration::from_millis(1)), Kept::Fresh(logo.clone()));
        assert_eq!(shelf.find(id, now + FRESH), Kept::Stale(logo));
        assert_eq!(shelf.find(organization(2), now), Kept::Stale(None));
    }

    #[test]
    fn no_more_logos_are_kept_than_there_are_places_and_the_oldest_goes_first() {
        let (mut shelf, now) = (Shelf::default(), Instant::now());
        let places = u64::try_from(MAX_KEPT).unwrap();
        for number in 0..=places {
            shelf.put(organization(number.into()), None, now + FRESH + Duration::from_secs(number));
        }
        assert_eq!(shelf.0.len(), MAX_KEPT);
        assert_eq!(shelf.find(organization(0), now), Kept::Stale(None));
        assert_eq!(shelf.find(organization(1), now), Kept::Fresh(None));
        shelf.put(organization(1), None, now + FRESH);
        assert_eq!(shelf.0.len(), MAX_KEPT, "one that is there takes no other place");
    }
}
