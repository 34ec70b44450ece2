//! The settings of mutual TLS.
//!
//! Owns refusing a part of them: somebody would believe a port to be closed that is open. Must not read the files.

use std::num::NonZeroU64;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de};
use url::Url;

/// Mutual TLS between the services.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// This service's certificate and what lies between it and the authority, in PEM; read again when it changes.
    pub certificate_file: PathBuf,
    /// Its key, in PEM; read again when it changes.
    pub key_file: PathBuf,
    /// The authorities that other services' certificates are of, in PEM; read again when it changes.
    pub ca_file: PathBuf,
    /// Who may call: each a URI (`spiffe://sharedspaces/spaces`) or a DNS name that a caller's certificate has.
    pub allowed_callers: Vec<String>,
    /// How often the files are looked at, in seconds.
    pub reload_seconds: NonZeroU64,
    /// How long a handshake may take, in milliseconds.
    pub handshake_ms: u64,
    /// Most handshakes at once; beyond, the oldest is given up.
    pub max_handshakes: usize,
}

/// [`TlsConfig`] as it is written: what belongs together may be there in part.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsParts {
    certificate_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    allowed_callers: Vec<String>,
    #[serde(default = "reload_seconds")]
    reload_seconds: NonZeroU64,
    #[serde(default = "handshake_ms")]
    handshake_ms: u64,
    #[serde(default = "max_handshakes")]
    max_handshakes: usize,
}

/// Reads the section whole: a part of it would leave a port open that somebody believes to be closed.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TlsConfig>, D::Error> {
    let parts = TlsParts::deserialize(deserializer)?;
    let file = |name: &str, path: Option<PathBuf>| {
        path.ok_or_else(|| {
            de::Error::custom(format!(
                "certificate_file, key_file and ca_file are set together or not at all, and {name} is missing"
            ))
        })
    };
    if parts.allowed_callers.is_empty() {
        return Err(de::Error::custom(
            "allowed_callers is missing: who may call, such as [\"spiffe://sharedspaces/gateway\"]",
        ));
    }
    if let Some(name) = parts.allowed_callers.iter().find(|name| !is_caller_name(name)) {
        return Err(de::Error::custom(format!(
            "allowed_callers has {name:?}: expected a URI or a DNS name in lower case, without a wildcard"
        )));
    }
    Ok(Some(TlsConfig {
        certificate_file: file("certificate_file", parts.certificate_file)?,
        key_file: file("key_file", parts.key_file)?,
        ca_file: file("ca_file", parts.ca_file)?,
        allowed_callers: parts.allowed_callers,
        reload_seconds: parts.reload_seconds,
        handshake_ms: parts.handshake_ms,
        max_handshakes: parts.max_handshakes,
    }))
}

fn is_caller_name(name: &str) -> bool {
    if name.contains("://") {
        return Url::parse(name).is_ok_and(|url| url.has_host());
    }
    let is_in_dns = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    !name.is_empty() && name.chars().all(is_in_dns)
}

fn reload_seconds() -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(9)
}

fn handshake_ms() -> u64 {
    5_000
}

fn max_handshakes() -> usize {
    256
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{GrpcConfig, load};

    #[derive(Debug, Deserialize)]
    struct Settings {
        grpc: GrpcConfig,
    }

    #[test]
    #[expect(clippy::result_large_err, reason = "the jail's own signature")]
    fn mutual_tls_is_set_whole_or_not_at_all() {
        const FILES: [&str; 3] = ["CERTIFICATE", "KEY", "CA"];
        figment::Jail::expect_with(|jail| {
            jail.set_env("SPACES__GRPC__LISTEN", "127.0.0.1:2");
            assert!(load::<Settings>("spaces")?.grpc.tls.is_none());

            jail.set_env(
                "SPACES__GRPC__TLS__ALLOWED_CALLERS",
                "[\"spiffe://sharedspaces/gateway\", web.test]",
            );
            for file in FILES {
                jail.set_env(format!("SPACES__GRPC__TLS__{file}_FILE"), format!("/{file}"));
            }
            let tls = load::<Settings>("spaces")?.grpc.tls.unwrap();
            assert_eq!(tls.key_file, PathBuf::from("/KEY"), "the name of the file, not what is in it");
            assert_eq!(tls.allowed_callers, ["spiffe://sharedspaces/gateway", "web.test"]);
            assert_eq!((tls.reload_seconds.get(), tls.handshake_ms, tls.max_handshakes), (10, 5_000, 256));

            for missing in FILES {
                jail.clear_env();
                jail.set_env("SPACES__GRPC__LISTEN", "127.0.0.1:2");
                jail.set_env("SPACES__GRPC__TLS__ALLOWED_CALLERS", "[web.test]");
                for file in FILES.into_iter().filter(|file| *file != missing) {
                    jail.set_env(format!("SPACES__GRPC__TLS__{file}_FILE"), "/file");
                }
                let error = load::<Settings>("spaces").unwrap_err().to_string().to_lowercase();
                assert!(error.contains("grpc.tls") && error.contains("together"), "{error}");
                assert!(error.contains(&format!("{}_file is missing", missing.to_lowercase())), "{error}");
            }
            Ok(())
        });
    }

    #[test]
    #[expect(clippy::result_large_err, reason = "the jail's own signature")]
    fn mutual_tls_without_callers_or_with_one_that_no_certificate_can_have_is_refused() {
        figment::Jail::expect_with(|jail| {
            jail.set_env("SPACES__GRPC__LISTEN", "127.0.0.1:2");
            for file in ["CERTIFICATE", "KEY", "CA"] {
                jail.set_env(format!("SPACES__GRPC__TLS__{file}_FILE"), "/file");
            }
            let refused = [
                ("[]", "allowed_callers is missing"),
                ("[\"*.sharedspaces\"]", "wildcard"),
                ("[\"spiffe://\"]", "expected a uri"),
                ("[\"\"]", "expected a uri"),
                ("[Gateway]", "lower case"),
            ];
            for (callers, reason) in refused {
                jail.set_env("SPACES__GRPC__TLS__ALLOWED_CALLERS", callers);
                let error = load::<Settings>("spaces").unwrap_err().to_string().to_lowercase();
                assert!(error.contains("grpc.tls") && error.contains(reason), "{callers}: {error}");
            }
            jail.set_env("SPACES__GRPC__TLS__ALLOWED_CALLERS", "[\"spiffe://sharedspaces/gateway\"]");
            jail.set_env("SPACES__GRPC__TLS__RELOAD_SECONDS", "0");
            assert!(load::<Settings>("spaces").is_err(), "never looking is no choice");
            Ok(())
        });
    }
}
