//! VP8 and VP9 through libvpx.

mod decoder;
mod sys;
mod vp8;
mod vp9;

pub(crate) use decoder::VpxDecoder;
pub(crate) use vp8::Vp8Encoder;
pub(crate) use vp9::Vp9Encoder;

const LIBRARY: &str = "libvpx";

/// kbit/s as libvpx counts them.
fn kilobits(bitrate: u64) -> u32 {
    u32::try_from(bitrate / 1000).unwrap_or(u32::MAX)
}
