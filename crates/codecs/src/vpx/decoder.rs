//! The decoder of VP8 and VP9.

use lk_types::{Codec, I420Picture};

use super::LIBRARY;
use super::sys::{Decoder, Shown};
use crate::video::{MAX_PIXELS, VideoCodecError, VideoDecoder};

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
        if self.codec == Codec::Vp8 {
            check_vp8_size(payload)?;
        }
        match self.inner.decode(payload)? {
            Shown::Nothing => Ok(false),
            Shown::OtherFormat => Err(VideoCodecError::PixelFormat { codec: self.codec }),
            Shown::Picture(view) => {
                picture.copy_from(&view);
                Ok(true)
            }
        }
    }

    fn implementation(&self) -> &'static str {
        LIBRARY
    }
}

/// Refuses a VP8 keyframe (RFC 6386 §9.1) that would make libvpx allocate for a picture of absurd size.
fn check_vp8_size(payload: &[u8]) -> Result<(), VideoCodecError> {
    let [first, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = *payload else {
        return Ok(());
    };
    if first & 1 != 0 {
        return Ok(());
    }
    let width = u32::from(u16::from_le_bytes([w0, w1]) & 0x3fff);
    let height = u32::from(u16::from_le_bytes([h0, h1]) & 0x3fff);
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(VideoCodecError::TooLarge { width, height });
    }
    Ok(())
}
