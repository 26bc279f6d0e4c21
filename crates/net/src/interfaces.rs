//! Per-interface rules for host candidates (RFC 8445 §5.1.1.1).

use std::io;
use std::net::{IpAddr, Ipv6Addr};

/// Addresses of this host that deserve a host candidate.
///
/// Left out: interfaces that are down, loopback (only taken where nothing else exists, because a host that has
/// no network can still talk to itself), IPv6 link-local (needs a zone that SDP cannot carry), and deprecated
/// IPv6 site-local and IPv4-mapped forms (RFC 8445 §5.1.1.1).
///
/// # Errors
/// When the system's interface list cannot be read.
pub fn host_addresses() -> io::Result<Vec<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs()?;
    let usable: Vec<IpAddr> = interfaces
        .iter()
        .filter(|interface| interface.is_oper_up() && !interface.is_loopback())
        .map(if_addrs::Interface::ip)
        .filter(is_candidate)
        .collect();
    if !usable.is_empty() {
        return Ok(usable);
    }
    Ok(interfaces
        .iter()
        .filter(|interface| interface.is_loopback())
        .map(if_addrs::Interface::ip)
        .collect())
}

fn is_candidate(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_unspecified() && !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => {
            !v6.is_unspecified()
                && !v6.is_loopback()
                && !v6.is_unicast_link_local()
                && !is_site_local(v6)
                && v6.to_ipv4_mapped().is_none()
        }
    }
}

/// `fec0::/10`, deprecated by RFC 3879.
fn is_site_local(address: &Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfec0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_a_peer_cannot_use_are_left_out() {
        for text in [
            "127.0.0.1",
            "0.0.0.0",
            "169.254.3.4",
            "::1",
            "::",
            "fe80::1",
            "fec0::1",
            "::ffff:10.0.0.1",
        ] {
            let address: IpAddr = text.parse().expect("literal address");
            assert!(
                !is_candidate(&address),
                "{text} must not become a candidate"
            );
        }
    }

    #[test]
    fn private_and_global_addresses_are_kept() {
        for text in [
            "10.1.2.3",
            "192.168.0.7",
            "203.0.113.9",
            "fd00::1",
            "2001:db8::1",
        ] {
            let address: IpAddr = text.parse().expect("literal address");
            assert!(is_candidate(&address), "{text} must become a candidate");
        }
    }

    #[test]
    fn every_host_has_some_address() {
        assert!(!host_addresses().expect("interface list").is_empty());
    }
}
