//! Figures in the terms of W3C webrtc-stats.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lk_types::{MediaKind, Mid, Pt, Rid, Ssrc};

use crate::{CandidateKind, ChannelInit, ChannelKey, ChannelState, DtlsState, IceState, Transport};

/// All figures at one moment.
#[derive(Clone, Debug)]
pub struct EngineStats {
    /// The one transport.
    pub transport: TransportStats,
    /// How it is protected.
    pub security: SecurityStats,
    /// We choose the pair of candidates (RFC 8445 §6.1.1); `None` before the first plan.
    pub ice_controlling: Option<bool>,
    /// Our ICE credentials' public part; empty before the first plan.
    pub local_ufrag: String,
    /// The peer's.
    pub remote_ufrag: String,
    /// The pair in use, once there is one.
    pub pair: Option<PairStats>,
    /// Our candidates.
    pub local_candidates: Vec<CandidateStats>,
    /// The peer's.
    pub remote_candidates: Vec<CandidateStats>,
    /// What we receive, one entry for each source.
    pub inbound: Vec<InboundStats>,
    /// What we send, one entry for each source.
    pub outbound: Vec<OutboundStats>,
    /// Data channels, closed ones excluded.
    pub channels: Vec<ChannelStats>,
    /// Channels opened and closed over the engine's life.
    pub channels_opened: u32,
    /// See `channels_opened`.
    pub channels_closed: u32,
}

/// `RTCTransportStats`: all that passes the socket, STUN and DTLS included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportStats {
    /// ICE.
    pub ice: IceState,
    /// DTLS.
    pub dtls: DtlsState,
    /// Datagrams handed out.
    pub packets_sent: u64,
    /// Datagrams handed in and understood.
    pub packets_received: u64,
    /// Bytes of `packets_sent`.
    pub bytes_sent: u64,
    /// Bytes of `packets_received`.
    pub bytes_received: u64,
    /// How often another pair was chosen.
    pub selected_pair_changes: u32,
}

/// What DTLS agreed on, as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityStats {
    /// The version's bytes, `0xfefd` for 1.2.
    pub version: Option<u16>,
    /// The cipher suite's name in IANA's register.
    pub cipher: Option<&'static str>,
    /// The protection profile's name (RFC 5764 §4.1.2), as webrtc-stats has it.
    pub srtp_profile: Option<&'static str>,
    /// We began the handshake.
    pub client: Option<bool>,
    /// Ours.
    pub local_certificate: CertificateStats,
    /// The peer's, once it has shown it.
    pub remote_certificate: Option<CertificateStats>,
}

/// `RTCCertificateStats`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateStats {
    /// Hash function in lower case.
    pub algorithm: String,
    /// Upper-case hexadecimal pairs joined by colons.
    pub fingerprint: String,
    /// DER.
    pub certificate: Vec<u8>,
}

/// `RTCIceCandidatePairStats` of the selected pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairStats {
    /// What carries it.
    pub transport: Transport,
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// Latest round trip of a connectivity check.
    pub current_rtt: Option<Duration>,
    /// All such round trips together.
    pub total_rtt: Duration,
    /// How many there were.
    pub responses_received: u64,
    /// Connectivity checks sent, those before the pair was chosen included.
    pub requests_sent: u64,
    /// Of those, the ones that kept the chosen pair alive (RFC 7675).
    pub consent_requests_sent: u64,
    /// Connectivity checks of the peer's.
    pub requests_received: u64,
    /// Answers to those.
    pub responses_sent: u64,
    /// When the last datagram left.
    pub last_sent: Option<Instant>,
    /// When the last one came in.
    pub last_received: Option<Instant>,
    /// Bandwidth estimate towards the peer, bits per second.
    pub available_outgoing_bitrate: Option<u64>,
}

/// A candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateStats {
    /// How it came to be.
    pub kind: CandidateKind,
    /// What carries it.
    pub transport: Transport,
    /// Where it is.
    pub address: SocketAddr,
    /// RFC 8445 §5.1.2.
    pub priority: u32,
    /// RFC 8445 §5.1.1.3.
    pub foundation: String,
}

