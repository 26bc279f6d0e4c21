//! RTP packets as they pass the engine's border.

use std::sync::Arc;
use std::time::Instant;

use lk_types::{Mid, Pt, Rid, Rotation, Ssrc};

/// Most bytes of payload that one packet may have. The stack below builds packets of up to 2,000 bytes and needs
/// room for header, extensions, a retransmission's two bytes and authentication.
pub const MAX_PAYLOAD: usize = 1_880;

/// Loudness of an audio packet (RFC 6464).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    /// 0 (loudest) to 127 (silence): −dBov.
    pub level: u8,
    /// The encoder heard speech.
    pub voice: bool,
}

/// A packet to send.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingRtp<'a> {
    /// One of the sources that the plan declared for sending; m-line and layer follow from it.
    pub ssrc: Ssrc,
    /// A payload type of the m-line.
    pub pt: Pt,
    /// Extended: the low 16 bits are sent. Start below 65,536 and go on beyond.
    pub sequence_number: u64,
    /// RTP clock of the payload type.
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
    /// When the media was captured; ties RTP to wall time in sender reports.
    pub captured: Instant,
    /// Sent where the extension is negotiated.
    pub audio_level: Option<AudioLevel>,
    /// Video orientation (3GPP TS 26.114 §7.4.5), sent where negotiated.
    pub rotation: Option<Rotation>,
    /// AV1's dependency descriptor, sent as it is where negotiated.
    pub dependency_descriptor: Option<&'a [u8]>,
    /// Kept for retransmission; only of use where RTX is negotiated.
    pub nackable: bool,
    /// The payload, at most [`MAX_PAYLOAD`] bytes.
    pub payload: &'a [u8],
}

/// A packet that came in.
#[derive(Clone, Debug)]
pub struct IncomingRtp {
    /// The m-line it belongs to.
    pub mid: Mid,
    /// The layer, where the peer names one.
    pub rid: Option<Rid>,
    /// Its source; for a retransmission the original's.
    pub ssrc: Ssrc,
    /// Its payload type; for a retransmission the original's. RED (RFC 2198) is passed as it is.
    pub pt: Pt,
    /// Extended beyond 16 bits.
    pub sequence_number: u64,
    /// RTP clock of the payload type.
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
    /// Loudness, where the packet says.
    pub audio_level: Option<AudioLevel>,
    /// Video orientation, where the packet says.
    pub rotation: Option<Rotation>,
    /// AV1's dependency descriptor, as it came.
    pub dependency_descriptor: Option<Arc<[u8]>>,
    /// Contributing sources (RFC 3550 §5.1).
    pub csrc: Vec<u32>,
    /// When the datagram came in.
    pub arrival: Instant,
    /// The payload; empty for padding, whose sequence number counts all the same.
    pub payload: Arc<[u8]>,
}

/// What an RTP packet says of the path it took.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// When the peer sent it (abs-send-time), on a clock of its own: only differences mean something.
    pub sent: Instant,
    /// When the datagram came in.
    pub at: Instant,
    /// Its bytes as a datagram.
    pub bytes: usize,
}

/// How a key frame is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyframeKind {
    /// Picture loss indication (RFC 4585 §6.3.1).
    Pli,
    /// Full intra request (RFC 5104 §4.3.1).
    Fir,
}
