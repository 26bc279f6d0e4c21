//! AV1 through libaom.

mod encoder;
mod overshoot;
mod sys;

pub(crate) use encoder::Av1Encoder;
