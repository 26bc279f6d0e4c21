//! Transceivers with their sender and receiver (W3C webrtc-pc §5.2–5.4): state only, no media.

use lk_types::{Direction, MediaKind, Mid, Rid, Ssrc};

use crate::capability::CodecCapability;
use crate::plan::MediaPlan;

/// Names a transceiver for the life of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransceiverId(pub u32);

/// W3C `RTCPriorityType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// `very-low`
    VeryLow,
    /// `low`, the default.
    #[default]
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
}

/// One encoding of a sender (W3C `RTCRtpEncodingParameters`).
#[derive(Clone, Debug, PartialEq)]
pub struct Encoding {
    /// Layer name; `None` where there is a single encoding.
    pub rid: Option<Rid>,
    /// Whether it is sent.
    pub active: bool,
    /// Bits per second.
    pub max_bitrate: Option<u64>,
    /// Frames per second.
    pub max_framerate: Option<f64>,
    /// 1 or more; `None` leaves it to the sender.
    pub scale_resolution_down_by: Option<f64>,
    /// For example `L3T3_KEY`.
    pub scalability_mode: Option<String>,
    /// Relative bandwidth priority.
    pub priority: Priority,
    /// Source; chosen by the session, read-only for callers.
    pub ssrc: Option<Ssrc>,
    /// Source of the retransmissions; chosen by the session.
    pub rtx_ssrc: Option<Ssrc>,
}

impl Default for Encoding {
    fn default() -> Self {
        Self {
            rid: None,
            active: true,
            max_bitrate: None,
            max_framerate: None,
            scale_resolution_down_by: None,
            scalability_mode: None,
            priority: Priority::Low,
            ssrc: None,
            rtx_ssrc: None,
        }
    }
}

/// W3C `RTCRtpTransceiverInit`, and the track that `addTransceiver` is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransceiverInit {
    /// Wanted direction.
    pub direction: Direction,
    /// Streams the sent track belongs to; none is printed as `msid:-`.
    pub stream_ids: Vec<String>,
    /// The track to send, where there is one already.
    pub track_id: Option<String>,
    /// Simulcast layers or the one encoding; none means one encoding with default values.
    pub encodings: Vec<Encoding>,
}

/// One codec of W3C `setCodecPreferences`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecPreference {
    /// MIME type, for example `video/VP8`. `video/rtx` and the like are ignored: they follow their codec.
    pub mime_type: String,
    /// The `a=fmtp` value that chooses among variants of one codec.
    pub fmtp: Option<String>,
}

/// The sending half.
#[derive(Clone, Debug, PartialEq)]
pub struct Sender {
    /// Printed as the track's name in `a=msid`: the first track's id, or a random one.
    pub id: String,
    /// The track that is sent now.
    pub track_id: Option<String>,
    /// Streams of `a=msid`.
    pub stream_ids: Vec<String>,
    /// Encodings, their sources included.
    pub encodings: Vec<Encoding>,
}

/// The receiving half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Id of the received track; chosen once, from the peer's `a=msid` where it creates the transceiver.
    pub track_id: String,
    /// Streams that the peer's description puts the track into now; empty while it does not send.
    pub stream_ids: Vec<String>,
}

/// One transceiver (W3C `RTCRtpTransceiver`).
#[derive(Clone, Debug)]
pub struct Transceiver {
    pub(crate) id: TransceiverId,
    pub(crate) kind: MediaKind,
    pub(crate) mid: Option<Mid>,
    pub(crate) mline: Option<usize>,
    /// The m-line that the latest `create_offer` gave it, until a description is applied.
    pub(crate) offered_mid: Option<Mid>,
    pub(crate) direction: Direction,
    pub(crate) current_direction: Option<Direction>,
    /// W3C `[[FiredDirection]]`: the direction the application was last told about.
    pub(crate) fired_direction: Option<Direction>,
    /// W3C `[[Stopping]]`.
    pub(crate) stopping: bool,
    /// W3C `[[Stopped]]`.
    pub(crate) stopped: bool,
    /// `addTrack` may have made it; only such ones may be taken by a remote m-line (RFC 8829 §5.10).
    pub(crate) from_add_track: bool,
    /// An offer of the peer's made it.
    pub(crate) by_remote: bool,
    /// Whether it ever sent (W3C `addTrack` reuses only senders that never did).
    pub(crate) has_sent: bool,
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
    /// Filtered and ordered capabilities; `None` before `set_codec_preferences`.
    pub(crate) preferences: Option<Vec<CodecCapability>>,
    /// The m-line of the latest plan.
    pub(crate) negotiated: Option<MediaPlan>,
}

impl Transceiver {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> TransceiverId {
        self.id
    }

    /// Audio or video.
    #[must_use]
    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// Its m-line's `a=mid`, once associated with one.
    #[must_use]
    pub fn mid(&self) -> Option<&Mid> {
        self.mid.as_ref()
    }

    /// Position of its m-line.
    #[must_use]
    pub fn mline_index(&self) -> Option<usize> {
        self.mline
    }

    /// Wanted direction; meaningless once stopped.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Negotiated direction; `None` before the first answer and once stopped.
    #[must_use]
    pub fn current_direction(&self) -> Option<Direction> {
        if self.stopped {
            None
        } else {
            self.current_direction
        }
    }

    /// `stop` was called; the next exchange rejects its m-line.
    #[must_use]
    pub fn stopping(&self) -> bool {
        self.stopping
    }

    /// Its m-line is rejected for good.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// The sending half.
    #[must_use]
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    /// The receiving half.
    #[must_use]
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Codecs, header extensions, streams of the latest completed exchange.
    #[must_use]
    pub fn negotiated(&self) -> Option<&MediaPlan> {
        self.negotiated.as_ref()
    }
}
