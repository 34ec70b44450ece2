//! What the object store has, held against what the rows lead to: after crashes in every phase of a file's life nothing is
//! left over and nothing is missing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use journeys::api::{with_key, with_token};
use journeys::files::announced;
use journeys::outside::within;
use journeys::visit::{Journey, Session, fresh_key, png, unique};
use journeys::world::World;
use sharedspaces_proto::assets::v1 as assets;
use sharedspaces_proto::assets::v1::{AssetRefusal, AssetState};
use sqlx::{Connection, PgConnection};
use tokio::task::block_in_place;
use tokio_stream::StreamExt;
use tonic::Status;

use crate::crashes::{LOGO_POINTS, died, mend};
use crate::files::Scene;

const MIB: usize = 1024 * 1024;
const PART: usize = 16 * MIB;
const PATIENCE: Duration = Duration::from_secs(60);

/// What the object store has of files: keys of objects, and ids of uploads.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Found {
    pub(crate) objects: BTreeSet<String>,
    pub(crate) uploads: BTreeSet<String>,
}

impl Found {
    pub(crate) fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.uploads.is_empty()
    }

    /// Reads the directory of the store: nothing of it can be hidden by the service.
    pub(crate) async fn look(world: &World) -> Self {
        let root = world.addresses.sandbox.dir.join("s3");
        let bucket = root.join(xtask::environment::S3_BUCKET);
        let mut found = Self::default();
        for path in files_below(&bucket.join("assets")) {
            found.objects.insert(path.strip_prefix(&bucket).unwrap().to_str().unwrap().to_owned());
        }
        for entry in std::fs::read_dir(&root).unwrap() {
            let name = entry.unwrap().file_name().to_str().unwrap().to_owned();
            // `.upload-<id>.json`, `.upload_id-<id>.part-<n>` and `.bucket-….upload-<id>.metadata.json`
            let id = name
                .split_once(".upload-")
                .or_else(|| name.split_once(".upload_id-"))
                .and_then(|(_, rest)| rest.split('.').next());
            found.uploads.extend(id.map(str::to_owned));
        }
        found
    }

    /// Returns what the rows lead to.
    async fn expected(world: &World) -> Self {
        let mut assets = database(world, "assets").await;
        let objects: Vec<String> = sqlx::query_scalar(
            "SELECT format('assets/%s/%s', organization_id, asset_id) FROM assets WHERE state = 'CLEAN'
              UNION ALL
             SELECT format('assets/%s/%s.preview-%s', organization_id, asset_id, lower(size)) FROM asset_previews",
        )
        .fetch_all(&mut assets)
        .await
        .unwrap();
        let uploads: Vec<String> = sqlx::query_scalar(
            "SELECT upload_id FROM assets WHERE state = 'UPLOADING' AND upload_id IS NOT NULL",
        )
        .fetch_all(&mut assets)
        .await
        .unwrap();
        Self { objects: objects.into_iter().collect(), uploads: uploads.into_iter().collect() }
    }
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

async fn database(world: &World, service: &str) -> PgConnection {
    PgConnection::connect(&world.superuser_url(service).unwrap()).await.unwrap()
}

/// Waits until the one check that there is was tried, and returns how often.
pub(crate) async fn tries_of_a_check(world: &World) -> i32 {
    let mut assets = database(world, "assets").await;
    within(PATIENCE, "a check that failed", async || {
        let tried: Option<i32> = sqlx::query_scalar(
            "SELECT attempt FROM jobs WHERE name = 'check_asset' AND last_error IS NOT NULL",
        )
        .fetch_optional(&mut assets)
        .await?;
        Ok(tried)
    })
    .await
    .unwrap()
}

/// Has the collector find what nobody shows: it is a day old, and the service starts anew.
async fn collect(world: &mut World, except: &str) {
    let mut assets = database(world, "assets").await;
    sqlx::query(
        "UPDATE assets SET use_time = now() - interval '25 hours' WHERE state <> 'REFUSED' AND file_name <> $1",
    )
    .bind(except)
    .execute(&mut assets)
    .await
    .unwrap();
    restart(world, &[]);
    within(PATIENCE, "the collector to be done", async || {
        let left: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM assets WHERE state = 'ABANDONED' OR (NOT is_shown AND state IN ('UPLOADING', 'CLEAN')
                AND use_time < now() - interval '24 hours')",
        )
        .fetch_one(&mut assets)
        .await?;
        Ok((left == 0).then_some(()))
    })
    .await
    .unwrap();
}

fn restart(world: &mut World, settings: &[(&str, &str)]) {
    block_in_place(|| {
        if world.process_id("assets").is_some() {
            world.stop_service("assets").unwrap();
        }
        world.start_service("assets", settings).unwrap();
        world.wait_ready().unwrap();
    });
}

