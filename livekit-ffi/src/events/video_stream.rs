//! Received pictures on their way to the host.

use std::sync::Arc;

use livekit::webrtc::{
    prelude::MediaStreamTrack,
    video_frame::{BoxVideoFrame, I420Buffer, VideoBuffer as _},
    video_stream::native::{NativeVideoStream, NativeVideoStreamOptions},
    video_track::RtcVideoTrack,
};
use lk_dsp::video::{Picture, PictureMut, PixelFormat, Plane, convert};
use tokio_stream::StreamExt as _;

use super::{
    media_stream::{Media, Outlet},
    video_buffer::{BufferPool, VideoBuffer},
};
use crate::{
    convert::video::tight_info,
    error::FfiError,
    proto::{self, ffi_event::Message, video_stream_event},
    server::handles::HandleId,
};

/// Frames kept for a slow host that named no figure: a tenth of a second, so that a short pause costs none.
pub(crate) const DEFAULT_LIMIT: usize = 3;

/// Buffers that a stream keeps for its next frames: one is written while the host reads another.
const KEPT: usize = 2;

/// Pictures.
pub(crate) enum Video {}

impl Media for Video {
    const STREAM: &'static str = "video stream";
    type Track = RtcVideoTrack;

    fn track(of: MediaStreamTrack) -> Option<RtcVideoTrack> {
        match of {
            MediaStreamTrack::Video(video) => Some(video),
            MediaStreamTrack::Audio(_) => None,
        }
    }

    fn eos(stream: HandleId) -> Message {
        event(
            stream,
            video_stream_event::Message::Eos(proto::VideoStreamEos {}),
        )
    }
}

fn event(stream: HandleId, message: video_stream_event::Message) -> Message {
    Message::VideoStreamEvent(proto::VideoStreamEvent {
        stream_handle: stream,
        message: Some(message),
    })
}

/// What a host wants to receive. Rows come without padding in any case, which suits who asked for it and who did
/// not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VideoFormat {
    /// `None` takes pictures as they come, I420.
    pub(crate) pixels: Option<PixelFormat>,
    /// Frames kept for a slow host; `None` leaves the choice to us, 0 keeps all.
    pub(crate) queue_frames: Option<usize>,
}

/// Turns frames into events of one stream.
#[derive(Clone)]
pub(crate) struct FrameSender {
    outlet: Outlet,
    format: VideoFormat,
    pool: Arc<BufferPool>,
}

impl FrameSender {
    pub(crate) fn new(outlet: Outlet, format: VideoFormat) -> Self {
        Self {
            outlet,
            format,
            pool: Arc::new(BufferPool::new(KEPT)),
        }
    }

    /// Sends the frames of `track` as long as they come.
    pub(crate) fn pump(&self, track: RtcVideoTrack) -> impl Future<Output = ()> + Send + use<> {
        let sender = self.clone();
        async move {
            let options = NativeVideoStreamOptions {
                queue_size_frames: sender.format.queue_frames,
            };
            let mut frames = NativeVideoStream::with_options(track, options);
            while let Some(frame) = frames.next().await {
                if let Err(error) = sender.send(frame) {
                    log::warn!("a received picture is left out: {error}");
                }
            }
        }
    }

    fn send(&self, frame: BoxVideoFrame) -> Result<(), FfiError> {
        let (buffer, info) = match frame.buffer.as_i420() {
            Some(i420) => self.convert(i420)?,
            None => self.convert(&frame.buffer.to_i420())?,
        };
        self.outlet.send(buffer, |handle| {
            let received = proto::VideoFrameReceived {
                buffer: proto::OwnedVideoBuffer { handle, info },
                timestamp_us: frame.timestamp_us,
                rotation: proto::VideoRotation::from(frame.rotation).into(),
                metadata: frame.frame_metadata.map(proto::FrameMetadata::from),
            };
            event(
                self.outlet.handle(),
                video_stream_event::Message::FrameReceived(received),
            )
        });
        Ok(())
    }

    /// The picture in the host's format.
    fn convert(
        &self,
        from: &I420Buffer,
    ) -> Result<(VideoBuffer, proto::VideoBufferInfo), FfiError> {
        let format = self.format.pixels.unwrap_or(PixelFormat::I420);
        let (width, height) = (from.width(), from.height());
        let (y, u, v) = from.data();
        let (stride_y, stride_u, stride_v) = from.strides();
        let planes = [(y, stride_y), (u, stride_u), (v, stride_v)];
        let planes = planes.map(|(data, stride)| Plane {
            data,
            stride: stride as usize,
        });
        let source = Picture::new(PixelFormat::I420, width, height, planes)?;
        let mut buffer = VideoBuffer::from_pool(&self.pool, format.tight_size(width, height)?)
            .map_err(|error| FfiError::operation("video stream", error))?;
        let mut target = PictureMut::tight(format, width, height, buffer.bytes_mut())?;
        convert(&source, &mut target, false)?;
        let info = tight_info(format, width, height, buffer.bytes());
        Ok((buffer, info))
    }
}
