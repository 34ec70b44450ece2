//! Everything a test needs: database, S3, a played spaces, and the service between them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use messaging::Received;
use sandbox::{Options, Sandbox};
use service_kit::caller::{Caller, CallerKind, Principal};
use service_kit::ids::{OrganizationId, SpaceId};
use service_kit::space_access::SpaceAccess;
use sharedspaces_proto::assets::v1 as pb;
use sharedspaces_proto::assets::v1::logo_service_client::LogoServiceClient;
use sharedspaces_proto::assets::v1::logo_service_server::LogoServiceServer;
use sharedspaces_proto::spaces::events::v1::LogoPlaced;
use sharedspaces_proto::spaces::v1::Permission;
use sharedspaces_proto::spaces::v1::space_service_server::SpaceServiceServer;
use testkit::TestDatabase;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use super::played::PlayedSpaces;
use crate::config::S3Settings;
use crate::consumers;
use crate::grpc::LogoGrpc;
use crate::logo::{LogoError, Logos};
use crate::storage::ObjectStore;

const CALLER: &str = "x-test-caller";
/// What lets somebody upload.
pub(crate) const EDIT: Permission = Permission::Edit;

/// The service and what is around it.
pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) sandbox: Sandbox,
    pub(crate) logos: Logos,
    pub(crate) spaces: PlayedSpaces,
    pub(crate) access: SpaceAccess,
    pub(crate) http: reqwest::Client,
    client: LogoServiceClient<Channel>,
    dir: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        // Left behind in the system's directory for such things where it cannot be deleted.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = std::env::temp_dir().join(format!("assets-{}", testkit::ids().next::<Uuid>()));
        let sandbox = Sandbox::start(Options::ephemeral(&dir)).await.unwrap();
        let database = TestDatabase::create("assets", &[&messaging::MIGRATOR, &crate::MIGRATOR]).await;
        let settings = s3_settings(sandbox.s3_addr());
        let spaces = PlayedSpaces::default();
        let spaces_address = serve(Routes::new(SpaceServiceServer::new(spaces.clone()))).await;
        let access = SpaceAccess::new(testkit::peers(spaces_address).spaces().unwrap());
        let logos = Logos::new(
            database.database.clone(),
            testkit::ids(),
            ObjectStore::try_new(&settings).unwrap(),
            access.clone(),
        );
        let service = LogoServiceServer::new(LogoGrpc { logos: logos.clone() })
            .max_decoding_message_size(service_kit::grpc::STREAM_MESSAGE_LIMIT_BYTES);
        let address = serve(Routes::new(InterceptedService::new(service, admit))).await;
        Self {
            database,
            sandbox,
            logos,
            spaces,
            access,
            http: reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap(),
            client: LogoServiceClient::new(channel(address)),
            dir,
        }
    }

    /// Returns somebody who may do this in the space.
    pub(crate) fn person(&self, space_id: SpaceId, permissions: &[Permission]) -> Caller {
        let caller = testkit::caller(CallerKind::Member);
        self.spaces.allow(&caller, space_id, permissions);
        caller
    }

    /// Returns somebody who may change a new space, and that space.
    pub(crate) fn editor(&self) -> (Caller, SpaceId) {
        let space_id = testkit::ids().next();
        (self.person(space_id, &[Permission::View, Permission::Edit]), space_id)
    }

    pub(crate) async fn upload(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        file: &[u8],
    ) -> Result<pb::Logo, Status> {
        self.send(caller, None, stream::iter(parts(space_id, "logo.png", file))).await
    }

    pub(crate) async fn upload_with_key(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        file: &[u8],
        key: &str,
    ) -> Result<pb::Logo, Status> {
        self.send(caller, Some(key), stream::iter(parts(space_id, "logo.png", file))).await
    }

    pub(crate) async fn send(
        &self,
        caller: &Caller,
        key: Option<&str>,
        parts: impl Stream<Item = pb::UploadLogoRequest> + Send + 'static,
    ) -> Result<pb::Logo, Status> {
        let mut request = by(caller, parts);
        if let Some(key) = key {
            request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
        }
        let mut client = self.client.clone();
        let answer = tokio::time::timeout(Duration::from_secs(60), client.upload_logo(request));
        Ok(answer.await.expect("an answer within a minute")?.into_inner().logo.unwrap())
    }

    pub(crate) async fn get(&self, caller: &Caller, logo_id: &str) -> Result<pb::GetLogoResponse, Status> {
        self.get_in(caller, logo_id, pb::LogoRendition::Unspecified, false).await
    }

    pub(crate) async fn get_in(
        &self,
        caller: &Caller,
        logo_id: &str,
        rendition: pb::LogoRendition,
        transparent_background: bool,
    ) -> Result<pb::GetLogoResponse, Status> {
        let (logo_id, rendition) = (logo_id.to_owned(), rendition.into());
        let request = pb::GetLogoRequest { logo_id, rendition, transparent_background };
        Ok(self.client().get_logo(by(caller, request)).await?.into_inner())
    }

    /// Uploads the organisation's own logo.
    pub(crate) async fn upload_own(&self, caller: &Caller, file: &[u8]) -> Result<pb::Logo, Status> {
        let key = testkit::ids().next::<Uuid>().to_string();
        self.upload_own_with_key(caller, file, &key).await
    }

    pub(crate) async fn upload_own_with_key(
        &self,
        caller: &Caller,
        file: &[u8],
        key: &str,
    ) -> Result<pb::Logo, Status> {
        use pb::upload_organization_logo_request::Part;
        let header = Part::Header(pb::ImageHeader { file_name: "own.png".to_owned() });
        let chunks = file.chunks(256 * 1024).map(|chunk| Part::Chunk(Bytes::copy_from_slice(chunk)));
        let parts: Vec<_> = [header].into_iter().chain(chunks).collect();
        let parts = stream::iter(parts).map(|part| pb::UploadOrganizationLogoRequest { part: Some(part) });
        let mut request = by(caller, parts);
        request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
        let answer = self.client().upload_organization_logo(request).await?;
        Ok(answer.into_inner().logo.unwrap())
    }

    /// Returns the organisation's own logo in full size.
    pub(crate) async fn get_own(&self, caller: &Caller) -> Result<pb::LogoLink, Status> {
        let request = by(caller, pb::GetOrganizationLogoRequest::default());
        Ok(self.client().get_organization_logo(request).await?.into_inner().logo_link.unwrap())
    }

    pub(crate) async fn upload_banner(&self, caller: &Caller, file: &[u8]) -> Result<pb::Logo, Status> {
        use pb::upload_theme_banner_request::Part;
        let header = Part::Header(pb::ImageHeader { file_name: "banner.png".to_owned() });
        let chunks = file.chunks(256 * 1024).map(|chunk| Part::Chunk(Bytes::copy_from_slice(chunk)));
        let parts: Vec<_> = [header].into_iter().chain(chunks).collect();
        let parts = stream::iter(parts).map(|part| pb::UploadThemeBannerRequest { part: Some(part) });
        let answer = self.client().upload_theme_banner(by(caller, parts)).await?;
        Ok(answer.into_inner().logo.unwrap())
    }

    /// Uploads somebody's own picture.
    pub(crate) async fn upload_picture(&self, caller: &Caller, file: &[u8]) -> Result<pb::Logo, Status> {
        use pb::upload_profile_picture_request::Part;
        let header = Part::Header(pb::ImageHeader { file_name: "me.png".to_owned() });
        let chunks = file.chunks(256 * 1024).map(|chunk| Part::Chunk(Bytes::copy_from_slice(chunk)));
        let parts: Vec<_> = [header].into_iter().chain(chunks).collect();
        let parts = stream::iter(parts).map(|part| pb::UploadProfilePictureRequest { part: Some(part) });
        let answer = self.client().upload_profile_picture(by(caller, parts)).await?;
        Ok(answer.into_inner().logo.unwrap())
    }

    pub(crate) async fn pictures_of(
        &self,
        caller: &Caller,
        user_ids: Vec<String>,
    ) -> Result<Vec<pb::ProfilePicture>, Status> {
        let request = by(caller, pb::BatchGetProfilePicturesRequest { user_ids });
        Ok(self.client().batch_get_profile_pictures(request).await?.into_inner().profile_pictures)
    }

    pub(crate) async fn format(
        &self,
        caller: &Caller,
        logo_id: &str,
        transparent_background: bool,
    ) -> Result<pb::FormatLogoResponse, Status> {
        let request = pb::FormatLogoRequest { logo_id: logo_id.to_owned(), transparent_background };
        Ok(self.client().format_logo(by(caller, request)).await?.into_inner())
    }

    /// Asks for several logos, each with its background removed where the flag says so.
    pub(crate) async fn batch_get(
        &self,
        caller: &Caller,
        logos: &[(&str, bool)],
        rendition: pb::LogoRendition,
    ) -> Result<Vec<pb::LogoLink>, Status> {
        let logos = logos.iter().map(|(logo_id, transparent_background)| pb::LogoWanted {
            logo_id: (*logo_id).to_owned(),
            transparent_background: *transparent_background,
        });
        let request = pb::BatchGetLogosRequest { logos: logos.collect(), rendition: rendition.into() };
        Ok(self.client().batch_get_logos(by(caller, request)).await?.into_inner().logo_links)
    }

    /// Applies spaces' event that a place shows this logo now, or nothing.
    pub(crate) async fn place(
        &self,
        organization_id: OrganizationId,
        place_id: SpaceId,
        logo_id: &str,
        version: i64,
    ) {
        let received = placed(organization_id, place_id, logo_id, version);
        let applied = self.database.database.transaction(organization_id, move |tx| {
            Box::pin(async move {
                consumers::spaces::logo_placed(tx, received).await.expect("an event that can be applied");
                Ok::<_, LogoError>(())
            })
        });
        applied.await.unwrap();
    }

    pub(crate) fn client(&self) -> LogoServiceClient<Channel> {
        self.client.clone()
    }

    /// Changes what is stored, past all rules.
    pub(crate) async fn sql(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.database.superuser_pool()).await.unwrap();
    }

    pub(crate) async fn describe(
        &self,
        organization_id: impl ToString,
        space_id: impl ToString,
        logo_id: impl ToString,
    ) -> Result<pb::Logo, Status> {
        let request = pb::DescribeLogoRequest {
            organization_id: organization_id.to_string(),
            space_id: space_id.to_string(),
            logo_id: logo_id.to_string(),
        };
        Ok(self.client.clone().describe_logo(request).await?.into_inner().logo.unwrap())
    }

    /// Fetches a logo as a browser would.
    pub(crate) async fn fetch(&self, caller: &Caller, logo_id: &str) -> Vec<u8> {
        let url = self.get(caller, logo_id).await.unwrap().url;
        self.fetch_from(&url).await
    }

    pub(crate) async fn fetch_from(&self, url: &str) -> Vec<u8> {
        let answer = self.http.get(url).send().await.unwrap().error_for_status().unwrap();
        answer.bytes().await.unwrap().to_vec()
    }

    /// Makes S3 fail.
    pub(crate) async fn break_s3(&self, fault: impl Into<reqwest::Body>) {
        let url = format!("http://{}/api/faults", self.sandbox.http_addr());
        self.http.post(url).body(fault).send().await.unwrap().error_for_status().unwrap();
    }

    /// Counts the rows in a state, of every organisation.
    pub(crate) async fn count_rows(&self, state: &str) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM logos WHERE state = $1")
            .bind(state)
            .fetch_one(&self.database.superuser_pool())
            .await
            .unwrap()
    }

    /// Counts the objects in the bucket.
    pub(crate) fn count_objects(&self) -> usize {
        self.objects().len()
    }

    /// Returns the keys of the objects in the bucket.
    pub(crate) fn objects(&self) -> BTreeSet<String> {
        let bucket = self.bucket_dir();
        files_below(&bucket.join("logos"))
            .iter()
            .map(|path| path.strip_prefix(&bucket).unwrap().to_str().unwrap().to_owned())
            .collect()
    }

    /// Returns the names of what the store keeps of uploads that go on: one file for each, and one for each part.
    pub(crate) fn open_uploads(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.dir.join("s3")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned());
        names.filter(|name| name.starts_with(".upload")).collect()
    }

    /// Returns where the objects are.
    pub(crate) fn bucket_dir(&self) -> PathBuf {
        self.dir.join("s3").join(sandbox::S3_BUCKET)
    }
}

