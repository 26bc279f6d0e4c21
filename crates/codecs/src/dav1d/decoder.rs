//! The decoder of AV1.

use lk_types::{Codec, I420Picture};

use super::LIBRARY;
use super::sys::{self, Decoder};
use crate::video::{VideoCodecError, VideoDecoder, check_announced};

pub(crate) struct Av1Decoder {
    inner: Decoder,
    quantizer: Option<u32>,
}

impl Av1Decoder {
    pub(crate) fn new() -> Result<Self, VideoCodecError> {
        Ok(Self {
            inner: Decoder::new()?,
            quantizer: None,
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
            return Err(VideoCodecError::Empty);
        }
        check_announced(sys::announced_size(payload))?;
        // Of a picture's spatial layers dav1d hands out all, the highest last. Waiting for the one that the stream
        // calls its highest would hold back what a forwarder made of it.
        let Some(shown) = self.inner.decode(payload)? else {
            return Ok(false);
        };
        let planes = shown.planes();
        self.quantizer = planes.quantizer;
        planes.copy_to(Codec::Av1, picture).map(|()| true)
    }

    fn quantizer(&self) -> Option<u32> {
        self.quantizer
    }

    fn implementation(&self) -> &'static str {
        LIBRARY
    }
}
