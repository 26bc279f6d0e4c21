//! VP8 and VP9 through libvpx.

mod decoder;
mod sys;
mod vp8;
mod vp9;

pub(crate) use decoder::VpxDecoder;
pub(crate) use vp8::Vp8Encoder;
pub(crate) use vp9::Vp9Encoder;

const LIBRARY: &str = "libvpx";
