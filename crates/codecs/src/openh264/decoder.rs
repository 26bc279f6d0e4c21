//! The decoder of H.264.

use lk_types::I420Picture;

use super::LIBRARY;
use super::qp::QpReader;
use super::sys::Decoder;
use crate::video::{VideoCodecError, VideoDecoder};

pub(crate) struct H264Decoder {
    inner: Decoder,
    reader: QpReader,
    quantizer: Option<u32>,
}

impl H264Decoder {
    pub(crate) fn new() -> Result<Self, VideoCodecError> {
        Ok(Self {
            inner: Decoder::new()?,
            reader: QpReader::default(),
            quantizer: None,
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
        self.quantizer = self.reader.read(payload);
        let Some(view) = self.inner.decode(payload)? else {
            return Ok(false);
        };
        picture.copy_from(&view);
        Ok(true)
    }

    fn quantizer(&self) -> Option<u32> {
        self.quantizer
    }

    fn implementation(&self) -> &'static str {
        LIBRARY
    }
}
