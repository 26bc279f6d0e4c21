//! Tracks: making our own, muting them, pausing others', statistics.

use std::{iter, sync::Arc};

use livekit::track::{LocalAudioTrack, LocalTrack, LocalVideoTrack, Track};
use livekit::webrtc::video_source::RtcVideoSource;
use tokio_util::sync::CancellationToken;

use super::{answer, audio_source::AudioSourceObject, video_source::VideoSourceObject};
use crate::{
    error::FfiError,
    events::{
        given::owned,
        objects::{Slot, TrackObject},
        published::Published,
    },
    proto::{self, ffi_event::Message},
    server::{Server, handles::Ownership},
};

/// Makes an audio track of an audio source.
pub(crate) fn create_audio_track(
    server: &Arc<Server>,
    request: &proto::CreateAudioTrackRequest,
) -> Result<proto::CreateAudioTrackResponse, FfiError> {
    let source = server
        .handles()
        .get::<AudioSourceObject>(request.source_handle)?;
    let runtime = server.runtime()?;
    let _inside = runtime.enter();
    let track = LocalAudioTrack::create_audio_track(&request.name, source.source());
    Ok(proto::CreateAudioTrackResponse {
        track: own_local(server, Track::LocalAudio(track)),
    })
}

/// Makes a video track of a video source.
pub(crate) fn create_video_track(
    server: &Arc<Server>,
    request: &proto::CreateVideoTrackRequest,
) -> Result<proto::CreateVideoTrackResponse, FfiError> {
    let source = server
        .handles()
        .get::<VideoSourceObject>(request.source_handle)?;
    let _inside = server.runtime()?.enter();
    let track = LocalVideoTrack::create_video_track(
        &request.name,
        RtcVideoSource::Native(source.source.clone()),
    );
    Ok(proto::CreateVideoTrackResponse {
        track: own_local(server, Track::LocalVideo(track)),
    })
}

/// Mutes or unmutes a track of ours.
pub(crate) fn mute(
    server: &Arc<Server>,
    request: &proto::LocalTrackMuteRequest,
) -> proto::LocalTrackMuteResponse {
    match set_muted(server, request.track_handle, request.mute) {
        Ok(muted) => proto::LocalTrackMuteResponse { muted, error: None },
        Err(error) => proto::LocalTrackMuteResponse {
            muted: false,
            error: Some(error.to_string()),
        },
    }
}

/// Pauses or resumes a track that we receive.
pub(crate) fn enable_remote(
    server: &Arc<Server>,
    request: &proto::EnableRemoteTrackRequest,
) -> proto::EnableRemoteTrackResponse {
    let outcome = set_enabled(server, request.track_handle, request.enabled);
    proto::EnableRemoteTrackResponse {
        enabled: request.enabled,
        error: outcome.err().map(|error| error.to_string()),
    }
}

/// Statistics of one track.
pub(crate) fn stats(
    server: &Arc<Server>,
    request: &proto::GetStatsRequest,
) -> Result<proto::GetStatsResponse, FfiError> {
    const OPERATION: &str = "get_stats";
    let async_id = server.async_id(request.request_async_id);
    let task = published_track(server, request.track_handle, OPERATION)
        .map(|track| async move { track.get_stats().await });
    answer(server, OPERATION, task, move |outcome| {
        let (stats, error) = match outcome {
            Ok(stats) => (stats.into_iter().map(Into::into).collect(), None),
            Err(error) => (Vec::new(), Some(error)),
        };
        Message::GetStats(proto::GetStatsCallback {
            async_id,
            error,
            stats,
        })
    })?;
    Ok(proto::GetStatsResponse { async_id })
}

/// Gives the host a track of its own; no room owns it.
fn own_local(server: &Server, track: Track) -> proto::OwnedTrack {
    let info = proto::TrackInfo::from(&track);
    let object = TrackObject {
        track: Slot::new(track),
        room: None,
        published: Published::default(),
        ended: CancellationToken::new(),
    };
    let handle = server.handles().insert(Arc::new(object), Ownership::HOST);
    proto::OwnedTrack {
        handle: owned(handle),
        info,
    }
}

fn track(server: &Server, handle: u64, operation: &'static str) -> Result<Track, FfiError> {
    server
        .handles()
        .get::<TrackObject>(handle)?
        .track
        .get(operation)
}

/// The track that is sent, the latest where it is published several times.
fn published_track(
    server: &Server,
    handle: u64,
    operation: &'static str,
) -> Result<Track, FfiError> {
    let object = server.handles().get::<TrackObject>(handle)?;
    match object.published.tracks().pop() {
        Some(latest) => Ok(latest.into()),
        None => object.track.get(operation),
    }
}

fn set_muted(server: &Arc<Server>, handle: u64, mute: bool) -> Result<bool, FfiError> {
    let object = server.handles().get::<TrackObject>(handle)?;
    let own = object.track.get("local_track_mute")?;
    let own = LocalTrack::try_from(own).map_err(|_| {
        FfiError::field(
            "track_handle",
            handle,
            "a remote track; only our own are muted",
        )
    })?;
    let runtime = server.runtime()?;
    let _inside = runtime.enter();
    for track in iter::once(&own).chain(&object.published.tracks()) {
        if mute {
            track.mute();
        } else {
            track.unmute();
        }
    }
    Ok(own.is_muted())
}

fn set_enabled(server: &Arc<Server>, handle: u64, enabled: bool) -> Result<(), FfiError> {
    let track = track(server, handle, "enable_remote_track")?;
    if !track.is_remote() {
        return Err(FfiError::field(
            "track_handle",
            handle,
            "a track of our own; one that is received is needed",
        ));
    }
    let runtime = server.runtime()?;
    let _inside = runtime.enter();
    if enabled {
        track.enable();
    } else {
        track.disable();
    }
    Ok(())
}
