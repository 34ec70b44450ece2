//! Mutual TLS to the services.
//!
//! Owns what Envoy shows the services and asks of them. The files are named in documents of their own, which Envoy looks
//! at again when something is moved into their directory, so that a renewed certificate needs no restart.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// The document with the gateway's certificate and key.
pub const IDENTITY_FILE: &str = "tls-identity.json";
/// The document with the authority that services' certificates are of.
pub const AUTHORITY_FILE: &str = "tls-authority.json";

const TYPES: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3";

/// The gateway's files, all in PEM.
#[derive(Clone, Debug)]
pub struct Files {
    /// The gateway's certificate and what lies between it and the authority.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// The authorities that services' certificates are of.
    pub authority: String,
}

impl Files {
    /// Returns the two documents to write beside Envoy's configuration, by their names.
    #[must_use]
    pub fn documents(&self) -> [(&'static str, Value); 2] {
        let identity = json!({
            "certificate_chain": {"filename": self.certificate},
            "private_key": {"filename": self.key},
            "watched_directory": {"path": directory(&self.certificate)},
        });
        let authority = json!({
            "trusted_ca": {"filename": self.authority},
            "watched_directory": {"path": directory(&self.authority)},
        });
        [
            (IDENTITY_FILE, document("identity", "tls_certificate", &identity)),
            (AUTHORITY_FILE, document("authority", "validation_context", &authority)),
        ]
    }
}

fn directory(file: &str) -> String {
    Path::new(file).parent().unwrap_or(Path::new(".")).to_string_lossy().into_owned()
}

fn document(name: &str, kind: &str, content: &Value) -> Value {
    json!({"resources": [{"@type": format!("{TYPES}.Secret"), "name": name, kind: content}]})
}

/// Puts mutual TLS into a configuration: for the clusters of these services, and for no other; the documents of
/// [`Files::documents`] lie in `directory`.
///
/// # Errors
/// Fails where a service has no cluster: it would be called in plain text.
pub fn encrypt<'a>(
    configuration: &mut Value,
    services: impl IntoIterator<Item = &'a str>,
    directory: &Path,
) -> Result<()> {
    for service in services {
        let clusters = configuration.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
        let mut clusters = clusters.context("the configuration has no clusters")?.iter_mut();
        let cluster = clusters.find(|cluster| cluster.get("name").is_some_and(|name| name == service));
        let cluster = cluster.and_then(Value::as_object_mut);
        let cluster = cluster.with_context(|| format!("the configuration has no cluster {service}"))?;
        cluster.insert("transport_socket".to_owned(), transport_socket(service, directory));
    }
    let root = configuration.as_object_mut().context("the configuration is no object")?;
    // Documents of this kind are only read by somebody who has a name.
    root.insert("node".to_owned(), json!({"id": "gateway", "cluster": "sharedspaces"}));
    Ok(())
}

/// It must be the service that is meant, and not another one of the same authority.
fn transport_socket(service: &str, directory: &Path) -> Value {
    let secret = |name: &str, file: &str| {
        json!({"name": name, "sds_config": {
            "resource_api_version": "V3",
            "path_config_source": {"path": directory.join(file)},
        }})
    };
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": format!("{TYPES}.UpstreamTlsContext"),
            "common_tls_context": {
                "tls_params": {
                    "tls_minimum_protocol_version": "TLSv1_3",
                    "tls_maximum_protocol_version": "TLSv1_3",
                },
                "alpn_protocols": ["h2"],
                "tls_certificate_sds_secret_configs": [secret("identity", IDENTITY_FILE)],
                "combined_validation_context": {
                    "default_validation_context": {"match_typed_subject_alt_names": [{
                        "san_type": "URI",
                        "matcher": {"exact": format!("spiffe://sharedspaces/{service}")},
                    }]},
                    "validation_context_sds_secret_config": secret("authority", AUTHORITY_FILE),
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clusters_of_services_are_encrypted_each_to_its_own_name_and_no_other_is() {
        let clusters = json!([{"name": "spaces"}, {"name": "identity"}, {"name": "keys"}]);
        let mut made = json!({"static_resources": {"clusters": clusters}});
        encrypt(&mut made, ["spaces", "identity"], Path::new("/etc/gateway")).unwrap();
        let clusters = made.pointer("/static_resources/clusters").unwrap().as_array().unwrap();
        for (cluster, expected) in clusters.iter().zip([Some("spaces"), Some("identity"), None]) {
            let socket = cluster.get("transport_socket").map(Value::to_string);
            assert_eq!(socket.is_some(), expected.is_some(), "{cluster}");
            if let (Some(socket), Some(name)) = (socket, expected) {
                assert!(socket.contains(&format!("\"spiffe://sharedspaces/{name}\"")), "{socket}");
            }
        }
        assert!(encrypt(&mut made, ["assets"], Path::new("/etc/gateway")).is_err());
    }
}
