//! ICE candidates at the engine's border.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use str0m::Candidate;

use crate::{CandidateError, convert};

/// What carries a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// UDP.
    #[default]
    Udp,
    /// TCP with RFC 4571 framing, which the owner adds and takes off.
    Tcp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

/// How a candidate came to be (RFC 8445 §5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CandidateKind {
    /// An address of ours.
    Host,
    /// Our address as a STUN server sees it.
    ServerReflexive,
    /// Our address as the peer sees it.
    PeerReflexive,
    /// An address on a TURN server.
    Relayed,
}

impl CandidateKind {
    /// RFC 8445 §5.1.2.2.
    fn type_preference(self) -> u32 {
        match self {
            Self::Host => 126,
            Self::PeerReflexive => 110,
            Self::ServerReflexive => 100,
            Self::Relayed => 0,
        }
    }

    fn from_stack(kind: str0m::CandidateKind) -> Self {
        match kind {
            str0m::CandidateKind::Host => Self::Host,
            str0m::CandidateKind::PeerReflexive => Self::PeerReflexive,
            str0m::CandidateKind::ServerReflexive => Self::ServerReflexive,
            str0m::CandidateKind::Relayed => Self::Relayed,
        }
    }
}

impl fmt::Display for CandidateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        })
    }
}

/// A candidate of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalCandidate {
    /// How it came to be; not `PeerReflexive`, which checks discover.
    pub kind: CandidateKind,
    /// What carries it.
    pub transport: Transport,
    /// The address that the peer sends to.
    pub address: SocketAddr,
    /// The local socket behind it; the same as `address` for a host candidate.
    pub base: SocketAddr,
}

impl LocalCandidate {
    /// A UDP socket of ours.
    #[must_use]
    pub fn host(address: SocketAddr) -> Self {
        Self {
            kind: CandidateKind::Host,
            transport: Transport::Udp,
            address,
            base: address,
        }
    }

    /// RFC 8445 §5.1.2.1 for component 1; `nth` is how many candidates of the kind came before.
    pub(crate) fn priority(&self, nth: usize) -> u32 {
        let family = if self.address.is_ipv6() {
            40_000
        } else {
            30_000
        };
        let local = family - u32::try_from(nth).unwrap_or(u32::MAX).min(20_000);
        (self.kind.type_preference() << 24) | (local << 8) | 255
    }

    /// The `candidate:…` line.
    pub(crate) fn line(&self, nth: usize) -> String {
        let mut line = format!(
            "candidate:{} 1 {} {} {} {} typ {}",
            self.foundation(),
            self.transport,
            self.priority(nth),
            self.address.ip(),
            self.address.port(),
            self.kind,
        );
        if self.kind != CandidateKind::Host {
            // The socket behind it is nobody's business (RFC 8828 §5.2).
            let any = if self.address.is_ipv6() {
                "::"
            } else {
                "0.0.0.0"
            };
            line.push_str(&format!(" raddr {any} rport 0"));
        }
        if self.transport == Transport::Tcp {
            line.push_str(" tcptype passive");
        }
        line
    }

