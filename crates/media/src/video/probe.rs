//! What an encoded frame tells about itself, for frames that somebody else encoded.

use lk_types::Codec;

use super::{av1, h264, h265, vp8, vp9};

/// What [`probe`] found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameFacts {
    /// Decoding may start here.
    pub keyframe: bool,
    /// Width and height, where the frame tells; key frames do.
    pub size: Option<(u32, u32)>,
}

/// Looks into a frame of raw VP8 or VP9, an Annex B access unit, or OBUs. Damaged frames are no key frames; other codecs
/// tell nothing.
#[must_use]
pub fn probe(codec: Codec, frame: &[u8]) -> FrameFacts {
    let (keyframe, size) = match codec {
        Codec::Vp8 => (vp8::is_keyframe(frame), vp8::picture_size(frame)),
        Codec::Vp9 => (vp9::is_keyframe(frame), vp9::picture_size(frame)),
        Codec::H264 => (h264::is_keyframe(frame), h264::picture_size(frame)),
        Codec::H265 => (h265::is_keyframe(frame), h265::picture_size(frame)),
        Codec::Av1 => (av1::is_keyframe(frame), av1::picture_size(frame)),
        Codec::Opus | Codec::Red | Codec::Rtx => (false, None),
    };
    FrameFacts { keyframe, size }
}
