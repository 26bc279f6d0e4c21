//! The decoder of AV1.

use lk_types::{Codec, I420Picture};

use super::LIBRARY;
use super::sys::{Decoder, announced_size};
use crate::video::{VideoCodecError, VideoDecoder, check_announced};

pub(crate) struct Av1Decoder {
    inner: Decoder,
    /// The last payload failed.
    failed: bool,
    quantizer: Option<u32>,
}

impl Av1Decoder {
    pub(crate) fn new() -> Result<Self, VideoCodecError> {
        Ok(Self {
            inner: Decoder::new(1)?,
            failed: false,
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
            // To libaom no bytes mean the end of the stream.
            return Err(VideoCodecError::Empty);
        }
        let size = announced_size(payload);
        check_announced(size)?;
        if self.failed && size != (0, 0) {
            // Nothing from before is needed after a sequence header, so it is a good time to start afresh.
            self.inner = Decoder::new(1)?;
            self.failed = false;
        }
        let shown = self.inner.decode(payload);
        self.failed |= shown.is_err();
        match shown? {
            None => Ok(false),
            Some(planes) => {
                self.quantizer = planes.quantizer;
                planes.copy_to(Codec::Av1, picture).map(|()| true)
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
