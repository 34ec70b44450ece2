//! spaces over a database of its own, with its peers played.

use crate::organization::Organization;
use crate::participant::{Invitation, InvitingLimits, Participants};
use crate::policy::Policies;
use crate::space::{NewSpace, SpaceContent, Spaces};
use service_kit::caller::{Caller, CallerKind};
use service_kit::ids::{OrganizationId, SpaceId};
use service_kit::validate::Violations;
use sharedspaces_proto::identity::events::v1::InvitationAccepted;
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::spaces::v1 as pb;
use testkit::TestDatabase;
use uuid::Uuid;

use super::peers::{RunningPeers, user_of};

/// spaces over a database of its own.
pub(super) struct Service {
    pub(super) database: TestDatabase,
    pub(super) spaces: Spaces,
    pub(super) participants: Participants,
    pub(super) policies: Policies,
    pub(super) peers: RunningPeers,
}

/// Limits that no test meets which is not about them.
const NO_LIMITS: InvitingLimits = InvitingLimits {
    people_per_member: 10_000,
    people_per_guest: 10_000,
    people_per_organization: 10_000,
    mails_per_person_and_space: 10_000,
    mails_per_person: 10_000,
};

impl Service {
    pub(super) async fn start() -> Self {
        Self::start_with(NO_LIMITS).await
    }

