//! Units of media between pipeline stages.

/// Interleaved signed 16-bit PCM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudioFrame {
    /// `samples_per_channel * num_channels` values, channels interleaved.
    pub samples: Vec<i16>,
    /// Hz.
    pub sample_rate: u32,
    /// 1 mono, 2 stereo, …
    pub num_channels: u32,
}

impl AudioFrame {
    /// A frame of silence.
    #[must_use]
    pub fn silence(sample_rate: u32, num_channels: u32, samples_per_channel: usize) -> Self {
        Self {
            samples: vec![0; samples_per_channel * num_channels as usize],
            sample_rate,
            num_channels,
        }
    }

    /// Samples in each channel; 0 where the frame has no channels.
    #[must_use]
    pub fn samples_per_channel(&self) -> usize {
        self.samples
            .len()
            .checked_div(self.num_channels as usize)
            .unwrap_or(0)
    }
}

/// One encoded Opus packet and what the RTP header needs beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedAudio {
    /// The codec's packet; empty where DTX leaves nothing to send.
    pub payload: Vec<u8>,
    /// Samples at 48 kHz that the packet covers (RFC 7587 §4.2).
    pub duration: u32,
    /// Whether the packet holds speech (for the audio-level extension and DTX).
    pub voice_activity: bool,
}
