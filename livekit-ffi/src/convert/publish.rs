//! How a track is to be published (`TrackPublishOptions` of `room.proto`), inward.

use livekit::{
    options::{
        AudioEncoding, DegradationPreference, FrameMetadataFeatures, TrackPublishOptions,
        VideoCodec, VideoEncoderBackend, VideoEncoding,
    },
    participant::ParticipantTrackPermission,
};

use super::{enum_field, map_enum, optional_enum_field, track::track_sid};
use crate::{error::FfiError, proto};

map_enum!(proto::VideoCodec, VideoCodec {
    Vp8 <=> VP8,
    H264 <=> H264,
    Av1 <=> AV1,
    Vp9 <=> VP9,
    H265 <=> H265,
});

map_enum!(proto::VideoEncoderBackend => VideoEncoderBackend {
    EncoderBackendAuto => Auto,
    EncoderBackendSoftware => Software,
    EncoderBackendHardware => Hardware,
    EncoderBackendNvenc => Nvenc,
    EncoderBackendVaapi => Vaapi,
    EncoderBackendVideotoolbox => VideoToolbox,
    EncoderBackendPreEncoded => PreEncoded,
});

map_enum!(proto::DegradationPreference, DegradationPreference {
    Balanced <=> Balanced,
    MaintainFramerate <=> MaintainFramerate,
    MaintainResolution <=> MaintainResolution,
    MaintainFramerateAndResolution <=> MaintainFramerateAndResolution,
});

/// Absent fields keep the defaults of `livekit`.
impl TryFrom<proto::TrackPublishOptions> for TrackPublishOptions {
    type Error = FfiError;

    fn try_from(wire: proto::TrackPublishOptions) -> Result<Self, FfiError> {
        let codec = optional_enum_field::<proto::VideoCodec>("video_codec", wire.video_codec)?;
        let source = optional_enum_field::<proto::TrackSource>("source", wire.source)?;
        let encoder =
            optional_enum_field::<proto::VideoEncoderBackend>("video_encoder", wire.video_encoder)?;
        let degradation = optional_enum_field::<proto::DegradationPreference>(
            "degradation_preference",
            wire.degradation_preference,
        )?;
        let defaults = Self::default();
        Ok(Self {
            video_encoding: wire.video_encoding.map(TryInto::try_into).transpose()?,
            audio_encoding: wire.audio_encoding.map(Into::into),
            video_codec: codec.map_or(defaults.video_codec, Into::into),
            dtx: wire.dtx.unwrap_or(defaults.dtx),
            red: wire.red.unwrap_or(defaults.red),
            simulcast: wire.simulcast.unwrap_or(defaults.simulcast),
            simulcast_layers: None,
            source: source.map_or(defaults.source, Into::into),
            stream: wire.stream.unwrap_or(defaults.stream),
            preconnect_buffer: wire.preconnect_buffer.unwrap_or(defaults.preconnect_buffer),
            frame_metadata_features: frame_metadata_features(&wire.frame_metadata_features)?,
            video_encoder: encoder.map_or(defaults.video_encoder, Into::into),
            scalability_mode: wire.scalability_mode.filter(|mode| !mode.is_empty()),
            degradation_preference: degradation.map(Into::into),
        })
    }
}

impl TryFrom<proto::VideoEncoding> for VideoEncoding {
    type Error = FfiError;

    fn try_from(wire: proto::VideoEncoding) -> Result<Self, FfiError> {
        if !wire.max_framerate.is_finite() || wire.max_framerate < 0.0 {
            return Err(FfiError::field(
                "video_encoding.max_framerate",
                wire.max_framerate,
                "frames per second, finite and not negative",
            ));
        }
        Ok(Self {
            max_bitrate: wire.max_bitrate,
            max_framerate: wire.max_framerate,
        })
    }
}

impl From<proto::AudioEncoding> for AudioEncoding {
    fn from(wire: proto::AudioEncoding) -> Self {
        Self {
            max_bitrate: wire.max_bitrate,
        }
    }
}

fn frame_metadata_features(wire: &[i32]) -> Result<FrameMetadataFeatures, FfiError> {
    let mut features = FrameMetadataFeatures::default();
    for &number in wire {
        match enum_field::<proto::FrameMetadataFeature>("frame_metadata_features", number)? {
            proto::FrameMetadataFeature::FmfUserTimestamp => features.user_timestamp = true,
            proto::FrameMetadataFeature::FmfFrameId => features.frame_id = true,
            proto::FrameMetadataFeature::FmfUserData => features.user_data = true,
        }
    }
    Ok(features)
}

impl TryFrom<proto::ParticipantTrackPermission> for ParticipantTrackPermission {
    type Error = FfiError;

