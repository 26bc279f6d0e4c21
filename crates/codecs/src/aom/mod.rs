//! AV1 through libaom.

mod encoder;
mod sys;

pub(crate) use encoder::Av1Encoder;
