//! Which addresses of a CRM may be called: the guard against requests forged through an address that a customer or a
//! CRM names (SSRF).
//!
//! Owns the rule on addresses and the rule on what their names may resolve to. Every address passes the first before
//! it is kept and the second when it is called; must not be bypassed by any connector.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The address is none that may be called.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be https and a host of the CRM, such as {example}, without user, port, path or query")]
pub(crate) struct HostRefused {
    example: &'static str,
}

/// Which hosts belong to a CRM.
#[derive(Debug)]
struct Rule {
    /// What a refusal names.
    example: &'static str,
    /// Whole names.
    exact: &'static [&'static str],
    /// Ends of names; each starts with a dot and needs a label before it. `#` stands for no, one or two digits.
    suffixes: &'static [&'static str],
}

/// Salesforce's sign-ins and My Domains.
const SALESFORCE: Rule = Rule {
    example: "https://login.salesforce.com",
    exact: &["login.salesforce.com", "test.salesforce.com"],
    suffixes: &[".my.salesforce.com"],
};
/// Environments of Dataverse: the public clouds by region, GCC High and DoD of the United States, and China. `.api` before
/// the region is a label like another.
const DATAVERSE: Rule = Rule {
    example: "https://contoso.crm4.dynamics.com",
    exact: &[],
    suffixes: &[
        ".crm#.dynamics.com",
        ".crm.microsoftdynamics.us",
        ".crm.appsplatform.us",
        ".crm.dynamics.cn",
    ],
};
/// The sign-ins that environments of Dataverse belong to.
const ENTRA: Rule = Rule {
    example: "https://login.microsoftonline.com",
    exact: &["login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"],
    suffixes: &[],
};
/// Tenants of SAP Sales Cloud V1 (C4C).
const SAP_C4C: Rule =
    Rule { example: "https://my000000.crm.ondemand.com", exact: &[], suffixes: &[".crm.ondemand.com"] };
/// Tenants of SAP Sales Cloud V2.
const SAP_SALES_CLOUD: Rule =
    Rule { example: "https://my000000.de1.crm.cloud.sap", exact: &[], suffixes: &[".crm.cloud.sap"] };

/// The hosts of one CRM, and those that an operator allows beside them: whole names that are taken with any scheme, port
/// and resolution.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    rule: &'static Rule,
    allowed: Arc<[String]>,
}

impl Hosts {
    /// The hosts of Salesforce.
    pub(crate) fn salesforce(allowed: &[String]) -> Self {
        Self { rule: &SALESFORCE, allowed: allowed.into() }
    }

    /// The hosts of environments of Dataverse.
    pub(crate) fn dataverse(allowed: &[String]) -> Self {
        Self { rule: &DATAVERSE, allowed: allowed.into() }
    }

    /// The hosts that sign in to Dataverse.
    pub(crate) fn entra(allowed: &[String]) -> Self {
        Self { rule: &ENTRA, allowed: allowed.into() }
    }

    /// The hosts of SAP Sales Cloud V1.
    pub(crate) fn sap_c4c(allowed: &[String]) -> Self {
        Self { rule: &SAP_C4C, allowed: allowed.into() }
    }

    /// The hosts of SAP Sales Cloud V2.
    pub(crate) fn sap_sales_cloud(allowed: &[String]) -> Self {
        Self { rule: &SAP_SALES_CLOUD, allowed: allowed.into() }
    }

    /// Returns the address in its checked form: scheme, host and port alone.
    pub(crate) fn check(&self, address: &str) -> Result<Url, HostRefused> {
        let refused = HostRefused { example: self.rule.example };
        let url = Url::parse(address).map_err(|_| refused)?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.path() == "/";
        // What the parser repaired (`\`, tabs, `https:/x`) could be read otherwise elsewhere.
        let untouched =
            address.trim_end_matches('/').eq_ignore_ascii_case(url.as_str().trim_end_matches('/'));
        if !plain || !untouched {
            return Err(refused);
        }
        if is_http(&url) && url.host_str().is_some_and(|host| self.is_allowed(host)) {
            return Ok(url);
        }
        let Some(Host::Domain(host)) = url.host() else {
            return Err(refused);
        };
        let of_crm =
            self.rule.exact.contains(&host) || self.rule.suffixes.iter().any(|suffix| is_below(host, suffix));
        if url.scheme() == "https" && url.port().is_none() && of_crm { Ok(url) } else { Err(refused) }
    }

