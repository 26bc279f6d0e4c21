//! Where local video comes from.

use crate::enum_dispatch;

/// A picture's size in pixels; 720p by default.
#[derive(Debug, Clone)]
pub struct VideoResolution {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Default for VideoResolution {
    fn default() -> Self {
        Self {
            width: 1280,
            height: 720,
        }
    }
}

/// What the connection can carry of frames that the program encodes itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncodedRateControl {
    /// Bits per second.
    pub target_bitrate_bps: u64,
    /// Frames per second.
    pub framerate_fps: f64,
}

/// A source of any kind. Clones share it.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub enum RtcVideoSource {
    /// The program captures frames itself.
    Native(native::NativeVideoSource),
}

impl RtcVideoSource {
    enum_dispatch!(
        [Native];
        /// The size it was made for.
        pub fn video_resolution(self: &Self) -> VideoResolution;
    );
}

/// Sources that a program feeds.
pub mod native {
    use std::fmt;
    use std::sync::Arc;
    use std::time::{SystemTime, UNIX_EPOCH};

    use parking_lot::Mutex;

    use super::{EncodedRateControl, VideoResolution};
    use crate::native::packet_trailer::PacketTrailerHandler;
    use crate::video_frame::native::{DmaBufPixelFormat, NativeBuffer};
    use crate::video_frame::{
        EncodedVideoFrame, FrameMetadata, VideoBuffer, VideoBufferType, VideoFrame, VideoRotation,
    };
    use crate::video_sink::VideoSinks;

    /// Takes the program's pictures. Clones share the source.
    ///
    /// Pictures reach the streams on its tracks; encoding and sending are not part of this build.
    #[derive(Clone)]
    pub struct NativeVideoSource {
        inner: Arc<Inner>,
    }

    struct Inner {
        resolution: VideoResolution,
        is_screencast: bool,
        encoded: bool,
        sinks: VideoSinks,
        packet_trailer: Mutex<Option<PacketTrailerHandler>>,
    }

    impl fmt::Debug for NativeVideoSource {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("NativeVideoSource")
                .field("resolution", &self.inner.resolution)
                .field("is_screencast", &self.inner.is_screencast)
                .field("encoded", &self.inner.encoded)
                .finish_non_exhaustive()
        }
    }

    impl Default for NativeVideoSource {
        fn default() -> Self {
            Self::new(VideoResolution::default(), false)
        }
    }

    impl NativeVideoSource {
        /// A source whose pictures are about this size; a screencast keeps detail rather than motion.
        #[must_use]
        pub fn new(resolution: VideoResolution, is_screencast: bool) -> Self {
            Self::with(resolution, is_screencast, false)
        }

        /// A source of frames that the program encodes itself.
        #[must_use]
        pub fn new_encoded(resolution: VideoResolution) -> Self {
            Self::with(resolution, false, true)
        }

        fn with(resolution: VideoResolution, is_screencast: bool, encoded: bool) -> Self {
            let (sinks, packet_trailer) = (VideoSinks::default(), Mutex::new(None));
            Self {
                inner: Arc::new(Inner {
                    resolution,
                    is_screencast,
                    encoded,
                    sinks,
                    packet_trailer,
                }),
            }
        }

        /// Captures a picture; false where nobody took it.
        pub fn capture_frame<T: AsRef<dyn VideoBuffer>>(&self, frame: &VideoFrame<T>) -> bool {
            if frame.buffer.as_ref().buffer_type() == VideoBufferType::Native {
                return false;
            }
            let timestamp_us = if frame.timestamp_us == 0 {
                now_us()
            } else {
                frame.timestamp_us
            };
            self.inner.sinks.deliver(frame, timestamp_us)
        }

        /// Captures a DMA-BUF; `pixel_format` is 0 for NV12 and anything else for YUV420M. False: nobody here
        /// can read one.
        #[deprecated(note = "make a buffer by NativeBuffer::from_dmabuf and capture that")]
        pub fn capture_dmabuf_frame(
            &self,
            dmabuf_fd: i32,
            width: u32,
            height: u32,
            pixel_format: i32,
            timestamp_us: i64,
        ) -> bool {
            self.capture_dmabuf(
                dmabuf_fd,
                VideoResolution { width, height },
                pixel_format,
                timestamp_us,
                None,
            )
        }

        /// [`capture_dmabuf_frame`](Self::capture_dmabuf_frame) with metadata for the packet trailer.
        #[deprecated(note = "make a buffer by NativeBuffer::from_dmabuf and capture that")]
        pub fn capture_dmabuf_frame_with_metadata(
            &self,
            dmabuf_fd: i32,
            width: u32,
            height: u32,
            pixel_format: i32,
            timestamp_us: i64,
            frame_metadata: Option<FrameMetadata>,
        ) -> bool {
            self.capture_dmabuf(
                dmabuf_fd,
                VideoResolution { width, height },
                pixel_format,
                timestamp_us,
                frame_metadata,
            )
        }

        fn capture_dmabuf(
            &self,
            descriptor: i32,
            resolution: VideoResolution,
            pixel_format: i32,
            timestamp_us: i64,
            frame_metadata: Option<FrameMetadata>,
        ) -> bool {
            let pixel_format = if pixel_format == 0 {
                DmaBufPixelFormat::NV12
            } else {
                DmaBufPixelFormat::YUV420M
            };
            let buffer = NativeBuffer::from_dmabuf(descriptor, resolution, pixel_format);
            self.capture_frame(&VideoFrame {
                rotation: VideoRotation::VideoRotation0,
                timestamp_us,
                frame_metadata,
                buffer,
            })
        }

        /// Captures a frame that the program encoded. False: sending video is not part of this build.
        pub fn capture_encoded_frame(&self, frame: &EncodedVideoFrame<'_>) -> bool {
            log::debug!(
                "an encoded {:?} frame of {} bytes is dropped",
                frame.codec,
                frame.payload.len()
            );
            false
        }

        /// Whether a key frame was asked for since the last call.
        #[must_use]
        pub fn take_keyframe_request(&self) -> bool {
            false
        }

        /// The rate that was asked for since the last call.
        #[must_use]
        pub fn take_rate_control_request(&self) -> Option<EncodedRateControl> {
            None
        }

        /// Sets the handler that carries the frames' metadata.
        pub fn set_packet_trailer_handler(&self, handler: PacketTrailerHandler) {
            *self.inner.packet_trailer.lock() = Some(handler);
        }

        /// The size it was made for.
        #[must_use]
        pub fn video_resolution(&self) -> VideoResolution {
            self.inner.resolution.clone()
        }

        pub(crate) fn sinks(&self) -> &VideoSinks {
            &self.inner.sinks
        }
    }

    fn now_us() -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}
