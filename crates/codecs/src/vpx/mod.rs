//! VP8 and VP9 through libvpx.

mod sys;
mod vp8;
mod vp9;

pub(crate) use sys::Vpx;
pub(crate) use vp8::Vp8Encoder;
pub(crate) use vp9::Vp9Encoder;
