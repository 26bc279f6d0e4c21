//! Audio of a track, as the host listens to it.

/// Streams that a program polls.
pub mod native {
    use std::fmt;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use tokio_stream::Stream;

    use crate::{audio_frame::AudioFrame, audio_track::RtcAudioTrack, frame_queue::{FrameQueue, capacity}};

    /// Frames of 10 ms that are held when nobody polls.
    const DEFAULT_QUEUE_SIZE_FRAMES: usize = 10;

    /// Settings of a [`NativeAudioStream`].
    #[derive(Clone, Debug, Default)]
    pub struct NativeAudioStreamOptions {
        /// Frames of 10 ms that are held when nobody polls; then the oldest are dropped. `None` means 10, 0 any
        /// number.
        pub queue_size_frames: Option<usize>,
    }

    /// The audio of one track in frames of 10 ms. Ends when the track ends.
    pub struct NativeAudioStream {
        track: RtcAudioTrack,
        queue: Arc<FrameQueue<AudioFrame<'static>>>,
    }

    impl NativeAudioStream {
        /// Listens to a track at the given rate (Hz) and channel count.
        #[must_use]
        pub fn new(audio_track: RtcAudioTrack, sample_rate: i32, num_channels: i32) -> Self {
            Self::with_options(audio_track, sample_rate, num_channels, NativeAudioStreamOptions::default())
        }

        /// Listens to a track with settings.
        #[must_use]
        pub fn with_options(
            audio_track: RtcAudioTrack,
            sample_rate: i32,
            num_channels: i32,
            options: NativeAudioStreamOptions,
        ) -> Self {
            let _ = (sample_rate, num_channels);
            let queue = Arc::new(FrameQueue::new(capacity(options.queue_size_frames, DEFAULT_QUEUE_SIZE_FRAMES)));
            Self { track: audio_track, queue }
        }

        /// The track it listens to.
        #[must_use]
        pub fn track(&self) -> RtcAudioTrack {
            self.track.clone()
        }

        /// Ends the stream at once.
        pub fn close(&mut self) {
            self.queue.close();
        }
    }

    impl fmt::Debug for NativeAudioStream {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("NativeAudioStream").field("track", &self.track).finish_non_exhaustive()
        }
    }

    impl Drop for NativeAudioStream {
        fn drop(&mut self) {
            self.close();
        }
    }

    impl Stream for NativeAudioStream {
        type Item = AudioFrame<'static>;

        fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.queue.poll(context)
        }
    }
}