    fn is_allowed(&self, host: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed == host)
    }
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// Tells whether `host` has at least one whole label before `suffix`, and only plain labels.
fn is_below(host: &str, suffix: &str) -> bool {
    let before = match suffix.split_once('#') {
        None => host.strip_suffix(suffix),
        Some((name, rest)) => host.strip_suffix(rest).and_then(|host| {
            let numberless = host.trim_end_matches(|c: char| c.is_ascii_digit());
            let is_short = host.len() - numberless.len() <= 2;
            numberless.strip_suffix(name).filter(|_| is_short)
        }),
    };
    before.is_some_and(|labels| {
        labels
            .split('.')
            .all(|label| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
    })
}

impl Resolve for Hosts {
    /// Resolves a name to addresses of the public internet only: the answer may change between check and call.
    fn resolve(&self, name: Name) -> Resolving {
        let anywhere = self.is_allowed(name.as_str());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> =
                found.filter(|address| anywhere || is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(Box::<dyn Error + Send + Sync>::from("the host has no public address"));
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Tells whether an address belongs to the public internet (IANA's special-purpose registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let reserved = first == 0
        || first >= 240
        || (first == 100 && (64..128).contains(&second))
        || (first == 192 && second == 0 && third == 0)
        || (first == 198 && (18..20).contains(&second));
    !(reserved
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Also what carries an IPv4 address inside (mapped, NAT64, 6to4): only 2000::/3 without its special parts is left.
    let [first, second, ..] = address.segments();
    let global_unicast = first & 0xe000 == 0x2000;
    let special =
        first == 0x2002 || (first == 0x2001 && (second < 0x200 || second == 0xdb8)) || first == 0x3fff;
    global_unicast && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(allowed: &[&str]) -> Hosts {
        let allowed: Vec<String> = allowed.iter().map(|host| (*host).to_owned()).collect();
        Hosts::salesforce(&allowed)
    }

    #[test]
    fn each_crm_has_its_own_hosts_and_no_others() {
        let all: [fn(&[String]) -> Hosts; 5] =
            [Hosts::salesforce, Hosts::dataverse, Hosts::entra, Hosts::sap_c4c, Hosts::sap_sales_cloud];
        for (of, good) in [
            (0, "https://acme.my.salesforce.com"),
            (1, "https://contoso.crm.dynamics.com"),
            (1, "https://contoso.crm4.dynamics.com"),
            (1, "https://contoso.api.crm21.dynamics.com"),
            (1, "https://contoso.crm.microsoftdynamics.us"),
            (1, "https://contoso.crm.appsplatform.us"),
            (1, "https://contoso.crm.dynamics.cn"),
            (2, "https://login.microsoftonline.com"),
            (2, "https://login.microsoftonline.us"),
            (3, "https://my342312.crm.ondemand.com"),
            (4, "https://my1000123.de1.demo.crm.cloud.sap"),
        ] {
            for (index, hosts) in all.iter().enumerate() {
                assert_eq!(hosts(&[]).check(good).is_ok(), index == of, "{index} {good}");
            }
        }
        for bad in [
            "https://crm.dynamics.com",
            "https://crm4.dynamics.com",
            "https://.crm4.dynamics.com",
            "https://contoso.crm123.dynamics.com",
            "https://contoso.crmx.dynamics.com",
            "https://contoso.xcrm4.dynamics.com",
            "https://contoso-crm4.dynamics.com",
            "https://contoso.dynamics.com",
            "https://contoso.crm4.dynamics.com.evil.test",
            "https://contoso.crm4.dynamics.com.",
            "https://contoso.crm4.dynamics.com:444",
            "http://contoso.crm4.dynamics.com",
            "https://u@contoso.crm4.dynamics.com",
            "https://contoso.crm4.dynamics.com/api",
            "https://login.microsoftonline.com/tenant",
            "https://x.login.microsoftonline.com",
            "https://login.microsoftonline.com.evil.test",
            "https://crm.ondemand.com",
            "https://my1.crm.ondemand.com.evil.test",
            "https://evilcrm.ondemand.com",
            "https://my1.xcrm.ondemand.com",
            "http://my1.crm.ondemand.com",
            "https://my1.crm.ondemand.com:8443",
            "https://crm.cloud.sap",
            "https://my1.evilcrm.cloud.sap",
            "https://my1.crm.cloud.sap.evil.test",
            "https://169.254.169.254",
            "https://[::ffff:7f00:1]",
        ] {
            assert!(all.iter().all(|hosts| hosts(&[]).check(bad).is_err()), "{bad}");
        }
    }

    #[test]
    fn hosts_of_the_crm_are_taken() {
        for good in [
            "https://login.salesforce.com",
            "https://login.salesforce.com/",
            "https://test.salesforce.com",
            "https://acme.my.salesforce.com",
            "https://acme--sb.sandbox.my.salesforce.com",
            "https://LOGIN.salesforce.com",
        ] {
            assert!(hosts(&[]).check(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn every_address_that_leads_elsewhere_is_refused() {
        for bad in [
            "",
            "login.salesforce.com",
            "//login.salesforce.com",
            "http://login.salesforce.com",
            "http://acme.my.salesforce.com",
            "ftp://login.salesforce.com",
            "file:///etc/passwd",
            "gopher://login.salesforce.com",
            "javascript:alert(1)",
            "https://",
            "https:login.salesforce.com",
            "https:/login.salesforce.com",
            "https:\\\\login.salesforce.com",
            "https://login.salesforce.com\\@evil.test",
            "https://login.salesforce.com:444",
            "https://login.salesforce.com:22",
            "https://login.salesforce.com.",
            "https://login.salesforce.com.evil.test",
            "https://login-salesforce.com",
            "https://evil.test/login.salesforce.com",
            "https://evil.test?login.salesforce.com",
            "https://evil.test#login.salesforce.com",
            "https://login.salesforce.com@evil.test",
            "https://user@login.salesforce.com",
            "https://user:secret@login.salesforce.com",
            "https://login.salesforce.com/services",
            "https://login.salesforce.com?x",
            "https://login.salesforce.com#x",
            "https://login.salesforce.com/..//evil",
            "https://login.sales\tforce.com",
            "https://login.sales\nforce.com",
            " https://login.salesforce.com",
            "https://login%2esalesforce.com",
            "https://login。salesforce.com",
            "https://ｌogin.salesforce.com",
            "https://lоgin.salesforce.com",
            "https://my.salesforce.com",
            "https://.my.salesforce.com",
            "https://acme.my.salesforce.com.evil.test",
            "https://acme.my.salesforce.com.",
            "https://evilmy.salesforce.com",
            "https://evil.test/.my.salesforce.com",
            "https://a..my.salesforce.com",
            "https://a_b.my.salesforce.com",
            "https://acme.my.salesforce.com:8443",
            "https://acme.lightning.force.com",
            "https://acme.salesforce.com",
            "https://salesforce.com",
            "https://127.0.0.1",
            "https://127.1",
            "https://2130706433",
            "https://0x7f000001",
            "https://0177.0.0.1",
            "https://localhost",
            "https://localhost.my.salesforce.com@127.0.0.1",
            "https://[::1]",
            "https://[::ffff:7f00:1]",
            "https://[::ffff:127.0.0.1]",
            "https://[fe80::1]",
            "https://169.254.169.254",
            "https://metadata.google.internal",
            "https://10.0.0.1",
            "https://192.168.0.1",
            "https://0.0.0.0",
            "https://xn--lgin-x5a.salesforce.com",
            "https://127.0.0.1.nip.io",
        ] {
            assert!(hosts(&[]).check(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_allowed_host_is_taken_whole_and_with_any_port_only() {
        let hosts = hosts(&["127.0.0.1"]);
        for good in ["http://127.0.0.1:8080", "https://127.0.0.1", "http://127.0.0.1:8080/"] {
            assert!(hosts.check(good).is_ok(), "{good}");
        }
        for bad in
            ["http://127.0.0.1:8080/x", "http://u@127.0.0.1", "ftp://127.0.0.1", "http://127.0.0.1.evil.test"]
        {
            assert!(hosts.check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for public in ["13.110.1.1", "2606:4700::1", "100.63.0.1", "100.128.0.1", "198.17.0.1", "198.20.0.1"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:7f00:1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
            "3fff::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_this_machine_is_not_called_unless_it_is_allowed() {
        assert!(hosts(&[]).resolve("localhost".parse().unwrap()).await.is_err());
        assert!(hosts(&["localhost"]).resolve("localhost".parse().unwrap()).await.is_ok());
    }
}
