//! The world with files.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{Stream, stream};
use messaging::Received;
use messaging::jobs::Job;
use ring::digest::{SHA256, digest};
use service_kit::caller::Caller;
use service_kit::ids::SpaceId;
use sharedspaces_proto::assets::v1 as pb;
use sharedspaces_proto::assets::v1::asset_service_client::AssetServiceClient;
use sharedspaces_proto::assets::v1::asset_service_server::AssetServiceServer;
use sharedspaces_proto::assets::v1::upload_asset_request::Part;
use sharedspaces_proto::spaces::events::v1::AssetPlaced;
use sharedspaces_proto::spaces::v1::Permission;
use testkit::ManualClock;
use tokio::net::TcpListener;
use tonic::Status;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::asset::{AssetError, AssetId, Assets, CHECK_ASSET, MAKE_PREVIEWS, Tools};
use crate::config::{QuotaSettings, ScanSettings};
use crate::content::{self, Addresses};
use crate::grpc::AssetGrpc;
use crate::pdf::PageRenderer;
use crate::storage::ObjectStore;
use crate::tests::world::{World, admit, by, channel, files_below, s3_settings, serve};
use crate::{consumers, jobs};

/// What a guest may do who may do most.
pub(crate) const GUEST: [Permission; 3] = [Permission::View, Permission::Download, Permission::Upload];

/// The service with files, and what is around it.
pub(crate) struct Files {
    world: World,
    pub(crate) assets: Assets,
    pub(crate) clock: Arc<ManualClock>,
    client: AssetServiceClient<Channel>,
}

impl Deref for Files {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Files {
    pub(crate) async fn new() -> Self {
        Self::with(QuotaSettings::default(), ScanSettings::default()).await
    }

