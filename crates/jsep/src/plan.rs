//! What an applied pair of descriptions means for the transport and the streams.
//!
//! A [`Plan`] is made only when offer and answer are both known (RFC 8829 §5.9–5.11), so rollback and
//! re-applied answers never reach the engine. It is complete: an engine that is given one plan after
//! another needs nothing of the SDP between them.

use lk_types::{Codec, Direction, MediaKind, Mid, Pt, Rid, Ssrc};

/// The state of the session after one offer/answer exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whether our description was the offer of the *first* exchange (decides the ICE role with
    /// `remote_ice.lite`, RFC 8445 §6.1.1).
    pub we_offered_first: bool,
    /// Our DTLS role; constant for the life of the session.
    pub dtls_role: DtlsRole,
    /// The peer's certificate fingerprint, for example `sha-256 AB:CD:…`.
    pub remote_fingerprint: Fingerprint,
    /// Credentials of our applied description.
    pub local_ice: IceParameters,
    /// Credentials of the peer's applied description.
    pub remote_ice: IceParameters,
    /// Every RTP m-line, in order, rejected ones included.
    pub media: Vec<MediaPlan>,
    /// The SCTP m-line, where one is negotiated.
    pub data: Option<DataPlan>,
    /// Candidates found inside the remote description, each once, as `candidate:…`.
    pub remote_candidates: Vec<String>,
}

/// DTLS role after `a=setup` was answered (RFC 8842).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsRole {
    /// We send the ClientHello.
    Client,
    /// We wait for it.
    Server,
}

/// `a=fingerprint` (RFC 8122).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Hash function in lower case, for example `sha-256`.
    pub algorithm: String,
    /// Upper-case hexadecimal pairs joined by colons.
    pub value: String,
}

/// `a=ice-ufrag`, `a=ice-pwd`, `a=ice-lite` (RFC 8839).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceParameters {
    /// User fragment.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
    /// The side is an ICE lite implementation.
    pub lite: bool,
}

/// The SCTP association (RFC 8841).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataPlan {
    /// Its m-line.
    pub mid: Mid,
    /// Position among all m-lines.
    pub index: usize,
    /// Largest message the peer takes, in bytes; 0 means no limit (RFC 8841 §6).
    pub max_message_size: u64,
    /// The peer's SNAP `a=sctp-init`, where both sides offered it.
    pub remote_sctp_init: Option<Vec<u8>>,
}

/// One RTP m-line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaPlan {
    /// Its identification.
    pub mid: Mid,
    /// Position among all m-lines.
    pub index: usize,
    /// Audio or video.
    pub kind: MediaKind,
    /// Negotiated direction as we see it; `Inactive` also where the m-line is rejected.
    pub direction: Direction,
    /// The m-line has port 0 and is not bundled: its slot may be recycled (RFC 8829 §5.2.2).
    pub rejected: bool,
    /// Formats both sides kept, most preferred first (the answer's order).
    pub codecs: Vec<CodecPlan>,
    /// Header extensions both sides kept.
    pub extensions: Vec<ExtensionPlan>,
    /// What we send, where the direction lets us.
    pub send: Vec<StreamPlan>,
    /// What the peer announced that it sends, where the direction lets it; empty where it announced nothing.
    pub recv: Vec<StreamPlan>,
    /// RTCP canonical name of our streams (RFC 7022), as the applied description has it.
    pub cname: String,
    /// The peer asks for REMB on this m-line (`a=rtcp-fb:* goog-remb`).
    pub remb: bool,
    /// Transport-wide congestion control is negotiated on this m-line.
    pub transport_cc: bool,
}

/// One negotiated format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecPlan {
    /// Payload type in both directions.
    pub pt: Pt,
    /// What it carries.
    pub codec: Codec,
    /// RTP clock rate in Hz.
    pub clock_rate: u32,
    /// Channels of an audio format.
    pub channels: Option<u8>,
    /// The peer's `a=fmtp` parameters, which govern what we send: name and value, as written.
    pub remote_fmtp: Vec<(String, String)>,
    /// Our own `a=fmtp` parameters, which govern what the peer sends.
    pub local_fmtp: Vec<(String, String)>,
    /// The retransmission payload type for this format (RFC 4588 `apt`).
    pub rtx: Option<Pt>,
    /// `a=rtcp-fb` values for this format that both sides kept, for example `nack pli`.
    pub feedback: Vec<String>,
}

/// One negotiated RTP header extension (RFC 8285).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionPlan {
    /// Local identifier, 1 to 14 (one-byte form) or up to 255.
    pub id: u8,
    /// What it means.
    pub uri: String,
}

/// One RTP stream of an m-line: a track, or one simulcast layer of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPlan {
    /// Its source; `None` where the peer announced only a rid (the first packets tell).
    pub ssrc: Option<Ssrc>,
    /// Source of its retransmissions.
    pub rtx_ssrc: Option<Ssrc>,
    /// Simulcast layer.
    pub rid: Option<Rid>,
}
