//! What this side can send and receive: codecs and RTP header extensions for each kind of m-line.

use lk_types::{Codec, MediaKind, Pt};

use crate::fmtp;

/// One codec that an m-line may offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecCapability {
    /// Encoding name.
    pub codec: Codec,
    /// RTP clock rate in Hz.
    pub clock_rate: u32,
    /// Channels, for audio.
    pub channels: Option<u8>,
    /// `a=fmtp` parameters: name and value. RED's `111/111` has an empty name.
    pub fmtp: Vec<(String, String)>,
    /// `a=rtcp-fb` values, for example `nack pli`.
    pub feedback: Vec<String>,
    /// Payload type that our own offers use.
    pub pt: Pt,
    /// Payload type of its retransmissions (RFC 4588), where it has them.
    pub rtx: Option<Pt>,
}

impl CodecCapability {
    /// `video/VP8`, as W3C `RTCRtpCodec.mimeType` spells it.
    #[must_use]
    pub fn mime_type(&self) -> String {
        let kind = self.codec.kind().map_or("video", MediaKind::as_str);
        format!("{kind}/{}", self.codec)
    }

    /// The parameters as one `a=fmtp` value; `None` where there are none.
    #[must_use]
    pub fn fmtp_line(&self) -> Option<String> {
        (!self.fmtp.is_empty()).then(|| fmtp::join(&self.fmtp))
    }
}

/// One RTP header extension that an m-line may offer (RFC 8285).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionCapability {
    /// Its name.
    pub uri: String,
    /// Identifier that our own offers use; the same for every m-line of a session.
    pub id: u8,
}

/// Codecs, in order of preference, and extensions of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KindCapabilities {
    /// Most preferred first. Retransmission is not listed: it comes with each codec's `rtx`.
    pub codecs: Vec<CodecCapability>,
    /// In the order in which they are printed.
    pub extensions: Vec<ExtensionCapability>,
}

/// Everything a session may negotiate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// For `m=audio`.
    pub audio: KindCapabilities,
    /// For `m=video`.
    pub video: KindCapabilities,
}

impl Capabilities {
    /// Those of one kind.
    #[must_use]
    pub fn of(&self, kind: MediaKind) -> &KindCapabilities {
        match kind {
            MediaKind::Audio => &self.audio,
            MediaKind::Video => &self.video,
        }
    }

    /// Keeps only the codecs that `keep` agrees to.
    #[must_use]
    pub fn retain_codecs(mut self, keep: impl Fn(&CodecCapability) -> bool) -> Self {
        self.audio.codecs.retain(&keep);
        self.video.codecs.retain(&keep);
        self
    }
}

impl Default for Capabilities {
    /// Every codec and extension this project knows, under the payload types and identifiers that
    /// Google's library offers (seen in the offer of the Python SDK 1.2.1).
    fn default() -> Self {
        Self {
            audio: KindCapabilities {
                codecs: audio_codecs(),
                extensions: extensions(AUDIO_EXTENSIONS),
            },
            video: KindCapabilities {
                codecs: video_codecs(),
                extensions: extensions(VIDEO_EXTENSIONS),
            },
        }
    }
}

/// Names of the header extensions this project knows.
pub mod extension {
    /// Client-to-mixer audio level (RFC 6464).
    pub const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
    /// 24-bit absolute send time, which REMB estimators read.
    pub const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
    /// Transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions).
    pub const TRANSPORT_CC: &str =
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
    /// Media identification (RFC 8843).
    pub const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
    /// Simulcast layer (RFC 8852).
    pub const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
    /// Simulcast layer of a retransmission (RFC 8852).
    pub const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
    /// Transmission offset (RFC 5450).
    pub const TOFFSET: &str = "urn:ietf:params:rtp-hdrext:toffset";
    /// Coordination of video orientation (3GPP TS 26.114).
    pub const VIDEO_ORIENTATION: &str = "urn:3gpp:video-orientation";
    /// Limits for the receiver's playout delay.
    pub const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
    /// AV1 dependency descriptor, also used with other layered codecs.
    pub const DEPENDENCY_DESCRIPTOR: &str =
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
}

const AUDIO_EXTENSIONS: &[(u8, &str)] = &[
    (1, extension::AUDIO_LEVEL),
    (2, extension::ABS_SEND_TIME),
    (3, extension::TRANSPORT_CC),
    (4, extension::MID),
];

const VIDEO_EXTENSIONS: &[(u8, &str)] = &[
    (14, extension::TOFFSET),
    (2, extension::ABS_SEND_TIME),
    (13, extension::VIDEO_ORIENTATION),
    (3, extension::TRANSPORT_CC),
    (5, extension::PLAYOUT_DELAY),
    (4, extension::MID),
    (10, extension::RID),
    (11, extension::REPAIRED_RID),
    (12, extension::DEPENDENCY_DESCRIPTOR),
];

fn extensions(list: &[(u8, &str)]) -> Vec<ExtensionCapability> {
    list.iter()
        .map(|&(id, uri)| ExtensionCapability {
            uri: uri.to_owned(),
            id,
        })
        .collect()
}

fn audio_codecs() -> Vec<CodecCapability> {
    vec![
        CodecCapability {
            codec: Codec::Opus,
            clock_rate: 48_000,
            channels: Some(2),
            fmtp: fmtp::split("minptime=10;useinbandfec=1"),
            feedback: vec!["transport-cc".to_owned()],
            pt: Pt(111),
            rtx: None,
        },
        CodecCapability {
            codec: Codec::Red,
            clock_rate: 48_000,
            channels: Some(2),
            fmtp: fmtp::split("111/111"),
            feedback: Vec::new(),
            pt: Pt(63),
            rtx: None,
        },
    ]
}

fn video_codecs() -> Vec<CodecCapability> {
    let h264 = |mode: u8, profile: &str| {
        format!("level-asymmetry-allowed=1;packetization-mode={mode};profile-level-id={profile}")
    };
    [
        (Codec::Vp8, String::new(), 96, 97),
        (Codec::H264, h264(1, "42001f"), 103, 104),
        (Codec::H264, h264(0, "42001f"), 107, 108),
        (Codec::H264, h264(1, "42e01f"), 109, 114),
        (Codec::H264, h264(0, "42e01f"), 115, 116),
        (
            Codec::Av1,
            "level-idx=5;profile=0;tier=0".to_owned(),
            45,
            46,
        ),
        (Codec::Vp9, "profile-id=0".to_owned(), 98, 99),
        (
            Codec::H265,
            "level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST".to_owned(),
            49,
            50,
        ),
    ]
    .into_iter()
    .map(|(codec, parameters, pt, rtx)| CodecCapability {
        codec,
        clock_rate: 90_000,
        channels: None,
        fmtp: fmtp::split(&parameters),
        feedback: ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"]
            .map(str::to_owned)
            .to_vec(),
        pt: Pt(pt),
        rtx: Some(Pt(rtx)),
    })
    .collect()
}
