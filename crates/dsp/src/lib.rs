//! Signal processing on plain sample buffers: resampling, remixing and cleaning of 16-bit PCM, scaling and colour
//! conversion of pictures.
//!
//! Nothing here knows codecs, RTP or time; values keep their state and are told what to work on.
#![deny(unsafe_code)]

mod apm;
mod convert;
mod error;
mod remix;
mod resample;
pub mod video;

pub use apm::{AudioProcessor, MAX_PROCESSED_CHANNELS, MAX_STREAM_DELAY_MS, Stages, check_blocks};
pub use convert::{AudioFormat, Converter};
pub use error::Error;
pub use remix::remix;
pub use resample::{
    AlignedResampler, MAX_RATE, MAX_RATIO, MIN_RATE, Quality, RateError, Resampler, Sample,
};

/// Most channels of one frame; more is taken for a mistake of the caller.
pub const MAX_CHANNELS: u32 = 24;
/// Lowest sample rate, Hz.
pub const MIN_SAMPLE_RATE: u32 = 8_000;
/// Highest sample rate, Hz.
pub const MAX_SAMPLE_RATE: u32 = 192_000;
