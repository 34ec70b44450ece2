//! Channels to peers that a test plays itself.

use std::net::SocketAddr;

use service_kit::config::{PeersConfig, ServiceAuthConfig};
use service_kit::peers::Peers;
use url::Url;

/// Returns channels that lead, whichever peer is asked for, to a server of the test; calls carry a token of no meaning.
pub fn peers(server: SocketAddr) -> Peers {
    let url: Url = format!("http://{server}").parse().expect("an address");
    // One file for all tests, which always holds the same: put there at one stroke, so that nobody reads it half written.
    let token_file = std::env::temp_dir().join("sharedspaces-test-token");
    let name: uuid::Uuid = crate::ids().next();
    let beside = token_file.with_extension(name.to_string());
    std::fs::write(&beside, "token").expect("a writable directory");
    std::fs::rename(beside, &token_file).expect("a writable directory");
    let auth = ServiceAuthConfig {
        issuer: String::new(),
        jwks_file: "/nonexistent".into(),
        token_file,
        namespace: String::new(),
    };
    let config = PeersConfig {
        identity: Some(url.clone()),
        spaces: Some(url.clone()),
        assets: Some(url.clone()),
        crm_sync: Some(url),
    };
    Peers::new(config, &auth)
}
