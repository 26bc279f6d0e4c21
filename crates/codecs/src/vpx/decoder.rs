//! The decoder of VP8 and VP9.

use lk_types::{Codec, I420Picture};

use super::LIBRARY;
use super::sys::{Decoder, announced_size};
use crate::video::{VideoCodecError, VideoDecoder, check_announced};

pub(crate) struct VpxDecoder {
    codec: Codec,
    inner: Decoder,
}

impl VpxDecoder {
    pub(crate) fn new(codec: Codec) -> Result<Self, VideoCodecError> {
        Ok(Self {
            codec,
            inner: Decoder::new(codec == Codec::Vp9, 1)?,
        })
    }
}

impl VideoDecoder for VpxDecoder {
    fn decode(
        &mut self,
        payload: &[u8],
        picture: &mut I420Picture,
    ) -> Result<bool, VideoCodecError> {
        if payload.is_empty() {
            // To libvpx no bytes mean a lost picture, which it would make up.
            return Err(VideoCodecError::Empty);
        }
        check_announced(announced_size(self.codec == Codec::Vp9, payload))?;
        match self.inner.decode(payload)? {
            None => Ok(false),
            Some(planes) => planes.copy_to(self.codec, picture).map(|()| true),
        }
    }

    fn implementation(&self) -> &'static str {
        LIBRARY
    }
}