    pub(crate) async fn with(quota: QuotaSettings, scan: ScanSettings) -> Self {
        let world = World::new().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let clock = testkit::clock();
        let key = STANDARD.encode([7; 32]).into();
        let tools = Tools {
            database: world.database.database.clone(),
            ids: testkit::ids(),
            clock: clock.clone(),
            store: ObjectStore::try_new(&s3_settings(world.sandbox.s3_addr())).unwrap(),
            access: world.access.clone(),
            addresses: Addresses::try_new(&base_url.parse().unwrap(), &key).unwrap(),
            converter: world.logos.converter(),
            pages: PageRenderer::try_new().unwrap(),
        };
        let assets = Assets::new(tools, quota, scan);
        let routes = content::routes(assets.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let service = AssetServiceServer::new(AssetGrpc { assets: assets.clone() })
            .max_decoding_message_size(service_kit::grpc::STREAM_MESSAGE_LIMIT_BYTES);
        let address: SocketAddr = serve(Routes::new(InterceptedService::new(service, admit))).await;
        Self { world, assets, clock, client: AssetServiceClient::new(channel(address)) }
    }

    pub(crate) fn client(&self) -> AssetServiceClient<Channel> {
        self.client.clone()
    }

    /// Returns somebody who may upload to a new space, and that space.
    pub(crate) fn uploader(&self) -> (Caller, SpaceId) {
        let space_id = testkit::ids().next();
        (self.person(space_id, &GUEST), space_id)
    }

    /// Returns somebody of the same organisation who may do this in the space.
    pub(crate) fn colleague(&self, of: &Caller, space_id: SpaceId, permissions: &[Permission]) -> Caller {
        let caller = testkit::caller_of(of.organization_id, of.kind);
        self.spaces.allow(&caller, space_id, permissions);
        caller
    }

    pub(crate) async fn start(
        &self,
        caller: &Caller,
        request: pb::StartUploadRequest,
    ) -> Result<pb::StartUploadResponse, Status> {
        Ok(self.client().start_upload(by(caller, request)).await?.into_inner())
    }

    /// Begins an upload that is streamed; returns its id.
    pub(crate) async fn begin(&self, caller: &Caller, space_id: SpaceId, name: &str, file: &[u8]) -> String {
        let started = self.start(caller, announced(space_id, name, file)).await.unwrap();
        started.asset.unwrap().asset_id
    }

    pub(crate) async fn send(
        &self,
        caller: &Caller,
        messages: impl Stream<Item = pb::UploadAssetRequest> + Send + 'static,
    ) -> Result<pb::Asset, Status> {
        let answer = self.client().upload_asset(by(caller, messages)).await?;
        Ok(answer.into_inner().asset.unwrap())
    }

    /// Streams the bytes of a file from an offset on.
    pub(crate) async fn stream(
        &self,
        caller: &Caller,
        asset_id: &str,
        offset_bytes: i64,
        bytes: &[u8],
    ) -> Result<pb::Asset, Status> {
        self.send(caller, stream::iter(messages(asset_id, offset_bytes, bytes))).await
    }

    pub(crate) async fn complete(&self, caller: &Caller, asset_id: &str) -> Result<pb::Asset, Status> {
        let request = pb::CompleteUploadRequest { asset_id: asset_id.to_owned() };
        Ok(self.client().complete_upload(by(caller, request)).await?.into_inner().asset.unwrap())
    }

    pub(crate) async fn asset(&self, caller: &Caller, asset_id: &str) -> Result<pb::Asset, Status> {
        let request = pb::GetAssetRequest { asset_id: asset_id.to_owned() };
        Ok(self.client().get_asset(by(caller, request)).await?.into_inner().asset.unwrap())
    }

    pub(crate) async fn delete(&self, caller: &Caller, asset_id: &str) -> Result<(), Status> {
        let request = pb::DeleteAssetRequest { asset_id: asset_id.to_owned() };
        self.client().delete_asset(by(caller, request)).await.map(|_| ())
    }

    /// Uploads a file and has it checked; returns what became of it.
    pub(crate) async fn upload_file(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        name: &str,
        file: &[u8],
    ) -> pb::Asset {
        let asset_id = self.begin(caller, space_id, name, file).await;
        self.stream(caller, &asset_id, 0, file).await.unwrap();
        self.complete(caller, &asset_id).await.unwrap();
        self.run_jobs().await;
        self.asset(caller, &asset_id).await.unwrap()
    }

    /// Runs each job that waits, once; those that succeed are done. Returns how many failed.
    pub(crate) async fn run_jobs(&self) -> usize {
        let pool = self.database.superuser_pool();
        let mut failed = Vec::new();
        loop {
            let next: Option<(Uuid, String, Uuid, serde_json::Value)> = sqlx::query_as(
                "SELECT id, name, organization_id, payload FROM jobs WHERE id <> ALL($1) ORDER BY id LIMIT 1",
            )
            .bind(&failed)
            .fetch_optional(&pool)
            .await
            .unwrap();
            let Some((id, name, organization_id, payload)) = next else { return failed.len() };
            let job = Job {
                id,
                organization_id: organization_id.into(),
                payload,
                attempt: 1,
                max_attempts: 9,
                create_time: service_kit::clock::Clock::now(&*self.clock),
            };
            let done = match name.as_str() {
                CHECK_ASSET => jobs::check_asset::run(self.assets.clone(), job).await,
                MAKE_PREVIEWS => jobs::make_previews::run(self.assets.clone(), job).await,
                other => panic!("no such job: {other}"),
            };
            if done.is_err() {
                failed.push(id);
                continue;
            }
            sqlx::query("DELETE FROM jobs WHERE id = $1").bind(id).execute(&pool).await.unwrap();
        }
    }

    /// Applies spaces' event that an item shows this file now, or nothing.
    pub(crate) async fn place_file(
        &self,
        caller: &Caller,
        place_id: Uuid,
        space_id: SpaceId,
        asset_id: &str,
        version: i64,
    ) {
        let organization_id = caller.organization_id;
        let received = Received {
            event_id: testkit::ids().next(),
            organization_id,
            aggregate_id: place_id,
            aggregate_version: version,
            event_time: service_kit::clock::Clock::now(&*self.clock),
            event: AssetPlaced {
                organization_id: organization_id.to_string(),
                place_id: place_id.to_string(),
                space_id: space_id.to_string(),
                asset_id: asset_id.to_owned(),
            },
        };
        let applied = self.database.database.transaction(organization_id, move |tx| {
            Box::pin(async move {
                consumers::spaces::asset_placed(tx, received).await.expect("an event that can be applied");
                Ok::<_, AssetError>(())
            })
        });
        applied.await.unwrap();
    }

    pub(crate) async fn describe_file(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        asset_id: &str,
    ) -> Result<pb::Asset, Status> {
        let request = pb::DescribeAssetRequest {
            organization_id: caller.organization_id.to_string(),
            space_id: space_id.to_string(),
            asset_id: asset_id.to_owned(),
            user_id: caller.user_id.to_string(),
        };
        Ok(self.client().describe_asset(request).await?.into_inner().asset.unwrap())
    }

    /// Has spaces ask for an address for somebody.
    pub(crate) async fn issue(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        asset_id: &str,
        is_inline: bool,
    ) -> Result<String, Status> {
        let request = pb::IssueDownloadRequest {
            organization_id: caller.organization_id.to_string(),
            space_id: space_id.to_string(),
            asset_id: asset_id.to_owned(),
            user_id: caller.user_id.to_string(),
            is_inline,
            consent_notice_version: 0,
            is_admin: false,
        };
        Ok(self.client().issue_download(request).await?.into_inner().url)
    }

    /// Makes all files older.
    pub(crate) async fn age_files(&self, interval: &str) {
        sqlx::query("UPDATE assets SET use_time = now() - $1::text::interval")
            .bind(interval)
            .execute(&self.database.superuser_pool())
            .await
            .unwrap();
    }

    /// Returns state and refusal of each file, of every organisation, by name.
    pub(crate) async fn states(&self) -> Vec<(String, String)> {
        sqlx::query_as("SELECT file_name, state FROM assets ORDER BY file_name")
            .fetch_all(&self.database.superuser_pool())
            .await
            .unwrap()
    }

    /// Returns the keys of the objects of files.
    pub(crate) fn file_objects(&self) -> Vec<String> {
        let bucket = self.bucket_dir();
        let mut keys: Vec<String> = files_below(&bucket.join("assets"))
            .iter()
            .map(|path| path.strip_prefix(&bucket).unwrap().to_str().unwrap().to_owned())
            .collect();
        keys.sort();
        keys
    }

    /// Holds what the store has against what the rows lead to: objects of clean files and their previews, uploads of
    /// those that go on or are to be checked, and nothing else.
    pub(crate) async fn reconcile(&self) {
        let pool = self.database.superuser_pool();
        let expected: Vec<String> = sqlx::query_scalar(
            "SELECT format('assets/%s/%s', organization_id, asset_id) AS key FROM assets WHERE state = 'CLEAN'
             UNION ALL
             SELECT format('assets/%s/%s.preview-%s', organization_id, asset_id, lower(size)) FROM asset_previews
             ORDER BY key",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        let mut expected = expected;
        expected.sort();
        assert_eq!(self.file_objects(), expected);
        let uploads: Vec<String> =
            sqlx::query_scalar("SELECT upload_id FROM assets WHERE upload_id IS NOT NULL")
                .fetch_all(&pool)
                .await
                .unwrap();
        for open in self.open_uploads() {
            assert!(uploads.iter().any(|upload_id| open.contains(upload_id)), "{open} belongs to no row");
        }
    }
}

/// Announces a file truly, to be streamed.
pub(crate) fn announced(space_id: SpaceId, name: &str, file: &[u8]) -> pb::StartUploadRequest {
    pb::StartUploadRequest {
        space_id: space_id.to_string(),
        file_name: name.to_owned(),
        size_bytes: i64::try_from(file.len()).unwrap(),
        sha256: sha256(file),
        is_direct: false,
    }
}

pub(crate) fn sha256(file: &[u8]) -> String {
    digest(&SHA256, file).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a stream of these bytes.
pub(crate) fn messages(asset_id: &str, offset_bytes: i64, bytes: &[u8]) -> Vec<pb::UploadAssetRequest> {
    let header = pb::UploadAssetHeader { asset_id: asset_id.to_owned(), offset_bytes };
    let chunks = bytes.chunks(256 * 1024).map(|chunk| Part::Chunk(Bytes::copy_from_slice(chunk)));
    let parts = [Part::Header(header)].into_iter().chain(chunks);
    parts.map(|part| pb::UploadAssetRequest { part: Some(part) }).collect()
}

/// Returns bytes that are nothing in particular, and no two pieces alike.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        u8::try_from(state >> 24).unwrap()
    };
    (0..length).map(|_| next()).collect()
}

pub(crate) fn id(text: &str) -> AssetId {
    text.parse::<Uuid>().unwrap().into()
}