/// Nothing is in the store that no row leads to, nothing is missing, and assets shows what stands in spaces.
async fn reconcile(world: &World) {
    assert_eq!(Found::look(world).await, Found::expected(world).await);
    let shown: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT asset_id FROM assets WHERE is_shown ORDER BY asset_id")
            .fetch_all(&mut database(world, "assets").await)
            .await
            .unwrap();
    let items: Vec<uuid::Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT asset_id FROM items WHERE asset_id IS NOT NULL ORDER BY asset_id",
    )
    .fetch_all(&mut database(world, "spaces").await)
    .await
    .unwrap();
    assert_eq!(shown, items);
}

/// Sends a file in as a client app that repeats each call until it is answered, going on where it was.
async fn persist(
    journey: &Journey,
    who: &Session,
    space_id: &str,
    name: &str,
    file: &Bytes,
) -> assets::Asset {
    let key = fresh_key();
    let started = again("an upload to begin", async || {
        let request = with_key(announced(space_id, name, file), who.token(), &key);
        Ok(journey.api.assets.clone().start_upload(request).await?.into_inner())
    })
    .await;
    let asset_id = started.asset.unwrap().asset_id;
    finish(journey, who, &asset_id, file).await
}

/// Sends what is missing of a file, and has it checked.
async fn finish(journey: &Journey, who: &Session, asset_id: &str, file: &Bytes) -> assets::Asset {
    again("the bytes to arrive", async || {
        let arrived = journey.asset(who, asset_id).await?.received_bytes;
        let rest = file.slice(usize::try_from(arrived)?..);
        if !rest.is_empty() {
            journey.stream_bytes(who, asset_id, arrived, rest).await?;
        }
        Ok(())
    })
    .await;
    again("the upload to end", async || Ok(journey.complete_upload(who, asset_id).await?)).await;
    journey.checked(who, asset_id).await.unwrap()
}

/// Everything that happens to files, once: one shown with its previews, one refused, one given up, one removed.
async fn live(journey: &Journey, who: &Session, space_id: &str) {
    let word = unique();
    let persist = async |name: String, file: Bytes| persist(journey, who, space_id, &name, &file).await;
    let shown = persist(format!("shown-{word}.png"), png(64, 64).unwrap().into()).await;
    assert_eq!(shown.state(), AssetState::Clean);
    let removed = persist(format!("removed-{word}.txt"), Bytes::from_static(b"removed")).await;
    let refused = persist(format!("refused-{word}.pdf"), Bytes::from_static(b"PK\x03\x04")).await;
    assert_eq!(refused.refusal(), AssetRefusal::TypeMismatch);
    for asset in [&shown, &removed] {
        let item = again("the file to become an item", async || {
            Ok(journey.add_file(who, space_id, "", &asset.file_name, &asset.asset_id).await?)
        })
        .await;
        if asset.asset_id == removed.asset_id {
            journey.remove_item(who, space_id, &item.item_id).await.unwrap();
        }
    }
    let given_up = persist(format!("given-up-{word}.txt"), Bytes::from_static(b"given up")).await;
    again("the file to be deleted", async || Ok(journey.delete_asset(who, &given_up.asset_id).await?)).await;
    again("the previews", async || {
        let seen = journey.asset(who, &shown.asset_id).await?;
        anyhow::ensure!(seen.has_preview, "not yet");
        Ok(())
    })
    .await;
}

async fn again<T>(what: &str, look: impl AsyncFn() -> anyhow::Result<T>) -> T {
    within(PATIENCE, what, async || look().await.map(Some)).await.unwrap()
}

/// Every crash point that files pass in assets.
fn points() -> impl Iterator<Item = &'static str> {
    let messaging = messaging::FAILPOINTS.iter().filter(|point| {
        // assets publishes nothing.
        point.starts_with("inbox.") || point.starts_with("jobs.")
    });
    ::assets::FAILPOINTS.iter().filter(|point| !LOGO_POINTS.contains(point)).chain(messaging).copied()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_over_or_missing_after_a_crash_at_any_point_of_a_files_life() {
    let Scene { world, journey, acme, space_id, .. } = Scene::set().await;
    let mut world = std::sync::Arc::into_inner(world).unwrap();
    let sign_in =
        async || journey.sign_in(&acme.accounts.organization, &acme.accounts.members[0]).await.unwrap();
    for point in points() {
        // Access tokens live five minutes.
        let member = sign_in().await;
        // For the collector, which works when the service starts.
        let left = journey.upload(&member, &space_id, "left.txt", b"left".as_slice(), false).await.unwrap();
        journey.delete_asset(&member, &left.asset_id).await.unwrap();
        world.quiesce().await.unwrap();
        block_in_place(|| {
            world.stop_service("assets").unwrap();
            world.start_service("assets", &[("FAILPOINTS", &format!("{point}=1*return"))]).unwrap();
        });
        {
            let living = live(&journey, &member, &space_id);
            tokio::pin!(living);
            loop {
                tokio::select! {
                    () = &mut living => break,
                    () = died(&mut world, "assets"), if !world.was_mended("assets") => mend(&mut world, "assets"),
                }
            }
        }
        within(PATIENCE, &format!("a crash of assets at {point}"), async || {
            Ok((world.was_mended("assets") || world.has_died("assets")).then_some(()))
        })
        .await
        .unwrap();
        if world.has_died("assets") {
            mend(&mut world, "assets");
        }
        world.forget_mending();
        assert_eq!(world.quiesce().await.unwrap(), 0, "{point}: no job may be dead");
    }
    let member = sign_in().await;
    // One that goes on stays, with what has arrived of it.
    journey.start_upload(&member, announced(&space_id, "going-on.txt", b"going on")).await.unwrap();
    collect(&mut world, "going-on.txt").await;
    assert_eq!(world.quiesce().await.unwrap(), 0);
    reconcile(&world).await;
    let found = Found::look(&world).await;
    // A file with two previews for each point.
    assert_eq!((found.objects.len(), found.uploads.len()), (points().count() * 3, 1), "{found:?}");
    let items = journey.items(&member, &space_id, "").await.unwrap();
    assert_eq!(items.len(), points().count(), "{items:?}");
}

