//! Cleaning of what a microphone hears: echo, noise, level, and what lies below the voice.
//!
//! The stages are WebRTC's, as the crate `sonora` has them in Rust: AEC3, its noise suppressor, AGC2 and the high-pass
//! filter, with the settings of the stock library.

use sonora::{
    AudioProcessing, Config, StreamConfig,
    config::{
        AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, MaxProcessingRate,
        NoiseSuppression, Pipeline,
    },
};

use crate::{AudioFormat, Error};

/// Longest delay that can be told, ms.
pub const MAX_STREAM_DELAY_MS: i32 = 500;
/// Most channels that are processed.
pub const MAX_PROCESSED_CHANNELS: u32 = 8;

/// What is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// Take out what the loudspeaker plays.
    pub echo_canceller: bool,
    /// Bring speech to the same level.
    pub gain_controller: bool,
    /// Take out what lies below the voice.
    pub high_pass_filter: bool,
    /// Take out noise that stays.
    pub noise_suppression: bool,
}

impl Stages {
    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// One microphone with its loudspeaker.
///
/// The formats of both may change from block to block; a change begins the stages anew.
pub struct AudioProcessor {
    stages: Stages,
    inner: AudioProcessing,
    scratch: Vec<i16>,
}

impl std::fmt::Debug for AudioProcessor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AudioProcessor")
            .field("stages", &self.stages)
            .finish_non_exhaustive()
    }
}

impl AudioProcessor {
    /// A processor with these stages.
    #[must_use]
    pub fn new(stages: Stages) -> Self {
        let config = Config {
            pipeline: Pipeline {
                maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
                ..Pipeline::default()
            },
            echo_canceller: stages.echo_canceller.then(EchoCanceller::default),
            gain_controller2: stages.gain_controller.then(|| GainController2 {
                adaptive_digital: Some(AdaptiveDigital::default()),
                ..GainController2::default()
            }),
            high_pass_filter: stages.high_pass_filter.then(HighPassFilter::default),
            noise_suppression: stages.noise_suppression.then(NoiseSuppression::default),
            ..Config::default()
        };
        Self {
            stages,
            inner: AudioProcessing::builder().config(config).build(),
            scratch: Vec::new(),
        }
    }

    /// What is done.
    #[must_use]
    pub fn stages(&self) -> Stages {
        self.stages
    }

    /// Cleans what the microphone heard, in place: whole blocks of 10 ms.
    ///
    /// # Errors
    /// As [`check_blocks`]; nothing is touched then.
    pub fn process_capture(
        &mut self,
        data: &mut [i16],
        sample_rate: u32,
        channels: u32,
    ) -> Result<(), Error> {
        let block = check_blocks(data.len(), sample_rate, channels)?;
        if self.stages.is_empty() {
            return Ok(());
        }
        let config = stream_config(sample_rate, channels);
        self.scratch.resize(block, 0);
        for block in data.chunks_exact_mut(block) {
            self.inner
                .process_capture_i16_with_config(block, &config, &config, &mut self.scratch)
                .expect("`check_blocks` passes only what can be processed");
            block.copy_from_slice(&self.scratch);
        }
        Ok(())
    }

    /// Takes note of what the loudspeaker is about to play: whole blocks of 10 ms.
    ///
    /// # Errors
    /// As [`check_blocks`].
    pub fn process_render(
        &mut self,
        data: &[i16],
        sample_rate: u32,
        channels: u32,
    ) -> Result<(), Error> {
        let block = check_blocks(data.len(), sample_rate, channels)?;
        if !self.stages.echo_canceller {
            return Ok(());
        }
        let config = stream_config(sample_rate, channels);
        self.scratch.resize(block, 0);
        for block in data.chunks_exact(block) {
            // No stage changes what is played: what comes back is not needed.
            self.inner
                .process_render_i16_with_config(block, &config, &config, &mut self.scratch)
                .expect("`check_blocks` passes only what can be processed");
        }
        Ok(())
    }

    /// Milliseconds from a sample's way through [`process_render`](Self::process_render) to its echo's through
    /// [`process_capture`](Self::process_capture): the canceller begins its search there.
    ///
    /// # Errors
    /// [`Error::StreamDelay`] outside 0 to [`MAX_STREAM_DELAY_MS`].
    pub fn set_stream_delay_ms(&mut self, delay_ms: i32) -> Result<(), Error> {
        if !(0..=MAX_STREAM_DELAY_MS).contains(&delay_ms) {
            return Err(Error::StreamDelay { delay_ms });
        }
        self.inner
            .set_stream_delay_ms(delay_ms)
            .expect("the range was checked");
        Ok(())
    }
}

/// Checks that `samples`, all channels together, are whole blocks of 10 ms, and returns the samples of one.
///
/// # Errors
/// [`Error::SampleRate`], [`Error::Channels`], [`Error::NoWholeBlocks`].
pub fn check_blocks(samples: usize, sample_rate: u32, channels: u32) -> Result<usize, Error> {
    let format = AudioFormat::new(sample_rate, channels)?;
    if channels > MAX_PROCESSED_CHANNELS {
        return Err(Error::Channels { channels });
    }
    if !sample_rate.is_multiple_of(100) || samples == 0 || !samples.is_multiple_of(format.ten_ms())
    {
        return Err(Error::NoWholeBlocks {
            samples,
            sample_rate,
            channels,
        });
    }
    Ok(format.ten_ms())
}

fn stream_config(sample_rate: u32, channels: u32) -> StreamConfig {
    let channels = u16::try_from(channels).expect("checked to be few");
    StreamConfig::new(sample_rate, channels)
}
