//! What comes out of the engine.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lk_types::{Mid, Rid, Ssrc};

use crate::{Arrival, ChannelInit, ChannelKey, IncomingRtp, KeyframeKind, Transport};

/// One step of [`Engine::poll`](crate::Engine::poll).
#[derive(Debug)]
pub enum Output {
    /// Send this datagram.
    Transmit(Transmit),
    /// Something happened.
    Event(Event),
    /// Nothing more for now; call [`handle_timeout`](crate::Engine::handle_timeout) at this instant.
    /// `None` means that no timer runs.
    Timeout(Option<Instant>),
}

/// A datagram to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Which kind of socket.
    pub transport: Transport,
    /// The local candidate's base address.
    pub source: SocketAddr,
    /// Where it goes.
    pub destination: SocketAddr,
    /// At most some 1,200 bytes, except for RTP payloads that were bigger when given.
    pub payload: Vec<u8>,
}

/// `RTCIceTransportState`, of the whole connection since all is bundled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IceState {
    /// No plan was applied yet.
    New,
    /// Looking for a pair that works.
    Checking,
    /// A pair works.
    Connected,
    /// A pair works and no better one is looked for.
    Completed,
    /// Nothing came in for a while; may recover.
    Disconnected,
    /// Given up; needs an ICE restart.
    Failed,
    /// [`close`](crate::Engine::close) was called.
    Closed,
}

/// `RTCDtlsTransportState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DtlsState {
    /// Nothing exchanged yet.
    New,
    /// Handshake under way.
    Connecting,
    /// Keys are there: media and data may flow.
    Connected,
    /// Ended by either side.
    Closed,
    /// Broken.
    Failed,
}

/// Something the owner should know.
#[derive(Debug)]
pub enum Event {
    /// The ICE state changed.
    Ice(IceState),
    /// The DTLS state changed.
    Dtls(DtlsState),
    /// An RTP packet came in: decrypted, retransmissions unwrapped, duplicates dropped, order as on the wire.
    Rtp(IncomingRtp),
    /// Any RTP packet came in, also one that [`Event::Rtp`] leaves out because it was there before or is only padding,
    /// and says when it left.
    Arrival(Arrival),
    /// The peer tied its RTP clock to wall time (RTCP SR).
    SenderReport(SenderReport),
    /// The peer wants a key frame.
    KeyframeRequest {
        /// The m-line.
        mid: Mid,
        /// The layer, where the stream has one.
        rid: Option<Rid>,
        /// The source it is for.
        ssrc: Ssrc,
        /// PLI or FIR.
        kind: KeyframeKind,
    },
    /// The peer reported how it receives one of our streams (RTCP RR; at most one a second for each stream).
    ReceiverReport {
        /// Our source.
        ssrc: Ssrc,
        /// Share of packets lost since the last report, 0 to 1.
        fraction_lost: f32,
        /// Round trip by RTCP, where known.
        rtt: Option<std::time::Duration>,
    },
    /// The peer limits us by REMB, in bits per second.
    Remb {
        /// The m-line of the first source it names.
        mid: Mid,
        /// Bits per second.
        bitrate: u64,
    },
    /// What the path to the peer carries, in bits per second, by transport-wide feedback.
    Bandwidth {
        /// In all.
        bitrate: u64,
        /// What of it is taken by streams that the peer gives no such feedback for: audio, with most servers.
        unnumbered: u64,
    },
    /// The path's round trip time, by the latest connectivity check, where it is another one than before.
    RoundTrip(Duration),
    /// A channel that we opened, or that was announced, can be written.
    ChannelOpen(ChannelKey),
    /// The peer opened a channel in-band (RFC 8832); `ChannelOpen` follows.
    ChannelAnnounced {
        /// Its name from now on.
        key: ChannelKey,
        /// As the peer described it.
        init: ChannelInit,
    },
    /// A message came in.
    ChannelData {
        /// On this channel.
        key: ChannelKey,
        /// Binary or UTF-8 text.
        binary: bool,
        /// The message.
        data: Vec<u8>,
    },
    /// That many bytes of messages left the send queue for the path, or were confirmed, whatever came first. All reports of a channel add up to the bytes that were
    /// sent on it; bytes thrown away by a close are reported before `ChannelClosed`.
    ChannelBuffered {
        /// On this channel.
        key: ChannelKey,
        /// Bytes since the last report.
        amount: usize,
    },
    /// The channel is gone, whoever closed it. Its key is never used again.
    ChannelClosed(ChannelKey),
}

/// Facts of an RTCP sender report (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    /// The peer's source.
    pub ssrc: Ssrc,
    /// Wall clock of the peer as a 32.32 fixed-point number of seconds since 1900.
    pub ntp: u64,
    /// The same moment on the stream's RTP clock.
    pub rtp_timestamp: u32,
    /// Packets the peer has sent.
    pub packets: u32,
    /// Payload bytes the peer has sent.
    pub octets: u32,
    /// When it came in.
    pub arrival: Instant,
}
