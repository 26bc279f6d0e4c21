//! Watching tracks and participants.

use std::sync::Arc;

use livekit::{track::TrackSource, webrtc::prelude::MediaStreamTrack};
use lk_dsp::video::PixelFormat;
use tokio_util::sync::CancellationToken;

use crate::{
    convert::{enum_field, optional_enum_field},
    error::FfiError,
    events::{
        given::owned,
        objects::{ParticipantObject, TrackObject},
        video_stream::{self, FrameSender, VideoFormat, VideoStreamObject},
    },
    proto,
    server::{
        Server,
        handles::{HandleId, Ownership},
    },
};

/// Watches one track.
pub(crate) fn of_track(
    server: &Arc<Server>,
    request: &proto::NewVideoStreamRequest,
) -> Result<proto::NewVideoStreamResponse, FfiError> {
    check_kind(request.r#type)?;
    let format = format(request.format, request.queue_size_frames)?;
    let object = server.handles().get::<TrackObject>(request.track_handle)?;
    let MediaStreamTrack::Video(track) = object.track.get("new_video_stream")?.rtc_track() else {
        return Err(FfiError::field(
            "track_handle",
            request.track_handle,
            "an audio track; a video track is needed",
        ));
    };
    let stream = new_stream(server);
    let task = video_stream::of_track(
        stream.sender(server, format),
        track,
        object.ended.clone(),
        stream.dropped.clone(),
    );
    Ok(proto::NewVideoStreamResponse {
        stream: start(server, stream, task)?,
    })
}

/// Watches whatever track of one source a participant has.
pub(crate) fn of_participant(
    server: &Arc<Server>,
    request: &proto::VideoStreamFromParticipantRequest,
) -> Result<proto::VideoStreamFromParticipantResponse, FfiError> {
    check_kind(request.r#type)?;
    let format = format(request.format, request.queue_size_frames)?;
    let source = enum_field::<proto::TrackSource>("track_source", request.track_source)?;
    let object = server
        .handles()
        .get::<ParticipantObject>(request.participant_handle)?;
    let participant = object.participant.get("video_stream_from_participant")?;
    let stream = new_stream(server);
    let task = video_stream::of_participant(
        stream.sender(server, format),
        Arc::clone(&object.session),
        participant,
        TrackSource::from(source),
        stream.dropped.clone(),
    );
    Ok(proto::VideoStreamFromParticipantResponse {
        stream: start(server, stream, task)?,
    })
}

/// A stream whose handle is not in the table yet.
struct NewStream {
    handle: HandleId,
    dropped: CancellationToken,
}

impl NewStream {
    fn sender(&self, server: &Arc<Server>, format: VideoFormat) -> FrameSender {
        FrameSender::new(
            Arc::clone(server),
            self.handle,
            format,
            self.dropped.clone(),
        )
    }
}

fn new_stream(server: &Server) -> NewStream {
    NewStream {
        handle: server.handles().next_id(),
        dropped: CancellationToken::new(),
    }
}

fn start(
    server: &Arc<Server>,
    stream: NewStream,
    task: impl Future<Output = ()> + Send + 'static,
) -> Result<proto::OwnedVideoStream, FfiError> {
    let object = VideoStreamObject {
        handle: stream.handle,
        events: Arc::clone(server.events()),
        dropped: stream.dropped,
    };
    server.spawn("forwarding video frames", task)?;
    server
        .handles()
        .insert_at(stream.handle, Arc::new(object), Ownership::HOST);
    Ok(proto::OwnedVideoStream {
        handle: owned(stream.handle),
        info: proto::VideoStreamInfo {
            r#type: proto::VideoStreamType::VideoStreamNative.into(),
        },
    })
}

fn check_kind(kind: i32) -> Result<(), FfiError> {
    match enum_field::<proto::VideoStreamType>("type", kind)? {
        proto::VideoStreamType::VideoStreamNative => Ok(()),
        browser => Err(FfiError::field(
            "type",
            browser.as_str_name(),
            "exists in browsers only",
        )),
    }
}

fn format(pixels: Option<i32>, queue_size_frames: Option<u32>) -> Result<VideoFormat, FfiError> {
    let pixels = optional_enum_field::<proto::VideoBufferType>("format", pixels)?;
    Ok(VideoFormat {
        pixels: pixels.map(PixelFormat::from),
        queue_frames: queue_size_frames.map(|frames| frames as usize),
    })
}
