//! Where pages may go. An administrator (setup files) may name private and loopback addresses;
//! what anybody else types in must be a public one, unless `FIREDOG_ALLOW_TARGETS` names its network.
//! The addresses at which clouds hand out credentials are refused to everybody.
//!
//! Checked on the addresses that the connection is then made to, not only on the name: a name may
//! resolve differently the second time.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use url::{Host, Url};

/// A network in CIDR form, `10.1.0.0/16`; a bare address is that one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hint = || format!("`{text}` is not a network; write for example 10.1.0.0/16 or fd00::/8");
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => {
                (address.parse::<IpAddr>().map_err(|_| hint())?, Some(prefix.parse::<u8>().map_err(|_| hint())?))
            }
            None => (text.trim().parse::<IpAddr>().map_err(|_| hint())?, None),
        };
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(bits);
        if prefix > bits { Err(hint()) } else { Ok(Self { address, prefix }) }
    }
}

impl Network {
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.address, ip) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => {
                let shift = 32 - u32::from(self.prefix);
                network.to_bits().checked_shr(shift) == ip.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(network), IpAddr::V6(ip)) => {
                let shift = 128 - u32::from(self.prefix);
                network.to_bits().checked_shr(shift) == ip.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

/// Who named the address, and so what it may be.
#[derive(Clone, Debug)]
pub struct Targets {
    /// Private and loopback addresses are fine.
    pub admin: bool,
    /// What others may name beside public addresses.
    pub allowed: Arc<[Network]>,
}

impl Targets {
    /// # Errors
    /// In words, why nothing is sent there.
    pub fn check(&self, ip: IpAddr) -> Result<(), String> {
        let ip = plain(ip);
        if is_metadata(ip) {
            return Err(format!("{ip} is a link-local or metadata address; nothing is ever sent there"));
        }
        if self.admin || self.allowed.iter().any(|network| network.contains(ip)) || is_public(ip) {
            return Ok(());
        }
        Err(format!("{ip} is not a public address; an administrator can allow its network with FIREDOG_ALLOW_TARGETS"))
    }

    /// What can be told of an address before its name is resolved: scheme, host, a literal address.
    /// For a contact method that is being typed in as well as before each send.
    ///
    /// # Errors
    /// In words, why nothing is sent there.
    pub fn check_url(&self, text: &str) -> Result<Url, String> {
        let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("`{}` is not http or https", url.scheme()));
        }
        // The URL parser has already turned 0x7f.1, 2130706433 and the like into plain addresses.
        match url.host() {
            Some(Host::Ipv4(ip)) => self.check(ip.into())?,
            Some(Host::Ipv6(ip)) => self.check(ip.into())?,
            Some(Host::Domain(_)) => {}
            None => return Err("the URL has no host".to_owned()),
        }
        Ok(url)
    }
}

/// An IPv4 address in IPv6 clothes (mapped, compatible, NAT64, 6to4) is that IPv4 address.
fn plain(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let segments = v6.segments();
    let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            v4(high, low)
        }
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => ip,
    }
}

const AWS_METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
const ALIBABA_METADATA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);

fn is_metadata(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip == ALIBABA_METADATA,
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip == AWS_METADATA_V6,
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let protocol = a == 192 && b == 0 && c == 0;
            let benchmark = a == 198 && (18..20).contains(&b);
            !(a == 0
                || a >= 224
                || ip.is_loopback()
                || ip.is_private()
                || shared
                || protocol
                || benchmark
                || ip.is_documentation())
        }
        // Global unicast only, without documentation.
        IpAddr::V6(ip) => {
            let segments = ip.segments();
            segments[0] & 0xe000 == 0x2000 && !(segments[0] == 0x2001 && segments[1] == 0xdb8)
        }
    }
}

/// Resolves names and leaves out the addresses that are refused.
pub(crate) struct GuardedResolver(pub(crate) Targets);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let targets = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(keep_allowed(&targets, found)?.into_iter()) as Addrs)
        })
    }
}

