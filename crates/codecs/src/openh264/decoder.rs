//! The decoder of H.264.

use lk_types::I420Picture;

use super::LIBRARY;
use super::sys::Decoder;
use crate::video::{VideoCodecError, VideoDecoder};

pub(crate) struct H264Decoder {
    inner: Decoder,
}

impl H264Decoder {
    pub(crate) fn new() -> Result<Self, VideoCodecError> {
        Ok(Self {
            inner: Decoder::new()?,
        })
    }
}

impl VideoDecoder for H264Decoder {
    fn decode(
        &mut self,
        payload: &[u8],
        picture: &mut I420Picture,
    ) -> Result<bool, VideoCodecError> {
        if payload.is_empty() {
            // To OpenH264 no bytes mean the end of the stream.
            return Err(VideoCodecError::Empty);
        }
        let Some(view) = self.inner.decode(payload)? else {
            return Ok(false);
        };
        picture.copy_from(&view);
        Ok(true)
    }

    fn implementation(&self) -> &'static str {
        LIBRARY
    }
}
