//! AV1 pictures through dav1d.

mod decoder;
mod sys;

pub(crate) use decoder::Av1Decoder;

const LIBRARY: &str = "dav1d";
