//! Pictures of a track, as the host watches it.

/// Streams that a program polls.
pub mod native {
    use std::fmt;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use tokio_stream::Stream;

    use crate::frame_queue::{FrameQueue, capacity};
    use crate::native::packet_trailer::PacketTrailerHandler;
    use crate::video_frame::BoxVideoFrame;
    use crate::video_track::RtcVideoTrack;

    /// Pictures that are held when nobody polls.
    const DEFAULT_QUEUE_SIZE_FRAMES: usize = 1;

    /// Settings of a [`NativeVideoStream`].
    #[derive(Clone, Debug, Default)]
    pub struct NativeVideoStreamOptions {
        /// Pictures that are held when nobody polls; then the oldest are dropped. `None` means 1, 0 any number.
        pub queue_size_frames: Option<usize>,
    }

    /// The pictures of one track. Ends when the track ends.
    pub struct NativeVideoStream {
        track: RtcVideoTrack,
        queue: Arc<FrameQueue<BoxVideoFrame>>,
    }

    impl NativeVideoStream {
        /// Watches a track.
        #[must_use]
        pub fn new(video_track: RtcVideoTrack) -> Self {
            Self::with_options(video_track, NativeVideoStreamOptions::default())
        }

        /// Watches a track with settings.
        #[must_use]
        pub fn with_options(video_track: RtcVideoTrack, options: NativeVideoStreamOptions) -> Self {
            let queue = Arc::new(FrameQueue::new(capacity(
                options.queue_size_frames,
                DEFAULT_QUEUE_SIZE_FRAMES,
            )));
            video_track.add_queue(&queue);
            Self {
                track: video_track,
                queue,
            }
        }

        /// Sets the handler that fills in the frames' metadata.
        pub fn set_packet_trailer_handler(&self, handler: PacketTrailerHandler) {
            self.track.set_packet_trailer_handler(handler);
        }

        /// The track it watches.
        #[must_use]
        pub fn track(&self) -> RtcVideoTrack {
            self.track.clone()
        }

        /// Ends the stream at once.
        pub fn close(&mut self) {
            self.queue.close();
        }
    }

    impl fmt::Debug for NativeVideoStream {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("NativeVideoStream")
                .field("track", &self.track)
                .finish_non_exhaustive()
        }
    }

    impl Drop for NativeVideoStream {
        fn drop(&mut self) {
            self.close();
        }
    }

    impl Stream for NativeVideoStream {
        type Item = BoxVideoFrame;

        fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.queue.poll(context)
        }
    }

    #[cfg(test)]
    mod tests {
        use std::task::Waker;

        use super::*;
        use crate::media_stream_track::RtcTrackState;
        use crate::pipeline::video_recv::VideoRecv;
        use crate::video_frame::{I420Buffer, VideoFrame, VideoRotation};
        use crate::video_sink::VideoSinks;
        use crate::video_source::{VideoResolution, native::NativeVideoSource};

        fn poll(stream: &mut NativeVideoStream) -> Poll<Option<BoxVideoFrame>> {
            Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
        }

        #[test]
        fn a_local_picture_reaches_the_streams_of_its_track() {
            let source = NativeVideoSource::new(
                VideoResolution {
                    width: 4,
                    height: 2,
                },
                false,
            );
            let frame =
                VideoFrame::new(VideoRotation::VideoRotation90, I420Buffer::new_black(4, 2));
            assert!(!source.capture_frame(&frame), "nobody watches yet");
            let mut stream = NativeVideoStream::new(RtcVideoTrack::local("v", source.clone()));
            assert!(source.capture_frame(&frame));
            let Poll::Ready(Some(seen)) = poll(&mut stream) else {
                panic!("no picture")
            };
            assert_eq!(
                (seen.buffer.width(), seen.rotation),
                (4, VideoRotation::VideoRotation90)
            );
            assert!(seen.timestamp_us > 0);
            stream.close();
            assert!(matches!(poll(&mut stream), Poll::Ready(None)));
        }

        #[test]
        fn a_stream_ends_with_its_track_even_if_it_comes_late() {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("a runtime");
            let sinks = Arc::new(VideoSinks::default());
            let receiver = VideoRecv::new(runtime.handle().clone(), sinks.clone(), |_| {});
            let track = RtcVideoTrack::remote("v", receiver, sinks);
            let mut early = NativeVideoStream::new(track.clone());
            assert!(poll(&mut early).is_pending());
            track.end();
            assert_eq!(track.state(), RtcTrackState::Ended);
            assert!(matches!(poll(&mut early), Poll::Ready(None)));
            assert!(matches!(
                poll(&mut NativeVideoStream::new(track)),
                Poll::Ready(None)
            ));
        }
    }
}
