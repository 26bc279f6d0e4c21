//! H.264, constrained baseline, through OpenH264.

mod decoder;
mod encoder;
mod qp;
mod sys;

pub(crate) use decoder::H264Decoder;
pub(crate) use encoder::H264Encoder;

const LIBRARY: &str = "OpenH264";
