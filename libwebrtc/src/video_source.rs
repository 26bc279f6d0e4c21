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
    use std::time::{Instant, SystemTime, UNIX_EPOCH};

    use lk_types::{Codec, EncodedVideo, LayerFrame};
    use parking_lot::Mutex;

    use super::{EncodedRateControl, VideoResolution};
    use crate::native::packet_trailer::PacketTrailerHandler;
    use crate::pipeline::capture_clock::CaptureClock;
    use crate::pipeline::video_source::{CapturedFrame, CapturedPicture, VideoSource};
    use crate::video_frame::native::{DmaBufPixelFormat, NativeBuffer};
    use crate::video_frame::{
        EncodedFrameType, EncodedVideoCodec, EncodedVideoFrame, FrameMetadata, I420Buffer,
        VideoBuffer, VideoBufferType, VideoFrame, VideoRotation,
    };
    use crate::video_sink::VideoSinks;

    /// Takes the program's pictures. Clones share the source.
    ///
    /// They reach the streams on its tracks, and encoders where a track is published.
    #[derive(Clone)]
    pub struct NativeVideoSource {
        inner: Arc<Inner>,
    }

    struct Inner {
        resolution: VideoResolution,
        source: VideoSource,
        sinks: VideoSinks,
        clock: Mutex<CaptureClock>,
        packet_trailer: Mutex<Option<PacketTrailerHandler>>,
    }

    impl fmt::Debug for NativeVideoSource {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("NativeVideoSource")
                .field("resolution", &self.inner.resolution)
                .field("is_screencast", &self.inner.source.is_screen())
                .field("encoded", &self.inner.source.is_encoded())
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
            let clock = Mutex::default();
            Self {
                inner: Arc::new(Inner {
                    resolution,
                    source: VideoSource::new(is_screencast, encoded),
                    sinks,
                    clock,
                    packet_trailer,
                }),
            }
        }

        /// Captures a picture; false where nobody took it.
        pub fn capture_frame<T: AsRef<dyn VideoBuffer>>(&self, frame: &VideoFrame<T>) -> bool {
            if frame.buffer.as_ref().buffer_type() == VideoBufferType::Native {
                return false;
            }
            let timestamp_us = timestamp(frame.timestamp_us);
            let watched = self.inner.sinks.deliver(frame, timestamp_us);
            if !self.inner.source.is_sent() {
                return watched;
            }
            let image = frame.buffer.as_ref().to_i420();
            self.send(
                image,
                frame.rotation,
                timestamp_us,
                frame.frame_metadata.as_ref(),
            ) | watched
        }

        /// [`capture_frame`](Self::capture_frame) of a picture that nobody else needs: it is not copied.
        pub fn capture_picture(&self, frame: VideoFrame<I420Buffer>) -> bool {
            let timestamp_us = timestamp(frame.timestamp_us);
            let watched = self.inner.sinks.deliver(&frame, timestamp_us);
            if !self.inner.source.is_sent() {
                return watched;
            }
            let metadata = frame.frame_metadata;
            self.send(
                frame.buffer,
                frame.rotation,
                timestamp_us,
                metadata.as_ref(),
            ) | watched
        }

        fn send(
            &self,
            image: I420Buffer,
            rotation: VideoRotation,
            captured_us: i64,
            metadata: Option<&FrameMetadata>,
        ) -> bool {
            self.note(captured_us, metadata);
            self.inner.source.push_picture(&CapturedPicture {
                image: Arc::new(image.into_picture()),
                rotation: rotation.into(),
                captured: self.moment(captured_us),
                captured_us,
            })
        }

        /// Keeps a frame's metadata until its streams send it.
        fn note(&self, captured_us: i64, metadata: Option<&FrameMetadata>) {
            if let Some(handler) = &*self.inner.packet_trailer.lock() {
                handler.captured(captured_us, metadata);
            }
        }

        /// When the program's clock stood there, by ours.
        fn moment(&self, captured_us: i64) -> Instant {
            self.inner.clock.lock().moment(captured_us, Instant::now())
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

        /// The codec in which a track on the source is published; `None` where none is.
        #[must_use]
        pub fn published_codec(&self) -> Option<EncodedVideoCodec> {
            Some(match self.inner.source.codec()? {
                Codec::H264 => EncodedVideoCodec::H264,
                Codec::H265 => EncodedVideoCodec::H265,
                Codec::Vp8 => EncodedVideoCodec::VP8,
                Codec::Vp9 => EncodedVideoCodec::VP9,
                Codec::Av1 => EncodedVideoCodec::AV1,
                _ => return None,
            })
        }

        /// Captures a frame that the program encoded. False where it is not sent: the source is not for encoded
        /// frames, nobody publishes it, it is published in another codec, or frames before it were lost and it is not
        /// a key frame, which is then [asked for](Self::take_keyframe_request).
        pub fn capture_encoded_frame(&self, frame: &EncodedVideoFrame<'_>) -> bool {
            if !self.inner.source.is_encoded() || frame.payload.is_empty() {
                return false;
            }
            let encoded = EncodedVideo {
                codec: match frame.codec {
                    EncodedVideoCodec::H264 => Codec::H264,
                    EncodedVideoCodec::H265 => Codec::H265,
                    EncodedVideoCodec::VP8 => Codec::Vp8,
                    EncodedVideoCodec::VP9 => Codec::Vp9,
                    EncodedVideoCodec::AV1 => Codec::Av1,
                },
                payload: frame.payload.to_vec(),
                keyframe: frame.frame_type == EncodedFrameType::Key,
                width: frame.resolution.width,
                height: frame.resolution.height,
                end_of_picture: true,
                layer: LayerFrame::default(),
                qp: None,
            };
            let captured_us = timestamp(frame.timestamp_us);
            self.note(captured_us, frame.frame_metadata.as_ref());
            self.inner.source.push_frame(&CapturedFrame {
                frame: Arc::new(encoded),
                captured: self.moment(captured_us),
                captured_us,
            })
        }

        /// Whether a key frame was asked for since the last call.
        #[must_use]
        pub fn take_keyframe_request(&self) -> bool {
            self.inner.source.take_keyframe_request()
        }

        /// The rate that was asked for since the last call.
        #[must_use]
        pub fn take_rate_control_request(&self) -> Option<EncodedRateControl> {
            let advice = self.inner.source.take_advice()?;
            Some(EncodedRateControl {
                target_bitrate_bps: advice.bitrate,
                framerate_fps: advice.framerate,
            })
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

        /// Whether the program encodes its frames itself.
        #[must_use]
        pub fn is_encoded(&self) -> bool {
            self.inner.source.is_encoded()
        }

        pub(crate) fn sinks(&self) -> &VideoSinks {
            &self.inner.sinks
        }

        pub(crate) fn source(&self) -> &VideoSource {
            &self.inner.source
        }
    }

    /// What the program said, or now.
    fn timestamp(timestamp_us: i64) -> i64 {
        if timestamp_us == 0 {
            now_us()
        } else {
            timestamp_us
        }
    }

    fn now_us() -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}
