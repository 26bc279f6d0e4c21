//! What can go wrong with a video codec.

use lk_types::{Codec, ScalabilityMode};

/// A refused configuration, picture or payload.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VideoCodecError {
    /// No encoder for this codec is here.
    #[error("codec {codec}: no encoder for it is here")]
    NoEncoder {
        /// The codec asked for.
        codec: Codec,
    },
    /// No decoder for this codec is here.
    #[error("codec {codec}: no decoder for it is here")]
    NoDecoder {
        /// The codec asked for.
        codec: Codec,
    },
    /// The codec, or this encoder of it, has no such layers.
    #[error("scalability mode {mode}: {codec} is not encoded with it")]
    Mode {
        /// The codec asked for.
        codec: Codec,
        /// The mode asked for.
        mode: ScalabilityMode,
    },
    /// A value outside its range.
    #[error("{field} {value} is not within {range}")]
    OutOfRange {
        /// Which value.
        field: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// A picture that is not of the encoder's size, or whose planes are too short for its own.
    #[error(
        "picture of {width}x{height} does not fit an encoder of {expected_width}x{expected_height}, or its planes are too short"
    )]
    Picture {
        /// The picture's width, pixels.
        width: u32,
        /// The picture's height, rows.
        height: u32,
        /// The encoder's width, pixels.
        expected_width: u32,
        /// The encoder's height, rows.
        expected_height: u32,
    },
    /// A payload without a byte.
    #[error("payload of 0 bytes")]
    Empty,
    /// A payload that announces a picture larger than [`MAX_PIXELS`](super::MAX_PIXELS).
    #[error("picture of {width}x{height} is larger than 8192x4320")]
    TooLarge {
        /// The announced width, pixels.
        width: u32,
        /// The announced height, rows.
        height: u32,
    },
    /// A decoded picture that is not 8-bit YUV 4:2:0 and is not converted either.
    #[error("{codec} picture is of a pixel format that is not 8-bit 4:2:0")]
    PixelFormat {
        /// The codec.
        codec: Codec,
    },
    /// The library refused or found the data damaged.
    #[error("{library} failed in {call} with code {code}: {description}")]
    Library {
        /// The library's name.
        library: &'static str,
        /// What was asked of it.
        call: &'static str,
        /// Its own code.
        code: i64,
        /// Its own text, where it has one.
        description: String,
    },
}
