//! Codec names as SDP spells them.

use std::fmt;

use crate::MediaKind;

/// A payload format this project knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Opus (RFC 7587).
    Opus,
    /// Redundant audio data (RFC 2198).
    Red,
    /// VP8 (RFC 7741).
    Vp8,
    /// VP9 (RFC 9628).
    Vp9,
    /// H.264 (RFC 6184).
    H264,
    /// H.265 (RFC 7798).
    H265,
    /// AV1 (the Alliance's RTP payload format).
    Av1,
    /// Retransmission (RFC 4588).
    Rtx,
}

impl Codec {
    /// The encoding name of `a=rtpmap`, in its usual spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Red => "red",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264 => "H264",
            Self::H265 => "H265",
            Self::Av1 => "AV1",
            Self::Rtx => "rtx",
        }
    }

    /// Looks an encoding name up, whatever its case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Opus,
            Self::Red,
            Self::Vp8,
            Self::Vp9,
            Self::H264,
            Self::H265,
            Self::Av1,
            Self::Rtx,
        ]
        .into_iter()
        .find(|codec| codec.as_str().eq_ignore_ascii_case(name))
    }

    /// The m-line this codec belongs to; `None` for retransmission, which serves its own m-line's.
    #[must_use]
    pub fn kind(self) -> Option<MediaKind> {
        match self {
            Self::Opus | Self::Red => Some(MediaKind::Audio),
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::H265 | Self::Av1 => Some(MediaKind::Video),
            Self::Rtx => None,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
