//! Watching tracks and participants.

use std::sync::Arc;

use livekit::{track::TrackSource, webrtc::prelude::MediaStreamTrack};
use lk_dsp::video::PixelFormat;

use crate::{
    convert::{enum_field, optional_enum_field},
    error::FfiError,
    events::{
        media_stream::Outlet,
        objects::{ParticipantObject, TrackObject},
        video_stream::{DEFAULT_LIMIT, FrameSender, Video, VideoFormat},
    },
    proto,
    server::Server,
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
    let outlet = Outlet::new(server, format.queue_frames, DEFAULT_LIMIT);
    let sender = FrameSender::new(outlet.clone(), format);
    let task = outlet
        .clone()
        .of_track::<Video>(sender.pump(track), object.ended.clone());
    Ok(proto::NewVideoStreamResponse {
        stream: opened(outlet.open::<Video>(task)?),
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
    let outlet = Outlet::new(server, format.queue_frames, DEFAULT_LIMIT);
    let sender = FrameSender::new(outlet.clone(), format);
    let task = outlet.clone().of_participant::<Video, _>(
        Arc::clone(&object.session),
        participant,
        TrackSource::from(source),
        move |_, track| sender.pump(track),
    );
    Ok(proto::VideoStreamFromParticipantResponse {
        stream: opened(outlet.open::<Video>(task)?),
    })
}

fn opened(handle: proto::FfiOwnedHandle) -> proto::OwnedVideoStream {
    proto::OwnedVideoStream {
        handle,
        info: proto::VideoStreamInfo {
            r#type: proto::VideoStreamType::VideoStreamNative.into(),
        },
    }
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
