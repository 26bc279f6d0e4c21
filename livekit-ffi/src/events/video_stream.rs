//! Received pictures on their way to the host: frames, and one EOS at the end.
//!
//! As with sound ([`super::audio_stream`]), a stream belongs to a track, or follows whatever track of one source a
//! participant has, and it ends with its track.

use std::sync::Arc;

use livekit::{
    participant::Participant,
    track::TrackSource,
    webrtc::{
        prelude::MediaStreamTrack,
        video_frame::{BoxVideoFrame, I420Buffer, VideoBuffer as _},
        video_stream::native::{NativeVideoStream, NativeVideoStreamOptions},
        video_track::RtcVideoTrack,
    },
};
use lk_dsp::video::{Picture, PictureMut, PixelFormat, Plane, convert};
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::{
    follow,
    given::owned,
    session::RoomSession,
    video_buffer::{BufferPool, VideoBuffer},
};
use crate::{
    convert::video::tight_info,
    error::FfiError,
    proto::{self, ffi_event::Message, video_stream_event},
    server::{
        Server,
        events::EventQueue,
        handles::{HandleId, Ownership, Resource},
    },
};

/// Frames kept for a slow host that named no figure: a tenth of a second, so that a short pause costs none.
const DEFAULT_LIMIT: usize = 3;

/// Buffers that a stream keeps for its next frames: one is written while the host reads another.
const KEPT: usize = 2;

/// A stream that the host holds. Dropping the handle discards what is queued and ends it.
pub(crate) struct VideoStreamObject {
    pub(crate) handle: HandleId,
    pub(crate) events: Arc<EventQueue>,
    pub(crate) dropped: CancellationToken,
}

impl Resource for VideoStreamObject {
    const KIND: &'static str = "video stream";
}

impl Drop for VideoStreamObject {
    fn drop(&mut self) {
        self.dropped.cancel();
        self.events.discard_stream(self.handle);
    }
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

/// Sends the frames of `track` until it ends or the host drops the stream. EOS comes last.
pub(crate) async fn of_track(
    sender: FrameSender,
    track: RtcVideoTrack,
    ended: CancellationToken,
    dropped: CancellationToken,
) {
    tokio::select! {
        () = sender.pump(track) => {}
        () = ended.cancelled() => {}
        () = dropped.cancelled() => {}
    }
    sender.end();
}

/// Sends the frames of whatever track of `source` the participant has, one after the other,
/// until the participant leaves, the room closes, or the host drops the stream. EOS comes last.
pub(crate) async fn of_participant(
    sender: FrameSender,
    session: Arc<RoomSession>,
    participant: Participant,
    source: TrackSource,
    dropped: CancellationToken,
) {
    let followed = follow::tracks(&session, &participant, source, video, |_, track| {
        sender.pump(track)
    });
    dropped.run_until_cancelled(followed).await;
    sender.end();
}

fn video(track: MediaStreamTrack) -> Option<RtcVideoTrack> {
    match track {
        MediaStreamTrack::Video(video) => Some(video),
        MediaStreamTrack::Audio(_) => None,
    }
}

/// Turns frames into events of one stream.
#[derive(Clone)]
pub(crate) struct FrameSender {
    server: Arc<Server>,
    handle: HandleId,
    format: VideoFormat,
    /// The host dropped the stream.
    dropped: CancellationToken,
    pool: Arc<BufferPool>,
}

impl FrameSender {
    pub(crate) fn new(
        server: Arc<Server>,
        handle: HandleId,
        format: VideoFormat,
        dropped: CancellationToken,
    ) -> Self {
        Self {
            server,
            handle,
            format,
            dropped,
            pool: Arc::new(BufferPool::new(KEPT)),
        }
    }

    /// Sends the frames of `track` as long as they come.
    fn pump(&self, track: RtcVideoTrack) -> impl Future<Output = ()> + Send + use<> {
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
        // The host is told of the frame only if it is delivered; the queue frees it otherwise.
        let buffer = self
            .server
            .handles()
            .insert(Arc::new(buffer), Ownership::HOST);
        let received = proto::VideoFrameReceived {
            buffer: proto::OwnedVideoBuffer {
                handle: owned(buffer),
                info,
            },
            timestamp_us: frame.timestamp_us,
            rotation: proto::VideoRotation::from(frame.rotation).into(),
            metadata: frame.frame_metadata.map(proto::FrameMetadata::from),
        };
        let message = self.message(video_stream_event::Message::FrameReceived(received));
        let limit = match self.format.queue_frames {
            None => DEFAULT_LIMIT,
            Some(0) => usize::MAX,
            Some(frames) => frames,
        };
        self.server
            .events()
            .send_media(self.handle, limit, message, buffer);
        if self.dropped.is_cancelled() {
            // The host dropped the stream meanwhile: nobody would free this frame.
            self.server.events().discard_stream(self.handle);
        }
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

    fn end(&self) {
        let eos = self.message(video_stream_event::Message::Eos(proto::VideoStreamEos {}));
        self.server.events().finish_stream(self.handle, eos);
    }

    fn message(&self, message: video_stream_event::Message) -> Message {
        Message::VideoStreamEvent(proto::VideoStreamEvent {
            stream_handle: self.handle,
            message: Some(message),
        })
    }
}
