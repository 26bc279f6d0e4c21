//! Sums several sources into one signal.

use crate::audio_frame::AudioFrame;

/// What a source had to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioFrameInfo {
    /// A frame of samples.
    Normal,
    /// Silence.
    Muted,
    /// Nothing usable.
    Error,
}

/// A source that a mixer asks for 10 ms at a time.
pub trait AudioMixerSource {
    /// Identifies the source within its mixer.
    fn ssrc(&self) -> i32;
    /// The rate it would rather give, in Hz.
    fn preferred_sample_rate(&self) -> u32;
    /// 10 ms at the given rate; `None` while there is nothing to hear.
    fn get_audio_frame_with_info(&self, target_sample_rate: u32) -> Option<AudioFrame<'_>>;
}

/// The rate of a mix without sources, in Hz.
const IDLE_RATE: u32 = 48_000;

/// Adds its sources up, sample by sample.
#[derive(Default)]
pub struct AudioMixer {
    sources: Vec<Box<dyn AudioMixerSource>>,
    sums: Vec<i32>,
    mixed: Vec<i16>,
}

impl AudioMixer {
    /// A mixer without sources.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a source; one with the same `ssrc` gives way to it.
    pub fn add_source(&mut self, source: impl AudioMixerSource + 'static) {
        self.remove_source(source.ssrc());
        self.sources.push(Box::new(source));
    }

    /// Takes a source out.
    pub fn remove_source(&mut self, ssrc: i32) {
        self.sources.retain(|source| source.ssrc() != ssrc);
    }

    /// The next 10 ms, interleaved, at the highest rate that a source prefers (48 kHz without sources).
    /// Sources that give another rate or length than they are asked for are left out of this block.
    pub fn mix(&mut self, num_channels: usize) -> &[i16] {
        let rate = self
            .sources
            .iter()
            .map(|source| source.preferred_sample_rate())
            .max()
            .unwrap_or(IDLE_RATE);
        let length = rate as usize / 100;
        self.sums.clear();
        self.sums.resize(length * num_channels, 0);
        for source in &self.sources {
            let Some(frame) = source.get_audio_frame_with_info(rate) else {
                continue;
            };
            let channels = frame.num_channels as usize;
            if frame.sample_rate != rate || channels == 0 || frame.data.len() != length * channels {
                log::warn!(
                    "mixer source {} gave {} samples of {} channels at {} Hz where {length} at {rate} Hz were asked for",
                    source.ssrc(),
                    frame.data.len(),
                    frame.num_channels,
                    frame.sample_rate,
                );
                continue;
            }
            add(&mut self.sums, num_channels, &frame.data, channels);
        }
        self.mixed.clear();
        self.mixed.extend(
            self.sums
                .iter()
                .map(|&sum| sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16),
        );
        &self.mixed
    }
}

/// Adds samples to sums of another channel count: mono goes to every channel, and more channels than there is
/// room for become their mean.
fn add(sums: &mut [i32], to: usize, samples: &[i16], from: usize) {
    if to == 0 {
        return;
    }
    for (sums, samples) in sums.chunks_exact_mut(to).zip(samples.chunks_exact(from)) {
        if from < to || to == 1 {
            let mean = samples.iter().map(|&sample| i32::from(sample)).sum::<i32>() / from as i32;
            sums.iter_mut().for_each(|sum| *sum += mean);
        } else {
            sums.iter_mut()
                .zip(samples)
                .for_each(|(sum, &sample)| *sum += i32::from(sample));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Constant {
        ssrc: i32,
        rate: u32,
        channels: u32,
        value: i16,
    }

    impl AudioMixerSource for Constant {
        fn ssrc(&self) -> i32 {
            self.ssrc
        }

        fn preferred_sample_rate(&self) -> u32 {
            self.rate
        }

        fn get_audio_frame_with_info(&self, target_sample_rate: u32) -> Option<AudioFrame<'_>> {
            let length = target_sample_rate as usize / 100 * self.channels as usize;
            Some(AudioFrame {
                data: vec![self.value; length].into(),
                sample_rate: target_sample_rate,
                num_channels: self.channels,
                samples_per_channel: target_sample_rate / 100,
            })
        }
    }

    #[test]
    fn sources_are_added_and_clipped() {
        let mut mixer = AudioMixer::new();
        mixer.add_source(Constant {
            ssrc: 1,
            rate: 16_000,
            channels: 1,
            value: 20_000,
        });
        mixer.add_source(Constant {
            ssrc: 2,
            rate: 48_000,
            channels: 2,
            value: 5_000,
        });
        assert_eq!(mixer.mix(2), [25_000; 960]);
        mixer.add_source(Constant {
            ssrc: 3,
            rate: 8_000,
            channels: 1,
            value: 20_000,
        });
        assert_eq!(mixer.mix(1), [i16::MAX; 480]);
    }

    #[test]
    fn a_removed_source_is_no_longer_heard() {
        let mut mixer = AudioMixer::new();
        mixer.add_source(Constant {
            ssrc: 1,
            rate: 48_000,
            channels: 1,
            value: 1,
        });
        mixer.add_source(Constant {
            ssrc: 1,
            rate: 48_000,
            channels: 1,
            value: 2,
        });
        assert_eq!(mixer.mix(1), [2; 480]);
        mixer.remove_source(1);
        assert_eq!(mixer.mix(1), [0; 480]);
        assert!(mixer.mix(0).is_empty());
    }
}
