//! Interleaved PCM as hosts give and get it.

use std::borrow::Cow;

/// A block of interleaved signed 16-bit samples.
#[derive(Debug, Clone)]
pub struct AudioFrame<'a> {
    /// `samples_per_channel * num_channels` values, channels interleaved.
    pub data: Cow<'a, [i16]>,
    /// Hz.
    pub sample_rate: u32,
    /// 1 mono, 2 stereo, …
    pub num_channels: u32,
    /// Samples in each channel.
    pub samples_per_channel: u32,
}

impl AudioFrame<'_> {
    /// A frame of silence that owns its samples.
    #[must_use]
    pub fn new(sample_rate: u32, num_channels: u32, samples_per_channel: u32) -> Self {
        let length = num_channels as usize * samples_per_channel as usize;
        Self {
            data: Cow::Owned(vec![0; length]),
            sample_rate,
            num_channels,
            samples_per_channel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_frame_is_silent_and_as_long_as_all_its_channels() {
        let frame = AudioFrame::new(48_000, 2, 480);
        assert_eq!(frame.data.len(), 960);
        assert!(frame.data.iter().all(|&sample| sample == 0));
    }
}
