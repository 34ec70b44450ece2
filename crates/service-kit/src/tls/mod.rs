//! Mutual TLS between the services (ADR 0014).
//!
//! Owns this process's identity on the wire: certificate, key and the authority it trusts, as they lie on disk now, for
//! the port it answers at and for the calls it makes. Files that are replaced are taken without a restart; what is
//! broken or half-written is not, and the former stays. Must not know what is called: who may call a method is told by
//! tokens, behind this.

mod accept;
mod connect;
mod identity;
mod names;

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use opentelemetry::metrics::{Counter, Gauge};
use opentelemetry::{KeyValue, global};
use tokio_util::sync::CancellationToken;

pub(crate) use self::accept::Incoming;
pub(crate) use self::connect::Connector;
use self::identity::{Files, Fingerprint, Identity};
use crate::config::TlsConfig;
use crate::health::HealthBoard;
use crate::telemetry::names as telemetry;

/// HTTP/2, which is all that is spoken (RFC 7301).
const ALPN_H2: &[u8] = b"h2";

/// This process's identity on the wire, and whom it takes calls from. A clone is the same one.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    config: TlsConfig,
    current: RwLock<Arc<Identity>>,
    /// What was told as broken last, so that it is told once.
    told: Mutex<Option<Fingerprint>>,
    reloads: Counter<u64>,
    expiry: Gauge<i64>,
}

/// What a look at the files came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refresh {
    /// They hold what is in use.
    Unchanged,
    /// What is new in them is in use from now on, for new connections.
    Taken,
    /// What is new in them cannot be used; the former stays.
    Refused,
}

impl Tls {
    /// Reads the files for the first time. Errors name the setting and what is wrong with its file.
    pub fn load(config: &TlsConfig) -> anyhow::Result<Self> {
        let identity = Files::read(config)?.identity(&config.allowed_callers)?;
        let meter = global::meter("sharedspaces");
        let tls = Self(Arc::new(Inner {
            config: config.clone(),
            current: RwLock::new(Arc::new(identity)),
            told: Mutex::default(),
            reloads: meter.u64_counter(telemetry::TLS_RELOADS).build(),
            expiry: meter.i64_gauge(telemetry::TLS_CERTIFICATE_EXPIRY).with_unit("s").build(),
        }));
        tls.note_expiry();
        Ok(tls)
    }

    /// Looks at the files, and takes what is new where all of it is whole and would be taken by a peer.
    pub fn refresh(&self) -> Refresh {
        let looked = match self.look() {
            Ok(Looked::Same) => Refresh::Unchanged,
            Ok(Looked::New(identity)) => {
                *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(identity);
                *self.told() = None;
                tracing::info!(tls.expires_in_seconds = self.current().seconds_left(), "certificate taken");
                self.count("taken");
                Refresh::Taken
            }
            Err(Unusable { fingerprint, error }) => {
                if self.told().replace(fingerprint) != Some(fingerprint) {
                    let reason = format!("{error:#}");
                    tracing::error!(error.chain = %reason, "certificate not taken, the former one stays");
                    self.count("refused");
                }
                Refresh::Refused
            }
        };
        self.note_expiry();
        looked
    }

    fn look(&self) -> Result<Looked, Unusable> {
        let files = Files::read(&self.0.config)
            .map_err(|error| Unusable { fingerprint: Fingerprint::default(), error })?;
        let fingerprint = files.fingerprint();
        if fingerprint == self.current().fingerprint {
            return Ok(Looked::Same);
        }
        let identity = files.identity(&self.0.config.allowed_callers);
        identity.map(Looked::New).map_err(|error| Unusable { fingerprint, error })
    }

    /// Looks at the files again and again until told to stop. On the board it is down where the certificate in use has
    /// expired: no peer takes it any more.
    pub(crate) async fn watch(self, board: HealthBoard, stop: CancellationToken) {
        let every = Duration::from_secs(self.0.config.reload_seconds.get());
        loop {
            self.refresh();
            board.set("tls", self.current().seconds_left() > 0).await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    fn current(&self) -> Arc<Identity> {
        Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn config(&self) -> &TlsConfig {
        &self.0.config
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Option<Fingerprint>> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, outcome: &'static str) {
        self.0.reloads.add(1, &[KeyValue::new(telemetry::OUTCOME, outcome)]);
    }

    fn note_expiry(&self) {
        self.0.expiry.record(self.current().seconds_left(), &[]);
    }
}

enum Looked {
    Same,
    New(Identity),
}

struct Unusable {
    fingerprint: Fingerprint,
    error: anyhow::Error,
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::path::PathBuf;

    use rcgen::{
        BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd,
    };
    use rustls::pki_types::UnixTime;

    use super::*;

    /// Writes files whose certificate ends in so many seconds.
    fn files(dir: &std::path::Path, lives: Duration) -> TlsConfig {
        let write = |name: &str, content: String| -> PathBuf {
            let path = dir.join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let ca_file = write("ca", ca.self_signed(&ca_key).unwrap().pem());
        let mut own = CertificateParams::new(["spaces".to_owned()]).unwrap();
        own.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        own.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(UnixTime::now().as_secs()) + lives;
        let issued = own.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
        TlsConfig {
            certificate_file: write("pem", issued.pem()),
            key_file: write("key", key.serialize_pem()),
            ca_file,
            allowed_callers: vec!["gateway".to_owned()],
            reload_seconds: NonZeroU64::MIN,
            handshake_ms: 5_000,
            max_handshakes: 256,
        }
    }

    #[tokio::test]
    async fn a_process_is_not_ready_while_its_certificate_has_expired_and_again_with_a_new_one() {
        let dir = std::env::temp_dir().join(format!("sharedspaces-tls-health-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let tls = Tls::load(&files(&dir, Duration::from_secs(5))).unwrap();
        let (reporter, _service) = tonic_health::server::health_reporter();
        let (board, stop) = (HealthBoard::new(reporter), CancellationToken::new());
        let watching = tokio::spawn(tls.watch(board.clone(), stop.clone()));
        for (what, ready) in [("at first", true), ("expired", false), ("renewed", true)] {
            if what == "renewed" {
                files(&dir, Duration::from_secs(3_600));
            }
            let until = std::time::Instant::now() + Duration::from_secs(60);
            while board.is_ready() != ready {
                assert!(std::time::Instant::now() < until, "{what}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        stop.cancel();
        watching.await.unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
