//! Tracks and publications, outward (`track.proto`, `track_publication.proto`).

use livekit::{
    id::TrackSid,
    publication::{LocalTrackPublication, TrackPublication},
    track::{StreamState, Track, TrackDimension, TrackKind, TrackSource, VideoQuality},
};
use livekit_protocol::{AudioTrackFeature, PacketTrailerFeature};

use super::map_enum;
use crate::{error::FfiError, proto};

map_enum!(proto::TrackSource, TrackSource {
    SourceUnknown <=> Unknown,
    SourceCamera <=> Camera,
    SourceMicrophone <=> Microphone,
    SourceScreenshare <=> Screenshare,
    SourceScreenshareAudio <=> ScreenshareAudio,
});

map_enum!(proto::VideoQuality, VideoQuality {
    Low <=> Low,
    Medium <=> Medium,
    High <=> High,
});

map_enum!(TrackKind => proto::TrackKind {
    Audio => KindAudio,
    Video => KindVideo,
});

map_enum!(StreamState => proto::StreamState {
    Active => StateActive,
    Paused => StatePaused,
});

map_enum!(AudioTrackFeature => proto::AudioTrackFeature {
    TfStereo => TfStereo,
    TfNoDtx => TfNoDtx,
    TfAutoGainControl => TfAutoGainControl,
    TfEchoCancellation => TfEchoCancellation,
    TfNoiseSuppression => TfNoiseSuppression,
    TfEnhancedNoiseCancellation => TfEnhancedNoiseCancellation,
    TfPreconnectBuffer => TfPreconnectBuffer,
});

map_enum!(PacketTrailerFeature => proto::FrameMetadataFeature {
    PtfUserTimestamp => FmfUserTimestamp,
    PtfFrameId => FmfFrameId,
    PtfUserData => FmfUserData,
});

/// Parses a track sid, which the server always prefixes in the same way.
pub(crate) fn track_sid(field: &'static str, sid: String) -> Result<TrackSid, FfiError> {
    TrackSid::try_from(sid).map_err(|sid| FfiError::field(field, sid, "not the sid of a track"))
}

impl From<&Track> for proto::TrackInfo {
    fn from(track: &Track) -> Self {
        Self {
            sid: track.sid().into(),
            name: track.name(),
            kind: proto::TrackKind::from(track.kind()).into(),
            stream_state: proto::StreamState::from(track.stream_state()).into(),
            muted: track.is_muted(),
            remote: track.is_remote(),
        }
    }
}

impl From<&TrackPublication> for proto::TrackPublicationInfo {
    fn from(publication: &TrackPublication) -> Self {
        let TrackDimension(width, height) = publication.dimension();
        Self {
            sid: publication.sid().into(),
            name: publication.name(),
            kind: proto::TrackKind::from(publication.kind()).into(),
            source: proto::TrackSource::from(publication.source()).into(),
            simulcasted: publication.simulcasted(),
            width,
            height,
            mime_type: mime_type(publication),
            muted: publication.is_muted(),
            remote: publication.is_remote(),
            encryption_type: proto::EncryptionType::from(publication.encryption_type()).into(),
            audio_features: publication
                .audio_features()
                .into_iter()
                .map(|feature| proto::AudioTrackFeature::from(feature).into())
                .collect(),
            frame_metadata_features: publication
                .frame_metadata_features()
                .into_iter()
                .map(|feature| proto::FrameMetadataFeature::from(feature).into())
                .collect(),
        }
    }
}

/// `type/codec` in lower case. The server tells a publisher no codec, so a local publication
/// names the one it was asked to send.
fn mime_type(publication: &TrackPublication) -> String {
    let reported = publication.mime_type();
    match publication {
        TrackPublication::Local(local) if reported.is_empty() => sent_mime_type(local),
        _ => reported.to_ascii_lowercase(),
    }
}

fn sent_mime_type(publication: &LocalTrackPublication) -> String {
    match publication.kind() {
        TrackKind::Audio => "audio/opus".to_owned(),
        TrackKind::Video => {
            format!(
                "video/{}",
                publication.publish_options().video_codec.as_str()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::test_support::assert_round_trip;

    #[test]
    fn every_track_enum_survives_both_ways() {
        assert_round_trip::<proto::TrackSource, TrackSource>(4);
        assert_round_trip::<proto::VideoQuality, VideoQuality>(2);
    }

    #[test]
    fn features_keep_their_numbers() {
        for number in 0..=6 {
            let feature = AudioTrackFeature::try_from(number).unwrap();
            assert_eq!(proto::AudioTrackFeature::from(feature) as i32, number);
        }
        for number in 0..=2 {
            let feature = PacketTrailerFeature::try_from(number).unwrap();
            assert_eq!(proto::FrameMetadataFeature::from(feature) as i32, number);
        }
    }

    #[test]
    fn kinds_and_states_never_become_unknown() {
        assert_eq!(
            proto::TrackKind::from(TrackKind::Audio),
            proto::TrackKind::KindAudio
        );
        assert_eq!(
            proto::TrackKind::from(TrackKind::Video),
            proto::TrackKind::KindVideo
        );
        assert_eq!(
            proto::StreamState::from(StreamState::Active),
            proto::StreamState::StateActive
        );
        assert_eq!(
            proto::StreamState::from(StreamState::Paused),
            proto::StreamState::StatePaused
        );
    }

    #[test]
    fn a_track_sid_without_its_prefix_is_refused_by_name() {
        assert_eq!(
            track_sid("track_sid", "TR_abc".into()).unwrap().as_str(),
            "TR_abc"
        );
        let error = track_sid("track_sid", "abc".into())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("track_sid") && error.contains("abc"),
            "{error}"
        );
    }
}
