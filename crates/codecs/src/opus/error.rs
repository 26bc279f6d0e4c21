//! What can go wrong with Opus.

/// A refused configuration, block or packet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not one of [`SAMPLE_RATES`](super::SAMPLE_RATES).
    #[error("sample_rate {sample_rate} Hz is none of 8000, 12000, 16000, 24000, 48000")]
    SampleRate {
        /// The rate asked for, Hz.
        sample_rate: u32,
    },
    /// Neither mono nor stereo.
    #[error("channels {channels} is neither 1 nor 2")]
    Channels {
        /// The count asked for.
        channels: u32,
    },
    /// A bitrate outside the codec's range.
    #[error("bitrate {bitrate} bit/s is not within 6000..=510000")]
    Bitrate {
        /// The rate asked for, bit/s.
        bitrate: u32,
    },
    /// The block is not exactly one frame.
    #[error("pcm holds {got} samples, one frame is {expected}")]
    FrameSize {
        /// Values in the block, all channels together.
        got: usize,
        /// Values in one frame, all channels together.
        expected: usize,
    },
    /// The caller's buffer cannot take the result.
    #[error("output holds {got} values, {needed} are needed")]
    OutputTooSmall {
        /// Values that fit.
        got: usize,
        /// Values needed.
        needed: usize,
    },
    /// Concealment is made in steps of 2.5 ms up to 120 ms.
    #[error(
        "samples {samples} at {sample_rate} Hz is not a multiple of 2.5 ms between 2.5 and 120 ms"
    )]
    Gap {
        /// Samples in each channel asked for.
        samples: usize,
        /// Rate of the decoder, Hz.
        sample_rate: u32,
    },
    /// The packet does not follow RFC 6716 §3.4.
    #[error("packet of {len} bytes is malformed")]
    MalformedPacket {
        /// Bytes in the packet.
        len: usize,
    },
    /// libopus refused for a reason of its own.
    #[error("libopus failed in {function}: {description}")]
    Library {
        /// The C function.
        function: &'static str,
        /// libopus's text.
        description: &'static str,
    },
}

impl From<::opus::Error> for Error {
    fn from(error: ::opus::Error) -> Self {
        Self::Library {
            function: error.function(),
            description: error.description(),
        }
    }
}
