//! Mutual TLS: whom a server takes, whom a client calls, and what happens when the files change.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use service_kit::config::{PeersConfig, ServiceAuthConfig, TlsConfig};
use service_kit::peers::Peers;
use service_kit::tls::{Refresh, Tls};
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::space_service_client::SpaceServiceClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, ClientTlsConfig};
use tonic::{Code, Status};

use super::server::{SOON, Server};
use crate::certificates::{Authority, TlsFiles, VALID, foreign, shown};
use crate::eventually;

const SPACES: &str = "spiffe://sharedspaces/spaces";
const ASSETS: &str = "spiffe://sharedspaces/assets";
const GATEWAY: &str = "gateway.sharedspaces.test";

/// A directory of the test's own, and an authority.
struct Site {
    dir: PathBuf,
    authority: Authority,
}

impl Drop for Site {
    fn drop(&mut self) {
        // A directory that stays is below the system's temporary one.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl Site {
    fn new() -> Self {
        let dir =
            std::env::temp_dir().join(format!("sharedspaces-tls-{}", crate::ids().next::<uuid::Uuid>()));
        std::fs::create_dir(&dir).unwrap();
        Self { dir, authority: Authority::new() }
    }

    fn files(&self, name: &str) -> TlsFiles {
        let file = name.rsplit('/').next().unwrap();
        TlsFiles::write(&self.dir, file, &self.authority.issue(name), self.authority.pem())
    }

    /// spaces, which assets and the gateway may call.
    async fn server(&self, change: impl FnOnce(&mut TlsConfig)) -> (Server, Tls, TlsFiles) {
        let files = self.files(SPACES);
        let mut config = files.config(&[ASSETS, GATEWAY]);
        change(&mut config);
        let tls = Tls::load(&config).unwrap();
        (Server::start_over(Some(tls.clone()), |_| {}).await, tls, files)
    }

    fn peers(&self, server: &Server, tls: &Tls) -> Peers {
        peers(server, &format!("https://{}", server.address), Some(tls.clone()), &self.dir)
    }
}

/// assets' way to spaces, with a token that spaces takes.
fn peers(server: &Server, url: &str, tls: Option<Tls>, dir: &std::path::Path) -> Peers {
    let sub = "system:serviceaccount:sharedspaces:assets";
    let token = server.forge.service(&crate::forge::with(crate::forge::service_claims(), "sub", sub.into()));
    let token_file = dir.join("token");
    std::fs::write(&token_file, token).unwrap();
    let auth = ServiceAuthConfig {
        issuer: String::new(),
        jwks_file: "/nonexistent".into(),
        token_file,
        namespace: String::new(),
    };
    let config = PeersConfig { spaces: Some(url.parse().unwrap()), ..PeersConfig::default() };
    Peers::new(config, &auth).over(tls)
}

async fn ask(peers: &Peers) -> Result<(), Status> {
    let mut client = SpaceServiceClient::new(peers.spaces().unwrap());
    client.check_access(pb::CheckAccessRequest::default()).await.map(drop)
}

/// Asks for a space; tells the network the server has seen.
async fn ask_as(server: &Server, config: Option<ClientTlsConfig>) -> Result<String, String> {
    let scheme = if config.is_some() { "https" } else { "http" };
    let mut endpoint = Channel::from_shared(format!("{scheme}://{}", server.address)).unwrap();
    if let Some(config) = config {
        endpoint = endpoint.tls_config(config).unwrap();
    }
    let channel = endpoint.connect().await.map_err(|error| format!("{error:?}"))?;
    match SpaceServiceClient::new(channel).get_space(server.get("")).await {
        Ok(space) => Ok(space.into_inner().space.unwrap().url),
        Err(status) => {
            assert!(!status.metadata().contains_key("x-request-id"), "it came to the stack: {status:?}");
            Err(format!("{status:?}"))
        }
    }
}

#[tokio::test]
async fn a_caller_with_a_good_certificate_and_an_allowed_name_is_served_and_its_network_is_known() {
    let site = Site::new();
    let (server, _, _) = site.server(|_| {}).await;
    let assets = Tls::load(&site.files(ASSETS).config(&[SPACES])).unwrap();
    ask(&site.peers(&server, &assets)).await.unwrap();
    let by_dns = site.authority.issue(GATEWAY);
    assert_eq!(ask_as(&server, Some(foreign(&site.authority, Some(&by_dns)))).await.unwrap(), "127.0.0.0");
}

#[tokio::test]
async fn whoever_shows_no_certificate_or_a_bad_one_is_refused_before_any_call() {
    let site = Site::new();
    let (server, _, _) = site.server(|_| {}).await;
    let (ours, other) = (&site.authority, Authority::new());
    let refused = [
        ("in plain text", None),
        ("no certificate", Some(foreign(ours, None))),
        ("of another authority", Some(foreign(ours, Some(&other.issue(ASSETS))))),
        ("expired", Some(foreign(ours, Some(&ours.issue_for_years(ASSETS, (2020, 2021)))))),
        ("not yet valid", Some(foreign(ours, Some(&ours.issue_for_years(ASSETS, (2089, 2090)))))),
        ("for servers alone", Some(foreign(ours, Some(&ours.issue_for_servers(ASSETS))))),
        ("not allowed", Some(foreign(ours, Some(&ours.issue("spiffe://sharedspaces/notifications"))))),
        ("itself", Some(foreign(ours, Some(&ours.issue(SPACES))))),
        ("a name that begins alike", Some(foreign(ours, Some(&ours.issue("spiffe://sharedspaces/assets2"))))),
        ("of another trust domain", Some(foreign(ours, Some(&ours.issue("spiffe://elsewhere/assets"))))),
        ("a DNS name below", Some(foreign(ours, Some(&ours.issue("x.gateway.sharedspaces.test"))))),
        ("a wildcard", Some(foreign(ours, Some(&ours.issue("*.sharedspaces.test"))))),
    ];
    for (name, caller) in refused {
        assert!(ask_as(&server, caller).await.is_err(), "{name}");
        let good = site.authority.issue(ASSETS);
        ask_as(&server, Some(foreign(&site.authority, Some(&good)))).await.expect(name);
    }
}

#[tokio::test]
async fn a_peer_of_another_name_or_authority_is_not_called() {
    let site = Site::new();
    let (server, _, _) = site.server(|_| {}).await;
    let assets = Tls::load(&site.files(ASSETS).config(&[SPACES])).unwrap();
    let by_name = format!("https://localhost:{}", server.address.port());
    let refused = ask(&peers(&server, &by_name, Some(assets.clone()), &site.dir)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");

    let elsewhere = Site::new();
    let (impostor, _, _) = elsewhere.server(|_| {}).await;
    let refused = ask(&site.peers(&impostor, &assets)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    ask(&site.peers(&server, &assets)).await.unwrap();
}

#[tokio::test]
async fn a_peers_address_says_https_where_mutual_tls_is_set_and_only_there() {
    let site = Site::new();
    let (server, _, _) = site.server(|_| {}).await;
    let assets = Tls::load(&site.files(ASSETS).config(&[SPACES])).unwrap();
    for (url, tls, expected) in [("http://a:1", Some(assets.clone()), "https"), ("https://a:1", None, "http")]
    {
        let told = peers(&server, url, tls, &site.dir).spaces().err().unwrap().to_string();
        assert!(told.contains(&format!("peers.spaces must begin with {expected}://")), "{told}");
    }
}

/// Calls over one connection and over new ones.
struct Calling {
    calls: Arc<AtomicU32>,
    stop: CancellationToken,
    failures: JoinHandle<Vec<Status>>,
}

impl Calling {
    fn begin(peers: Peers) -> Self {
        let (calls, stop) = (Arc::<AtomicU32>::default(), CancellationToken::new());
        let (count, until) = (Arc::clone(&calls), stop.clone());
        let failures = tokio::spawn(async move {
            let mut kept = SpaceServiceClient::new(peers.spaces().unwrap());
            let mut failures = Vec::new();
            while !until.is_cancelled() {
                failures.extend(kept.check_access(pb::CheckAccessRequest::default()).await.err());
                failures.extend(ask(&peers).await.err());
                count.fetch_add(1, Ordering::SeqCst);
            }
            failures
        });
        Self { calls, stop, failures }
    }

    /// Waits until there have been calls that began from now on.
    async fn go_on(&self) {
        let before = self.calls.load(Ordering::SeqCst);
        eventually("further calls", async || self.calls.load(Ordering::SeqCst) > before + 2).await;
    }

    async fn end(self) -> Vec<Status> {
        self.stop.cancel();
        self.failures.await.unwrap()
    }
}

#[tokio::test]
async fn a_replaced_certificate_and_a_replaced_authority_are_in_use_without_a_failed_call() {
    let site = Site::new();
    let (server, spaces, spaces_files) = site.server(|_| {}).await;
    let assets_files = site.files(ASSETS);
    let assets = Tls::load(&assets_files.config(&[SPACES])).unwrap();
    let calling = Calling::begin(site.peers(&server, &assets));
    calling.go_on().await;
    let me = site.authority.issue(GATEWAY);

    let renewed = site.authority.issue(SPACES);
    assert_ne!(shown(server.address, site.authority.pem(), &me).await, renewed.der());
    spaces_files.replace("key", &renewed.key);
    assert_eq!(spaces.refresh(), Refresh::Refused, "the certificate is not there yet");
    spaces_files.replace("pem", &renewed.certificate);
    assert_eq!(spaces.refresh(), Refresh::Taken);
    assert_eq!(shown(server.address, site.authority.pem(), &me).await, renewed.der());
    calling.go_on().await;

    // A new authority: everybody trusts both, then shows what is of the new one, then trusts that alone.
    let next = Authority::new();
    let both = format!("{}{}", site.authority.pem(), next.pem());
    for (files, tls) in [(&spaces_files, &spaces), (&assets_files, &assets)] {
        files.replace("ca", &both);
        assert_eq!(tls.refresh(), Refresh::Taken);
        calling.go_on().await;
    }
    for (files, tls, name) in [(&spaces_files, &spaces, SPACES), (&assets_files, &assets, ASSETS)] {
        let issued = next.issue(name);
        files.replace("pem", &issued.certificate);
        files.replace("key", &issued.key);
        assert_eq!(tls.refresh(), Refresh::Taken);
        calling.go_on().await;
    }
    for (files, tls) in [(&spaces_files, &spaces), (&assets_files, &assets)] {
        files.replace("ca", next.pem());
        assert_eq!(tls.refresh(), Refresh::Taken);
        calling.go_on().await;
    }
    ask(&site.peers(&server, &assets)).await.unwrap();
    assert!(ask_as(&server, Some(foreign(&next, Some(&me)))).await.is_err(), "of the former authority");
    let failures = calling.end().await;
    assert!(failures.is_empty(), "{failures:?}");
}

/// What a file may hold that is not to be taken: which one, its content, and what is told of it at a start.
fn unusable(site: &Site) -> Vec<(&'static str, String, &'static str)> {
    let (ours, other) = (&site.authority, Authority::new());
    let renewed = ours.issue(SPACES);
    let cut = renewed.certificate[..renewed.certificate.len() / 2].to_owned();
    let pem = |years| ours.issue_for_years(SPACES, years).certificate;
    vec![
        ("pem", renewed.certificate.clone(), "grpc.tls.key_file is not the key"),
        ("key", renewed.key.clone(), "grpc.tls.key_file is not the key"),
        ("key", renewed.key[..60].to_owned(), "grpc.tls.key_file holds no key"),
        ("key", String::new(), "grpc.tls.key_file holds no key"),
        ("pem", cut, "grpc.tls.certificate_file"),
        ("pem", String::new(), "grpc.tls.certificate_file: holds no certificate"),
        ("pem", "nonsense".to_owned(), "grpc.tls.certificate_file: holds no certificate"),
        ("pem", pem((2020, 2021)), "no caller would take it"),
        ("pem", pem((2089, 2090)), "no caller would take it"),
        ("pem", other.issue_for_years(SPACES, VALID).certificate, "no caller would take it"),
        ("pem", ours.issue_for_servers(SPACES).certificate, "no callee would take it"),
        ("ca", other.pem().to_owned(), "no caller would take it"),
        ("ca", String::new(), "grpc.tls.ca_file holds no certificate"),
    ]
}

#[tokio::test]
async fn what_is_broken_or_half_written_is_not_taken_and_the_former_stays() {
    let site = Site::new();
    let (server, tls, files) = site.server(|_| {}).await;
    let me = site.authority.issue(GATEWAY);
    let before = shown(server.address, site.authority.pem(), &me).await;
    assert_eq!(tls.refresh(), Refresh::Unchanged);
    for (which, content, what) in unusable(&site) {
        let good = std::fs::read_to_string(files.path(which)).unwrap();
        files.replace(which, &content);
        assert_eq!(tls.refresh(), Refresh::Refused, "{which}: {what}");
        assert_eq!(shown(server.address, site.authority.pem(), &me).await, before, "{which}: {what}");
        files.replace(which, &good);
        assert_eq!(tls.refresh(), Refresh::Unchanged, "{which}: {what}");
    }
    std::fs::remove_file(files.path("pem")).unwrap();
    assert_eq!(tls.refresh(), Refresh::Refused, "not there");
    assert_eq!(shown(server.address, site.authority.pem(), &me).await, before);
}

#[test]
fn a_start_with_files_that_cannot_be_used_is_refused_and_says_why() {
    let site = Site::new();
    let files = site.files(SPACES);
    let config = files.config(&[ASSETS]);
    for (which, content, expected) in unusable(&site) {
        let good = std::fs::read_to_string(files.path(which)).unwrap();
        files.replace(which, &content);
        let told = format!("{:#}", Tls::load(&config).err().unwrap());
        assert!(told.contains(expected), "{which}: {told}");
        files.replace(which, &good);
    }
    std::fs::remove_file(files.path("ca")).unwrap();
    let told = format!("{:#}", Tls::load(&config).err().unwrap());
    assert!(told.contains("setting grpc.tls.ca_file") && told.contains("cannot be read"), "{told}");
}

/// Waits until the other side has closed the connection; tells how long that took.
async fn closed(mut connection: TcpStream, begin: Instant) -> Duration {
    let mut rest = Vec::new();
    // Reset or ended, whichever; what an alert says does not matter.
    let _ended = tokio::time::timeout(SOON, connection.read_to_end(&mut rest)).await.expect("an end");
    begin.elapsed()
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_cut_off_at_its_deadline() {
    let site = Site::new();
    let (server, _, _) = site.server(|tls| tls.handshake_ms = 300).await;
    // Nothing at all, and the head of a message of which nothing more comes (RFC 8446 §5.1).
    for begun in [&b""[..], &[0x16, 0x03, 0x01, 0x01, 0x00, 0x01]] {
        let begin = Instant::now();
        let mut connection = TcpStream::connect(server.address).await.unwrap();
        connection.write_all(begun).await.unwrap();
        let took = closed(connection, begin).await;
        assert!(took >= Duration::from_millis(250), "{took:?}");
    }
}

#[tokio::test]
async fn slow_handshakes_keep_out_nobody_and_the_oldest_gives_way() {
    let site = Site::new();
    let change = |tls: &mut TlsConfig| (tls.handshake_ms, tls.max_handshakes) = (60_000, 4);
    let (server, _, _) = site.server(change).await;
    let begin = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..12 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let good = site.authority.issue(ASSETS);
    ask_as(&server, Some(foreign(&site.authority, Some(&good)))).await.unwrap();
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    let newest = silent.pop().unwrap();
    for oldest in silent.drain(..8) {
        closed(oldest, begin).await;
    }
    let mut byte = [0];
    eventually("the newest, which is still waited for", async || {
        matches!(newest.try_read(&mut byte), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    })
    .await;
}

#[tokio::test]
async fn a_server_over_tls_ends_the_calls_in_flight_and_takes_no_new_connection() {
    let site = Site::new();
    let (server, _, _) = site.server(|_| {}).await;
    let good = site.authority.issue(ASSETS);
    let endpoint = Channel::from_shared(format!("https://{}", server.address)).unwrap();
    let endpoint = endpoint.tls_config(foreign(&site.authority, Some(&good))).unwrap();
    let mut client = SpaceServiceClient::new(endpoint.connect().await.unwrap());
    let request = server.get("wait");
    let held = tokio::spawn(async move { client.get_space(request).await });
    server.waiting(1).await;
    server.stop.calls.cancel();
    eventually("a refused connection", async || TcpStream::connect(server.address).await.is_err()).await;
    server.stage.go_on.notify_waiters();
    held.await.unwrap().unwrap();
    tokio::time::timeout(SOON, server.serving).await.unwrap().unwrap().unwrap();
}