/// Sends the beginning of a file, and then nothing.
async fn send_and_hang(journey: &Journey, who: &Session, asset_id: &str, bytes: Bytes) -> Result<(), Status> {
    use assets::upload_asset_request::Part;
    let header = assets::UploadAssetHeader { asset_id: asset_id.to_owned(), offset_bytes: 0 };
    let chunks: Vec<Bytes> = bytes.chunks(256 * 1024).map(Bytes::copy_from_slice).collect();
    let parts = std::iter::once(Part::Header(header)).chain(chunks.into_iter().map(Part::Chunk));
    let messages = parts.map(|part| assets::UploadAssetRequest { part: Some(part) }).collect::<Vec<_>>();
    let endless = tokio_stream::iter(messages).chain(tokio_stream::pending());
    journey.api.assets.clone().upload_asset(with_token(endless, who.token())).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_killed_in_the_middle_goes_on_with_what_is_missing() {
    let Scene { world, journey, acme, space_id, .. } = Scene::set().await;
    let mut world = std::sync::Arc::into_inner(world).unwrap();
    let member = &acme.member;
    let file = Bytes::from((0..PART * 2 + 5).map(|n| u8::try_from(n % 251).unwrap()).collect::<Vec<_>>());
    let streamed = journey.start_upload(member, announced(&space_id, "a.bin", &file)).await.unwrap();
    let streamed = streamed.asset.unwrap().asset_id;
    let request = assets::StartUploadRequest { is_direct: true, ..announced(&space_id, "b.bin", &file) };
    let direct = journey.start_upload(member, request).await.unwrap();
    journey.put_parts(&direct.parts[1..2], &file).await.unwrap();
    {
        let hanging = send_and_hang(&journey, member, &streamed, file.slice(..PART + PART / 2));
        let arriving = again("the first part", async || {
            let arrived = journey.asset(member, &streamed).await?.received_bytes;
            anyhow::ensure!(arrived > 0, "nothing yet");
            Ok(arrived)
        });
        tokio::select! {
            ended = hanging => panic!("the stream has ended: {ended:?}"),
            arrived = arriving => assert_eq!(arrived, i64::try_from(PART).unwrap()),
        }
    }
    block_in_place(|| {
        world.kill_service("assets").unwrap();
        world.start_service("assets", &[]).unwrap();
        world.wait_ready().unwrap();
    });
    assert_eq!(finish(&journey, member, &streamed, &file).await.state(), AssetState::Clean);
    let asset_id = direct.asset.unwrap().asset_id;
    let rest = journey.continue_upload(member, &asset_id).await.unwrap();
    assert_eq!(rest.parts.iter().map(|part| part.part_number).collect::<Vec<_>>(), [1, 3]);
    journey.put_parts(&rest.parts, &file).await.unwrap();
    journey.complete_upload(member, &asset_id).await.unwrap();
    // While it is checked, or waits for it.
    block_in_place(|| {
        world.kill_service("assets").unwrap();
        world.start_service("assets", &[]).unwrap();
        world.wait_ready().unwrap();
    });
    assert_eq!(journey.checked(member, &asset_id).await.unwrap().state(), AssetState::Clean);
    for asset_id in [&streamed, &asset_id] {
        let item = journey.add_file(member, &space_id, "", "A file", asset_id).await.unwrap();
        let url = journey.download_item(member, &space_id, &item.item_id).await.unwrap();
        assert!(journey.outside.fetch(&url).await.unwrap().2 == file, "other bytes than were sent");
    }
    assert_eq!(world.quiesce().await.unwrap(), 0);
    reconcile(&world).await;
}
