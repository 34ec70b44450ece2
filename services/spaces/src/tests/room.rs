//! A space with an owner, a colleague and a guest, laid into the database as the events would have made it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use prost::Message;
use service_kit::caller::{Call, Caller, CallerKind};
use service_kit::clock::{Clock, SystemClock};
use service_kit::ids::SpaceId;
use sharedspaces_proto::spaces::events::v1::AssetPlaced;
use sqlx::PgPool;
use testkit::TestDatabase;
use uuid::Uuid;

use super::peers::{PlayedAssets, RunningPeers};
use crate::activity::{self, Activities, ActivityKind, NewActivity};
use crate::comment::Comments;
use crate::duplication::Duplications;
use crate::item::Items;
use crate::theme::Themes;
use crate::visit::Visits;

/// A space and the people in it.
pub(super) struct Room {
    pub(super) database: TestDatabase,
    pub(super) superuser: PgPool,
    pub(super) space_id: SpaceId,
    pub(super) owner: Caller,
    pub(super) colleague: Caller,
    pub(super) guest: Caller,
    /// A member who takes no part.
    pub(super) stranger: Caller,
    pub(super) themes: Themes,
    /// assets, as spaces meets it.
    pub(super) assets: PlayedAssets,
    peers: RunningPeers,
}

impl Room {
    pub(super) async fn open() -> Self {
        let database = TestDatabase::create("spaces", &[&messaging::MIGRATOR, &crate::MIGRATOR]).await;
        let superuser = database.superuser_pool();
        let peers = super::peers::start().await;
        let owner = testkit::caller(CallerKind::Member);
        let of = |kind| testkit::caller_of(owner.organization_id, kind);
        let (colleague, guest) = (of(CallerKind::Member), of(CallerKind::Guest));
        let stranger = of(CallerKind::Member);
        let themes = Themes::new(database.database.clone(), testkit::clock(), testkit::ids(), peers.logos());
        let room = Self {
            database,
            superuser,
            space_id: testkit::ids().next(),
            owner,
            colleague,
            guest,
            stranger,
            themes,
            assets: peers.assets.clone(),
            peers,
        };
        room.know_organization(&room.owner).await;
        room.lay_space(&room.owner, room.space_id, "Contoso").await;
        let people = [
            (&room.owner, "Olga"),
            (&room.colleague, "Carl"),
            (&room.guest, "Gina"),
            (&room.stranger, "Sven"),
        ];
        for (caller, name) in people {
            room.know_person(caller, name, "en").await;
        }
        room.lay_participant(room.space_id, &room.owner, "OWNER").await;
        room.lay_participant(room.space_id, &room.colleague, "INTERNAL").await;
        room.lay_participant(room.space_id, &room.guest, "EXTERNAL").await;
        room
    }

    pub(super) async fn know_organization(&self, member: &Caller) {
        sqlx::query(
            "INSERT INTO organizations (organization_id, slug, base_url, plan) VALUES ($1, $2, $3, 'PLUS')",
        )
        .bind(member.organization_id)
        .bind(member.organization_id.to_string())
        .bind("https://rooms.example")
        .execute(&self.superuser)
        .await
        .unwrap();
    }