fn keep_allowed(targets: &Targets, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
    let mut refused = None;
    let mut kept = Vec::with_capacity(found.len());
    for address in found {
        match targets.check(address.ip()) {
            Ok(()) => kept.push(address),
            Err(reason) => refused = Some(Refused(reason)),
        }
    }
    match refused {
        Some(refused) if kept.is_empty() => Err(refused),
        _ => Ok(kept),
    }
}

/// A name resolved only to refused addresses. A type of its own, so that the sender finds it among
/// the causes of a connect error and does not retry.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(admin: bool, allowed: &[&str]) -> Targets {
        Targets { admin, allowed: allowed.iter().map(|n| n.parse().unwrap()).collect() }
    }

    #[test]
    fn metadata_addresses_are_refused_to_everybody_in_every_form() {
        for everybody in [targets(true, &[]), targets(false, &["0.0.0.0/0", "::/0"])] {
            for host in [
                "169.254.169.254",
                "169.254.0.1",
                "100.100.100.200",
                "0xa9fea9fe",
                "2852039166",
                "0251.0376.0251.0376",
                "169.254.43518",
                "[::ffff:169.254.169.254]",
                "[::169.254.169.254]",
                "[64:ff9b::a9fe:a9fe]",
                "[2002:a9fe:a9fe::1]",
                "[fe80::1]",
                "[fd00:ec2::254]",
            ] {
                assert!(everybody.check_url(&format!("http://{host}/latest/meta-data")).is_err(), "{host}");
            }
        }
    }

    #[test]
    fn private_addresses_only_for_administrators_or_where_allowed() {
        for host in [
            "127.0.0.1",
            "127.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.1",
            "[::1]",
            "[::]",
            "[fd12::1]",
            "[ff02::1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::7f00:1]",
        ] {
            let url = format!("http://{host}:9099/ada");
            assert!(targets(true, &[]).check_url(&url).is_ok(), "{host}");
            assert!(targets(false, &[]).check_url(&url).is_err(), "{host}");
        }
        for host in ["8.8.8.8", "100.128.0.1", "172.32.0.1", "[2606:4700::1111]", "hooks.example.com", "localhost"] {
            assert!(targets(false, &[]).check_url(&format!("https://{host}/")).is_ok(), "{host}");
        }
        let ours = targets(false, &["10.1.0.0/16", "fd12::/16", "192.168.7.7"]);
        for (host, fine) in [
            ("10.1.2.3", true),
            ("10.2.2.3", false),
            ("[fd12:3::1]", true),
            ("[fd13::1]", false),
            ("192.168.7.7", true),
            ("192.168.7.8", false),
        ] {
            assert_eq!(ours.check_url(&format!("http://{host}/")).is_ok(), fine, "{host}");
        }
    }

    #[test]
    fn only_web_addresses() {
        for bad in ["ftp://example.org/", "file:///etc/passwd", "example.org", "", "http://", "gopher://x"] {
            assert!(targets(true, &[]).check_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_with_one_good_address_keeps_only_that() {
        let found = || vec!["10.0.0.1:0".parse().unwrap(), "8.8.8.8:0".parse().unwrap()];
        assert_eq!(keep_allowed(&targets(false, &[]), found()).unwrap(), ["8.8.8.8:0".parse().unwrap()]);
        assert_eq!(keep_allowed(&targets(true, &[]), found()).unwrap().len(), 2);
        let rebound = vec!["169.254.169.254:0".parse().unwrap()];
        assert!(keep_allowed(&targets(true, &[]), rebound).unwrap_err().to_string().contains("metadata"));
    }

    #[test]
    fn networks() {
        for bad in ["", "10.0.0.0/33", "fd00::/129", "10.0.0/8", "x/8", "10.0.0.0/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("203.0.113.9".parse().unwrap()) && !all.contains("::1".parse().unwrap()));
    }
}
