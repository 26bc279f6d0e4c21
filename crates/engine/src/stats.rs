//! Figures in the terms of W3C webrtc-stats.

use std::net::SocketAddr;
use std::time::Duration;

use lk_types::{MediaKind, Mid, Pt, Rid, Ssrc};

use crate::{CandidateKind, ChannelInit, ChannelKey, ChannelState, DtlsState, IceState, Transport};

/// All figures at one moment.
#[derive(Clone, Debug)]
pub struct EngineStats {
    /// The one transport.
    pub transport: TransportStats,
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
    /// Bandwidth estimate towards the peer, bits per second.
    pub available_outgoing_bitrate: Option<u64>,
}

/// A candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CandidateStats {
    /// How it came to be.
    pub kind: CandidateKind,
    /// What carries it.
    pub transport: Transport,
    /// Where it is.
    pub address: SocketAddr,
    /// RFC 8445 §5.1.2.
    pub priority: u32,
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
    /// Packets with retransmissions and padding less `packets_sent`, as of the last second.
    pub retransmitted_packets_sent: u64,
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
