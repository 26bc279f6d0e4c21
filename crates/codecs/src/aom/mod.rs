//! AV1 through libaom.

mod decoder;
mod encoder;
mod overshoot;
mod sys;

pub(crate) use decoder::Av1Decoder;
pub(crate) use encoder::Av1Encoder;

const LIBRARY: &str = "libaom";
