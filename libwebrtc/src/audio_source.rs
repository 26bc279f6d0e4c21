//! Where local audio comes from.

/// Rate of a device source, in Hz.
pub const DEFAULT_SAMPLE_RATE: u32 = 48_000;

/// Channels of a device source.
pub const DEFAULT_NUM_CHANNELS: u32 = 1;

/// Processing that a source asks for. It is kept and reported; frames that a program captures itself are not
/// processed.
#[derive(Default, Debug)]
pub struct AudioSourceOptions {
    /// Take out what the loudspeaker plays.
    pub echo_cancellation: bool,
    /// Take out steady noise.
    pub noise_suppression: bool,
    /// Even out the level.
    pub auto_gain_control: bool,
}

/// A source of any kind. Clones share it.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub enum RtcAudioSource {
    /// The program captures frames itself.
    Native(native::NativeAudioSource),
    /// The platform's microphone.
    Device,
}

impl RtcAudioSource {
    /// Sets the processing. That of a device is the whole process's, and is not told back.
    pub fn set_audio_options(&self, options: AudioSourceOptions) {
        match self {
            Self::Native(source) => source.set_audio_options(options),
            Self::Device => crate::audio_devices::set_processing(&options),
        }
    }

    /// The processing that was asked for; the default for a device.
    #[must_use]
    pub fn audio_options(&self) -> AudioSourceOptions {
        match self {
            Self::Native(source) => source.audio_options(),
            Self::Device => AudioSourceOptions::default(),
        }
    }

    /// Hz.
    #[must_use]
    pub fn sample_rate(&self) -> u32 {
        match self {
            Self::Native(source) => source.sample_rate(),
            Self::Device => DEFAULT_SAMPLE_RATE,
        }
    }

    /// Channels.
    #[must_use]
    pub fn num_channels(&self) -> u32 {
        match self {
            Self::Native(source) => source.num_channels(),
            Self::Device => DEFAULT_NUM_CHANNELS,
        }
    }
}

/// Sources that a program feeds.
pub mod native {
    use std::fmt;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::AudioSourceOptions;
    use crate::pipeline::audio_source::{AudioSource, AudioSourceError};
    use crate::session::runtime;
    use crate::{RtcError, RtcErrorType, audio_frame::AudioFrame};

    /// Takes the program's frames in real time. Clones share the source.
    #[derive(Clone)]
    pub struct NativeAudioSource {
        inner: Arc<Inner>,
    }

    struct Inner {
        options: Mutex<AudioSourceOptions>,
        sample_rate: u32,
        num_channels: u32,
        /// None where the source was made with values that cannot be; then every capture says so.
        pipeline: Result<AudioSource, String>,
    }

    impl NativeAudioSource {
        /// A source of `sample_rate` Hz and `num_channels` channels. With a queue of `queue_size_ms`, a multiple
        /// of 10, captures of any length go out at the pace of time and wait while the queue is full; with 0
        /// they go out at once. Where the values cannot be, every capture fails and says why.
        #[must_use]
        pub fn new(
            options: AudioSourceOptions,
            sample_rate: u32,
            num_channels: u32,
            queue_size_ms: u32,
        ) -> NativeAudioSource {
            let pipeline = runtime::current()
                .map_err(|error| error.message)
                .and_then(|handle| {
                    AudioSource::new(handle, sample_rate, num_channels, queue_size_ms)
                        .map_err(|error| error.to_string())
                });
            Self {
                inner: Arc::new(Inner {
                    options: Mutex::new(options),
                    sample_rate,
                    num_channels,
                    pipeline,
                }),
            }
        }

        /// Throws away what is queued; a capture that waits returns.
        pub fn clear_buffer(&self) {
            if let Ok(pipeline) = &self.inner.pipeline {
                pipeline.clear();
            }
        }

        /// Gives a frame and returns when all of it is queued.
        ///
        /// # Errors
        /// `InvalidState` where the frame is not of the source's format, is empty or has an incomplete last
        /// sample, or the source was made with values that cannot be.
        pub async fn capture_frame(&self, frame: &AudioFrame<'_>) -> Result<(), RtcError> {
            let pipeline = self
                .inner
                .pipeline
                .as_ref()
                .map_err(|message| invalid(message.clone()))?;
            let captured = pipeline
                .capture(&frame.data, frame.sample_rate, frame.num_channels)
                .await;
            captured.map_err(|error: AudioSourceError| invalid(error.to_string()))
        }

        /// Sets the processing that the source asks for.
        pub fn set_audio_options(&self, options: AudioSourceOptions) {
            *self.inner.options.lock() = options;
        }

        /// The processing that the source asks for.
        #[must_use]
        pub fn audio_options(&self) -> AudioSourceOptions {
            let options = self.inner.options.lock();
            AudioSourceOptions {
                echo_cancellation: options.echo_cancellation,
                noise_suppression: options.noise_suppression,
                auto_gain_control: options.auto_gain_control,
            }
        }

        /// Hz.
        #[must_use]
        pub fn sample_rate(&self) -> u32 {
            self.inner.sample_rate
        }

        /// Channels.
        #[must_use]
        pub fn num_channels(&self) -> u32 {
            self.inner.num_channels
        }

        /// The queue, where the source's values could be.
        pub(crate) fn pipeline(&self) -> Option<&AudioSource> {
            self.inner.pipeline.as_ref().ok()
        }
    }

    fn invalid(message: String) -> RtcError {
        RtcError {
            error_type: RtcErrorType::InvalidState,
            message,
        }
    }

    impl fmt::Debug for NativeAudioSource {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("NativeAudioSource")
                .field("sample_rate", &self.inner.sample_rate)
                .field("num_channels", &self.inner.num_channels)
                .finish_non_exhaustive()
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn options() -> AudioSourceOptions {
            AudioSourceOptions {
                noise_suppression: true,
                ..Default::default()
            }
        }

        #[tokio::test]
        async fn frames_of_another_format_are_refused() {
            let source = NativeAudioSource::new(options(), 48_000, 1, 0);
            assert!(
                source
                    .capture_frame(&AudioFrame::new(48_000, 1, 480))
                    .await
                    .is_ok()
            );
            for frame in [
                AudioFrame::new(16_000, 1, 160),
                AudioFrame::new(48_000, 2, 480),
                AudioFrame::new(48_000, 1, 0),
            ] {
                let error = source
                    .capture_frame(&frame)
                    .await
                    .expect_err("another format");
                assert_eq!(error.error_type, RtcErrorType::InvalidState);
            }
        }

        #[tokio::test]
        async fn a_source_with_impossible_values_says_so_at_each_capture() {
            let source = NativeAudioSource::new(options(), 48_000, 1, 15);
            let error = source
                .capture_frame(&AudioFrame::new(48_000, 1, 480))
                .await
                .expect_err("15 ms");
            assert!(error.message.contains("queue_size_ms 15"), "{error}");
            source.clear_buffer();
        }

        #[tokio::test]
        async fn options_are_kept() {
            let source = NativeAudioSource::new(options(), 48_000, 1, 0);
            assert!(source.audio_options().noise_suppression);
            source.set_audio_options(AudioSourceOptions {
                echo_cancellation: true,
                ..Default::default()
            });
            assert!(
                source.audio_options().echo_cancellation
                    && !source.audio_options().noise_suppression
            );
        }
    }
}
