//! spaces over a database of its own, with its peers played.

use crate::organization::Organization;
use crate::participant::Participants;
use crate::space::{NewSpace, Sharing, SpaceContent, Spaces};
use service_kit::caller::{Caller, CallerKind};
use service_kit::ids::OrganizationId;
use testkit::TestDatabase;

/// spaces over a database of its own.
pub(super) struct Service {
    pub(super) database: TestDatabase,
    pub(super) spaces: Spaces,
    pub(super) participants: Participants,
}

impl Service {
    pub(super) async fn start() -> Self {
        let database = TestDatabase::create("spaces", &[&messaging::MIGRATOR, &crate::MIGRATOR]).await;
        let peers = super::peers::start().await;
        let db = database.database.clone();
        let spaces = Spaces::new(db.clone(), testkit::clock(), testkit::ids(), peers.logos());
        let participants = Participants::new(db, testkit::clock(), testkit::ids(), peers.directory());
        Self { database, spaces, participants }
    }

    /// Makes an organisation known, as its event would, and returns a member of it.
    pub(super) async fn member_of_new_organization(&self, has_crm: bool) -> Caller {
        let member = testkit::caller(CallerKind::Member);
        self.know(member.organization_id, has_crm).await;
        member
    }

    pub(super) async fn know(&self, organization_id: OrganizationId, has_crm: bool) {
        let organization = Organization {
            organization_id,
            slug: "acme".to_owned(),
            base_url: "https://rooms.example".to_owned(),
            has_crm,
        };
        self.database
            .database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    crate::organization::keep(tx, &organization).await?;
                    Ok::<_, service_kit::error::CommonError>(())
                })
            })
            .await
            .unwrap();
    }
}

/// A space with every default.
pub(super) fn new_space(title: &str) -> NewSpace {
    let content = SpaceContent {
        title: title.to_owned(),
        address: None,
        sharing: Sharing::default(),
        description: String::new(),
    };
    NewSpace { space: content, crm_target: None }
}
