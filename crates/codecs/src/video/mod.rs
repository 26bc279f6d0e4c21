//! Video: one trait for encoders, one for decoders, and the functions that make one for a codec.
//!
//! What is *not* here: packets, time, threads of its own and the decision which size, rate and layers to encode. An
//! encoder has one size for life; whoever captures another size makes another encoder. Decoders follow the stream.

#[cfg(any(feature = "vpx", feature = "aom", feature = "openh264"))]
mod clock;
mod config;
mod error;
#[cfg(any(feature = "vpx", feature = "aom"))]
pub(crate) mod layers;
#[cfg(any(feature = "vpx", feature = "dav1d"))]
mod planes;
#[cfg(any(feature = "vpx", feature = "aom"))]
mod rate;

#[cfg(any(feature = "vpx", feature = "aom", feature = "openh264"))]
pub(crate) use clock::Clock;
pub use config::{EncodeRequest, VideoEncoderConfig, VideoRates};
pub use error::VideoCodecError;
use lk_types::{Codec, EncodedVideo, I420Picture, I420View};
#[cfg(any(feature = "vpx", feature = "dav1d"))]
pub(crate) use planes::{DecodedPlanes, check_announced};
#[cfg(any(feature = "vpx", feature = "aom"))]
pub(crate) use rate::{layer_kilobits, max_intra_percent};

/// The largest picture that is encoded or decoded, in pixels: 8192 × 4320.
pub const MAX_PIXELS: u64 = 8192 * 4320;

/// Turns pictures of one size into encoded pictures.
pub trait VideoEncoder: Send {
    /// Encodes a picture and appends what came of it to `out`: one element for each spatial layer, lowest first;
    /// none if the rate control dropped the picture.
    ///
    /// # Errors
    /// The picture has another size than the encoder or planes that are too short, or the library refused.
    fn encode(
        &mut self,
        picture: &I420View<'_>,
        request: EncodeRequest,
        out: &mut Vec<EncodedVideo>,
    ) -> Result<(), VideoCodecError>;

    /// From the next picture on, these rates hold.
    ///
    /// # Errors
    /// A rate makes no sense, or the library refused.
    fn set_rates(&mut self, rates: &VideoRates) -> Result<(), VideoCodecError>;

    /// The library's name, as W3C webrtc-stats' `encoderImplementation`.
    fn implementation(&self) -> &'static str;
}

/// Turns encoded pictures into pictures.
pub trait VideoDecoder: Send {
    /// Decodes one picture with all of its spatial layers and puts it into `picture`, whose memory is used again
    /// where it suffices. `false`: the data shows no picture, and `picture` is as it was.
    ///
    /// # Errors
    /// The data is damaged, refers to pictures that never came, or is of a format that is not decoded. The decoder
    /// goes on; what it gives before the next keyframe may be wrong.
    fn decode(
        &mut self,
        payload: &[u8],
        picture: &mut I420Picture,
    ) -> Result<bool, VideoCodecError>;

    /// The quantizer of the picture that was decoded last, on the codec's own scale (W3C webrtc-stats' `qpSum`); `None`
    /// where it is not known.
    fn quantizer(&self) -> Option<u32>;

    /// The library's name, as W3C webrtc-stats' `decoderImplementation`.
    fn implementation(&self) -> &'static str;
}

/// Whether [`encoder`] knows this codec.
#[must_use]
pub fn can_encode(codec: Codec) -> bool {
    let vpx = cfg!(feature = "vpx") && matches!(codec, Codec::Vp8 | Codec::Vp9);
    let h264 = cfg!(feature = "openh264") && codec == Codec::H264;
    let av1 = cfg!(feature = "aom") && codec == Codec::Av1;
    vpx || h264 || av1
}

/// Whether [`decoder`] knows this codec.
#[must_use]
pub fn can_decode(codec: Codec) -> bool {
    match codec {
        Codec::Av1 => cfg!(feature = "dav1d"),
        codec => can_encode(codec),
    }
}

/// Makes an encoder.
///
/// # Errors
/// Nothing here encodes the codec (H.265 never), a value makes no sense, the codec has no such layers, or the library
/// refused.
pub fn encoder(config: &VideoEncoderConfig) -> Result<Box<dyn VideoEncoder>, VideoCodecError> {
    config.check()?;
    match config.codec {
        #[cfg(feature = "vpx")]
        Codec::Vp8 => Ok(Box::new(crate::vpx::Vp8Encoder::new(config)?)),
        #[cfg(feature = "vpx")]
        Codec::Vp9 => Ok(Box::new(crate::vpx::Vp9Encoder::new(config)?)),
        #[cfg(feature = "openh264")]
        Codec::H264 => Ok(Box::new(crate::openh264::H264Encoder::new(config)?)),
        #[cfg(feature = "aom")]
        Codec::Av1 => Ok(Box::new(crate::aom::Av1Encoder::new(config)?)),
        codec => Err(VideoCodecError::NoEncoder { codec }),
    }
}

/// Makes a decoder.
///
/// # Errors
/// Nothing here decodes the codec (H.265 never), or the library refused.
pub fn decoder(codec: Codec) -> Result<Box<dyn VideoDecoder>, VideoCodecError> {
    match codec {
        #[cfg(feature = "vpx")]
        Codec::Vp8 | Codec::Vp9 => Ok(Box::new(crate::shim::ShimDecoder::<crate::vpx::Vpx>::new(
            codec,
        )?)),
        #[cfg(feature = "openh264")]
        Codec::H264 => Ok(Box::new(crate::openh264::H264Decoder::new()?)),
        #[cfg(feature = "dav1d")]
        Codec::Av1 => Ok(Box::new(crate::dav1d::Av1Decoder::new()?)),
        codec => Err(VideoCodecError::NoDecoder { codec }),
    }
}
