//! An authority of the test's own, and the certificates it gives out.
//!
//! Owns also a client that is none of ours, to see what a server shows and whom it takes. Nothing outlives the test;
//! where files are wanted, the test says where.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use service_kit::config::TlsConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// Since and until when a certificate is valid, in years.
pub const VALID: (i32, i32) = (2020, 2090);

/// An authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Authority {
    /// Returns a new authority, which nobody knows yet.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        // A subject of its own, by which whoever trusts several finds the right one.
        let name: uuid::Uuid = crate::ids().next();
        let mut params = params(&format!("authority {name}"), VALID);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    /// Its own certificate, in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns a certificate of a service on this machine, by its URI or DNS name.
    pub fn issue(&self, name: &str) -> Issued {
        self.issue_as(
            name,
            VALID,
            &[ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        )
    }

    /// Returns a certificate that is valid from the first day of one year to the first day of another.
    pub fn issue_for_years(&self, name: &str, years: (i32, i32)) -> Issued {
        self.issue_as(
            name,
            years,
            &[ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        )
    }

    /// Returns a certificate that a server may show and a client may not.
    pub fn issue_for_servers(&self, name: &str) -> Issued {
        self.issue_as(name, VALID, &[ExtendedKeyUsagePurpose::ServerAuth])
    }

    fn issue_as(&self, name: &str, years: (i32, i32), usages: &[ExtendedKeyUsagePurpose]) -> Issued {
        let key = KeyPair::generate().expect("a key");
        let mut params = params(name.rsplit('/').next().unwrap_or_default(), years);
        let text = name.try_into().expect("a name in ASCII");
        params.subject_alt_names =
            vec![if name.contains("://") { SanType::URI(text) } else { SanType::DnsName(text) }];
        params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        params.extended_key_usages = usages.to_vec();
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

fn params(common_name: &str, (since, until): (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(since, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    params
}

impl Issued {
    /// The certificate as it is shown.
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate")
    }
}

/// Returns how a client that is none of ours connects: trusting an authority, and showing a certificate or none.
pub fn foreign(trusted: &Authority, shown: Option<&Issued>) -> ClientTlsConfig {
    let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(trusted.pem()));
    match shown {
        Some(issued) => config.identity(Identity::from_pem(&issued.certificate, &issued.key)),
        None => config,
    }
}

/// Returns what a server shows to whoever trusts the authorities in `trusted` and shows `own`.
pub async fn shown(server: SocketAddr, trusted: &str, own: &Issued) -> CertificateDer<'static> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(trusted.as_bytes()).flatten());
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).expect("a key");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_root_certificates(roots).with_client_auth_cert(vec![own.der()], key))
        .expect("a configuration");
    let stream = TcpStream::connect(server).await.expect("a connection");
    let connecting = TlsConnector::from(Arc::new(config)).connect(server.ip().into(), stream);
    let connection = connecting.await.expect("a handshake");
    let certificates = connection.get_ref().1.peer_certificates().unwrap_or_default();
    certificates.first().expect("a certificate").clone().into_owned()
}

/// The three files of a service in a directory of the test.
#[derive(Clone)]
pub struct TlsFiles {
    dir: PathBuf,
    name: String,
}

impl TlsFiles {
    /// Writes the files of a service; other services' may lie beside them.
    pub fn write(dir: &Path, name: &str, issued: &Issued, authorities: &str) -> Self {
        let files = Self { dir: dir.to_owned(), name: name.to_owned() };
        // Trust first: whoever shows the new certificate has the new authorities too.
        files.replace("ca", authorities);
        files.replace("pem", &issued.certificate);
        files.replace("key", &issued.key);
        files
    }

    /// Replaces one of them, `pem`, `key` or `ca`, at one stroke.
    pub fn replace(&self, which: &str, content: &str) {
        let beside = self.dir.join(format!("{}.{which}.new", self.name));
        fs::write(&beside, content).expect("a writable directory");
        fs::rename(beside, self.path(which)).expect("a writable directory");
    }

    /// Where one of them lies.
    pub fn path(&self, which: &str) -> PathBuf {
        self.dir.join(format!("{}.{which}", self.name))
    }

    /// Returns the settings that go with them, with callers that are allowed.
    pub fn config(&self, allowed_callers: &[&str]) -> TlsConfig {
        TlsConfig {
            certificate_file: self.path("pem"),
            key_file: self.path("key"),
            ca_file: self.path("ca"),
            allowed_callers: allowed_callers.iter().map(|name| (*name).to_owned()).collect(),
            reload_seconds: std::num::NonZeroU64::MIN,
            handshake_ms: 5_000,
            max_handshakes: 256,
        }
    }
}