    /// The same for candidates of one kind, base address and transport (RFC 8445 §5.1.1.3).
    pub(crate) fn foundation(&self) -> u32 {
        let octets = match self.base.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        // FNV-1a: any hash that stays within ten digits does.
        octets
            .iter()
            .chain(self.kind.to_string().as_bytes())
            .chain(self.transport.to_string().as_bytes())
            .fold(0x811c_9dc5, |hash: u32, byte| {
                (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
            })
    }

    pub(crate) fn to_stack(self) -> Result<Candidate, CandidateError> {
        let protocol = convert::protocol(self.transport);
        let made = match self.kind {
            CandidateKind::Host => Candidate::host(self.address, protocol),
            CandidateKind::ServerReflexive => {
                Candidate::server_reflexive(self.address, self.base, protocol)
            }
            CandidateKind::Relayed => Candidate::relayed(self.address, self.base, protocol),
            CandidateKind::PeerReflexive => {
                return Err(CandidateError::Local {
                    address: self.address,
                    reason: "peer-reflexive candidates are discovered, not added".to_owned(),
                });
            }
        };
        made.map_err(|error| CandidateError::Local {
            address: self.address,
            reason: error.to_string(),
        })
    }
}

/// A candidate of the peer, as far as it concerns us.
pub(crate) struct RemoteCandidate {
    pub(crate) stack: Candidate,
    pub(crate) kind: CandidateKind,
    pub(crate) foundation: String,
}

/// Reads a line. `Ok(None)`: well-formed, but nothing we can use (component 2, TCP, a `.local` name, no line).
pub(crate) fn parse_remote(line: &str) -> Result<Option<RemoteCandidate>, CandidateError> {
    let unparsable = |reason: &str| CandidateError::Unparsable {
        line: line.chars().take(120).collect(),
        reason: reason.to_owned(),
    };
    let text = line.trim();
    let text = text.strip_prefix("a=").unwrap_or(text);
    // An empty candidate says that there are no more (W3C webrtc-pc §4.8.1.2).
    if text.is_empty() || text == "end-of-candidates" {
        return Ok(None);
    }
    if text.len() > 512 || !text.is_ascii() {
        return Err(unparsable("too long or not ASCII"));
    }
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let [first, component, transport, _, address, _, "typ", _, ..] = fields.as_slice() else {
        return Err(unparsable(
            "expected `candidate:` and at least seven more fields",
        ));
    };
    if !first.starts_with("candidate:") {
        return Err(unparsable("expected `candidate:`"));
    }
    let component: u16 = component
        .parse()
        .map_err(|_| unparsable("the component is no number"))?;
    let udp = transport.eq_ignore_ascii_case("udp");
    if !udp && !transport.eq_ignore_ascii_case("tcp") && !transport.eq_ignore_ascii_case("ssltcp") {
        return Err(unparsable("unknown transport"));
    }
    // A name instead of an address hides it from us (draft-ietf-mmusic-mdns-ice-candidates); the peer's own checks
    // will show it.
    let hidden = address.parse::<IpAddr>().is_err() && address.ends_with(".local");
    if component != 1 || !udp || hidden {
        return Ok(None);
    }
    let stack = Candidate::from_sdp_string(&text.replace(" UDP ", " udp "))
        .map_err(|error| unparsable(&error.to_string()))?;
    if stack.addr().port() == 0
        || stack.addr().ip().is_unspecified()
        || stack.addr().ip().is_multicast()
    {
        return Err(unparsable("nothing can be sent to that address"));
    }
    let kind = CandidateKind::from_stack(stack.kind());
    let foundation = first.trim_start_matches("candidate:").to_owned();
    Ok(Some(RemoteCandidate {
        stack,
        kind,
        foundation,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_and_without_prefix() {
        for line in [
            "candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host",
            "a=candidate:1 1 UDP 2130706431 127.0.0.1 5000 typ host generation 0 ufrag abcd network-id 1",
            "candidate:1 1 udp 1 2001:db8::1 5000 typ srflx raddr 0.0.0.0 rport 0",
        ] {
            assert!(parse_remote(line).expect("a good line").is_some(), "{line}");
        }
    }

    #[test]
    fn what_we_cannot_use_is_passed_over() {
        for line in [
            "",
            "candidate:1 2 udp 2130706431 127.0.0.1 5000 typ host",
            "candidate:1 1 tcp 2130706431 127.0.0.1 9 typ host tcptype active",
            "candidate:1 1 udp 2130706431 3f1c7a3e-1d5c-4e0a-9d64-1f6dd6f1aa0b.local 5000 typ host",
        ] {
            assert!(parse_remote(line).expect("a good line").is_none(), "{line}");
        }
    }

    #[test]
    fn rubbish_is_an_error() {
        for line in [
            "hello",
            "candidate:",
            "candidate:1 1 udp x 127.0.0.1 5000 typ host",
            "candidate:1 1 udp 1 127.0.0.1 99999 typ host",
            "candidate:1 1 udp 1 127.0.0.1 0 typ host",
            "candidate:1 1 udp 1 0.0.0.0 5000 typ host",
            "candidate:1 1 quic 1 127.0.0.1 5000 typ host",
            "candidate:1 1 udp 1 127.0.0.1 5000 typ nonsense",
            "candidate:1 1 udp 1 example.org 5000 typ host",
            "candidate:\u{fffd} 1 udp 1 127.0.0.1 5000 typ host",
        ] {
            assert!(parse_remote(line).is_err(), "{line}");
        }
    }

    #[test]
    fn our_lines_are_understood_by_the_reader() {
        let ours = LocalCandidate::host("192.0.2.7:4000".parse().expect("an address"));
        let read = parse_remote(&ours.line(0))
            .expect("a good line")
            .expect("usable");
        assert_eq!(read.stack.addr(), ours.address);
        assert_eq!(read.kind, CandidateKind::Host);
    }
}
