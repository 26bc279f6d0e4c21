//! Listening to tracks and participants.

use std::sync::Arc;

use livekit::{track::TrackSource, webrtc::prelude::MediaStreamTrack};

use super::audio_source::limits;
use crate::{
    convert::{enum_field, optional_enum_field},
    error::FfiError,
    events::{
        audio_filter::AudioFilter,
        audio_stream::{Audio, AudioFormat, FrameSender},
        media_stream::Outlet,
        objects::{ParticipantObject, TrackObject},
    },
    proto,
    server::{Server, events::DEFAULT_MEDIA_LIMIT},
};

/// What a host gets if it does not say: as the stock library has it.
const DEFAULT_SAMPLE_RATE: u32 = 48_000;
const DEFAULT_CHANNELS: u32 = 1;

/// Frames longer than this are mistakes.
const MAX_FRAME_MS: u32 = 10_000;

/// Listens to one track.
pub(crate) fn of_track(
    server: &Arc<Server>,
    request: &proto::NewAudioStreamRequest,
) -> Result<proto::NewAudioStreamResponse, FfiError> {
    const OPERATION: &str = "new_audio_stream";
    check_kind(request.r#type)?;
    let format = format(
        request.sample_rate,
        request.num_channels,
        request.frame_size_ms,
        request.queue_size_frames,
    )?;
    let filter = AudioFilter::named(
        request.audio_filter_module_id.as_deref(),
        request.audio_filter_options.as_deref(),
    )?;
    let object = server.handles().get::<TrackObject>(request.track_handle)?;
    let track = object.track.get(OPERATION)?;
    let sid = track.sid().to_string();
    let MediaStreamTrack::Audio(track) = track.rtc_track() else {
        return Err(FfiError::field(
            "track_handle",
            request.track_handle,
            "a video track; an audio track is needed",
        ));
    };
    let filter = match (filter, object.room) {
        (Some(filter), Some(room)) => {
            // Who listens: that is whose right to the filter is asked about.
            let session = super::room::session(server, room)?;
            let local = session.room(OPERATION)?.local_participant();
            Some(filter.of(session, local.identity().into(), local.sid().into()))
        }
        (filter, _) => filter,
    };
    let sender = sender(server, format, filter);
    let outlet = sender.outlet.clone();
    let task = outlet
        .clone()
        .of_track::<Audio>(sender.pump(sid, track), object.ended.clone());
    Ok(proto::NewAudioStreamResponse {
        stream: opened(outlet.open::<Audio>(task)?),
    })
}

/// Listens to whatever track of one source a participant has.
pub(crate) fn of_participant(
    server: &Arc<Server>,
    request: &proto::AudioStreamFromParticipantRequest,
) -> Result<proto::AudioStreamFromParticipantResponse, FfiError> {
    const OPERATION: &str = "audio_stream_from_participant";
    check_kind(request.r#type)?;
    let format = format(
        request.sample_rate,
        request.num_channels,
        request.frame_size_ms,
        request.queue_size_frames,
    )?;
    let filter = AudioFilter::named(
        request.audio_filter_module_id.as_deref(),
        request.audio_filter_options.as_deref(),
    )?;
    let source = optional_enum_field::<proto::TrackSource>("track_source", request.track_source)?
        .map_or(TrackSource::Unknown, TrackSource::from);
    let object = server
        .handles()
        .get::<ParticipantObject>(request.participant_handle)?;
    let participant = object.participant.get(OPERATION)?;
    let filter = filter.map(|filter| {
        let (identity, sid) = (participant.identity(), participant.sid());
        filter.of(Arc::clone(&object.session), identity.into(), sid.into())
    });
    let sender = sender(server, format, filter);
    let outlet = sender.outlet.clone();
    let task = outlet.clone().of_participant::<Audio, _>(
        Arc::clone(&object.session),
        participant,
        source,
        move |sid, track| sender.pump(sid, track),
    );
    Ok(proto::AudioStreamFromParticipantResponse {
        stream: opened(outlet.open::<Audio>(task)?),
    })
}

fn sender(server: &Arc<Server>, format: AudioFormat, filter: Option<AudioFilter>) -> FrameSender {
    FrameSender {
        outlet: Outlet::new(server, format.queue_frames, DEFAULT_MEDIA_LIMIT),
        format,
        filter: filter.map(Arc::new),
    }
}

fn opened(handle: proto::FfiOwnedHandle) -> proto::OwnedAudioStream {
    proto::OwnedAudioStream {
        handle,
        info: proto::AudioStreamInfo {
            r#type: proto::AudioStreamType::AudioStreamNative.into(),
        },
    }
}

fn check_kind(kind: i32) -> Result<(), FfiError> {
    if enum_field::<proto::AudioStreamType>("type", kind)?
        == proto::AudioStreamType::AudioStreamHtml
    {
        return Err(FfiError::field(
            "type",
            "AUDIO_STREAM_HTML",
            "exists in browsers only",
        ));
    }
    Ok(())
}

fn format(
    sample_rate: Option<u32>,
    num_channels: Option<u32>,
    frame_size_ms: Option<u32>,
    queue_size_frames: Option<u32>,
) -> Result<AudioFormat, FfiError> {
    let sample_rate =
        limits::sample_rate("sample_rate", sample_rate.unwrap_or(DEFAULT_SAMPLE_RATE))?;
    let num_channels = limits::channels("num_channels", num_channels.unwrap_or(DEFAULT_CHANNELS))?;
    let frame_samples = frame_size_ms
        .map(|ms| frame_samples(ms, sample_rate))
        .transpose()?;
    Ok(AudioFormat {
        sample_rate,
        num_channels,
        frame_samples,
        queue_frames: queue_size_frames.map(|frames| frames as usize),
    })
}

fn frame_samples(frame_ms: u32, sample_rate: u32) -> Result<usize, FfiError> {
    let samples = u64::from(frame_ms) * u64::from(sample_rate) / 1_000;
    if !(1..=MAX_FRAME_MS).contains(&frame_ms) || samples == 0 {
        return Err(FfiError::field(
            "frame_size_ms",
            frame_ms,
            "must be 1 to 10000",
        ));
    }
    usize::try_from(samples)
        .map_err(|_| FfiError::field("frame_size_ms", frame_ms, "must be 1 to 10000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_settings_are_those_of_the_stock_library() {
        let format = format(None, None, None, None).unwrap();
        assert_eq!((format.sample_rate, format.num_channels), (48_000, 1));
        assert_eq!((format.frame_samples, format.queue_frames), (None, None));
    }

    #[test]
    fn frame_lengths_become_samples() {
        let format = format(Some(16_000), Some(2), Some(32), Some(0)).unwrap();
        assert_eq!(format.frame_samples, Some(512));
        assert_eq!(format.queue_frames, Some(0));
    }

    #[test]
    fn impossible_settings_are_refused_by_name() {
        for (outcome, field) in [
            (format(Some(0), None, None, None), "sample_rate"),
            (format(None, Some(0), None, None), "num_channels"),
            (format(None, None, Some(0), None), "frame_size_ms"),
            (format(None, None, Some(u32::MAX), None), "frame_size_ms"),
        ] {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
    }

    #[test]
    fn what_is_not_served_is_refused_by_name() {
        let html = proto::AudioStreamType::AudioStreamHtml.into();
        assert!(
            check_kind(html)
                .unwrap_err()
                .to_string()
                .contains("AUDIO_STREAM_HTML")
        );
        assert!(check_kind(0).is_ok());
    }

    #[test]
    fn an_unknown_filter_is_refused_by_name() {
        let Err(error) = AudioFilter::named(Some("krisp"), None) else {
            panic!("no filter of this name was loaded");
        };
        let error = error.to_string();
        assert!(
            error.contains("audio_filter_module_id") && error.contains("krisp"),
            "{error}"
        );
        assert!(AudioFilter::named(None, Some("{}")).unwrap().is_none());
        assert!(AudioFilter::named(Some(""), None).unwrap().is_none());
    }
}
