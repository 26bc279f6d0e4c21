//! The decoder of VP8 and VP9.

use lk_types::{Codec, I420Picture};

use super::LIBRARY;
use super::sys::{Decoder, announced_size};
use crate::video::{VideoCodecError, VideoDecoder, check_announced};

pub(crate) struct VpxDecoder {
    codec: Codec,
    inner: Decoder,
    /// The last payload failed.
    failed: bool,
    quantizer: Option<u32>,
}

impl VpxDecoder {
    pub(crate) fn new(codec: Codec) -> Result<Self, VideoCodecError> {
        Ok(Self {
            codec,
            inner: Decoder::new(codec == Codec::Vp9, 1)?,
            failed: false,
            quantizer: None,
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
        let size = announced_size(self.codec == Codec::Vp9, payload);
        check_announced(size)?;
        if self.failed && size != (0, 0) {
            // libvpx's VP9 decoder loses reference buffers to failures until it has none left. A keyframe needs nothing
            // from before, so it is a good time to start afresh.
            self.inner = Decoder::new(self.codec == Codec::Vp9, 1)?;
            self.failed = false;
        }
        let shown = self.inner.decode(payload);
        self.failed |= shown.is_err();
        match shown? {
            None => Ok(false),
            Some(planes) => {
                self.quantizer = planes.quantizer;
                planes.copy_to(self.codec, picture).map(|()| true)
            }
        }
    }

    fn quantizer(&self) -> Option<u32> {
        self.quantizer
    }

    fn implementation(&self) -> &'static str {
        LIBRARY
    }
}
