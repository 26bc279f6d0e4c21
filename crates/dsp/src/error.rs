//! Arguments that make no sense.

use crate::{MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE};

/// A refused format or block of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Outside [`MIN_SAMPLE_RATE`] to [`MAX_SAMPLE_RATE`].
    #[error("sample_rate {sample_rate} Hz is not within {MIN_SAMPLE_RATE}..={MAX_SAMPLE_RATE}")]
    SampleRate {
        /// The rate asked for, Hz.
        sample_rate: u32,
    },
    /// Zero, or more than [`MAX_CHANNELS`].
    #[error("channels {channels} is not within 1..={MAX_CHANNELS}")]
    Channels {
        /// The count asked for.
        channels: u32,
    },
    /// The block ends in the middle of a frame.
    #[error("samples {samples} is not a multiple of channels {channels}")]
    PartialFrame {
        /// Values in the block.
        samples: usize,
        /// Channels of the block.
        channels: u32,
    },
    /// The block is not 10 ms where only that is taken.
    #[error("samples_per_channel {samples_per_channel} is not 10 ms at {sample_rate} Hz")]
    NotTenMilliseconds {
        /// Samples in each channel of the block.
        samples_per_channel: usize,
        /// Rate of the block, Hz.
        sample_rate: u32,
    },
    /// The samples are not whole blocks of 10 ms, where more than one is taken.
    #[error(
        "samples {samples} are not whole blocks of 10 ms at {sample_rate} Hz with {channels} channels"
    )]
    NoWholeBlocks {
        /// Values in all.
        samples: usize,
        /// Their rate, Hz.
        sample_rate: u32,
        /// Their channels.
        channels: u32,
    },
    /// The delay between loudspeaker and microphone is out of bounds.
    #[error(
        "stream delay {delay_ms} ms is not within 0..={}",
        crate::MAX_STREAM_DELAY_MS
    )]
    StreamDelay {
        /// The delay told, ms.
        delay_ms: i32,
    },
}

pub(crate) fn check_rate(sample_rate: u32) -> Result<(), Error> {
    if (MIN_SAMPLE_RATE..=MAX_SAMPLE_RATE).contains(&sample_rate) {
        Ok(())
    } else {
        Err(Error::SampleRate { sample_rate })
    }
}

pub(crate) fn check_channels(channels: u32) -> Result<(), Error> {
    if (1..=MAX_CHANNELS).contains(&channels) {
        Ok(())
    } else {
        Err(Error::Channels { channels })
    }
}

pub(crate) fn check_frames(samples: usize, channels: u32) -> Result<(), Error> {
    if samples.is_multiple_of(channels as usize) {
        Ok(())
    } else {
        Err(Error::PartialFrame { samples, channels })
    }
}