    pub(super) async fn start_with(limits: InvitingLimits) -> Self {
        let database = TestDatabase::create("spaces", &[&messaging::MIGRATOR, &crate::MIGRATOR]).await;
        let peers = super::peers::start().await;
        let db = database.database.clone();
        let spaces = Spaces::new(db.clone(), testkit::clock(), testkit::ids(), peers.logos());
        let participants =
            Participants::new(db.clone(), testkit::clock(), testkit::ids(), peers.neighbours(), limits);
        let policies = Policies::new(db, testkit::clock());
        Self { database, spaces, participants, policies, peers }
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
            sign_in_mode: crate::organization::SignInMode::VerifyFirst,
            locale: "en".to_owned(),
        };
        self.database
            .database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    crate::organization::keep(tx, &organization, 1).await?;
                    Ok::<_, service_kit::error::CommonError>(())
                })
            })
            .await
            .unwrap();
    }

    /// Makes a space with every default and returns it.
    pub(super) async fn space(&self, owner: &Caller, title: &str) -> SpaceId {
        let created: pb::CreateSpaceResponse =
            self.spaces.create(&testkit::call(owner), new_space(title)).await.unwrap();
        Uuid::parse_str(&created.space.unwrap().space_id).unwrap().into()
    }

    /// Invites somebody, who takes part from then on, and returns them. Colleagues have addresses at acme.example.
    pub(super) async fn participant(&self, owner: &Caller, space_id: SpaceId, address: &str) -> Caller {
        let addresses = [address.to_owned()];
        let invitation = Invitation::checked(&mut Violations::default(), space_id, &addresses, "");
        let _invited: pb::InviteParticipantsResponse =
            self.participants.invite(&testkit::call(owner), invitation).await.unwrap();
        let is_member = address.ends_with(super::peers::COLLEAGUES);
        if !is_member {
            self.accept(owner.organization_id, space_id, address).await;
        }
        let kind = if is_member { CallerKind::Member } else { CallerKind::Guest };
        Caller { user_id: user_of(address).into(), ..testkit::caller_of(owner.organization_id, kind) }
    }

    /// Tells that somebody accepted their invitation into a space, as identity's event would.
    pub(super) async fn accept(&self, organization_id: OrganizationId, space_id: SpaceId, address: &str) {
        let invitation_id: Uuid =
            sqlx::query_scalar("SELECT invitation_id FROM participants WHERE space_id = $1 AND user_id = $2")
                .bind(space_id.uuid())
                .bind(user_of(address))
                .fetch_one(&self.database.superuser_pool())
                .await
                .unwrap();
        self.accept_invitation(organization_id, invitation_id, address).await;
    }

    /// Tells that somebody accepted an invitation, as identity's event would.
    pub(super) async fn accept_invitation(
        &self,
        organization_id: OrganizationId,
        invitation_id: Uuid,
        address: &str,
    ) {
        let event = InvitationAccepted {
            invitation_id: invitation_id.to_string(),
            person: Some(person(address, 1)),
            ..InvitationAccepted::default()
        };
        let participants = self.participants.clone();
        self.work(organization_id, move |tx| {
            Box::pin(async move {
                let told = crate::person::repo::Told {
                    person: event.person.as_ref().unwrap(),
                    version: 2,
                    event_time: now(),
                    consent: crate::person::repo::Consent::Given(1),
                };
                crate::person::repo::keep(tx, organization_id, &told).await.unwrap();
                participants.accept(tx, organization_id, event.clone()).await.unwrap();
            })
        })
        .await;
    }

    /// Makes somebody known who needs no consent, as their event would.
    pub(super) async fn know_member(&self, member: &Caller, name: &str) {
        let organization_id = member.organization_id;
        let person = identity::Person {
            user_id: member.user_id.to_string(),
            kind: identity::PersonKind::Member.into(),
            ..person(&format!("{name}@acme.example"), 0)
        };
        self.work(organization_id, move |tx| {
            Box::pin(async move {
                let consent = crate::person::repo::Consent::Untold;
                let told =
                    crate::person::repo::Told { person: &person, version: 1, event_time: now(), consent };
                crate::person::repo::keep(tx, organization_id, &told).await.unwrap();
            })
        })
        .await;
    }

    /// Returns the participant that somebody is, and where they stand.
    pub(super) async fn participant_of(&self, space_id: SpaceId, user_id: Uuid) -> (Uuid, String) {
        sqlx::query_as("SELECT participant_id, state FROM participants WHERE space_id = $1 AND user_id = $2")
            .bind(space_id)
            .bind(user_id)
            .fetch_one(&self.database.superuser_pool())
            .await
            .unwrap()
    }

    /// Returns the bodies of what waits in the outbox under a routing key, the oldest first.
    pub(super) async fn told<E: messaging::Event>(&self) -> Vec<E> {
        let bodies: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT body FROM outbox WHERE routing_key = $1 ORDER BY id")
                .bind(E::ROUTING_KEY)
                .fetch_all(&self.database.superuser_pool())
                .await
                .unwrap();
        bodies.iter().map(|body| E::decode(body.as_slice()).unwrap()).collect()
    }

    /// Runs a statement past all rights.
    pub(super) async fn sql(&self, sql: &str) {
        let all = self.database.superuser_pool();
        sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(&all).await.unwrap();
    }

    /// Runs something in a unit of work of an organisation, as a consumer does.
    pub(super) async fn work<F>(&self, organization_id: OrganizationId, work: F)
    where
        F: for<'t> FnOnce(&'t mut sqlx::PgConnection) -> futures_util::future::BoxFuture<'t, ()>
            + Send
            + 'static,
    {
        self.database
            .database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    work(tx).await;
                    Ok::<_, service_kit::error::CommonError>(())
                })
            })
            .await
            .unwrap();
    }
}

/// Reads an invitation of these addresses alone.
pub(super) fn invitation(space_id: SpaceId, addresses: &[&str]) -> Invitation {
    let addresses: Vec<String> = addresses.iter().map(|address| (*address).to_owned()).collect();
    Invitation::checked(&mut Violations::default(), space_id, &addresses, "")
}

/// A guest as identity tells of them: named after the address, with consent to a version of the notice.
pub(super) fn person(address: &str, consent_notice_version: i32) -> identity::Person {
    identity::Person {
        user_id: user_of(address).to_string(),
        kind: identity::PersonKind::Guest.into(),
        email_address: address.to_owned(),
        display_name: address.split('@').next().unwrap_or_default().to_owned(),
        locale: "en".to_owned(),
        consent_notice_version,
        ..identity::Person::default()
    }
}

/// A space with every default.
pub(super) fn new_space(title: &str) -> NewSpace {
    NewSpace { space: SpaceContent { title: title.to_owned(), ..SpaceContent::default() }, crm_target: None }
}

/// A new id.
pub(super) fn new_id() -> Uuid {
    testkit::ids().next()
}

/// The machine's time.
pub(super) fn now() -> chrono::DateTime<chrono::Utc> {
    service_kit::clock::Clock::now(&*testkit::clock())
}
