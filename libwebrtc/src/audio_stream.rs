//! Audio of a track, as the host listens to it.

/// Streams that a program polls.
pub mod native {
    use std::borrow::Cow;
    use std::fmt;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio_stream::Stream;

    use crate::audio_frame::AudioFrame;
    use crate::audio_track::RtcAudioTrack;
    use crate::frame_queue::capacity;
    use crate::pipeline::audio_sink::{AudioFrames, SinkConfig};

    /// Frames of 10 ms that are held when nobody polls.
    const DEFAULT_QUEUE_SIZE_FRAMES: usize = 10;

    /// Settings of a [`NativeAudioStream`].
    #[derive(Clone, Debug, Default)]
    pub struct NativeAudioStreamOptions {
        /// Frames of 10 ms that are held when nobody polls; then the oldest are dropped. `None` means 10, 0 any
        /// number.
        pub queue_size_frames: Option<usize>,
    }

    /// The audio of one track in frames of 10 ms. Ends when the track ends, or the peer stops sending it.
    pub struct NativeAudioStream {
        track: RtcAudioTrack,
        /// None where there is nothing to hear: the stream ends at once.
        frames: Option<AudioFrames>,
    }

    impl NativeAudioStream {
        /// Listens to a track at the given rate (Hz) and channel count.
        #[must_use]
        pub fn new(audio_track: RtcAudioTrack, sample_rate: i32, num_channels: i32) -> Self {
            Self::with_options(
                audio_track,
                sample_rate,
                num_channels,
                NativeAudioStreamOptions::default(),
            )
        }

        /// Listens to a track with settings. Where the format cannot be, or the track has no sound to give, the
        /// stream ends at once.
        #[must_use]
        pub fn with_options(
            audio_track: RtcAudioTrack,
            sample_rate: i32,
            num_channels: i32,
            options: NativeAudioStreamOptions,
        ) -> Self {
            let number = |value: i32| u32::try_from(value).unwrap_or(0);
            let frames = match SinkConfig::new(number(sample_rate), number(num_channels)) {
                Ok(config) => {
                    let capacity = capacity(options.queue_size_frames, DEFAULT_QUEUE_SIZE_FRAMES);
                    audio_track.add_sink(SinkConfig { capacity, ..config })
                }
                Err(error) => {
                    log::warn!("audio stream: {error}");
                    None
                }
            };
            Self {
                track: audio_track,
                frames,
            }
        }

        /// The track it listens to.
        #[must_use]
        pub fn track(&self) -> RtcAudioTrack {
            self.track.clone()
        }

        /// Ends the stream at once.
        pub fn close(&mut self) {
            if let Some(frames) = &mut self.frames {
                frames.close();
            }
        }
    }

    impl fmt::Debug for NativeAudioStream {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("NativeAudioStream")
                .field("track", &self.track)
                .finish_non_exhaustive()
        }
    }

    impl Stream for NativeAudioStream {
        type Item = AudioFrame<'static>;

        fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            let Some(frames) = &mut self.get_mut().frames else {
                return Poll::Ready(None);
            };
            frames.poll_next(context).map(|frame| {
                frame.map(|frame| AudioFrame {
                    sample_rate: frame.sample_rate,
                    num_channels: frame.num_channels,
                    samples_per_channel: u32::try_from(frame.samples_per_channel())
                        .unwrap_or(u32::MAX),
                    data: Cow::Owned(frame.samples),
                })
            })
        }
    }

    #[cfg(test)]
    mod tests {
        use tokio_stream::StreamExt;

        use super::*;
        use crate::audio_source::{AudioSourceOptions, native::NativeAudioSource};

        #[tokio::test]
        async fn a_local_track_is_heard_in_the_format_that_was_asked_for() {
            let source = NativeAudioSource::new(AudioSourceOptions::default(), 48_000, 1, 0);
            let track = RtcAudioTrack::local("a", source.pipeline().expect("valid").clone());
            let mut stream = NativeAudioStream::new(track, 48_000, 2);
            let frame = AudioFrame {
                data: vec![7; 480].into(),
                ..AudioFrame::new(48_000, 1, 480)
            };
            source.capture_frame(&frame).await.expect("is taken");
            let heard = stream.next().await.expect("a frame");
            assert_eq!(
                (
                    heard.sample_rate,
                    heard.num_channels,
                    heard.samples_per_channel
                ),
                (48_000, 2, 480)
            );
            assert!(heard.data.iter().all(|&sample| sample == 7));
            stream.close();
            assert!(stream.next().await.is_none());
        }

        #[tokio::test]
        async fn a_stream_without_sound_ends_at_once() {
            assert!(
                NativeAudioStream::new(RtcAudioTrack::silent("a"), 48_000, 1)
                    .next()
                    .await
                    .is_none()
            );
            let source = NativeAudioSource::new(AudioSourceOptions::default(), 48_000, 1, 0);
            let track = RtcAudioTrack::local("a", source.pipeline().expect("valid").clone());
            assert!(NativeAudioStream::new(track, -1, 1).next().await.is_none());
        }
    }
}