/// Returns spaces' event that a place shows this logo now, or nothing.
pub(crate) fn placed(
    organization_id: OrganizationId,
    place_id: SpaceId,
    logo_id: &str,
    version: i64,
) -> Received<LogoPlaced> {
    Received {
        event_id: testkit::ids().next(),
        organization_id,
        aggregate_id: place_id.uuid(),
        aggregate_version: version,
        event_time: service_kit::clock::Clock::now(&*testkit::clock()),
        event: LogoPlaced {
            organization_id: organization_id.to_string(),
            place_id: place_id.to_string(),
            logo_id: logo_id.to_owned(),
        },
    }
}

/// Returns the settings of the sandbox's bucket.
pub(crate) fn s3_settings(address: SocketAddr) -> S3Settings {
    S3Settings {
        endpoint: format!("http://{address}").parse().unwrap(),
        public_endpoint: None,
        region: "us-east-1".to_owned(),
        bucket: sandbox::S3_BUCKET.to_owned(),
        access_key: sandbox::S3_ACCESS_KEY.into(),
        secret_key: sandbox::S3_SECRET_KEY.into(),
    }
}

/// Returns an upload as a client sends it.
pub(crate) fn parts(space_id: SpaceId, file_name: &str, file: &[u8]) -> Vec<pb::UploadLogoRequest> {
    let header = pb::UploadLogoHeader { space_id: space_id.to_string(), file_name: file_name.to_owned() };
    let mut parts = vec![part(pb::upload_logo_request::Part::Header(header))];
    parts.extend(file.chunks(256 * 1024).map(chunk));
    parts
}

