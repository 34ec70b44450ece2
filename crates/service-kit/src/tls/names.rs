//! Whose certificate it is.
//!
//! Owns the names in a certificate, and refusing a caller that has none of the allowed ones. Must not judge the chain.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::anyhow;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// What a certificate says of itself.
pub(super) struct Certificate {
    /// Its URIs as they are, its DNS names in lower case. No subject: nothing has been told by that one for long.
    pub(super) names: BTreeSet<String>,
    /// The last second it is valid in, of the Unix epoch.
    pub(super) not_after: i64,
}

impl Certificate {
    pub(super) fn read(der: &CertificateDer<'_>) -> anyhow::Result<Self> {
        let (_, certificate) = parse_x509_certificate(der).map_err(|_| anyhow!("is no certificate"))?;
        let names = certificate.subject_alternative_name().map_err(|_| anyhow!("has names of no form"))?;
        let names = names.map(|names| names.value.general_names.iter().filter_map(name).collect());
        Ok(Self { names: names.unwrap_or_default(), not_after: certificate.validity().not_after.timestamp() })
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    }
}

/// Takes a caller whose chain is good and who has one of the allowed names.
#[derive(Debug)]
pub(super) struct AllowedCallers {
    chain: Arc<dyn ClientCertVerifier>,
    allowed: BTreeSet<String>,
}

impl AllowedCallers {
    pub(super) fn new(chain: Arc<dyn ClientCertVerifier>, allowed: &[String]) -> Self {
        Self { chain, allowed: allowed.iter().cloned().collect() }
    }
}

impl ClientCertVerifier for AllowedCallers {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        let caller = Certificate::read(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        if caller.names.is_disjoint(&self.allowed) {
            // Names of services, given out by the authority of all of them.
            tracing::warn!(tls.caller = ?caller.names, "a caller that is not allowed was refused");
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
