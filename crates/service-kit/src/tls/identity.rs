//! What the files hold.
//!
//! Owns reading them and judging whether a peer would take what is in them, before it is used. Must not keep the key
//! anywhere but in what signs with it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use ring::digest::{self, SHA256, SHA256_OUTPUT_LEN};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, ring as ring_provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use secrecy::{ExposeSecret, SecretSlice};

use super::ALPN_H2;
use super::names::{AllowedCallers, Certificate};
use crate::config::TlsConfig;

/// Tells contents of the files apart.
pub(super) type Fingerprint = [u8; SHA256_OUTPUT_LEN];

/// The three files as they were read.
pub(super) struct Files {
    certificate: Vec<u8>,
    key: SecretSlice<u8>,
    authority: Vec<u8>,
}

/// What new connections are made with.
pub(super) struct Identity {
    pub(super) server: Arc<ServerConfig>,
    pub(super) client: Arc<ClientConfig>,
    pub(super) fingerprint: Fingerprint,
    not_after: i64,
}

impl Identity {
    /// How long the certificate is valid; negative where it has expired.
    pub(super) fn seconds_left(&self) -> i64 {
        let now = i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX);
        self.not_after.saturating_sub(now)
    }
}

impl Files {
    pub(super) fn read(config: &TlsConfig) -> anyhow::Result<Self> {
        let read = |setting: &str, path: &Path| {
            std::fs::read(path)
                .with_context(|| format!("setting grpc.tls.{setting}: {} cannot be read", path.display()))
        };
        Ok(Self {
            certificate: read("certificate_file", &config.certificate_file)?,
            key: read("key_file", &config.key_file)?.into(),
            authority: read("ca_file", &config.ca_file)?,
        })
    }

    /// The same for the same content. By content and not by time: a mounted secret is replaced by another link.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut context = digest::Context::new(&SHA256);
        for part in [self.certificate.as_slice(), self.key.expose_secret(), &self.authority] {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut fingerprint = Fingerprint::default();
        fingerprint.copy_from_slice(context.finish().as_ref());
        fingerprint
    }

    /// Makes what connections need, where certificate and key are a pair, and peers that trust the same authority
    /// would take the certificate now.
    pub(super) fn identity(&self, allowed_callers: &[String]) -> anyhow::Result<Identity> {
        let provider = Arc::new(ring_provider::default_provider());
        let roots = Arc::new(self.roots()?);
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .context("grpc.tls.certificate_file is no PEM")?;
        let certificate = accepted(&chain, &roots, &provider).context("grpc.tls.certificate_file")?;
        let key = PrivateKeyDer::from_pem_slice(self.key.expose_secret())
            .context("grpc.tls.key_file holds no key in PEM")?;
        let pair = CertifiedKey::from_der(chain, key, &provider)
            .context("grpc.tls.key_file is not the key of grpc.tls.certificate_file")?;
        let pair = Arc::new(SingleCertAndKey::from(pair));

        let chain_verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider)).build()?;
        let callers = Arc::new(AllowedCallers::new(chain_verifier, allowed_callers));
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(callers)
            .with_cert_resolver(Arc::clone(&pair) as _);
        server.alpn_protocols = vec![ALPN_H2.to_vec()];
        // A session that is taken up again is not verified again: each connection shows its certificate.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;

        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots)
            .with_client_cert_resolver(pair);
        client.alpn_protocols = vec![ALPN_H2.to_vec()];
        client.resumption = Resumption::disabled();
        Ok(Identity {
            server: Arc::new(server),
            client: Arc::new(client),
            fingerprint: self.fingerprint(),
            not_after: certificate.not_after,
        })
    }

    fn roots(&self) -> anyhow::Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&self.authority) {
            let certificate = certificate.context("grpc.tls.ca_file is no PEM")?;
            roots.add(certificate).context("grpc.tls.ca_file holds what is no certificate")?;
        }
        ensure!(!roots.is_empty(), "grpc.tls.ca_file holds no certificate");
        Ok(roots)
    }
}

/// Verifies one's own certificate as a callee will, and as a caller will but for the name it calls.
fn accepted(
    chain: &[CertificateDer<'_>],
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
) -> anyhow::Result<Certificate> {
    let (own, intermediates) = chain.split_first().context("holds no certificate")?;
    let now = UnixTime::now();
    let parsed = ParsedCertificate::try_from(own)?;
    let algorithms = provider.signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, algorithms)
        .context("no caller would take it")?;
    WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
        .build()?
        .verify_client_cert(own, intermediates, now)
        .context("no callee would take it")?;
    let certificate = Certificate::read(own)?;
    ensure!(!certificate.names.is_empty(), "has neither a URI nor a DNS name by which it would be known");
    Ok(certificate)
}
