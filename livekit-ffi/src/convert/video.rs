//! Pictures, their formats and what travels with them (`video_frame.proto`).

use livekit::webrtc::{
    video_frame::{EncodedFrameType, EncodedVideoCodec, FrameMetadata, VideoRotation},
    video_source::{EncodedRateControl, VideoResolution},
};
use lk_dsp::video::{PixelFormat, VideoError};

use super::map_enum;
use crate::{error::FfiError, proto};

map_enum!(proto::VideoBufferType, PixelFormat {
    Rgba <=> Rgba,
    Abgr <=> Abgr,
    Argb <=> Argb,
    Bgra <=> Bgra,
    Rgb24 <=> Rgb24,
    I420 <=> I420,
    I420a <=> I420a,
    I422 <=> I422,
    I444 <=> I444,
    I010 <=> I010,
    Nv12 <=> Nv12,
});

map_enum!(proto::VideoRotation, VideoRotation {
    VideoRotation0 <=> VideoRotation0,
    VideoRotation90 <=> VideoRotation90,
    VideoRotation180 <=> VideoRotation180,
    VideoRotation270 <=> VideoRotation270,
});

map_enum!(proto::VideoCodec => EncodedVideoCodec {
    Vp8 => VP8,
    H264 => H264,
    Av1 => AV1,
    Vp9 => VP9,
    H265 => H265,
});

map_enum!(proto::EncodedFrameType => EncodedFrameType {
    EncodedFrameKey => Key,
    EncodedFrameDelta => Delta,
});

/// What a host wants to travel with a frame; nothing where no field is set.
pub(crate) fn metadata(wire: Option<proto::FrameMetadata>) -> Option<FrameMetadata> {
    let proto::FrameMetadata {
        user_timestamp,
        frame_id,
        user_data,
    } = wire?;
    let empty = user_timestamp.is_none() && frame_id.is_none() && user_data.is_none();
    (!empty).then_some(FrameMetadata {
        user_timestamp,
        frame_id,
        user_data,
    })
}

impl From<FrameMetadata> for proto::FrameMetadata {
    fn from(metadata: FrameMetadata) -> Self {
        Self {
            user_timestamp: metadata.user_timestamp,
            frame_id: metadata.frame_id,
            user_data: metadata.user_data,
        }
    }
}

impl From<EncodedRateControl> for proto::EncodedRateControl {
    fn from(rate: EncodedRateControl) -> Self {
        Self {
            target_bitrate_bps: rate.target_bitrate_bps,
            framerate_fps: rate.framerate_fps,
        }
    }
}

/// A size that a picture can have, `max` pixels a side at most. The fields are named as in the request.
pub(crate) fn resolution(
    [width_field, height_field]: [&'static str; 2],
    width: u32,
    height: u32,
    max: u32,
) -> Result<VideoResolution, FfiError> {
    for (field, side) in [(width_field, width), (height_field, height)] {
        if side == 0 {
            return Err(FfiError::field(field, side, "a picture has pixels"));
        }
        if side > max {
            return Err(FfiError::field(
                field,
                side,
                "more pixels than a picture may have here",
            ));
        }
    }
    Ok(VideoResolution { width, height })
}

/// Describes a picture whose planes follow one another in `data` without padding.
pub(crate) fn tight_info(
    format: PixelFormat,
    width: u32,
    height: u32,
    data: &[u8],
) -> proto::VideoBufferInfo {
    let start = data.as_ptr().expose_provenance() as u64;
    // Sides are limited so that a plane's size fits 32 bits.
    let fits = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let mut at = start;
    let mut components = Vec::new();
    for plane in 0..format.planes() {
        let (stride, rows) = format.plane_size(plane, width, height);
        components.push(proto::video_buffer_info::ComponentInfo {
            data_ptr: at,
            stride: fits(stride),
            size: fits(stride * rows),
        });
        at += (stride * rows) as u64;
    }
    // Packed pictures have no planes but a stride of their own.
    let stride = match &components[..] {
        [only] => Some(only.stride),
        _ => None,
    };
    if stride.is_some() {
        components.clear();
    }
    proto::VideoBufferInfo {
        r#type: proto::VideoBufferType::from(format).into(),
        width,
        height,
        data_ptr: start,
        stride,
        components,
    }
}

impl From<VideoError> for FfiError {
    fn from(error: VideoError) -> Self {
        Self::operation("picture", error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::test_support::assert_round_trip;

    #[test]
    fn every_video_enum_survives_both_ways() {
        assert_round_trip::<proto::VideoBufferType, PixelFormat>(10);
        assert_round_trip::<proto::VideoRotation, VideoRotation>(3);
    }

    #[test]
    fn metadata_without_a_field_is_none() {
        assert!(metadata(None).is_none());
        assert!(metadata(Some(proto::FrameMetadata::default())).is_none());
        let wire = proto::FrameMetadata {
            user_timestamp: None,
            frame_id: Some(0),
            user_data: Some(vec![1]),
        };
        let metadata = metadata(Some(wire.clone())).unwrap();
        assert_eq!(proto::FrameMetadata::from(metadata), wire);
    }

    #[test]
    fn planes_follow_one_another() {
        let data = [0; 5 * 3 + 2 * 3 * 2];
        let start = data.as_ptr() as u64;
        let info = tight_info(PixelFormat::I420, 5, 3, &data);
        let planes: Vec<_> = info
            .components
            .iter()
            .map(|plane| (plane.data_ptr - start, plane.stride, plane.size))
            .collect();
        assert_eq!(planes, [(0, 5, 15), (15, 3, 6), (21, 3, 6)]);
        assert_eq!((info.data_ptr, info.stride), (start, None));
        let info = tight_info(PixelFormat::Rgb24, 3, 3, &data);
        assert_eq!((info.stride, info.components.len()), (Some(9), 0));
    }

    #[test]
    fn sizes_without_pixels_or_beyond_the_limit_are_refused_by_name() {
        let check =
            |width, height| resolution(["buffer.width", "buffer.height"], width, height, 4_096);
        assert_eq!(check(4_096, 1).unwrap().width, 4_096);
        for (width, height, field) in [
            (0, 1, "buffer.width"),
            (1, 0, "buffer.height"),
            (4_097, 1, "buffer.width"),
            (1, u32::MAX, "buffer.height"),
        ] {
            let error = check(width, height).unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
    }
}
