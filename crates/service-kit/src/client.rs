//! Where a call comes from.
//!
//! Owns telling a client's network, and the first gate before everything else. A header that a client can write itself
//! says nothing: only what the configured number of proxies in front of this service have written is believed. Must not
//! keep or log an address; a network is only ever hashed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tonic::Request;
use tonic::metadata::MetadataMap;

use crate::budget::Spent;

const FORWARDED_FOR: &str = "x-forwarded-for";
/// The gate forgets the networks at rest when it knows this many.
const NETWORKS_MAX: usize = 10_000;

/// The client's network: /24 of IPv4, /64 of IPv6, which is what one subscriber is given. Its `Debug` does not show it.
#[derive(Clone, Eq, PartialEq)]
pub struct Client {
    /// The network's first address, as text.
    pub network: String,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(…)")
    }
}

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        let network = match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                IpAddr::V4(Ipv4Addr::new(a, b, c, 0))
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        };
        Self { network: network.to_string() }
    }
}

/// Tells clients apart, and turns away who calls too fast. The gate is in memory, so each replica has its own; the
/// budgets in the database are what limits guessing.
#[derive(Clone)]
pub struct Gate {
    trusted_proxies: usize,
    pace: Arc<DefaultKeyedRateLimiter<String>>,
}

impl Gate {
    /// Returns a gate for so many public calls per second and network, with twice as many at once.
    pub fn new(trusted_proxies: usize, per_second: NonZeroU32) -> Self {
        let quota = Quota::per_second(per_second)
            .allow_burst(per_second.saturating_mul(NonZeroU32::MIN.saturating_add(1)));
        Self { trusted_proxies, pace: Arc::new(RateLimiter::keyed(quota)) }
    }

    /// Returns the client.
    pub fn client<T>(&self, request: &Request<T>) -> Client {
        // Within a process there is always a peer; a call made without a connection counts as one of nowhere.
        let peer = request.remote_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        Client::from(self.address(peer, request.metadata()))
    }

    /// Returns the client, or how long it has to wait.
    pub fn admit<T>(&self, request: &Request<T>) -> Result<Client, Spent> {
        let client = self.client(request);
        if self.pace.len() > NETWORKS_MAX {
            self.pace.retain_recent();
        }
        match self.pace.check_key(&client.network) {
            Ok(()) => Ok(client),
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                Err(Spent { wait: wait.max(Duration::from_secs(1)) })
            }
        }
    }

    /// Each proxy adds at the end whom it was called by: the nearest is the peer, and has written the last entry. A
    /// shorter list did not come through all of them, so nothing in it is believed.
    fn address(&self, peer: IpAddr, metadata: &MetadataMap) -> IpAddr {
        let lists = metadata.get_all(FORWARDED_FOR);
        let entries: Vec<&str> =
            lists.iter().filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',')).collect();
        let place = entries.len().checked_sub(self.trusted_proxies).filter(|_| self.trusted_proxies > 0);
        place.and_then(|place| entries.get(place)).and_then(|entry| entry.trim().parse().ok()).unwrap_or(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> String {
        Client::from(address.parse::<IpAddr>().unwrap()).network
    }

    fn gate(trusted_proxies: usize) -> Gate {
        Gate::new(trusted_proxies, NonZeroU32::new(2).unwrap())
    }

    fn seen(trusted_proxies: usize, lists: &[&str]) -> String {
        let mut metadata = MetadataMap::new();
        for list in lists {
            metadata.append(FORWARDED_FOR, list.parse().unwrap());
        }
        gate(trusted_proxies).address("192.0.2.1".parse().unwrap(), &metadata).to_string()
    }

    #[test]
    fn a_network_is_24_bits_of_ipv4_or_64_of_ipv6() {
        assert_eq!(network("192.0.2.1"), network("192.0.2.255"));
        assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.9"));
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(format!("{:?}", Client::from(IpAddr::V4(Ipv4Addr::LOCALHOST))), "Client(…)");
    }

    #[test]
    fn a_forwarded_address_is_believed_only_where_a_trusted_proxy_wrote_it() {
        assert_eq!(seen(0, &["203.0.113.7"]), "192.0.2.1", "no proxy is trusted");
        assert_eq!(seen(1, &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(
            seen(1, &["198.51.100.1, 203.0.113.7"]),
            "203.0.113.7",
            "what the client wrote comes first"
        );
        assert_eq!(seen(1, &["198.51.100.1", "203.0.113.7"]), "203.0.113.7", "in a header of its own, too");
        assert_eq!(seen(2, &["198.51.100.1, 203.0.113.7, 203.0.113.8"]), "203.0.113.7");
        assert_eq!(seen(2, &["203.0.113.7"]), "192.0.2.1", "did not come through both");
        assert_eq!(seen(1, &["nonsense"]), "192.0.2.1");
        assert_eq!(seen(1, &[]), "192.0.2.1");
    }

    #[test]
    fn a_network_that_calls_too_fast_is_turned_away_and_another_is_not() {
        let gate = gate(1);
        let call = |from: &str| {
            let mut request = Request::new(());
            request.metadata_mut().insert(FORWARDED_FOR, from.parse().unwrap());
            gate.admit(&request)
        };
        for host in 1..=4 {
            assert!(call(&format!("192.0.2.{host}")).is_ok());
        }
        assert!(call("192.0.2.5").unwrap_err().wait >= Duration::from_secs(1));
        assert!(call("192.0.3.1").is_ok());
    }
}