    pub(super) async fn know_person(&self, caller: &Caller, name: &str, locale: &str) {
        sqlx::query(
            "INSERT INTO people (organization_id, user_id, email_address, display_name, locale,
                                 consent_notice_version)
             VALUES ($1, $2, $3, $4, $5, 1)
             ON CONFLICT (organization_id, user_id) DO UPDATE
                SET display_name = excluded.display_name, locale = excluded.locale",
        )
        .bind(caller.organization_id)
        .bind(caller.user_id)
        .bind(format!("{}@acme.example", caller.user_id))
        .bind(name)
        .bind(locale)
        .execute(&self.superuser)
        .await
        .unwrap();
    }

    pub(super) async fn lay_space(&self, owner: &Caller, space_id: SpaceId, title: &str) {
        sqlx::query(
            "INSERT INTO spaces (organization_id, space_id, title, title_folded, address, description, allow_download,
                                 allow_invite, allow_upload, owner_user_id, version, create_time, update_time,
                                 last_activity_time)
             VALUES ($1, $2, $3, lower($3), $2::text, '', true, false, true, $4, 1, $5, $5, $5)",
        )
        .bind(owner.organization_id)
        .bind(space_id)
        .bind(title)
        .bind(owner.user_id)
        .bind(testkit::clock().now())
        .execute(&self.superuser)
        .await
        .unwrap();
    }

    pub(super) async fn lay_participant(&self, space_id: SpaceId, caller: &Caller, kind: &str) {
        let invitation = (kind != "OWNER").then(|| testkit::ids().next::<Uuid>());
        sqlx::query(
            "INSERT INTO participants (organization_id, participant_id, space_id, user_id, kind, state, invitation_id,
                                       inviter_user_id, create_time)
             VALUES ($1, $2, $3, $4, $5, 'ACTIVE', $6, $7, now())",
        )
        .bind(caller.organization_id)
        .bind(testkit::ids().next::<Uuid>())
        .bind(space_id)
        .bind(caller.user_id)
        .bind(kind)
        .bind(invitation)
        .bind(invitation.map(|_| self.owner.user_id))
        .execute(&self.superuser)
        .await
        .unwrap();
    }

    /// Changes columns of the space as SQL says: `state = 'ARCHIVED'`.
    pub(super) async fn set(&self, columns: &str) {
        let sql = format!("UPDATE spaces SET {columns} WHERE space_id = $1");
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(self.space_id).execute(&self.superuser).await.unwrap();
    }

    pub(super) fn items(&self) -> Items {
        Items::new(
            self.database.database.clone(),
            Arc::new(SystemClock),
            testkit::ids(),
            self.peers.files(),
            self.visits(),
        )
    }

    /// On one clock with the items, that goes on: the timeline tells what came first.
    pub(super) fn visits(&self) -> Visits {
        Visits::new(self.database.database.clone(), Arc::new(SystemClock), testkit::ids())
    }

    pub(super) fn comments(&self) -> Comments {
        Comments::new(self.database.database.clone(), testkit::clock(), testkit::ids())
    }

    pub(super) fn activities(&self) -> Activities {
        Activities::new(self.database.database.clone())
    }

    pub(super) fn duplications(&self) -> Duplications {
        Duplications::new(self.database.database.clone(), testkit::clock(), testkit::ids())
    }

    /// Makes sure that assets, once it was told everything in whatever order, keeps the files that items show and no
    /// others.
    pub(super) async fn check_places(&self) {
        let told: Vec<(Uuid, i64, Vec<u8>)> = sqlx::query_as(
            "SELECT aggregate_id, aggregate_version, body FROM outbox WHERE routing_key = $1
              ORDER BY aggregate_id, aggregate_version",
        )
        .bind(<AssetPlaced as messaging::Event>::ROUTING_KEY)
        .fetch_all(&self.superuser)
        .await
        .unwrap();
        let versions: BTreeSet<_> = told.iter().map(|(place, version, _)| (*place, *version)).collect();
        assert_eq!(versions.len(), told.len(), "two events of one item have one version");
        let mut believed = BTreeMap::new();
        for (place, _, body) in told {
            let event = AssetPlaced::decode(body.as_slice()).unwrap();
            assert_eq!(event.place_id, place.to_string());
            believed.insert(place, (event.space_id, event.asset_id));
        }
        believed.retain(|_, (_, asset_id)| !asset_id.is_empty());
        let shown: Vec<(Uuid, String, String)> = sqlx::query_as(
            "SELECT item_id, space_id::text, asset_id::text FROM items WHERE kind = 'FILE' ORDER BY item_id",
        )
        .fetch_all(&self.superuser)
        .await
        .unwrap();
        let shown: BTreeMap<_, _> =
            shown.into_iter().map(|(item, space, asset)| (item, (space, asset))).collect();
        assert_eq!(believed, shown);
    }

    /// Appends to the timeline, at a time.
    pub(super) async fn append(
        &self,
        kind: ActivityKind,
        actor: Option<(&Caller, &str)>,
        object_name: &str,
        create_time: DateTime<Utc>,
    ) {
        let new = NewActivity {
            activity_id: testkit::ids().next(),
            organization_id: self.owner.organization_id,
            space_id: self.space_id,
            kind,
            actor: actor.map(|(caller, name)| (caller.user_id, name.to_owned())),
            object: (!object_name.is_empty()).then(|| (testkit::ids().next(), object_name.to_owned())),
            create_time,
        };
        self.database
            .database
            .transaction(self.owner.organization_id, move |tx| {
                Box::pin(async move {
                    activity::append(tx, new).await?;
                    Ok::<_, service_kit::error::CommonError>(())
                })
            })
            .await
            .unwrap();
    }

    pub(super) fn call(caller: &Caller) -> Call {
        testkit::call(caller)
    }

    /// Returns the bodies of what waits in the outbox under a routing key, the oldest first.
    pub(super) async fn outbox<E: messaging::Event>(&self) -> Vec<E> {
        let bodies: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT body FROM outbox WHERE routing_key = $1 ORDER BY id")
                .bind(E::ROUTING_KEY)
                .fetch_all(&self.superuser)
                .await
                .unwrap();
        bodies.iter().map(|body| E::decode(body.as_slice()).unwrap()).collect()
    }
}
