//! ICE candidates at the engine's border.

use std::net::SocketAddr;

/// What carries a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// UDP.
    #[default]
    Udp,
    /// TCP with RFC 4571 framing, which the owner adds and takes off.
    Tcp,
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

/// A candidate of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalCandidate {
    /// How it came to be.
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
}