    fn try_from(wire: proto::ParticipantTrackPermission) -> Result<Self, FfiError> {
        Ok(Self {
            participant_identity: wire.participant_identity.into(),
            allow_all: wire.allow_all.unwrap_or(false),
            allowed_track_sids: wire
                .allowed_track_sids
                .into_iter()
                .map(|sid| track_sid("permissions.allowed_track_sids", sid))
                .collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use livekit::track::TrackSource;

    use super::*;
    use crate::convert::test_support::assert_round_trip;

    #[test]
    fn every_publish_enum_survives_both_ways() {
        assert_round_trip::<proto::VideoCodec, VideoCodec>(4);
        assert_round_trip::<proto::DegradationPreference, DegradationPreference>(4);
    }

    #[test]
    fn every_encoder_is_taken_by_its_name() {
        use proto::VideoEncoderBackend as Wire;
        for (wire, own) in [
            (Wire::EncoderBackendAuto, VideoEncoderBackend::Auto),
            (Wire::EncoderBackendSoftware, VideoEncoderBackend::Software),
            (Wire::EncoderBackendHardware, VideoEncoderBackend::Hardware),
            (Wire::EncoderBackendNvenc, VideoEncoderBackend::Nvenc),
            (Wire::EncoderBackendVaapi, VideoEncoderBackend::Vaapi),
            (
                Wire::EncoderBackendVideotoolbox,
                VideoEncoderBackend::VideoToolbox,
            ),
            (
                Wire::EncoderBackendPreEncoded,
                VideoEncoderBackend::PreEncoded,
            ),
        ] {
            assert_eq!(VideoEncoderBackend::from(wire), own);
        }
    }

    #[test]
    fn absent_options_keep_the_defaults() {
        let options = TrackPublishOptions::try_from(proto::TrackPublishOptions::default()).unwrap();
        assert!(options.dtx && options.red && options.simulcast);
        assert!(!options.preconnect_buffer);
        assert_eq!(options.video_codec, VideoCodec::VP8);
        assert_eq!(options.source, TrackSource::Unknown);
        assert!(options.audio_encoding.is_none() && options.scalability_mode.is_none());
    }

    #[test]
    fn given_options_are_taken() {
        let options = TrackPublishOptions::try_from(proto::TrackPublishOptions {
            audio_encoding: Some(proto::AudioEncoding {
                max_bitrate: 32_000,
            }),
            video_encoding: Some(proto::VideoEncoding {
                max_bitrate: 1,
                max_framerate: 15.0,
            }),
            video_codec: Some(proto::VideoCodec::Av1.into()),
            dtx: Some(false),
            red: Some(false),
            simulcast: Some(false),
            source: Some(proto::TrackSource::SourceMicrophone.into()),
            stream: Some("s".into()),
            preconnect_buffer: Some(true),
            frame_metadata_features: vec![proto::FrameMetadataFeature::FmfFrameId.into()],
            scalability_mode: Some("L3T3_KEY".into()),
            video_encoder: Some(proto::VideoEncoderBackend::EncoderBackendSoftware.into()),
            degradation_preference: Some(proto::DegradationPreference::MaintainResolution.into()),
        })
        .unwrap();
        assert_eq!(options.audio_encoding.unwrap().max_bitrate, 32_000);
        assert_eq!(options.video_encoding.unwrap().max_framerate, 15.0);
        assert_eq!(options.video_codec, VideoCodec::AV1);
        assert!(!options.dtx && !options.red && !options.simulcast && options.preconnect_buffer);
        assert_eq!(options.source, TrackSource::Microphone);
        assert_eq!(options.stream, "s");
        assert!(options.frame_metadata_features.frame_id);
        assert!(!options.frame_metadata_features.user_data);
        assert_eq!(options.scalability_mode.as_deref(), Some("L3T3_KEY"));
        assert_eq!(options.video_encoder, VideoEncoderBackend::Software);
        assert_eq!(
            options.degradation_preference,
            Some(DegradationPreference::MaintainResolution)
        );
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        let cases = [
            (
                proto::TrackPublishOptions {
                    source: Some(40),
                    ..Default::default()
                },
                "source",
            ),
            (
                proto::TrackPublishOptions {
                    video_codec: Some(40),
                    ..Default::default()
                },
                "codec",
            ),
            (
                proto::TrackPublishOptions {
                    frame_metadata_features: vec![40],
                    ..Default::default()
                },
                "frame_metadata_features",
            ),
            (
                proto::TrackPublishOptions {
                    video_encoding: Some(proto::VideoEncoding {
                        max_bitrate: 1,
                        max_framerate: f64::NAN,
                    }),
                    ..Default::default()
                },
                "max_framerate",
            ),
        ];
        for (wire, field) in cases {
            let error = TrackPublishOptions::try_from(wire).unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
    }

    #[test]
    fn a_permission_with_a_wrong_track_sid_is_refused() {
        let error = ParticipantTrackPermission::try_from(proto::ParticipantTrackPermission {
            participant_identity: "alice".into(),
            allow_all: None,
            allowed_track_sids: vec!["nonsense".into()],
        })
        .err()
        .unwrap()
        .to_string();
        assert!(
            error.contains("allowed_track_sids") && error.contains("nonsense"),
            "{error}"
        );
    }
}
