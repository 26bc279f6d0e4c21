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
    /// Sets the processing; without effect on a device, which has its own.
    pub fn set_audio_options(&self, options: AudioSourceOptions) {
        match self {
            Self::Native(source) => source.set_audio_options(options),
            Self::Device => {}
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
    }

    impl fmt::Debug for NativeAudioSource {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("NativeAudioSource")
                .field("sample_rate", &self.sample_rate())
                .field("num_channels", &self.num_channels())
                .finish_non_exhaustive()
        }
    }

    impl NativeAudioSource {
        /// A source of the given format.
        #[must_use]
        pub fn new(
            options: AudioSourceOptions,
            sample_rate: u32,
            num_channels: u32,
            queue_size_ms: u32,
        ) -> NativeAudioSource {
            let _ = queue_size_ms;
            Self { inner: Arc::new(Inner { options: Mutex::new(options), sample_rate, num_channels }) }
        }

        /// Throws away what is queued.
        pub fn clear_buffer(&self) {}

        /// Gives a frame.
        ///
        /// # Errors
        /// See the source's format.
        pub async fn capture_frame(&self, frame: &AudioFrame<'_>) -> Result<(), RtcError> {
            let _ = frame;
            Err(RtcError { error_type: RtcErrorType::Internal, message: "audio sending is not built yet".to_owned() })
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
    }
}