pub(crate) fn chunk(bytes: &[u8]) -> pb::UploadLogoRequest {
    part(pb::upload_logo_request::Part::Chunk(Bytes::copy_from_slice(bytes)))
}

fn part(part: pb::upload_logo_request::Part) -> pb::UploadLogoRequest {
    pb::UploadLogoRequest { part: Some(part) }
}

/// Returns the machine-readable reason of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// Returns the fields a refusal names, each with its rule.
pub(crate) fn fields(status: &Status) -> Vec<(String, String)> {
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    violations.into_iter().map(|violation| (violation.field, violation.description)).collect()
}

pub(crate) fn by<T>(caller: &Caller, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let names = format!("{}/{}", caller.organization_id, caller.user_id);
    request.metadata_mut().insert(CALLER, names.parse().unwrap());
    request
}

/// Stands for the access layer, which has its own tests: believes who somebody says they are.
pub(crate) fn admit(mut request: Request<()>) -> Result<Request<()>, Status> {
    let rule =
        sharedspaces_proto::find_method_rule("/sharedspaces.assets.v1.LogoService/UploadLogo").unwrap();
    let names = request.metadata().get(CALLER).map(|names| names.to_str().unwrap().to_owned());
    let principal = match names.as_deref().and_then(|names| names.split_once('/')) {
        Some((organization_id, user_id)) => Principal::Person(Caller {
            organization_id: organization_id.parse::<Uuid>().unwrap().into(),
            user_id: user_id.parse::<Uuid>().unwrap().into(),
            kind: CallerKind::Member,
            session_id: Uuid::nil(),
            consent_notice_version: 0,
        }),
        None => Principal::Service("spaces".to_owned()),
    };
    request.extensions_mut().insert(rule);
    request.extensions_mut().insert(principal);
    Ok(request)
}

pub(crate) async fn serve(routes: Routes) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::builder().add_routes(routes).serve_with_incoming(TcpIncoming::from(listener)));
    address
}

pub(crate) fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
