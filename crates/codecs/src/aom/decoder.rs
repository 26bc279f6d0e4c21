//! The decoder of AV1.

use lk_types::{Codec, I420Picture};

use super::LIBRARY;
use super::sys::{Decoder, announced_size};
use crate::video::{VideoCodecError, VideoDecoder, check_announced};

pub(crate) struct Av1Decoder {
    inner: Decoder,
}

impl Av1Decoder {
    pub(crate) fn new() -> Result<Self, VideoCodecError> {
        Ok(Self {
            inner: Decoder::new(1)?,
        })
    }
}

impl VideoDecoder for Av1Decoder {
    fn decode(
        &mut self,
        payload: &[u8],
        picture: &mut I420Picture,
    ) -> Result<bool, VideoCodecError> {
        if payload.is_empty() {
            // To libaom no bytes mean the end of the stream.
            return Err(VideoCodecError::Empty);
        }
        check_announced(announced_size(payload))?;
        match self.inner.decode(payload)? {
            None => Ok(false),
            Some(planes) => planes.copy_to(Codec::Av1, picture).map(|()| true),
        }
    }

    fn implementation(&self) -> &'static str {
        LIBRARY
    }
}