/// `RTCInboundRtpStreamStats`, of one source.
#[derive(Clone, Debug)]
pub struct InboundStats {
    /// The m-line.
    pub mid: Mid,
    /// Audio or video.
    pub kind: MediaKind,
    /// The layer, where the peer names one.
    pub rid: Option<Rid>,
    /// The source.
    pub ssrc: Ssrc,
    /// The latest payload type.
    pub pt: Option<Pt>,
    /// Packets, duplicates excluded, recovered ones included.
    pub packets_received: u64,
    /// Payload bytes of those.
    pub bytes_received: u64,
    /// Header bytes of those.
    pub header_bytes_received: u64,
    /// When the last one came in.
    pub last_packet: Option<Instant>,
    /// The source of its retransmissions.
    pub rtx_ssrc: Option<Ssrc>,
    /// Packets from there.
    pub retransmitted_packets_received: u64,
    /// Payload bytes of those.
    pub retransmitted_bytes_received: u64,
    /// Expected less received; negative when duplicates outnumber losses (RFC 3550 A.3).
    pub packets_lost: i64,
    /// Interarrival jitter in seconds (RFC 3550 A.8).
    pub jitter: f64,
    /// NACKs sent.
    pub nacks: u64,
    /// PLIs sent.
    pub plis: u64,
    /// FIRs sent.
    pub firs: u64,
    /// What the peer says of this stream.
    pub remote: Option<RemoteSenderStats>,
}

/// `RTCRemoteOutboundRtpStreamStats`: the latest sender report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteSenderStats {
    /// Packets the peer has sent.
    pub packets_sent: u32,
    /// Payload bytes the peer has sent.
    pub bytes_sent: u32,
    /// 32.32 fixed-point seconds since 1900.
    pub ntp: u64,
    /// Sender reports seen.
    pub reports: u64,
}

/// `RTCOutboundRtpStreamStats`, of one source.
#[derive(Clone, Debug)]
pub struct OutboundStats {
    /// The m-line.
    pub mid: Mid,
    /// Audio or video.
    pub kind: MediaKind,
    /// The layer.
    pub rid: Option<Rid>,
    /// The source.
    pub ssrc: Ssrc,
    /// Its retransmissions' source.
    pub rtx_ssrc: Option<Ssrc>,
    /// The latest payload type.
    pub pt: Option<Pt>,
    /// Packets given to the engine.
    pub packets_sent: u64,
    /// Payload bytes of those.
    pub bytes_sent: u64,
    /// Header bytes of those, once they left.
    pub header_bytes_sent: u64,
    /// How long they waited for their turn, together.
    pub send_delay: Duration,
    /// Packets that were sent again, for whatever reason.
    pub retransmitted_packets_sent: u64,
    /// Payload bytes of those.
    pub retransmitted_bytes_sent: u64,
    /// NACKs received.
    pub nacks: u64,
    /// PLIs received.
    pub plis: u64,
    /// FIRs received.
    pub firs: u64,
    /// What the peer says of this stream.
    pub remote: Option<RemoteReceiverStats>,
}

/// `RTCRemoteInboundRtpStreamStats`: the latest receiver report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RemoteReceiverStats {
    /// Lost over the stream's life.
    pub packets_lost: u64,
    /// Lost since the report before, 0 to 1.
    pub fraction_lost: f32,
    /// In seconds.
    pub jitter: f64,
    /// By LSR and DLSR (RFC 3550 §6.4.1).
    pub rtt: Option<Duration>,
    /// All of those that were read, once a second at most, together.
    pub total_rtt: Duration,
    /// How many they are.
    pub rtt_measurements: u64,
}

/// `RTCDataChannelStats`.
#[derive(Clone, Debug)]
pub struct ChannelStats {
    /// The channel.
    pub key: ChannelKey,
    /// As it was opened.
    pub init: ChannelInit,
    /// SCTP stream, once known.
    pub id: Option<u16>,
    /// Where it is in its life.
    pub state: ChannelState,
    /// Messages given to the engine.
    pub messages_sent: u64,
    /// Bytes of those.
    pub bytes_sent: u64,
    /// Messages that came in.
    pub messages_received: u64,
    /// Bytes of those.
    pub bytes_received: u64,
}
